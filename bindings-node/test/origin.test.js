'use strict';
// Locks, scans, single nodes and the write probe against real servers.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { NodeChanged, connect } = require('standfast');
const { Lab } = require('./lab.js');

describe('what the origin could do', () => {
  let lab;
  let client;
  before(async () => {
    lab = await Lab.start();
    client = await connect(lab.url);
  });
  after(async () => {
    await client?.close();
    await lab?.close();
  });

  test('a lock has one owner', async () => {
    const ours = client.lock('job', { ttl: 60_000, token: 'a' });
    const theirs = client.lock('job', { ttl: 60_000 });
    assert.deepEqual([ours.state, ours.fence, ours.key, ours.token], ['free', null, 'job', 'a']);
    assert.equal(await ours.take(), true);
    assert.equal(await theirs.take(), false);
    assert.equal(await theirs.query(), 'a');
    await assert.rejects(theirs.acquire(), { name: 'LockNotHeld' });
    await assert.rejects(theirs.extend(), { name: 'LockNotHeld' });
    await assert.rejects(theirs.release(), { name: 'LockNotHeld' });
    await ours.extend(120_000);
    assert(ours.timeLeft > 60_000 && ours.state === 'held');
    await ours.release();
    assert.equal(await theirs.take(5_000), true);
    assert.equal(theirs.fence.counter, ours.fence.counter + 1);
    await theirs[Symbol.asyncDispose ?? 'release']();
    assert.equal(await ours.query(), null);
    assert.deepEqual([(await theirs.nextChange(5_000)).state, (await theirs.nextChange(5_000)).state], ['held', 'free']);
    assert.equal(await theirs.nextChange(0), undefined);
    assert.throws(() => client.lock('', { ttl: 1 }), { name: 'InvalidArgument' });
    assert.throws(() => client.lock('k', {}), { name: 'InvalidArgument' });
  });

  test('a scan gives everything', async () => {
    const keys = Array.from({ length: 100 }, (_, n) => `scan:${n}`);
    await Promise.all(keys.map((key) => client.set(key, 'v')));
    await client.execute('WAIT', 2, 5000);
    const read = async (scan) => {
      const found = [];
      for await (const item of scan) found.push(item);
      return found;
    };
    assert.deepEqual(new Set(await read(client.scanIter({ match: 'scan:*', count: 20 }))), new Set(keys));
    const found = await read(client.scanIter({ match: 'scan:*', type: 'string', master: true, restart: true }));
    assert.equal(found.length, 100);
    await client.execute('HSET', 'h', 'f', 'v');
    await client.execute('SADD', 's', 'm');
    await client.execute('ZADD', 'z', 1.5, 'm');
    assert.deepEqual(await read(client.hscanIter('h', { master: true })), [['f', 'v']]);
    assert.deepEqual(await read(client.sscanIter('s', { master: true, buffers: true })), [Buffer.from('m')]);
    assert.deepEqual(await read(client.zscanIter('z', { master: true })), [['m', 1.5]]);
    await assert.rejects(read(client.hscanIter('s', { master: true })), { name: 'ReplyError' });
    assert.throws(() => client.scanIter({ count: 0 }), { name: 'InvalidArgument' });
  });

  test('a node is asked by its address', async () => {
    for (const { address, role } of client.nodes()) {
      const node = client.node(address);
      assert.deepEqual([node.address, node.role], [address, 'unknown']);
      await node.execute('DBSIZE');
      assert.equal(node.role, role);
      await assert.rejects(node.execute('SET', 'k', 'v'), { name: 'InvalidArgument' });
    }
    const sentinel = client.sentinel(client.status().sentinels[0].address);
    assert.equal((await sentinel.execute('SENTINEL', 'MYID')).length, 40);
    assert.equal(sentinel.role, 'sentinel');
    assert.throws(() => client.node('127.0.0.1:1'), { name: 'InvalidArgument' });
  });

  test('reads go to replicas', async () => {
    const reader = await connect(lab.url, { readFrom: 'prefer_replica' });
    await reader.set('read', 'v');
    await reader.execute('WAIT', 2, 5000);
    assert.equal(await reader.get('read'), 'v');
    assert.equal(await reader.get('read', { readFrom: 'replica' }), 'v');
    assert.equal(await reader.command(['GET', 'read'], { readFrom: 'any' }), 'v');
    await assert.rejects(reader.get('read', { readFrom: 'nonsense' }), { name: 'InvalidArgument' });
    await reader.close();
  });

  test('a write probe is shown', async () => {
    const probing = await connect(lab.url, { writeProbeInterval: 50 });
    // Waiting for events does not keep the process alive.
    const alive = setInterval(() => {}, 1000);
    for await (const event of probing.events()) {
      if (event.kind !== 'write_probe') continue;
      assert.equal(event.ok, true);
      break;
    }
    clearInterval(alive);
    assert.equal(probing.status().writeProbe.ok, true);
    await probing.close();
  });

  test('a holder is told of a failover, and a scan that its node changed', async () => {
    const held = await client.lock('told', { ttl: 60_000, extend: true }).acquire();
    assert.equal((await held.nextChange(30_000)).state, 'held');
    const scan = client.scanIter({ match: 'scan:*', count: 5, master: true, restart: true }).items();
    const seen = [(await scan.next()).value];
    await lab.killMaster();
    assert.equal((await held.nextChange(30_000)).state, 'uncertain');
    assert.equal((await held.nextChange(30_000)).state, 'held');
    for await (const item of scan) seen.push(item);
    assert.equal(seen.filter((item) => item instanceof NodeChanged).length, 1);
    assert.equal(new Set(seen).size, 101);
  });
});
