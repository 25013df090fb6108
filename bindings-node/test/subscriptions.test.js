'use strict';
// Subscriptions without faults: what is delivered, how one waits, and how it ends.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { connect } = require('standfast');
const { Lab, until, within } = require('./lab.js');

describe('subscriptions', () => {
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

  test('messages arrive in order after ready()', async () => {
    const subscription = client.subscribe('news');
    await subscription.ready(5_000);
    assert.equal(await client.publish('news', 'hello'), 1);
    for (let n = 0; n < 300; n++) client.publish('news', n);
    const received = [];
    for await (const message of subscription) {
      if (received.length === 0) {
        assert.equal(message.type, 'message');
        assert.equal(message.channel, 'news');
        assert.equal(message.pattern, null);
        assert.equal(message.gapBefore, null);
        assert(message.generation >= 1);
        assert(Math.abs(message.receivedAt - Date.now()) < 60_000);
      }
      received.push(message.payload);
      if (received.length === 301) break;
    }
    assert.deepEqual(received, ['hello', ...Array.from({ length: 300 }, (_, n) => String(n))]);
    assert.equal(subscription.closed, true);
  });

  test('leaving the loop unsubscribes on the server', async () => {
    const subscription = client.subscribe('left');
    await subscription.ready();
    const loop = (async () => {
      for await (const { payload } of subscription) if (payload === 'last') break;
    })();
    await client.publish('left', 'last');
    await within(5_000, 'the end of the loop', loop);
    await until('no receiver', async () => (await client.publish('left', 'anybody?')) === 0);
  });

  test('patterns and several channels', async () => {
    const patterns = client.psubscribe(['n.*', 'm.?']);
    const both = client.subscribe(['x', Buffer.from('y')]);
    await Promise.all([patterns.ready(), both.ready()]);
    await client.publish('n.1', 'a');
    await client.publish('m.2', 'b');
    await client.publish('y', 'c');
    const first = await patterns.next(5_000);
    assert.deepEqual([first.pattern, first.channel, first.payload], ['n.*', 'n.1', 'a']);
    const second = await patterns.next(5_000);
    assert.deepEqual([second.pattern, second.channel, second.payload], ['m.?', 'm.2', 'b']);
    assert.deepEqual((await both.next(5_000)).payload, 'c');
    await Promise.all([patterns.close(), both.close()]);
  });

  test('buffers', async () => {
    const subscription = client.subscribe('bytes', { buffers: true });
    await subscription.ready();
    await client.publish('bytes', Buffer.from([0, 255]));
    const message = await subscription.next(5_000);
    assert.deepEqual(message.payload, Buffer.from([0, 255]));
    assert.deepEqual(message.channel, Buffer.from('bytes'));
    await subscription.close();
  });

  test('next() looks, waits, and gives up', async () => {
    const subscription = client.subscribe('waiting');
    await subscription.ready();
    assert.equal(await subscription.next(0), undefined);
    const started = performance.now();
    assert.equal(await subscription.next(50), undefined);
    assert(performance.now() - started >= 45);
    await assert.rejects(subscription.next(-1), { name: 'InvalidArgument' });
    await assert.rejects(subscription.next('5'), { name: 'InvalidArgument' });
    const aborter = new AbortController();
    const given = subscription.next(undefined, { signal: aborter.signal });
    aborter.abort();
    await assert.rejects(given, { name: 'Cancelled' });
    const waiting = [subscription.next(), subscription.next(5_000), subscription.next(Infinity)];
    for (const payload of ['1', '2', '3']) await client.publish('waiting', payload);
    const items = await within(5_000, 'three messages', Promise.all(waiting));
    assert.deepEqual(items.map(({ payload }) => payload), ['1', '2', '3']);
    await subscription.close();
  });

  test('a full queue tells how much it forgot', async () => {
    const subscription = client.subscribe('flood', { items: 10, overflow: 'drop_oldest' });
    await subscription.ready();
    // Nobody reads meanwhile, so the core's queue must drop.
    for (let n = 0; n < 100; n++) await client.publish('flood', n);
    await client.publish('flood', 'end');
    let dropped = 0;
    const received = [];
    for await (const item of subscription.items()) {
      if (item.type === 'dropped') dropped += item.count;
      else received.push(item.payload);
      if (item.payload === 'end') break;
    }
    assert(dropped > 0);
    assert.equal(dropped + received.length, 101);
    assert.equal(received.at(-1), 'end');
  });

  test('overflow: close ends with Overflow', async () => {
    const subscription = client.subscribe('burst', { items: 5, overflow: 'close' });
    await subscription.ready();
    for (let n = 0; n < 50; n++) await client.publish('burst', n);
    const reading = (async () => {
      for await (const message of subscription) void message;
    })();
    await assert.rejects(within(5_000, 'the end', reading), { name: 'Overflow', code: 602 });
  });

  test('close() ends the loop, after what was queued', async () => {
    const subscription = client.subscribe('ending');
    await subscription.ready();
    const waiting = subscription.next();
    await subscription.close();
    await assert.rejects(within(5_000, 'the end', waiting), { name: 'EndOfStream', code: 603 });
    await assert.rejects(subscription.next(), { name: 'EndOfStream' });
    for await (const message of subscription) assert.fail(`unexpected ${message.payload}`);
    await subscription.close();
  });

  test('return() ends a loop that waits', async () => {
    const subscription = client.subscribe('returned');
    await subscription.ready();
    const iterator = subscription[Symbol.asyncIterator]();
    const waiting = iterator.next();
    assert.deepEqual(await iterator.return('bye'), { done: true, value: 'bye' });
    assert.deepEqual(await within(5_000, 'the end', waiting), { done: true, value: undefined });
  });

  test('closing the client ends every loop', async () => {
    const other = await connect(lab.url);
    const subscription = other.subscribe('closing');
    await subscription.ready();
    const loop = (async () => {
      for await (const message of subscription) assert.fail(`unexpected ${message.payload}`);
    })();
    await other.close();
    await within(5_000, 'the end of the loop', loop);
    assert.equal(subscription.closed, true);
  });
});

test('whoever waited first is served first, even if an item came before the wake-up for it', async () => {
  const { Stream } = require('../lib/stream.js');
  const queued = [];
  const stream = new Stream({ watch() {}, unwatch() {} }, { take: () => queued.splice(0) }, true);
  const first = stream.next();
  queued.push('a', 'b');
  const second = stream.next();
  stream.pump();
  assert.deepEqual(await Promise.all([first, second]), ['a', 'b']);
});
