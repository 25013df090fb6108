'use strict';
// The log records of all clients of the process, as an async iterator. It has a wake-up of its own, because there need not be a
// client; waiting for records does not keep the process alive.

const native = require('../native.js');
const { Alive } = require('./alive.js');
const { failure } = require('./errors.js');
const { Stream, iterate } = require('./stream.js');
const { makers, typeName } = require('./values.js');

class LogSource {
  #native;
  #alive = new Alive(this);
  #streams = new Set();

  constructor(level) {
    // The native half holds its wake-up call for good; held strongly, no forgotten reader would ever be collected.
    const self = new WeakRef(this);
    this.#native = native.openLogs(level, () => self.deref()?.wake(), makers);
  }

  wake() {
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

  take(max) {
    return this.#native.take(max);
  }

  close() {
    this.#native.close();
  }
}

/** What all clients of this process have to tell from now on, up to this level. Leaving the loop ends the recording. */
function logs(level = 'info') {
  if (typeof level !== 'string') throw failure('InvalidArgument', `a log level is a string, not ${typeName(level)}`);
  const source = new LogSource(level);
  const stream = new Stream(source, source, false);
  return iterate(stream, () => true, () => {
    source.close();
    stream.end();
  });
}

module.exports = { logs };
