'use strict';
// What JavaScript gives and takes: arguments of commands are checked here, options objects too, and here are made those values
// that Node-API cannot make. No Redis.

const { isUint8Array } = require('node:util').types;
const { StandfastError, failure } = require('./errors.js');

/** What the native half has made for it. */
const makers = {
  error: function thrown(raw) {
    const error = new StandfastError(raw);
    // The stack begins with the line that called the native half, not with this one.
    Error.captureStackTrace(error, thrown);
    return error;
  },
  map: (flat) => {
    const map = new Map();
    for (let at = 0; at < flat.length; at += 2) map.set(flat[at], flat[at + 1]);
    return map;
  },
  set: (items) => new Set(items),
  bigint: (digits) => BigInt(digits),
};

/** One argument as the native half takes it: a string, or bytes. Messages name the type only, never the value. */
function toArgument(value, what) {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
      if (!Number.isNaN(value)) return String(value);
      break;
    case 'bigint':
      return String(value);
    default:
      if (isUint8Array(value)) return value;
  }
  throw failure('InvalidArgument', `${what} is ${typeName(value)}; it must be a string, a number, a bigint, a Buffer or a Uint8Array`);
}

function toArguments(args) {
  if (!Array.isArray(args)) {
    throw failure('InvalidArgument', `a command is an array of its name and its arguments, not ${typeName(args)}`);
  }
  return args.map((value, at) => toArgument(value, at === 0 ? 'the name of the command' : `argument ${at}`));
}

function typeName(value) {
  if (value === null) return 'null';
  if (Number.isNaN(value)) return 'NaN';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return `an object (${value.constructor?.name ?? 'without a prototype'})`;
  if (typeof value === 'undefined') return 'undefined';
  return `a ${typeof value}`;
}

/** The options that every command takes. */
const COMMAND = ['timeout', 'buffers', 'signal'];

const NONE = Object.freeze({});

/** An options object whose names are all known; nothing at all is an empty one. */
function toOptions(options, known, what) {
  if (options === undefined) return NONE;
  if (options === null || typeof options !== 'object' || Array.isArray(options)) {
    throw failure('InvalidArgument', `the options of ${what} are an object, not ${typeName(options)}`);
  }
  if (known) {
    for (const name of Object.keys(options)) {
      if (!known.includes(name)) {
        throw failure('InvalidArgument', `${what} has no option ${JSON.stringify(name.slice(0, 40))}; known are ${known.join(', ')}`);
      }
    }
  }
  return options;
}

/** A time-out in milliseconds; undefined where none was given. Ranges are checked where they are used. */
function toTimeout(timeout) {
  if (timeout === undefined || (typeof timeout === 'number' && !Number.isNaN(timeout))) return timeout;
  throw failure('InvalidArgument', `a timeout is a number of milliseconds, not ${typeName(timeout)}`);
}

function toSignal(signal) {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw failure('InvalidArgument', `a signal is an AbortSignal, not ${typeName(signal)}`);
}

module.exports = { COMMAND, makers, toArgument, toArguments, toOptions, toSignal, toTimeout, typeName };
