'use strict';
// A native client and what waits for it: which promise an answer belongs to, what keeps the process alive meanwhile, which
// streams are to be looked at after a wake-up. Answers come in batches from the event loop's own thread: see driver.rs.

const native = require('../native.js');
const { Alive } = require('./alive.js');
const { StandfastError, failure, rejectLater } = require('./errors.js');
const { canPoll } = require('./platform.js');
const { COMMAND, makers, toArguments, toOptions, toSignal, toTimeout } = require('./values.js');

const BATCH = 512;

/** What a promise gives to its executor, taken out of it without a closure for every call. */
let resolveOf;
const keep = (resolve) => {
  resolveOf = resolve;
};

class Session {
  #native;
  #send;
  #watched;
  #alive = new Alive(this);
  // What waits has a number: its place in this list. The numbers that are free again are in the other one.
  #waiting = [undefined];
  #free = [];
  #pending = 0;
  #signals = new Map();
  #streams = new Set();
  #drained;
  #drain;

  constructor(url, options) {
    // The native half holds its calls for good; held strongly, no forgotten client would ever be collected.
    const self = new WeakRef(this);
    this.#native = native.open(url, options, () => self.deref()?.wake(), settler(self), canPoll(), makers);
    this.#send = this.#native.sender();
    this.#watched = this.#native.watched;
  }

