'use strict';
// The one class of errors that users see, and the contract's table of them. What an error says comes from the core; here it
// becomes a real Error with the caller's stack.

// code, name, category, retry. The same list as the core's, compared by test/drift.test.js.
const TABLE = [
  [101, 'NullArgument', 'usage', 'never'],
  [102, 'InvalidArgument', 'usage', 'never'],
  [103, 'InvalidHandle', 'usage', 'never'],
  [104, 'Closed', 'usage', 'never'],
  [105, 'WouldDeadlock', 'usage', 'never'],
  [106, 'Forked', 'usage', 'never'],
  [201, 'InvalidUrl', 'configuration', 'never'],
  [202, 'InvalidOption', 'configuration', 'never'],
  [203, 'UnknownOption', 'configuration', 'never'],
  [301, 'SentinelsUnreachable', 'discovery', 'later'],
  [302, 'UnknownMaster', 'discovery', 'later'],
  [303, 'NotASentinel', 'discovery', 'later'],
  [304, 'NotMaster', 'discovery', 'later'],
  [305, 'NoReplica', 'discovery', 'later'],
  [306, 'NoQuorum', 'discovery', 'later'],
  [307, 'NotReady', 'discovery', 'later'],
  [401, 'ConnectFailed', 'network', 'later'],
  [402, 'Timeout', 'network', 'now'],
  [403, 'Disconnected', 'network', 'now'],
  [404, 'MaybeExecuted', 'network', 'if_idempotent'],
  [405, 'TlsFailed', 'network', 'never'],
  [406, 'QueueFull', 'network', 'later'],
  [407, 'NotReplicated', 'network', 'later'],
  [408, 'Cancelled', 'network', 'never'],
  [409, 'Protocol', 'network', 'later'],
  [501, 'MasterAuthRequired', 'server', 'never'],
  [502, 'MasterAuthFailed', 'server', 'never'],
  [503, 'SentinelAuthRequired', 'server', 'never'],
  [504, 'SentinelAuthFailed', 'server', 'never'],
  [505, 'AuthNotExpected', 'server', 'never'],
  [506, 'NoPermission', 'server', 'never'],
  [507, 'ReplyError', 'server', 'never'],
  [508, 'TransactionAborted', 'server', 'now'],
  [509, 'Unavailable', 'server', 'later'],
  [601, 'SubscribeFailed', 'subscription', 'later'],
  [602, 'Overflow', 'subscription', 'never'],
  [603, 'EndOfStream', 'subscription', 'never'],
  [604, 'LockNotHeld', 'subscription', 'never'],
  [901, 'Panic', 'internal', 'never'],
  [902, 'Internal', 'internal', 'never'],
];

const BY_NAME = new Map(TABLE.map(([code, name, category, retry]) => [name, { code, category, retry }]));

/** The numbers by their names: `error.code === ErrorCode.UnknownMaster`. */
const ErrorCode = Object.freeze(Object.fromEntries(TABLE.map(([code, name]) => [name, code])));

class StandfastError extends Error {
  /** Made by the client only, of the description that the native half gives or of another error. */
  constructor(raw, options) {
    super(raw.message, options);
    // Not enumerable, as on every Error: it stands at the head of the stack already.
    Object.defineProperty(this, 'name', { value: raw.name, configurable: true, writable: true });
    const usual = BY_NAME.get(raw.name);
    this.code = usual.code;
    this.category = usual.category;
    this.retry = raw.retry ?? usual.retry;
    this.causes = raw.causes ?? [];
    if (raw.phase !== undefined) this.phase = raw.phase;
    if (raw.serverCode !== undefined) {
      this.serverCode = raw.serverCode;
      this.serverText = raw.serverText;
    }
    // Once more, because the head of the stack is written when it is captured and the name was not there yet.
    Error.captureStackTrace(this, StandfastError);
  }
}

/** A failure that JavaScript found: of what name, and why. */
function failure(name, message, options) {
  return new StandfastError({ name, message }, options);
}

/**
 * A promise that is rejected with this error, after the caller's `await` has taken hold of the promise that it is handed to:
 * only then V8 finds the caller, and the stack names the line that waits instead of the wake-up that brought the news.
 * It costs nothing while all goes well.
 */
async function rejectLater(error) {
  await null;
  await null;
  Error.captureStackTrace(error, rejectLater);
  throw error;
}

module.exports = { TABLE, ErrorCode, StandfastError, failure, rejectLater };
