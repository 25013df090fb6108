'use strict';
// The client as users see it. Every method is the name of something that the session does; nothing is decided here.

const native = require('../native.js');
const { failure } = require('./errors.js');
const { defineMethods } = require('./methods.js');
const { Lock } = require('./lock.js');
const { NodeClient, Scan } = require('./scan.js');
const { Session } = require('./session.js');
const { Stream, disposable, iterate } = require('./stream.js');
const { Subscription } = require('./subscription.js');
const { Pipeline, watch } = require('./unit.js');
const { makers, toOptions, toSignal, typeName } = require('./values.js');

class Client {
  #session;

  constructor(session) {
    if (!(session instanceof Session)) throw failure('InvalidArgument', 'a client is made by connect()');
    this.#session = session;
  }

  /** Any command, name first. */
  execute(...args) {
    return this.#session.command(args);
  }

  /** Any command, with options. */
  command(args, options) {
    return this.#session.command(args, options);
  }

  static {
    defineMethods(this.prototype, (client, build, args) => client.#session.call(build, args));
  }

  /** Several commands in one write. */
  pipeline() {
    return new Pipeline(this.#session, false);
  }

  /** All of the commands or none. */
  transaction() {
    return new Pipeline(this.#session, true);
  }

  /** A transaction that depends on what was read before it: `run(now, tx)` is run again while somebody else writes in between. */
  watch(keys, run, options) {
    return watch(this.#session, keys, run, options);
  }

  /** A lock. Nothing is taken yet. */
  lock(key, options) {
    return new Lock(this.#session, key, options);
  }

  /** The keys, as a stream from a replica. */
  scanIter(options) {
    return new Scan(this.#session, ['SCAN'], options);
  }

  /** The fields of a hash, with their values. */
  hscanIter(key, options) {
    return new Scan(this.#session, ['HSCAN', key], options);
  }

  /** The members of a set. */
  sscanIter(key, options) {
    return new Scan(this.#session, ['SSCAN', key], options);
  }

  /** The members of a sorted set, with their scores. */
  zscanIter(key, options) {
    return new Scan(this.#session, ['ZSCAN', key], options);
  }

  /** One of the nodes, asked itself. */
  node(address) {
    return new NodeClient(this.#session, address, false);
  }

  /** One of the sentinels, asked itself. */
  sentinel(address) {
    return new NodeClient(this.#session, address, true);
  }

  subscribe(channels, options) {
    return new Subscription(this.#session, channels, 'channel', options);
  }

  psubscribe(patterns, options) {
    return new Subscription(this.#session, patterns, 'pattern', options);
  }

  ssubscribe(channels, options) {
    return new Subscription(this.#session, channels, 'sharded channel', options);
  }

  /** What happens to this client, from the oldest event that it remembers. Waiting for it does not keep the process alive. */
  events() {
    const stream = new Stream(this.#session, this.#session.events(), false);
    return iterate(stream, () => true, () => stream.end());
  }

  status() {
    return this.#session.status();
  }

  nodes() {
    return this.#session.nodes();
  }

  /** What is wrong with the sentinels and nodes, the worst first. */
  doctor() {
    return this.#session.doctor();
  }

  get closed() {
    return this.#session.closed;
  }

  /** What was accepted is finished, what is new is refused; then the client is closed. */
  async drain(timeout) {
    await this.#session.drain(timeout);
  }

  /** What is pending ends with an error; fulfilled when all of it has. */
  async close() {
    await this.#session.close();
  }

  /** What waits for this client keeps the process alive: the default. */
  ref() {
    this.#session.reference(true);
    return this;
  }

  /** Nothing of this client keeps the process alive, not even a command that waits for its reply. */
  unref() {
    this.#session.reference(false);
    return this;
  }
}

disposable(Client, function () {
  return this.close();
});

/** A client with a verified master, or a typed error within `connectDeadline`. */
async function connect(url, options) {
  if (typeof url !== 'string') throw failure('InvalidArgument', `the URL is a string, not ${typeName(url)}`);
  const { signal, ...config } = toOptions(options, undefined, 'connect');
  toSignal(signal);
  const session = new Session(url, config);
  try {
    await session.connected(signal);
  } catch (error) {
    await session.close();
    throw error;
  }
  return new Client(session);
}

/** What a URL and options say, without connecting; or the StandfastError that `connect` would be rejected with. */
function parseUrl(url, options) {
  if (typeof url !== 'string') throw failure('InvalidArgument', `the URL is a string, not ${typeName(url)}`);
  const { signal, ...config } = toOptions(options, undefined, 'parseUrl');
  return native.parseUrl(url, config, makers);
}

module.exports = { Client, connect, parseUrl };
