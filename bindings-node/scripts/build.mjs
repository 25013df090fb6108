// Builds the native half with cargo and puts it where native.js looks for it. Nothing is downloaded, nothing is generated.
import { execFileSync } from 'node:child_process';
import { copyFileSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { platformName } = createRequire(import.meta.url)('../lib/platform.js');
const here = dirname(dirname(fileURLToPath(import.meta.url)));
const release = process.argv.includes('--release');
const cargo = ['build', '--package', 'standfast-node', '--message-format', 'json-render-diagnostics'];
if (release) cargo.push('--release');

// Cargo says itself where it puts the library: the target directory may have been moved.
const messages = execFileSync('cargo', cargo, {
  cwd: here,
  encoding: 'utf8',
  maxBuffer: 1 << 28,
  stdio: ['ignore', 'pipe', 'inherit'],
});
const library = messages
  .split('\n')
  .filter((line) => line.startsWith('{'))
  .map((line) => JSON.parse(line))
  .filter((message) => message.reason === 'compiler-artifact' && message.target.name === 'standfast_node')
  .flatMap((message) => message.filenames)
  .find((file) => /\.(so|dylib|dll)$/.test(file));
if (!library) throw new Error('cargo built no library standfast_node');

// Copied beside its place and renamed into it: a process that has the old one mapped keeps it.
const addon = join(here, `standfast.${platformName()}.node`);
copyFileSync(library, `${addon}.new`);
renameSync(`${addon}.new`, addon);
console.log(addon);
