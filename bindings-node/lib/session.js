'use strict';
// A native client and what waits for it: which promise a completion belongs to, which streams are to be looked at after a
// wake-up. One native call brings all that is done; promises are settled after it has returned.

const native = require('../native.js');
const { Alive } = require('./alive.js');
const { StandfastError, failure, rejectLater } = require('./errors.js');
const { COMMAND, makers, toArguments, toOptions, toSignal, toTimeout } = require('./values.js');

const BATCH = 512;
const NO_OPTIONS = {};

class Session {
  #native;
  #alive = new Alive(this);
  #pending = new Map();
  #streams = new Set();
  #sequence = 0;
  #drained;
  #drain;

  constructor(url, options) {
    // The native half holds its wake-up call for good; held strongly, no forgotten client would ever be collected.
    const self = new WeakRef(this);
    this.#native = native.open(url, options, () => self.deref()?.wake(), makers);
  }

  /** The reply of a command. Bad arguments reject the promise too: there is one way to fail. */
  command(args, options) {
    return this.#command(options ?? NO_OPTIONS, () => {
      toOptions(options, COMMAND, 'a command');
      return args;
    });
  }

  /** The reply of a command that has a method; `build` gives its words and the options of the call. */
  call(build, args) {
    let built;
    try {
      built = build(...args);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#command(built[1], () => built[0]);
  }

  #command({ timeout, buffers, signal }, words) {
    return this.#submit(signal, buffers, 'the command', (tag) => {
      this.#native.submit(toArguments(words()), toTimeout(timeout), tag);
    });
  }

  /** What `connect` waits for: the first master, unless it connects in the background. */
  connected(signal) {
    return this.#submit(signal, false, 'connecting', (tag) => this.#native.submitConnected(tag));
  }

  /** Fulfilled when the server has confirmed a subscription. */
  confirmed(subscription, timeout, signal) {
    return this.#submit(signal, false, 'the wait', (tag) =>
      this.#native.submitSubscriptionReady(subscription, toTimeout(timeout), tag));
  }

  #submit(signal, buffers, what, start) {
    return new Promise((resolve, reject) => {
      if (toSignal(signal)?.aborted) throw aborted(signal, what);
      this.#sequence += 2;
      // The lowest bit says that strings become buffers: see client.rs.
      const tag = buffers ? this.#sequence + 1 : this.#sequence;
      start(tag);
      const entry = { resolve, reject, signal, abort: undefined };
      if (signal) {
        entry.abort = () => this.#abort(tag);
        signal.addEventListener('abort', entry.abort, { once: true });
      }
      this.#pending.set(tag, entry);
      if (this.#pending.size === 1) this.#alive.hold(true);
    });
  }

  #abort(tag) {
    const { signal } = this.#pending.get(tag);
    const told = this.#native.cancel(tag);
    // Nothing told: it is done already, and its answer is on its way.
    if (told !== null) this.#settled(tag).resolve(rejectLater(new StandfastError(told, { cause: signal.reason })));
  }

  #settled(tag) {
    const entry = this.#pending.get(tag);
    if (entry === undefined) return undefined;
    this.#pending.delete(tag);
    if (entry.abort) entry.signal.removeEventListener('abort', entry.abort);
    if (this.#pending.size === 0) {
      this.#alive.release(true);
      this.#drain?.();
    }
    return entry;
  }

  /** Called from the event loop when something is done, and at most once for many of them. */
  wake() {
    try {
      let taken;
      do {
        taken = this.#native.take(BATCH);
        for (let at = 0; at < taken.length; at += 3) {
          const entry = this.#settled(taken[at]);
          if (taken[at + 1]) entry?.resolve(rejectLater(new StandfastError(taken[at + 2])));
          else entry?.resolve(taken[at + 2]);
        }
      } while (taken.length === 3 * BATCH);
      for (const stream of [...this.#streams]) stream.pump();
    } catch (error) {
      // The native half is broken: whoever waits is told, instead of waiting for ever.
      for (const tag of [...this.#pending.keys()]) this.#settled(tag).reject(error);
      for (const stream of [...this.#streams]) stream.fail(error);
    }
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

  subscribe(names, patterns, options, buffers) {
    return this.#native.subscribe(names, patterns, options, buffers);
  }

  events() {
    return this.#native.events();
  }

  status() {
    return this.#native.status();
  }

  nodes() {
    return this.#native.nodes();
  }

  get closed() {
    return this.#native.closed;
  }

  /** Close; fulfilled when everything that was pending has got its answer. */
  close() {
    this.#native.close();
    this.#drained ??= new Promise((resolve) => {
      this.#drain = resolve;
      if (this.#pending.size === 0) resolve();
    });
    return this.#drained;
  }

  reference(referenced) {
    this.#alive.reference(referenced);
  }
}

function aborted(signal, what) {
  return failure('Cancelled', `${what} was aborted`, { cause: signal.reason });
}

module.exports = { Session, aborted };
