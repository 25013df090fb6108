'use strict';
// What the doctor finds comes as plain objects; what can be found is the core's business.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { connect } = require('standfast');
const { Lab, until } = require('./lab.js');

test('the doctor finds that a lab is too small', { timeout: 60_000 }, async (t) => {
  const lab = await Lab.start({ replicas: 0, sentinels: 1 });
  t.after(() => lab.close());
  const client = await connect(lab.url);
  t.after(() => client.close());
  const found = await client.doctor();
  assert.deepEqual(found.map(({ id, severity }) => [id, severity]), [['no_replica', 'error'], ['sentinels_too_few', 'warning']]);
  assert.deepEqual(found[1].details, { sentinels: 1 });
  assert(found.every(({ reason, remedy }) => reason.length > 10 && remedy.length > 10));
  await client.close();
  await assert.rejects(client.doctor(), { name: 'Closed' });
});

test('a durable write that nobody confirms says so', { timeout: 60_000 }, async (t) => {
  const lab = await Lab.start({ replicas: 1, sentinels: 1 });
  t.after(() => lab.close());
  const one = await connect(lab.url, { durability: 'replicas(1)' });
  t.after(() => one.close());
  assert.equal(await one.set('durable', 1), 'OK');
  const many = await connect(lab.url, { durability: 'replicas(9)', commandTimeout: 300 });
  t.after(() => many.close());
  await assert.rejects(many.set('durable', 2), { name: 'Timeout', message: /fewer than 9 replicas/ });
  assert.equal(await many.get('durable'), '1');
});

test('closing ends an examination that waits', { timeout: 60_000 }, async (t) => {
  const lab = await Lab.start({ replicas: 0, sentinels: 1, proxied: true });
  t.after(() => lab.close());
  const client = await connect(lab.url, { connectTimeout: 60_000 });
  await lab.fault(lab.nodes[0], { kind: 'swallow', side: 'clients' });
  const waiting = assert.rejects(client.doctor(), { name: 'Closed' });
  await until('the examination has come to the node', async () => (await lab.traffic(lab.nodes[0])).clients.open > 1);
  await client.close();
  await waiting;
});
