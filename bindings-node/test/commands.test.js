'use strict';
// Commands and the values that come back.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { Client, StandfastError, connect } = require('standfast');
const { Lab, within } = require('./lab.js');

describe('commands', () => {
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

  test('set and get', async () => {
    assert.equal(await client.set('k', 'grün'), 'OK');
    assert.equal(await client.get('k'), 'grün');
    assert.equal(await client.get('nothing'), null);
    assert.deepEqual(await client.get('k', { buffers: true }), Buffer.from('grün'));
  });

  test('set with options', async () => {
    assert.equal(await client.set('opt', 1, { NX: true, EX: 100 }), 'OK');
    assert.equal(await client.set('opt', 2, { NX: true }), null);
    assert.equal(await client.set('opt', 3, { XX: true, PX: 50_000n }), 'OK');
    const left = await client.execute('PTTL', 'opt');
    assert(left > 40_000 && left <= 50_000, String(left));
    assert.equal(await client.set('none', 1, { XX: true }), null);
  });

  test('arguments of every type', async () => {
    await client.execute('RPUSH', 'args', 'text', 5, -0.5, 12345678901234567890n, Buffer.from([0, 255]), new Uint8Array([1, 2]), '');
    assert.deepEqual(
      await client.command(['LRANGE', 'args', 0, -1], { buffers: true }),
      ['text', '5', '-0.5', '12345678901234567890', [0, 255], [1, 2], ''].map((value) => Buffer.from(value)),
    );
  });

  test('bytes survive as buffers and are marked in strings', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
    await client.set('bytes', bytes);
    assert.deepEqual(await client.get('bytes', { buffers: true }), bytes);
    assert.equal(await client.get('bytes'), bytes.toString());
  });

  test('integers beyond 2^53 are bigints, all others numbers', async () => {
    assert.equal(await client.execute('INCRBY', 'n', Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
    assert.equal(await client.execute('INCR', 'n'), 2n ** 53n);
    assert.equal(await client.execute('DECRBY', 'm', 2n ** 63n - 1n), -(2n ** 63n - 1n));
  });

  test('RESP3 types are natural', async () => {
    await client.execute('HSET', 'h', 'b', 1, 'a', 2);
    assert.deepEqual(await client.execute('HGETALL', 'h'), new Map([['b', '1'], ['a', '2']]));
    await client.execute('SADD', 's', 'x', 'y');
    assert.deepEqual(await client.execute('SMEMBERS', 's'), new Set(['x', 'y']));
    await client.execute('ZADD', 'z', 1.5, 'one');
    assert.equal(await client.execute('ZSCORE', 'z', 'one'), 1.5);
    const script = async (body) => client.execute('EVAL', `redis.setresp(3); return ${body}`, 0);
    assert.equal(await script('true'), true);
    assert.equal(await script('{big_number="1234567890123456789012345678901234567890"}'), 1234567890123456789012345678901234567890n);
    assert.equal(await script('{verbatim_string={string="text", format="txt"}}'), 'text');
    assert.deepEqual(await client.execute('EVAL', 'return {1, {2, "three"}, false}', 0), [1, [2, 'three'], null]);
  });

  test('an error inside an array is a value', async () => {
    await client.set('text', 'x');
    const reply = await client.execute('EVAL', 'return {1, redis.pcall("LPUSH", KEYS[1], "v"), 3}', 1, 'text');
    assert.equal(reply[0], 1);
    assert(reply[1] instanceof StandfastError);
    assert.equal(reply[1].name, 'ReplyError');
    assert.equal(reply[1].serverCode, 'WRONGTYPE');
    assert.equal(reply[2], 3);
  });

  test('a megabyte goes and comes', async () => {
    const big = Buffer.alloc(1 << 20, 'ä');
    await client.set('big', big);
    assert.deepEqual(await client.get('big', { buffers: true }), big);
    assert.equal(await client.get('big'), big.toString());
  });

  test('many at once come back each to its own promise', async () => {
    const all = Array.from({ length: 2_000 }, (_, at) => client.execute('ECHO', at));
    assert.deepEqual(await within(20_000, 'all replies', Promise.all(all)), Array.from({ length: 2_000 }, (_, at) => String(at)));
    assert.equal(client.status().pending, 0);
  });

  test('publish counts receivers', async () => {
    assert.equal(await client.publish('nobody', 'x'), 0);
  });

  test('status and nodes say who is master', () => {
    const status = client.status();
    assert.equal(status.state, 'ready');
    assert.equal(status.master, lab.master);
    assert(status.generation >= 1);
    assert(status.since > Date.now() - 60_000 && status.since <= Date.now() + 1);
    assert.deepEqual(status.sentinels.map(({ address }) => address), lab.sentinels);
    assert.equal(typeof status.counters, 'object');
    const node = client.nodes().find(({ address }) => address === lab.master);
    assert.equal(node.role, 'master');
    assert.equal(node.used, true);
  });

  test('the client has a name', async () => {
    const { version } = require('standfast');
    assert.equal(await client.execute('CLIENT', 'GETNAME'), `standfast:node:${version}`);
    const named = await connect(lab.url, { clientName: 'mine' });
    assert.equal(await named.execute('CLIENT', 'GETNAME'), 'mine');
    await named.close();
  });

  test('options in camel case and in the URL are the same options', async () => {
    for (const other of [await connect(lab.url, { db: 3 }), await connect(`${lab.url}${lab.url.includes('?') ? '&' : '?'}db=3`)]) {
      assert.match(await other.execute('CLIENT', 'INFO'), / db=3 /);
      await other.close();
    }
  });

  test('connecting in the background returns at once, and commands wait', async () => {
    const background = await connect(lab.url, { connect: 'background' });
    assert.equal(await background.execute('PING'), 'PONG');
    await background.close();
  });

  test('events tell the story from the beginning to the end', async () => {
    const told = await connect(lab.url);
    const kinds = [];
    const reading = (async () => {
      for await (const event of told.events()) {
        assert.equal(event.seq, kinds.length);
        kinds.push(event.kind);
      }
    })();
    await told.close();
    await within(5_000, 'the end of the events', reading);
    assert.equal(kinds[0], 'connecting');
    assert(kinds.includes('ready'));
    assert.equal(kinds.at(-1), 'closed');
  });

  test('leaving the events does not close the client', async () => {
    const reader = client.events();
    for await (const event of reader) {
      assert.equal(event.kind, 'connecting');
      break;
    }
    assert.deepEqual(await reader.next(), { done: true, value: undefined });
    assert.equal(await client.execute('PING'), 'PONG');
  });

  test('await using closes, where the language has it', async () => {
    // Without the symbol the method must be missing, not be called "undefined".
    assert.equal('undefined' in Client.prototype, false);
    const used = await connect(lab.url);
    await (Symbol.asyncDispose ? used[Symbol.asyncDispose]() : used.close());
    assert.equal(used.closed, true);
  });
});
