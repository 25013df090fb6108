'use strict';
// Real servers for tests: drives the command `standfast-lab`, one process a lab, one JSON object a line. And what every test
// needs besides: hard deadlines, and child processes that cannot hang.

const { spawn } = require('node:child_process');
const { createServer } = require('node:net');
const { join } = require('node:path');
const { createInterface } = require('node:readline');

const PACKAGE = join(__dirname, '..');
const PROGRAM = process.env.STANDFAST_LAB || join(PACKAGE, '..', 'target', 'debug', 'standfast-lab');
const DEADLINE = 60_000;

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

class Lab {
  #process;
  #calls = new Map();
  #id = 0;
  #exited;

  /** Servers that agree: one master, two replicas, three sentinels, unless the options say otherwise. */
  static async start(options = {}) {
    const lab = new Lab();
    Object.assign(lab, await lab.do('start', options));
    return lab;
  }

  constructor() {
    this.#process = spawn(PROGRAM, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#exited = new Promise((resolve) => this.#process.once('close', resolve));
    const failAll = (error) => {
      for (const { reject } of this.#calls.values()) reject(error);
      this.#calls.clear();
    };
    this.#process.once('error', failAll);
    this.#exited.then(() => failAll(new Error('standfast-lab has ended')));
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      const answer = JSON.parse(line);
      const call = this.#calls.get(answer.id);
      this.#calls.delete(answer.id);
      if (answer.ok) call.resolve(answer);
      else call.reject(new Error(`lab: ${answer.error}`));
    });
  }

  /** One command of the lab. */
  do(name, fields = {}) {
    const id = ++this.#id;
    const answer = new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }));
    this.#process.stdin.write(`${JSON.stringify({ ...fields, id, do: name })}\n`);
    return within(DEADLINE, `lab ${name}`, answer);
  }

  /** A command straight to a server, past the client under test. */
  async redis(...args) {
    return (await this.do('redis', { args })).reply;
  }

  /**
   * Every replica has what the master has now. That a replica calls itself connected is not enough: the master starts sending
   * it commands only with its first acknowledgement, up to a second later, and a failover before that loses everything.
   */
  async replicated() {
    await this.redis('SET', 'test:replicated', 'x');
    const offsets = async () => {
      const info = await this.redis('INFO', 'replication');
      const replicas = [...info.matchAll(/^slave\d+:.*state=online,offset=(\d+)/gm)].map(([, offset]) => Number(offset));
      return { master: Number(info.match(/master_repl_offset:(\d+)/)[1]), replicas };
    };
    const { master } = await offsets();
    await until('the replicas have the write', async () => {
      const { replicas } = await offsets();
      return replicas.length === this.nodes.length - 1 && replicas.every((offset) => offset >= master);
    });
  }

  async stop() {
    this.#process.stdin.end();
    await within(DEADLINE, 'the end of the lab', this.#exited);
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
 * A Node process of its own. `source` is CommonJS; `connect` and the URL in `url` are there. Killed after the deadline, which
 * then is the signal in the result: a process that does not end is seen, not waited for.
 */
function run(source, { url = '', deadline = 10_000, args = [], type = 'commonjs' } = {}) {
  const prelude = type === 'commonjs' ? "const { connect } = require('standfast'); const url = process.env.URL;\n" : '';
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
