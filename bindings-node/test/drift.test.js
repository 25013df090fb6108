'use strict';
// Lists that must say the same: the errors of the core, of lib/errors.js and of the types; the names of both module systems; versions.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { test } = require('node:test');
const standfast = require('standfast');
const native = require('../native.js');
const { TABLE } = require('../lib/errors.js');
const { PACKAGE } = require('./lab.js');

const types = readFileSync(join(PACKAGE, 'index.d.ts'), 'utf8');

test('the error table is the core\'s', () => {
  assert.deepEqual(TABLE, native.errorTable().map(({ code, name, category, retry }) => [code, name, category, retry]));
  assert.deepEqual({ ...standfast.ErrorCode }, Object.fromEntries(native.errorTable().map(({ code, name }) => [name, code])));
});

test('the types have the same errors', () => {
  const declared = [...types.matchAll(/readonly (\w+): (\d{3});/g)].map(([, name, code]) => [Number(code), name]);
  assert.deepEqual(declared, TABLE.map(([code, name]) => [code, name]));
  for (const word of new Set(TABLE.flatMap(([, , category, retry]) => [category, retry]))) assert.match(types, new RegExp(`'${word}'`));
});

test('require and import give the same objects under the same names, and the types declare them', async () => {
  const { default: whole, ...named } = await import('standfast');
  assert.equal(whole, standfast);
  assert.deepEqual({ ...named }, { ...standfast });
  const declared = [...types.matchAll(/^export (?:class|function|const) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(declared.sort(), Object.keys(standfast).sort());
});

test('one version', () => {
  const cargo = readFileSync(join(PACKAGE, '..', 'Cargo.toml'), 'utf8').match(/\[workspace\.package\]\s+version = "([^"]+)"/)[1];
  const lock = JSON.parse(readFileSync(join(PACKAGE, 'package-lock.json'), 'utf8'));
  assert.deepEqual([standfast.version, native.version(), lock.version, lock.packages[''].version], [cargo, cargo, cargo, cargo]);
});
