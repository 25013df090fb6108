'use strict';
// TLS, and passwords that change while a client runs.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { connect } = require('standfast');
const { Lab, until } = require('./lab.js');

async function labFor(t, options) {
  const lab = await Lab.start(options);
  t.after(() => lab.close());
  return lab;
}

async function clientFor(t, url) {
  const client = await connect(url);
  t.after(() => client.close());
  return client;
}

test('TLS with certificates on both sides is followed through a failover', async (t) => {
  const lab = await labFor(t, { tls: { mutual: true } });
  const client = await clientFor(t, lab.url);
  assert.equal(await client.set('k', 'v'), 'OK');
  await lab.plannedFailover();
  await lab.waitWritable();
  assert.equal(await client.set('k', 'w'), 'OK');
  assert.notEqual(client.status().master, lab.nodes[0]);
});

test('a server that is not trusted is refused', async (t) => {
  const lab = await labFor(t, { replicas: 0, sentinels: 1, tls: { names: ['other.example'] } });
  await assert.rejects(connect(lab.url), (error) => error.name === 'TlsFailed' && error.causes[0].message.includes('other.example'));
});

test('credentials are replaced while the client runs', async (t) => {
  const lab = await labFor(t, { replicas: 0, sentinels: 1 });
  const client = await clientFor(t, lab.url);
  const whoami = () => client.execute('ACL', 'WHOAMI');
  assert.equal(String(await whoami()), 'default');
  await lab.redis('ACL', 'SETUSER', 'rotated', 'on', '>canary', '~*', '&*', '+@all');
  client.setCredentials({ username: 'rotated', password: 'canary' });
  assert.equal(String(await whoami()), 'default');
  await lab.redis('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await until('the new user is used', async () => {
    // The link may be lost under a command.
    const who = await whoami().catch((error) => error.name);
    return String(who) === 'rotated';
  });
  for (const wrong of [{ username: 'canary' }, { password: '' }, { password: 'canary', hop: 'other' }]) {
    assert.throws(() => client.setCredentials(wrong), (error) => error.name === 'InvalidArgument' && !error.message.includes('canary'));
  }
});
