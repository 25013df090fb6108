// The public API for `import`: the same objects as index.js, by name.
import standfast from './index.js';

export const { Client, ErrorCode, StandfastError, Subscription, connect, logs, parseUrl, version } = standfast;
export default standfast;
