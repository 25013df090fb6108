'use strict';
// A real Sentinel topology for tests of your own code: the command standfast-lab as promises. One Lab is one process of that command,
// one JSON object a line in each direction. What the requests mean is decided there; this file converts. It needs no native half.

const { spawn } = require('node:child_process');
const { accessSync, constants, statSync } = require('node:fs');
const { delimiter, join } = require('node:path');
const { createInterface } = require('node:readline');

// Beyond what a request says of its own patience: starting and healing have limits in the lab, below this.
const ANSWER_WITHIN = 60_000;
const END_WITHIN = 10_000;
const PATIENCE = 30_000;

/** The lab could not do what was asked, did not answer, or is not there. */
class LabError extends Error {
  get name() {
    return 'LabError';
  }
}

/** The command: STANDFAST_LAB, or in this package's folder, or on PATH. */
function labProgram() {
  const named = process.env.STANDFAST_LAB;
  if (named) {
    if (isProgram(named)) return named;
    throw new LabError(`STANDFAST_LAB names ${named}, which is not there`);
  }
  const folders = [join(__dirname, 'bin'), ...(process.env.PATH ?? '').split(delimiter).filter(Boolean)];
  const found = folders.map((folder) => join(folder, 'standfast-lab')).find(isProgram);
  if (found) return found;
  throw new LabError('there is no standfast-lab in STANDFAST_LAB, in this package\'s folder, or on PATH: `cargo install standfast-lab`');
}

class Lab {
  #child;
  #ended;
  #calls = new Map();
  #id = 0;

