'use strict';
// Reading one thing after another from a native source that hands over batches: waiting readers in order, time-outs, signals,
// the end, and iteration. It knows nothing of what the things are.

const { StandfastError, failure, rejectLater } = require('./errors.js');
const { aborted } = require('./session.js');
const { toSignal, toTimeout } = require('./values.js');

const BATCH = 64;
// A longer time-out than this is none: timers count in 31 bits.
const LONGEST = 0x7fffffff;

class Stream {
  #session;
  #source;
  #live;
  #batch = [];
  #at = 0;
  #waiters = new Set();
  #ended = false;

  /** `live`: whether a waiting reader keeps the process alive. */
  constructor(session, source, live) {
    this.#session = session;
    this.#source = source;
    this.#live = live;
  }

  /** The next thing; undefined when the time-out passes first. Rejected with EndOfStream at the end. */
  next(timeout, signal) {
    return new Promise((resolve, reject) => {
      if (toTimeout(timeout) < 0) throw failure('InvalidArgument', 'a timeout is a number of milliseconds, 0 or more');
      if (toSignal(signal)?.aborted) throw aborted(signal, 'the read');
      // Whoever waited first is served first.
      const ready = this.#waiters.size === 0 ? this.#shift() : undefined;
      if (ready !== undefined) resolve(ready);
      else if (timeout === 0) resolve(undefined);
      else this.#wait({ resolve, reject, signal, timer: undefined, abort: undefined }, timeout);
    });
  }

  #wait(waiter, timeout) {
    if (timeout !== undefined && timeout <= LONGEST) {
      waiter.timer = setTimeout(() => this.#leave(waiter).resolve(undefined), timeout);
      // Whether this wait keeps the process alive is not the timer's to say.
      waiter.timer.unref();
    }
    if (waiter.signal) {
      waiter.abort = () => this.#leave(waiter).resolve(rejectLater(aborted(waiter.signal, 'the read')));
      waiter.signal.addEventListener('abort', waiter.abort, { once: true });
    }
    this.#waiters.add(waiter);
    if (this.#waiters.size === 1) this.#session.watch(this, this.#live);
  }

  #leave(waiter) {
    clearTimeout(waiter.timer);
    if (waiter.abort) waiter.signal.removeEventListener('abort', waiter.abort);
    this.#waiters.delete(waiter);
    if (this.#waiters.size === 0) this.#session.unwatch(this, this.#live);
    return waiter;
  }

  #shift() {
    if (this.#ended) throw failure('EndOfStream', 'there is nothing more to read: the iteration was ended');
    if (this.#at === this.#batch.length) {
      this.#batch = this.#source.take(BATCH);
      this.#at = 0;
    }
    const item = this.#batch[this.#at];
    // Taken means forgotten: a batch must not keep what was read already.
    if (item !== undefined) this.#batch[this.#at++] = undefined;
    return item;
  }

  /** Serve the waiting readers with what is there. */
  pump() {
    try {
      for (const waiter of this.#waiters) {
        const item = this.#shift();
        if (item === undefined) break;
        this.#leave(waiter).resolve(item);
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /** Everybody who waits gets an error of his own, with his own stack. */
  fail(error) {
    for (const waiter of this.#waiters) {
      const own = error instanceof StandfastError ? new StandfastError(error) : error;
      this.#leave(waiter).resolve(rejectLater(own));
    }
  }

  /** Nothing more is read, whatever the source still has. */
  end() {
    this.#ended = true;
    this.#batch = [];
    this.#at = 0;
    this.pump();
  }
}

/** An iterator over those things that are wanted. `finish` is called once, when the loop is left early. */
function iterate(stream, wanted, finish) {
  let done = false;
  return {
    async next() {
      try {
        while (!done) {
          const value = await stream.next();
          if (wanted(value)) return { done: false, value };
        }
      } catch (error) {
        done = true;
        if (error.name !== 'EndOfStream') throw error;
      }
      return { done: true, value: undefined };
    },
    async return(value) {
      if (!done) {
        done = true;
        await finish();
      }
      return { done: true, value };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** `await using` where the language has it; before Node 18.18 there is no such symbol. */
function disposable(type, dispose) {
  if (Symbol.asyncDispose) {
    Object.defineProperty(type.prototype, Symbol.asyncDispose, { value: dispose, configurable: true, writable: true });
  }
}

module.exports = { Stream, disposable, iterate };
