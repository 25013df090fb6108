// A test of your own code: it kills the master and goes on. Needs redis-server and standfast-lab; runs under `node --test`, too.
import assert from 'node:assert/strict';
import { connect } from 'standfast';
import { Lab } from 'standfast/testing';

const lab = await Lab.start();
const client = await connect(lab.url);
try {
  await client.set('orders', 1);
  await lab.waitReplicated(); // Right after the start a replica may not have it yet.

  await lab.killMaster();
  const successor = await lab.waitWritable();

  assert.equal(await client.incr('orders'), 2, 'what was written is still there');
  assert.equal(client.status().master, successor.node);
  console.log('orders: 2, and the master is', successor.node);
} finally {
  await client.close();
  await lab.close();
}
