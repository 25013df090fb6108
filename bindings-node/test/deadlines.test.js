'use strict';
// A command ends at its deadline, whatever state its client is in, and not before. How late the event loop itself is, is measured
// by a timer of the same length beside each command, and is not the client's: what is compared is the best of some tries.

const assert = require('node:assert/strict');
const { createServer } = require('node:net');
const { after, before, describe, test } = require('node:test');
const { StandfastError, connect } = require('standfast');
const { Lab, deadAddress, until } = require('./lab.js');

const LIMIT = 150;
const LATE = 50;
const TRIES = 5;

/** A server that says these things to whatever comes, one after the other, and then nothing more. */
async function stalling(t, ...answers) {
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    const left = [...answers];
    socket.on('data', () => {
      if (left.length > 0) socket.write(left.shift());
    });
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { address: `127.0.0.1:${server.address().port}`, sockets };
}

/** A client that is there before any server answers. */
async function background(t, url, options) {
  const client = await connect(url, { connect: 'background', ...options });
  t.after(() => client.close());
  return client;
}

/** What a command ends with, and how much later than a timer that began with it. */
async function measure(client) {
  const begun = performance.now();
  let timer;
  const ended = client.command(['GET', 'deadline'], { timeout: LIMIT }).then(
    (reply) => assert.fail(`a reply: ${reply}`),
    (error) => ({ error, at: performance.now() }),
  );
  const rang = new Promise((resolve) => (timer = setTimeout(() => resolve(performance.now()), LIMIT)));
  const { error, at } = await ended;
  assert(at - begun >= LIMIT - 1, `it ended after ${at - begun} ms`);
  const reference = await rang;
  clearTimeout(timer);
  return { error, late: at - reference };
}

/** Every try ends with Timeout in this phase. */
async function ends(client, phase) {
  let best = Infinity;
  for (let tried = 0; tried < TRIES; tried++) {
    const { error, late } = await measure(client);
    assert(error instanceof StandfastError, error.stack);
    assert.deepEqual([error.name, error.phase], ['Timeout', phase]);
    best = Math.min(best, late);
  }
  assert(best <= LATE, `${best} ms after a timer that was to ring at the same time`);
}

describe('a command ends at its deadline', () => {
  let lab;
  before(async () => (lab = await Lab.start({ replicas: 1, sentinels: 1, quorum: 1, proxied: true })));
  after(() => lab?.stop());

  test('when it is connected and no reply comes', async (t) => {
    const client = await connect(lab.url);
    t.after(() => client.close());
    await client.get('deadline');
    await lab.do('fault', { node: client.status().master, kind: 'swallow', direction: 'to_client', side: 'clients' });
    t.after(() => lab.do('heal_faults'));
    await ends(client, 'reply');
  });

  test('when nobody listens', async (t) => {
    await ends(await background(t, `redis://${await deadAddress()}`), 'discovering');
  });

  test('when the name of the server is not found, or not yet', async (t) => {
    await ends(await background(t, 'redis://no-such-host.invalid'), 'discovering');
  });

  test('when connecting hangs', async (t) => {
    const { node } = await lab.do('fault', { node: (await lab.do('master')).master, kind: 'black_hole', side: 'clients' });
    t.after(() => lab.do('heal_faults'));
    await ends(await background(t, `redis://${node}`), 'discovering');
  });

  test('when the handshake of TLS hangs', async (t) => {
    const { address, sockets } = await stalling(t);
    const client = await background(t, `rediss://${address}`);
    await until('it is connected', () => sockets.size > 0);
    await ends(client, 'discovering');
  });

  test('when AUTH hangs', async (t) => {
    const { address, sockets } = await stalling(t);
    const client = await background(t, `redis://user:secret@${address}`);
    await until('it is connected', () => sockets.size > 0);
    await ends(client, 'discovering');
  });

  test('when the question for the role hangs', async (t) => {
    const { address, sockets } = await stalling(t, "-ERR unknown command 'HELLO'\r\n");
    const client = await background(t, `redis://${address}`);
    await until('it is connected', () => sockets.size > 0);
    await ends(client, 'discovering');
  });

  test('when the sentinels do not answer', async (t) => {
    const { address, sockets } = await stalling(t);
    const client = await background(t, `redis+sentinel://${address}/mymaster`);
    await until('it is connected', () => sockets.size > 0);
    await ends(client, 'discovering');
  });

  test('when it is held back because a failover is under way', async (t) => {
    // Sentinel selects the replica, and tells it in words that it does not know.
    const obstinate = await Lab.start({ replicas: 1, sentinels: 1, quorum: 1, server_args: ['--rename-command', 'SLAVEOF', ''] });
    t.after(() => obstinate.stop());
    const client = await connect(obstinate.url, { fenceTimeout: 60_000 });
    t.after(() => client.close());
    await obstinate.do('planned_failover');
    await until('the fence', () => client.status().state === 'fenced');
    await ends(client, 'fenced');
  });
});