  static async start(options = {}) {
    const { downAfter, failoverTimeout, masterName, sentinelPassword, moreMasters, serverArgs, ...same } = options;
    const lab = new this(labProgram());
    try {
      const started = await lab.ask('start', {
        down_after_ms: downAfter,
        failover_timeout_ms: failoverTimeout,
        master_name: masterName,
        sentinel_password: sentinelPassword,
        more_masters: moreMasters,
        server_args: serverArgs,
        // What it does not know, the lab refuses.
        ...same,
      });
      lab.url = started.url;
      lab.sentinels = started.sentinels;
      lab.nodes = started.nodes;
      lab.masterName = started.master_name;
      lab.version = started.version;
      lab.moreMasters = started.more_masters;
      return lab;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** Use Lab.start(). */
  constructor(program) {
    this.#child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.once('error', (error) => this.#fail(`standfast-lab cannot be started: ${error.message}`));
    // A write to a lab that has ended; its end is told by `close`.
    this.#child.stdin.on('error', () => {});
    this.#ended.then(() => this.#fail('the lab has ended'));
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#answer(JSON.parse(line)));
    this.#hold(false);
  }

  // ---- who is who ----

  async master() {
    return (await this.ask('master')).master;
  }

  async redis(...args) {
    return (await this.ask('redis', { args: args.map(String) })).reply;
  }

  async redisAt(node, ...args) {
    return (await this.ask('redis', { node, args: args.map(String) })).reply;
  }

  async traffic(node) {
    const { clients, peers } = (await this.ask('traffic', { node })).traffic;
    const of = ({ open, total, to_server: toServer, to_client: toClient }) => ({ open, total, toServer, toClient });
    return { clients: of(clients), peers: of(peers) };
  }

  // ---- faults of servers ----

  async killMaster() {
    return happened(await this.ask('kill_master'));
  }

  async stopMaster() {
    return happened(await this.ask('stop_master'));
  }

  async shutdownMaster() {
    return happened(await this.ask('shutdown_master'));
  }

  async killNode(node) {
    return happened(await this.ask('kill_node', { node }));
  }

  async stopNode(node) {
    return happened(await this.ask('stop_node', { node }));
  }

  async shutdownNode(node) {
    return happened(await this.ask('shutdown_node', { node }));
  }

  async cont(node) {
    await this.ask('cont', { node });
  }

  async restart(node) {
    return happened(await this.ask('restart', { node }));
  }

  async plannedFailover(masterName) {
    return happened(await this.ask('planned_failover', { master_name: masterName }));
  }

  async remonitor(sentinel, node) {
    return happened(await this.ask('remonitor', { sentinel, node }));
  }

  async redeploy(sentinels) {
    await this.ask('redeploy', { sentinels });
  }

  // ---- faults of connections ----

  async fault(node, fault) {
    return happened(await this.ask('fault', { ...fault, node }));
  }

  async partition(some, others) {
    await this.ask('partition', { between: [some, others] });
  }

  async healFaults(node) {
    await this.ask('heal_faults', { node });
  }

  async heal() {
    return (await this.ask('heal')).master;
  }

  // ---- waiting ----

  async waitHealthy(timeout) {
    return (await this.#patiently('wait_healthy', timeout)).master;
  }

  async waitReplicating(timeout) {
    return (await this.#patiently('wait_replicating', timeout)).master;
  }

  async waitReplicated(timeout) {
    await this.#patiently('wait_replicated', timeout);
  }

  async waitWritable(timeout) {
    return happened(await this.#patiently('wait_writable', timeout));
  }

  async waitEvent(kind, { since = 0, timeout } = {}) {
    return entry((await this.#patiently('wait_event', timeout, { kind, since_us: microseconds(since) })).entry);
  }

  async timeline(since = 0) {
    return (await this.ask('timeline', { since_us: microseconds(since) })).timeline.map(entry);
  }

  async publisher(channel, every) {
    const { publisher } = await this.ask('publisher_start', { channel, every_ms: every });
    return new Publisher(this, publisher);
  }

  // ---- the command ----

  ask(request, parameters = {}) {
    return this.#ask(request, ANSWER_WITHIN, parameters);
  }

  async close() {
    this.#child.stdin.end();
    this.#hold(true);
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), END_WITHIN);
    await this.#ended;
    clearTimeout(killer);
  }

  #patiently(request, timeout = PATIENCE, parameters = {}) {
    return this.#ask(request, timeout + ANSWER_WITHIN, { ...parameters, timeout_ms: timeout });
  }

  #ask(request, within, parameters) {
    const id = ++this.#id;
    if (this.#calls.size === 0) this.#hold(true);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id)?.reject(new LabError(`${request}: the lab does not answer`)), within);
      this.#calls.set(id, { request, resolve, reject, timer });
      if (this.#child.stdin.writable) this.#child.stdin.write(`${JSON.stringify({ ...parameters, id, do: request })}\n`);
      else this.#settle(id).reject(new LabError(`${request}: the lab has ended`));
    });
  }

  #answer(answer) {
    // One that came too late is nobody's any more.
    const call = this.#settle(answer.id);
    if (answer.ok) call?.resolve(answer);
    else call?.reject(new LabError(`${call.request}: ${answer.error}`));
  }

  #settle(id) {
    const call = this.#calls.get(id);
    if (!call) return undefined;
    clearTimeout(call.timer);
    this.#calls.delete(id);
    if (this.#calls.size === 0) this.#hold(false);
    return call;
  }

  #fail(why) {
    for (const id of [...this.#calls.keys()]) {
      const call = this.#settle(id);
      call.reject(new LabError(`${call.request}: ${why}`));
    }
  }

  /** Only a call that waits keeps the process alive; without this process the lab ends by itself. */
  #hold(held) {
    const word = held ? 'ref' : 'unref';
    for (const handle of [this.#child, this.#child.stdin, this.#child.stdout]) handle[word]?.();
  }
}

if (Symbol.asyncDispose) {
  Lab.prototype[Symbol.asyncDispose] = function asyncDispose() {
    return this.close();
  };
}

class Publisher {
  #lab;
  #number;

  constructor(lab, number) {
    this.#lab = lab;
    this.#number = number;
  }

  async stop() {
    const { log } = await this.#lab.ask('publisher_stop', { publisher: this.#number });
    return log.map(({ n, at_us: at, done_us: done, node, receivers = null, error = null }) => ({
      n, at: at / 1e3, done: done / 1e3, node: node ?? null, receivers, error,
    }));
  }
}

function happened({ node, at_us: at }) {
  return { node, at: at / 1e3 };
}

function entry({ at_us: at, source, kind, detail }) {
  return { at: at / 1e3, source, kind, detail };
}

function microseconds(milliseconds) {
  return Math.round(milliseconds * 1e3);
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

module.exports = { Lab, LabError, Publisher, labProgram };
