'use strict';
// The client as users see it. Every method is the name of something that the session does; nothing is decided here.

const native = require('../native.js');
const { fixed, variadic } = require('./commands.js');
const { failure } = require('./errors.js');
const { Session } = require('./session.js');
const { Stream, disposable, iterate } = require('./stream.js');
const { Subscription } = require('./subscription.js');
const { makers, toOptions, toSignal, typeName } = require('./values.js');

/** A method of the client, like one that is written down. */
function define(prototype, name, method) {
  Object.defineProperty(method, 'name', { value: name });
  Object.defineProperty(prototype, name, { value: method, writable: true, configurable: true });
}

function tooMany(name, most) {
  return (...args) => {
    throw failure('InvalidArgument', `${name} takes at most ${most} arguments, options included, not ${args.length}`);
  };
}

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
    // A method for each command.
    for (const [name, build] of Object.entries(variadic)) {
      define(this.prototype, name, function (...args) {
        return this.#session.call(build, args);
      });
    }
    for (const [name, build] of Object.entries(fixed)) {
      define(this.prototype, name, function (...args) {
        return this.#session.call(args.length <= build.length ? build : tooMany(name, build.length), args);
      });
    }
  }

  subscribe(channels, options) {
    return new Subscription(this.#session, channels, false, options);
  }

  psubscribe(patterns, options) {
    return new Subscription(this.#session, patterns, true, options);
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

  get closed() {
    return this.#session.closed;
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
