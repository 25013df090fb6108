'use strict';
// The exit rule: a command or a read that waits keeps the process alive, nothing else does. The native half wakes the event loop
// through a handle that counts for nothing, so one timer counts in its place while something waits.

// The longest interval that a timer takes; it never has anything to do.
const FAR_AWAY = 0x7fffffff;

/** Sessions that somebody waits for must not be collected, even if the program holds nothing but a promise. */
const awaited = new Set();
let alive = 0;
let timer;

function keepAlive(change) {
  alive += change;
  if (alive > 0) {
    timer ??= setInterval(() => {}, FAR_AWAY);
    timer.ref();
  } else {
    timer.unref();
  }
}

class Alive {
  #owner;
  #referenced = true;
  // Waits that keep the process alive, and waits that only keep their session from the collector.
  #live = 0;
  #quiet = 0;
  #counted = false;

  constructor(owner) {
    this.#owner = owner;
  }

  hold(live) {
    if (live) this.#live += 1;
    else this.#quiet += 1;
    this.#update();
  }

  release(live) {
    if (live) this.#live -= 1;
    else this.#quiet -= 1;
    this.#update();
  }

  reference(referenced) {
    this.#referenced = referenced;
    this.#update();
  }

  #update() {
    if (this.#live + this.#quiet > 0) awaited.add(this.#owner);
    else awaited.delete(this.#owner);
    const count = this.#referenced && this.#live > 0;
    if (count !== this.#counted) {
      this.#counted = count;
      keepAlive(count ? 1 : -1);
    }
  }
}

module.exports = { Alive };
