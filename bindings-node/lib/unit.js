'use strict';
// Several commands together: pipelines, transactions, and transactions over watched keys. What becomes of them is decided by the
// core; here commands are collected, and a function is run again when the core says that another round is needed.

const { StandfastError, failure } = require('./errors.js');
const { defineMethods } = require('./methods.js');
const { COMMAND, toArguments, toOptions, toSignal, typeName } = require('./values.js');

/** Commands that are collected: each method adds one, and gives the collection back. */
class Queued {
  #commands = [];

  /** Any command, name first. */
  add(...args) {
    this.#commands.push(args);
    return this;
  }

  get length() {
    return this.#commands.length;
  }

  static commandsOf(queued) {
    return queued.#commands;
  }

  static {
    defineMethods(this.prototype, (queued, build, args) => {
      const [words, options] = build(...args);
      const misplaced = COMMAND.find((name) => options[name] !== undefined);
      if (misplaced) throw failure('InvalidArgument', `${misplaced} is an option of execute(), not of one of several commands`);
      return queued.add(...words);
    });
  }
}

/** What several commands take beside what each command takes. */
const UNIT = [...COMMAND, 'throwOnError'];

class Pipeline extends Queued {
  #session;
  #transaction;

  constructor(session, transaction) {
    super();
    this.#session = session;
    this.#transaction = transaction;
  }

  /** One outcome for each command; without commands nothing is sent. */
  async execute(options) {
    const { throwOnError, ...call } = toOptions(options, UNIT, 'execute');
    const commands = Queued.commandsOf(this);
    const outcomes = commands.length === 0 ? [] : await this.#session.unit(commands, this.#transaction, call);
    return checked(outcomes, throwOnError !== false);
  }
}

/** Commands that are executed at once, on the link that watches the keys. */
class Now {
  #session;
  #watched;
  #call;

  constructor(session, watched, call) {
    this.#session = session;
    this.#watched = watched;
    this.#call = call;
  }

  /** Any command, name first. */
  execute(...args) {
    return this.#session.watchCommand(this.#watched, args, this.#call);
  }

  static {
    defineMethods(this.prototype, async (now, build, args) => {
      const [words, options] = build(...args);
      return now.#session.watchCommand(now.#watched, words, { ...now.#call, ...options });
    });
  }
}

/** A transaction that depends on what was read before it. */
async function watch(session, keys, run, options) {
  if (typeof run !== 'function') throw failure('InvalidArgument', `what is run is a function, not ${typeName(run)}`);
  const { timeout, attempts, buffers, signal } = toOptions(options, ['timeout', 'attempts', 'buffers', 'signal'], 'watch');
  if (attempts !== undefined && !(Number.isSafeInteger(attempts) && attempts > 0)) {
    throw failure('InvalidArgument', 'attempts is a whole number, 1 or more');
  }
  toSignal(signal);
  const names = Array.isArray(keys) ? keys : [keys];
  const watched = session.watched(names, timeout, attempts);
  const call = { buffers, signal };
  for (;;) {
    await session.watchBegin(watched, signal);
    const queued = new Queued();
    try {
      await run(new Now(session, watched, call), queued);
    } catch (error) {
      if (watched.lost) continue;
      throw error;
    }
    const outcomes = await session.watchCommit(watched, Queued.commandsOf(queued), call);
    if (outcomes !== null) return checked(outcomes, true);
  }
}

/** The outcomes, if all are replies; otherwise the first error is thrown, and knows them all. */
function checked(outcomes, throwOnError) {
  const failed = throwOnError ? outcomes.find((outcome) => outcome instanceof StandfastError) : undefined;
  if (failed === undefined) return outcomes;
  // Not enumerable: it would be printed with every such error.
  Object.defineProperty(failed, 'outcomes', { value: outcomes, configurable: true });
  throw failed;
}

/** A Lua script, kept to be called. */
class Script {
  #readOnly;

  constructor(source, options) {
    const { readOnly } = toOptions(options, ['readOnly'], 'a script');
    this.source = source;
    this.#readOnly = readOnly === true;
    toArguments([source]);
  }

  /** Call it on a client, or add it to a pipeline or a transaction. */
  call(on, keys = [], args = [], options = undefined) {
    const words = [this.source, keys.length, ...keys, ...args, ...(options === undefined ? [] : [options])];
    return this.#readOnly ? on.evalRo(...words) : on.eval(...words);
  }
}

module.exports = { Pipeline, Script, watch };
