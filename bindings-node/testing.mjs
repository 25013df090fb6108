// The test kit for `import`: the same objects as testing.js, by name.
import testing from './testing.js';

export const { Lab, LabError, Publisher, labProgram } = testing;
export default testing;
