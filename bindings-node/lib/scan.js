'use strict';
// Scans as async iterables, and single nodes. Which node a scan is on, and what becomes of it when that changes, is the core's.

const native = require('../native.js');
const { COMMAND, toArgument, toArguments, toOptions, toTimeout, typeName } = require('./values.js');
const { failure } = require('./errors.js');

const WORDS = { match: 'MATCH', count: 'COUNT', type: 'TYPE' };
const FLAGS = { master: 'MASTER', restart: 'RESTART' };
const KNOWN = [...Object.keys(WORDS), ...Object.keys(FLAGS), 'buffers', 'signal'];

/** The node under a scan changed; it begins again, without what it has given already. */
class NodeChanged {
  constructor(oldNode, newNode) {
    this.oldNode = oldNode;
    this.newNode = newNode;
  }
}

function itemOf(value) {
  return value instanceof Map ? new NodeChanged(...[...value.values()].map(String)) : value;
}

class Scan {
  #session;
  #native;
  #signal;
  #buffers;

  constructor(session, what, options) {
    const given = toOptions(options, KNOWN, 'a scan');
    const words = what.map((word, at) => toArgument(word, at === 0 ? 'the word' : 'the key'));
    for (const [name, word] of Object.entries(WORDS)) {
      if (given[name] !== undefined) words.push(word, toArgument(given[name], name));
    }
    for (const [name, word] of Object.entries(FLAGS)) if (given[name]) words.push(word);
    this.#session = session;
    this.#signal = given.signal;
    this.#buffers = given.buffers === true;
    this.#native = session.make((client) => native.scan(client, words));
  }

  /** Everything that the scan has to say. */
  async *items() {
    for (;;) {
      const batch = await this.#session.submit(this.#signal, this.#buffers, 'the scan', (client, tag) =>
        native.submitScan(client, this.#native, tag));
      if (batch === null) return;
      for (const value of batch) yield itemOf(value);
    }
  }

  async *[Symbol.asyncIterator]() {
    for await (const item of this.items()) if (!(item instanceof NodeChanged)) yield item;
  }
}

class NodeClient {
  #session;
  #native;

  constructor(session, address, sentinel) {
    if (typeof address !== 'string') throw failure('InvalidArgument', `an address is a string, not ${typeName(address)}`);
    this.#session = session;
    this.#native = session.make((client) => native.node(client, address, sentinel));
  }

  /** A command for this node. */
  execute(...args) {
    return this.command(args);
  }

  /** The same, with options. */
  async command(args, options) {
    const { timeout, buffers, signal } = toOptions(options, COMMAND, 'a command');
    return this.#session.submit(signal, buffers, 'the command', (client, tag) =>
      native.submitNode(client, this.#native, toArguments(args), toTimeout(timeout), tag));
  }

  get address() {
    return this.#native.status().address;
  }

  get role() {
    return this.#native.status().role;
  }
}

module.exports = { NodeChanged, NodeClient, Scan };
