'use strict';
// What every test needs: real servers through the users' own test kit, with this tree's command; hard deadlines, and child processes
// that cannot hang.

const { spawn } = require('node:child_process');
const { createServer } = require('node:net');
const { join } = require('node:path');
const { createInterface } = require('node:readline');
const testing = require('standfast/testing');

const PACKAGE = join(__dirname, '..');
const PROGRAM = (process.env.STANDFAST_LAB ||= join(PACKAGE, '..', 'target', 'debug', 'standfast-lab'));

/** The promise's value, or a failure that says what did not happen. */
async function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again and again, with the event loop's turn in between, until the answer is yes. */
async function until(what, question, ms = 20_000) {
  for (const end = performance.now() + ms; !(await question()); ) {
    if (performance.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The users' kit, under the names that tests had before there was one. */
class Lab extends testing.Lab {
  do(name, fields) {
    return this.ask(name, fields);
  }

  stop() {
    return this.close();
  }
}

/** A loopback address where nobody listens. */
async function deadAddress() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}

/**
 * A Node process of its own. `source` is CommonJS; `connect` and the URL in `url` are there, unless the source is `bare`. Killed after the deadline, which
 * then is the signal in the result: a process that does not end is seen, not waited for.
 */
function run(source, { url = '', deadline = 10_000, args = [], type = 'commonjs', bare = false } = {}) {
  const prelude = type === 'commonjs' && !bare ? "const { connect } = require('standfast'); const url = process.env.URL;\n" : '';
  const child = spawn(process.execPath, [...args, `--input-type=${type}`, '--eval', prelude + source], {
    cwd: PACKAGE,
    env: { ...process.env, URL: url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return watch(child, deadline);
}

/** The lines and the end of a child process. */
function watch(child, deadline) {
  const killer = setTimeout(() => child.kill('SIGKILL'), deadline);
  const lines = [];
  const waiters = [];
  let stderr = '';
  child.stderr?.on('data', (data) => (stderr += data));
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push({ line, at: performance.now() });
    for (const waiter of waiters.splice(0)) waiter();
  });
  const ended = new Promise((resolve) => {
    child.once('close', (code, signal) => {
      clearTimeout(killer);
      for (const waiter of waiters.splice(0)) waiter();
      resolve({ code, signal, at: performance.now(), stderr, lines });
    });
  });
  return {
    child,
    ended,
    /** When this line was printed. */
    async line(text) {
      for (;;) {
        const found = lines.find(({ line }) => line === text);
        if (found) return found.at;
        if (child.exitCode !== null || child.signalCode !== null) {
          const { code, signal } = await ended;
          throw new Error(`ended (${code ?? signal}) without printing ${JSON.stringify(text)}: ${JSON.stringify(lines)}\n${stderr}`);
        }
        await new Promise((resolve) => waiters.push(resolve));
      }
    },
  };
}

module.exports = { PROGRAM, Lab, PACKAGE, deadAddress, run, until, watch, within };
