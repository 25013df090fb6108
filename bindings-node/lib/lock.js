'use strict';
// Locks as promises and scopes. What a lock is at the server, and what its holder is told, is the core's.

const native = require('../native.js');
const { Stream, disposable } = require('./stream.js');
const { toArgument, toOptions, toTimeout } = require('./values.js');
const { failure } = require('./errors.js');

const KNOWN = ['ttl', 'token', 'extend'];
const WAITING = ['signal'];

class Lock {
  #session;
  #native;
  #changes;

  constructor(session, key, options) {
    const { ttl, token, extend } = toOptions(options, KNOWN, 'a lock');
    if (typeof ttl !== 'number') throw failure('InvalidArgument', 'a lock needs a ttl, in milliseconds');
    this.#session = session;
    const owner = token === undefined ? undefined : toArgument(token, 'the token');
    this.#native = session.make((client) => native.lock(client, toArgument(key, 'the key'), owner, ttl, extend === true));
    this.#changes = new Stream(session, this.#native, true);
  }

  #call(what, milliseconds, options) {
    const { signal } = toOptions(options, WAITING, what);
    return this.#session.submit(signal, false, `the ${what} of a lock`, (client, tag) =>
      native.submitLock(client, this.#native, what, toTimeout(milliseconds), tag));
  }

  async take(wait = 0, options) {
    return this.#call('take', wait, options);
  }

  async acquire(wait = 0, options) {
    await this.#call('acquire', wait, options);
    return this;
  }

  async extend(ttl, options) {
    await this.#call('extend', ttl, options);
  }

  async release(options) {
    await this.#call('release', undefined, options);
  }

  async query(options) {
    return this.#call('query', undefined, options);
  }

  async nextChange(timeout, options) {
    const { signal } = toOptions(options, WAITING, 'nextChange');
    return this.#changes.next(timeout, signal);
  }

  get state() {
    return this.#native.status().state;
  }

  get timeLeft() {
    return this.#native.status().timeLeft;
  }

  get fence() {
    const { fenceEpoch, fenceCounter } = this.#native.status();
    return fenceCounter === null ? null : { epoch: fenceEpoch, counter: fenceCounter };
  }

  get key() {
    return this.#native.status().key;
  }

  get token() {
    return this.#native.status().token;
  }
}

disposable(Lock, async function () {
  if (this.state === 'free' || this.state === 'lost') return;
  try {
    await this.release();
  } catch (error) {
    // What was lost meanwhile needs no release.
    if (error.name !== 'LockNotHeld') throw error;
  }
});

module.exports = { Lock };