  /** The reply of a command. Bad arguments reject the promise too: there is one way to fail. */
  command(args, options) {
    try {
      if (!Array.isArray(args)) toArguments(args);
      if (options === undefined) return this.#command(args, undefined, false, undefined);
      const { timeout, buffers, signal, idempotent, readFrom } = toOptions(options, COMMAND, 'a command');
      if (readFrom !== undefined) return this.#read(args, timeout, buffers, signal, readFrom);
      if (idempotent) return this.#idempotent(args, timeout, buffers, signal);
      return this.#command(args, toTimeout(timeout), buffers, toSignal(signal));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The reply of a command that has a method; `build` gives its words and the options of the call. */
  call(build, args) {
    try {
      const [words, options] = build(...args);
      if (options.readFrom !== undefined) {
        return this.#read(words, options.timeout, options.buffers, options.signal, options.readFrom);
      }
      if (options.idempotent) return this.#idempotent(words, options.timeout, options.buffers, options.signal);
      return this.#command(words, toTimeout(options.timeout), options.buffers, toSignal(options.signal));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** A command with a route of its own. */
  #read(words, timeout, buffers, signal, readFrom) {
    return this.submit(signal, buffers, 'the command', (client, tag) =>
      native.submitRead(client, toArguments(words), toTimeout(timeout), String(readFrom), tag));
  }

  #command(words, timeout, buffers, signal) {
    if (signal?.aborted) throw aborted(signal, 'the command');
    const number = this.#free.length > 0 ? this.#free.pop() : this.#waiting.length;
    // The lowest bit says that strings become buffers: see driver.rs.
    const tag = buffers ? 2 * number + 1 : 2 * number;
    try {
      const left = this.#send(tag, timeout, ...words);
      if (left !== undefined) this.#unsent(left, tag, timeout, words);
    } catch (error) {
      this.#free.push(number);
      throw error;
    }
    return this.#promise(number, tag, signal);
  }

  /** What the native half could not do itself: make text of a word that is none, or flush. */
  #unsent(left, tag, timeout, words) {
    if (left !== true) left = this.#send(tag, timeout, ...toArguments(words));
    if (left === true) process.nextTick(() => this.#native.flush());
  }

  /** The promise of what was submitted under this number. */
  #promise(number, tag, signal) {
    const promise = new Promise(keep);
    this.#waiting[number] = resolveOf;
    if (signal) {
      const abort = () => this.#abort(number, tag, signal);
      signal.addEventListener('abort', abort, { once: true });
      this.#signals.set(number, { signal, abort });
    }
    this.#pending += 1;
    if (this.#pending === 1) this.#alive.hold(true);
    return promise;
  }

  /** Something else than a command that ends with an answer; `start` submits it under a tag, and gives true to have it flushed. */
  submit(signal, buffers, what, start) {
    const number = this.#free.length > 0 ? this.#free.pop() : this.#waiting.length;
    const tag = buffers ? 2 * number + 1 : 2 * number;
    try {
      if (toSignal(signal)?.aborted) throw aborted(signal, what);
      if (start(this.#native, tag) === true) process.nextTick(() => this.#native.flush());
    } catch (error) {
      this.#free.push(number);
      return Promise.reject(error);
    }
    return this.#promise(number, tag, signal);
  }

  #idempotent(words, timeout, buffers, signal) {
    return this.submit(signal, buffers, 'the command', (client, tag) => client.submitIdempotent(toArguments(words), toTimeout(timeout), tag));
  }

  /** The outcomes of several commands. */
  unit(commands, transaction, { timeout, buffers, signal, idempotent }) {
    return this.submit(signal, buffers, transaction ? 'the transaction' : 'the pipeline', (client, tag) =>
      client.submitUnit(commands.map(toArguments), transaction, toTimeout(timeout), idempotent === true, tag));
  }

  /** A transaction over watched keys; its steps follow. */
  watched(keys, timeout, attempts) {
    return this.#native.watch(toArguments(keys), toTimeout(timeout), attempts);
  }

  watchBegin(watched, signal) {
    return this.submit(signal, false, 'the transaction', (client, tag) => client.submitWatchBegin(watched, tag));
  }

  watchCommand(watched, words, { buffers, signal }) {
    return this.submit(signal, buffers, 'the command', (client, tag) => client.submitWatchCommand(watched, toArguments(words), tag));
  }

  /** The outcomes, or null if another round is needed. */
  watchCommit(watched, commands, { buffers, signal }) {
    return this.submit(signal, buffers, 'the transaction', (client, tag) =>
      client.submitWatchCommit(watched, commands.map(toArguments), tag));
  }

  /** What `connect` waits for: the first master, unless it connects in the background. */
  connected(signal) {
    return this.submit(signal, false, 'connecting', (client, tag) => client.submitConnected(tag));
  }

  /** Fulfilled when the server has confirmed a subscription. */
  confirmed(subscription, timeout, signal) {
    return this.submit(signal, false, 'the wait', (client, tag) =>
      client.submitSubscriptionReady(subscription, toTimeout(timeout), tag));
  }

  /** What is made of the native client by somebody else. */
  make(build) {
    return build(this.#native);
  }

  /** Finish what was accepted, refuse what is new, then close, even if the time is over before. */
  async drain(timeout) {
    const wait = this.submit(undefined, false, 'the drain', (client, tag) => client.submitDrain(toTimeout(timeout), tag));
    try {
      await wait;
    } catch (error) {
      // A wrong argument changes nothing.
      if (error.name !== 'InvalidArgument') await this.close();
      throw error;
    }
    await this.close();
  }

  #abort(number, tag, signal) {
    const told = this.#native.cancel(tag);
    // Nothing told: it is done already, and its answer is on its way.
    if (told !== null) this.#settled(number)(rejectLater(new StandfastError(told, { cause: signal.reason })));
  }

  #settled(number) {
    const resolve = this.#waiting[number];
    this.#waiting[number] = undefined;
    this.#free.push(number);
    if (this.#signals.size > 0) this.#forget(number);
    this.#pending -= 1;
    if (this.#pending === 0) {
      this.#alive.release(true);
      this.#drain?.();
    }
    return resolve;
  }

  #forget(number) {
    const found = this.#signals.get(number);
    if (found === undefined) return;
    this.#signals.delete(number);
    found.signal.removeEventListener('abort', found.abort);
  }

  /** Answers, each with its tag; a negative tag says that it failed. */
  settle(tags, answers) {
    for (let at = 0; at < answers.length; at++) {
      const tag = tags[at];
      if (tag > 0) this.#settled(Math.floor(tag / 2))(answers[at]);
      else this.#settled(Math.floor(-tag / 2))(rejectLater(new StandfastError(answers[at])));
    }
  }

  /** Called from the event loop when a stream has something to take, and at most once for many things. */
  wake() {
    if (!this.#watched && this.#native.turn()) setImmediate(() => this.wake());
    for (const stream of [...this.#streams]) stream.pump();
  }

  /** This stream has waiting readers; look at it after each wake-up. */
  watch(stream, live) {
    this.#streams.add(stream);
    this.#alive.hold(live);
  }

  unwatch(stream, live) {
    this.#streams.delete(stream);
    this.#alive.release(live);
  }

  subscribe(names, kind, options, buffers) {
    return this.#native.subscribe(names, kind, options, buffers);
  }

  events() {
    return this.#native.events();
  }

  setCredentials(hop, username, password) {
    this.#native.setCredentials(hop, username, password);
  }

  status() {
    return this.#native.status();
  }

  nodes() {
    return this.#native.nodes();
  }

  async doctor() {
    const examination = this.#native.examine();
    await examination.run();
    return examination.take();
  }

  get closed() {
    return this.#native.closed;
  }

  /** Close; fulfilled when everything that was pending has got its answer, and nothing is left in the event loop. */
  close() {
    this.#native.close();
    this.#drained ??= new Promise((resolve) => {
      this.#drain = resolve;
      if (this.#pending === 0) resolve();
    }).then(() => this.#native.stop());
    if (!this.#watched) this.#finish();
    return this.#drained;
  }

  /** Without libuv nobody may be left who would tell that the last answers are there. */
  #finish() {
    this.wake();
    if (this.#pending > 0) setTimeout(() => this.#finish(), 1);
  }

  reference(referenced) {
    this.#alive.reference(referenced);
  }
}

/** What the native half calls with answers. The tags stand in a list that both share. */
function settler(self) {
  const tags = new Float64Array(BATCH);
  function settle() {
    self.deref()?.settle(tags, arguments);
  }
  settle.tags = tags;
  return settle;
}

function aborted(signal, what) {
  return failure('Cancelled', `${what} was aborted`, { cause: signal.reason });
}

module.exports = { Session, aborted };
