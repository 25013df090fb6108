'use strict';
// A method for each command, on whatever has them: the client, the commands of a pipeline, those on a watching link.

const { fixed, variadic } = require('./commands.js');
const { failure } = require('./errors.js');

/** A method, like one that is written down. */
function define(prototype, name, method) {
  Object.defineProperty(method, 'name', { value: name });
  Object.defineProperty(prototype, name, { value: method, writable: true, configurable: true });
}

function tooMany(name, most) {
  return (...args) => {
    throw failure('InvalidArgument', `${name} takes at most ${most} arguments, options included, not ${args.length}`);
  };
}

/** Define them all. `call(self, build, args)` is what each of them does; `build` gives its words and the options of the call. */
function defineMethods(prototype, call) {
  for (const [name, build] of Object.entries(variadic)) {
    define(prototype, name, function (...args) {
      return call(this, build, args);
    });
  }
  for (const [name, build] of Object.entries(fixed)) {
    define(prototype, name, function (...args) {
      return call(this, args.length <= build.length ? build : tooMany(name, build.length), args);
    });
  }
}

module.exports = { defineMethods };
