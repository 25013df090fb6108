'use strict';
// Finds and loads the native half. NAPI_RS_NATIVE_LIBRARY_PATH names another build of it (a debug or sanitizer build).

const { join } = require('node:path');
const { platformName } = require('./lib/platform.js');
const { version } = require('./package.json');

function load() {
  const file = process.env.NAPI_RS_NATIVE_LIBRARY_PATH || join(__dirname, `standfast.${platformName()}.node`);
  let native;
  try {
    native = require(file);
  } catch (cause) {
    throw new Error(`standfast has no native library for this platform: ${file} cannot be loaded (from a source tree: npm run build:debug)`, { cause });
  }
  if (native.version() !== version) {
    throw new Error(`standfast ${version} found the native library of version ${native.version()} in ${file}`);
  }
  return native;
}

module.exports = load();
