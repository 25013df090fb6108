'use strict';
// What `subscribe` returns: a subscription as an async iterable. What it subscribes to, and what becomes of it in a failover, is
// the core's.

const { Stream, disposable, iterate } = require('./stream.js');
const { toArgument, toOptions } = require('./values.js');

const WAITING = ['signal'];
// The core's names for them: the client has options of the same names, which are the defaults.
const OPTIONS = { items: 'subscription_items', bytes: 'subscription_bytes', overflow: 'overflow' };
const KNOWN = [...Object.keys(OPTIONS), 'buffers'];

class Subscription {
  #session;
  #native;
  #stream;
  #closed = false;

  constructor(session, names, patterns, options) {
    const given = toOptions(options, KNOWN, 'a subscription');
    const queue = Object.fromEntries(Object.entries(OPTIONS).map(([name, long]) => [long, given[name]]));
    const list = (Array.isArray(names) ? names : [names]).map((name, at) => toArgument(name, `${patterns ? 'pattern' : 'channel'} ${at + 1}`));
    this.#session = session;
    this.#native = session.subscribe(list, patterns, queue, given.buffers === true);
    this.#stream = new Stream(session, this.#native, true);
  }

  /** Fulfilled when the server has confirmed every channel. */
  async ready(timeout, options) {
    const { signal } = toOptions(options, WAITING, 'ready');
    await this.#session.confirmed(this.#native, timeout, signal);
  }

  /** The next item; undefined when the time-out passes first. */
  async next(timeout, options) {
    const { signal } = toOptions(options, WAITING, 'next');
    return this.#stream.next(timeout, signal);
  }

  /** Everything in order: messages, gaps, and counts of what was dropped. */
  items() {
    return iterate(this.#stream, () => true, () => this.close());
  }

  /** The messages; each knows the gap that came before it. */
  [Symbol.asyncIterator]() {
    return iterate(this.#stream, (item) => item.type === 'message', () => this.close());
  }

  get closed() {
    return this.#closed || this.#session.closed;
  }

  /** End it. What is queued can still be read; then comes the end. */
  async close() {
    this.#closed = true;
    this.#native.close();
  }
}

disposable(Subscription, function () {
  return this.close();
});

module.exports = { Subscription };
