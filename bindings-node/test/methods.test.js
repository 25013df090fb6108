'use strict';
// The methods of commands: what each sends, what it refuses, and that the client has them.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { after, before, describe, test } = require('node:test');
const { Client, StandfastError, connect } = require('standfast');
const { fixed, variadic } = require('../lib/commands.js');
const { Lab } = require('./lab.js');

const { calls } = JSON.parse(readFileSync(join(__dirname, '../../tests/vectors/commands.json'), 'utf8'));
const builders = { ...fixed, ...variadic };
const words = (name, ...args) => builders[name](...args)[0].map(String);

describe('what methods send', () => {
  test('every method sends its words', () => {
    for (const { node: [name, args], words: expected } of calls) {
      // What is left out before something else is null there.
      assert.deepEqual(words(name, ...args.map((arg) => arg ?? undefined)), expected, `${name} ${JSON.stringify(args)}`);
    }
  });

  test('every method has a vector, and the client has every method', () => {
    const names = new Set(calls.map(({ node: [name] }) => name));
    assert.deepEqual(new Set(Object.keys(builders)), names);
    assert(names.size > 330, String(names.size));
    for (const name of names) {
      assert.equal(typeof Client.prototype[name], 'function', name);
      assert.equal(Client.prototype[name].name, name);
    }
  });

  test('as the documentation of the servers writes it', () => {
    for (const [call, expected] of [
      [['set', 'k', 'v', { EX: 10, NX: true, GET: true }], 'SET k v NX GET EX 10'],
      [['del', 'a', 'b'], 'DEL a b'],
      [['del', ['a', 'b'], { timeout: 5 }], 'DEL a b'],
      [['mset', { a: 1, b: 2 }], 'MSET a 1 b 2'],
      [['mset', new Map([['a', 1]])], 'MSET a 1'],
      [['mset', ['a', 1, 'b', 2]], 'MSET a 1 b 2'],
      [['hset', 'h', 'f', 'v', 'g', 'w', { timeout: 5 }], 'HSET h f v g w'],
      [['hset', 'h', { f: 'v' }, { timeout: 5 }], 'HSET h f v'],
      [['zadd', 'z', { a: 1, b: 2.5 }, { XX: true }], 'ZADD z XX 1 a 2.5 b'],
      [['zadd', 'z', 1, 'a', { XX: true }], 'ZADD z XX 1 a'],
      [['zrange', 'z', 0, -1, { REV: true, LIMIT: [0, 5] }], 'ZRANGE z 0 -1 REV LIMIT 0 5'],
      [['zunion', 'a', 'b', { WEIGHTS: [1, 2], AGGREGATE: 'max' }], 'ZUNION 2 a b WEIGHTS 1 2 AGGREGATE MAX'],
      [['lmpop', ['a', 'b'], 'left', { COUNT: 3 }], 'LMPOP 2 a b LEFT COUNT 3'],
      [['lpop', 'l'], 'LPOP l'],
      [['lpop', 'l', 2], 'LPOP l 2'],
      [['blpop', 'q'], 'BLPOP q 0'],
      [['xadd', 's', '*', { f: 'v' }, { MAXLEN: 100, APPROXIMATE: true }], 'XADD s MAXLEN ~ 100 * f v'],
      [['xread', { s: 0, t: '$' }, { COUNT: 10, BLOCK: 500 }], 'XREAD COUNT 10 BLOCK 500 STREAMS s t 0 $'],
      [['eval', 'return 1', 1, 'k', 'a'], 'EVAL return 1 1 k a'],
      [['scan', undefined, { MATCH: 'a*' }], 'SCAN 0 MATCH a*'],
      [['clientKill', undefined, { ID: 7 }], 'CLIENT KILL ID 7'],
      [['hexpire', 'h', 10, 'a', 'b', { NX: true }], 'HEXPIRE h 10 NX FIELDS 2 a b'],
      [['geosearch', 'g', { FROMLONLAT: [1, 2], BYRADIUS: [3, 'km'], COUNT: 2, ANY: true }],
        'GEOSEARCH g FROMLONLAT 1 2 BYRADIUS 3 km COUNT 2 ANY'],
    ]) {
      assert.equal(words(...call).join(' '), expected);
    }
  });
});

describe('methods of a client', () => {
  let lab;
  let client;
  before(async () => {
    lab = await Lab.start({ replicas: 0, sentinels: 1, quorum: 1 });
    client = await connect(lab.url);
  });
  after(async () => {
    await client?.close();
    await lab?.stop();
  });

  test('they work, and give text or bytes as asked', async () => {
    assert.equal(await client.hset('h', { name: 'Ada', born: 1815 }), 2);
    assert.deepEqual(await client.hgetall('h'), new Map([['name', 'Ada'], ['born', '1815']]));
    assert.deepEqual(await client.hmget('h', 'name', 'none', { buffers: true }), [Buffer.from('Ada'), null]);
    assert.equal(await client.zadd('z', { a: 1, b: 2 }), 2);
    assert.deepEqual(await client.zrange('z', 0, -1), ['a', 'b']);
    assert.deepEqual(await client.configGet('maxmemory'), new Map([['maxmemory', '0']]));
    assert.match(await client.clientInfo(), /name=standfast/);
    assert.equal(await client.set('k', 'v', { NX: true, timeout: 5_000 }), 'OK');
    assert.equal(await client.set('k', 'w', { GET: true }), 'v');
  });

  test('what cannot be sent is refused, and nothing is sent', async () => {
    for (const call of [
      () => client.set('k', 'v', { ex: 10 }),
      () => client.set('k', 'v', { EXX: 10 }),
      () => client.set('k', 'v', { NX: 1 }),
      () => client.set('k', 'v', 'EX', 10),
      () => client.set('k'),
      () => client.get('k', 'l'),
      () => client.get('k', {}, 1),
      () => client.del(),
      () => client.del([]),
      () => client.del(undefined),
      () => client.del('a', { b: 1 }),
      () => client.mset({}),
      () => client.mset('a'),
      () => client.mset({ a: {} }),
      () => client.mset({ a: 1 }, { b: 2 }),
      () => client.mset({ a: 1 }, undefined, 1),
      () => client.zrange('z', 0, -1, { LIMIT: 5 }),
      () => client.lmpop('k', 'MIDDLE'),
      () => client.xread(['s']),
      () => client.xadd('s', '*', { f: 'v' }, { APPROXIMATE: true }),
    ]) {
      await assert.rejects(call(), (error) => {
        assert(error instanceof StandfastError, String(error));
        assert.equal(error.name, 'InvalidArgument', `${call} ${error}`);
        return true;
      });
    }
  });
});
