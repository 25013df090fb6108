'use strict';
// How the arguments of a command's method become its words: their number and their form is checked here, their types when
// the words are handed over. Messages name types, never values.

const { isUint8Array } = require('node:util').types;
const { failure } = require('./errors.js');
const { COMMAND, toOptions, typeName } = require('./values.js');

/** The options of a call, if all are known: the command's own in capitals, those of every call in small letters. */
function known(options, name, words) {
  return toOptions(options, words.length === 0 ? COMMAND : [...words, ...COMMAND], name);
}

/** What is neither a value nor a list of values. */
function isObject(value) {
  return typeof value === 'object' && value !== null && !isUint8Array(value) && !isList(value);
}

function isList(value) {
  return Array.isArray(value) || value instanceof Set;
}

/** Any number of arguments, with options at their end if there are any. */
function tail(rest, name, words) {
  const last = rest.at(-1);
  if (isObject(last)) return [rest.slice(0, -1), known(last, name, words)];
  return [rest.at(-1) === undefined ? rest.slice(0, -1) : rest, known(undefined, name, words)];
}

/** An object or a map and options, or keys and values in turn with options at their end. */
function pairsTail(rest, name, words) {
  if (!isObject(rest[0]) && !Array.isArray(rest[0])) return tail(rest, name, words);
  if (rest.length > 2) throw failure('InvalidArgument', `${name} takes one object and its options, not ${rest.length} arguments`);
  return [rest[0], known(rest[1], name, words)];
}

/** Values, one by one or in lists. */
function anyOf(words, what, values) {
  for (const value of values) {
    if (isList(value)) words.push(...value);
    else words.push(value);
  }
}

/** The same, and at least one. */
function several(words, what, values) {
  const before = words.length;
  anyOf(words, what, values);
  if (words.length === before) throw failure('InvalidArgument', `${words[0]} needs at least one of ${what}`);
}

/** The word before each value. */
function each(words, what, values, word) {
  for (const value of isList(values) ? values : [values]) words.push(word, value);
}

/** Keys and values. `swapped`: of an object the value is sent before the key. */
function pairsOf(words, what, found, swapped) {
  const before = words.length;
  if (isObject(found)) {
    for (const [key, value] of found instanceof Map ? found : Object.entries(found)) {
      if (swapped) words.push(value, key);
      else words.push(key, value);
    }
  } else {
    if (found.length % 2 !== 0) throw failure('InvalidArgument', `${what} are an object, or pairs of arguments, not ${found.length} arguments`);
    words.push(...found);
  }
  if (words.length === before) throw failure('InvalidArgument', `${words[0]} needs at least one of ${what}`);
}

/** How many there are, then all of them; `size` words are one. */
function counted(words, size, put) {
  const at = words.push(0);
  put();
  words[at - 1] = (words.length - at) / size;
}

/** As many values as belong together. */
function together(words, what, values, count) {
  if (!Array.isArray(values) || values.length !== count) {
    throw failure('InvalidArgument', `${what} takes an array of ${count} values`);
  }
  words.push(...values);
}

/** The names of streams, then the positions in them. */
function streamsOf(words, what, found) {
  const entries = isObject(found) ? [...(found instanceof Map ? found : Object.entries(found))] : [];
  if (entries.length === 0) throw failure('InvalidArgument', `${what} is an object of streams and positions in them`);
  words.push(...entries.map(([key]) => key), ...entries.map(([, position]) => position));
}

/** The word of a switch that is on. */
function switched(what, value, word) {
  if (value === true) return word;
  throw failure('InvalidArgument', `${what} is true or false, not ${typeName(value)}`);
}

/** One of these words, in any case. */
function chosen(what, value, words) {
  const word = typeof value === 'string' ? value.toUpperCase() : undefined;
  if (words.includes(word)) return word;
  throw failure('InvalidArgument', `${what} is one of ${words.join(', ')}`);
}

/** The error for an argument that says nothing without another one. */
function lacking(what, ...others) {
  return failure('InvalidArgument', `${what} needs ${others.join(' or ')}`);
}

module.exports = { anyOf, chosen, counted, each, known, lacking, pairsOf, pairsTail, several, streamsOf, switched, tail, together };
