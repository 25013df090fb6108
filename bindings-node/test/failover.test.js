'use strict';
// Failovers: planned, and by kill -9. The client follows, nothing hangs, every acknowledged write of a planned failover is on the
// new master, and every missing message lies inside a gap that the stream marks.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { StandfastError, connect } = require('standfast');
const { Lab, until, within } = require('./lab.js');

const RECOVERY = 20_000;

/** Writes 0, 1, 2, ... one after another until told to stop; a number is never used twice. */
function writer(client, key) {
  const records = [];
  let stopping = false;
  const done = (async () => {
    for (let n = 0; !stopping; n++) {
      const record = { n, started: Date.now() };
      records.push(record);
      try {
        await client.execute('SADD', key, n);
      } catch (error) {
        assert(error instanceof StandfastError, error.stack);
        record.error = error.name;
        // The test has failed and cleans up: without this the loop would never give the event loop a turn again.
        if (error.name === 'Closed') return;
      }
      record.ended = Date.now();
    }
  })();
  return {
    records,
    stop() {
      stopping = true;
      return within(RECOVERY, 'the last write', done);
    },
  };
}

/** Everything that a subscription has to say. */
function collector(subscription) {
  const items = [];
  const waiters = [];
  const done = (async () => {
    for await (const item of subscription.items()) {
      items.push(item);
      for (const waiter of waiters.splice(0)) waiter();
    }
  })();
  return {
    items,
    done,
    async until(what, predicate) {
      while (!items.some(predicate)) {
        await within(RECOVERY, what, new Promise((resolve) => waiters.push(resolve)));
      }
    },
  };
}

describe('failovers', () => {
  let lab;
  before(async () => (lab = await Lab.start()));
  after(() => lab?.stop());

  for (const fault of ['planned_failover', 'kill_master']) {
    test(`${fault}: writes and messages go on`, { timeout: 120_000 }, async (t) => {
      const client = await connect(lab.url);
      // A reader that a failed test leaves behind would keep this process alive for ever.
      t.after(async () => {
        await client.close();
        await lab.do('heal');
      });
      const generation = client.status().generation;
      const key = `written:${fault}`;
      const subscription = client.subscribe('news');
      await subscription.ready(RECOVERY);
      const messages = collector(subscription);
      const { publisher } = await lab.do('publisher_start', { channel: 'news', every_ms: 2 });
      const writes = writer(client, key);
      await messages.until('the first message', (item) => item.type === 'message');

      await lab.replicated();
      const { node: old, at_us: faultAt } = await lab.do(fault);
      const { node: master, at_us: writableAt } = await lab.do('wait_writable', { timeout_ms: RECOVERY });
      await messages.until('a message of the new master', (item) => item.type === 'message' && item.generation > generation);
      const acknowledged = () => writes.records.filter((record) => record.ended && !record.error);
      const since = writableAt / 1e3;
      await until('a write to the new master', () => acknowledged().some(({ started }) => started > since), RECOVERY);
      await writes.stop();
      const { log } = await lab.do('publisher_stop', { publisher });
      const last = log.findLast(({ error }) => !error);
      await messages.until('the last message', (item) => item.type === 'message' && item.payload === String(last.n));

      // The client is where the sentinels are.
      assert.notEqual(master, old);
      assert.equal(client.status().master, master);
      assert.equal(client.status().state, 'ready');
      assert(client.status().generation > generation);

      // A planned failover loses nothing and fails nothing; after a kill a write may have an unknown outcome, never a hang.
      const errors = writes.records.filter(({ error }) => error);
      for (const { error } of errors) assert.equal(error, 'MaybeExecuted');
      const present = new Set((await client.execute('SMEMBERS', key)));
      const lost = acknowledged().filter(({ n }) => !present.has(String(n)));
      if (fault === 'planned_failover') {
        assert.deepEqual(errors, []);
        assert.equal(lost.length, 0, `lost ${lost.length} of ${acknowledged().length}`);
      } else {
        // Asynchronous replication may lose what was acknowledged just before the kill, nothing else.
        for (const { ended } of lost) assert(ended <= faultAt / 1e3 + 1, `lost a write acknowledged ${ended - faultAt / 1e3} ms after the kill`);
      }

      // Every missing message lies inside a gap; messages carry the gap before them.
      const gaps = messages.items.filter(({ type }) => type === 'gap');
      const received = new Set(messages.items.filter(({ type }) => type === 'message').map(({ payload }) => payload));
      const first = Math.min(...[...received].map(Number));
      const missed = log.filter(({ n, error }) => !error && n > first && !received.has(String(n)));
      const unmarked = missed.filter(({ at_us, done_us }) => !gaps.some(({ since, until }) => done_us / 1e3 >= since && at_us / 1e3 <= until));
      assert.deepEqual(unmarked, []);
      assert(gaps.length > 0, 'the switch is marked');
      const marked = messages.items.find((item) => item.type === 'message' && item.gapBefore);
      assert.equal(marked.gapBefore.type, 'gap');
      assert.equal(marked.gapBefore.newMaster, master);

      await client.close();
      await within(5_000, 'the end of the stream', messages.done);
    });
  }

  test('everything down and back: commands wait, fail by their deadline, and recover without a restart', { timeout: 120_000 }, async (t) => {
    const client = await connect(lab.url, { commandTimeout: 1_000 });
    t.after(() => client.close());
    const all = [...lab.nodes, ...lab.sentinels];
    for (const node of all) await lab.do('kill_node', { node });
    const started = performance.now();
    await assert.rejects(client.set('down', 1), (error) => error instanceof StandfastError && /^(Timeout|MaybeExecuted)$/.test(error.name));
    assert(performance.now() - started < 3_000);
    assert.notEqual(client.status().state, 'closed');
    await lab.do('heal');
    await until('a write after all came back', async () => (await client.set('up', 1).catch(() => null)) === 'OK', RECOVERY);
    assert.equal(client.status().state, 'ready');
    await client.close();
  });
});
