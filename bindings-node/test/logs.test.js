'use strict';
// Log records, and what a planned failover looks like in events, status and nodes.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { connect, logs } = require('standfast');
const { Lab, run, within } = require('./lab.js');

const COUNTERS = ['switches', 'corrections', 'fences', 'losses', 'epoch_resets', 'retries', 'maybe_executed', 'timeouts', 'queue_full'];

const kind = ({ message }) => message.split(' ')[0];

/** The next event or record that is wanted. */
function next(iterator, wanted) {
  return within(30_000, 'what was waited for', (async () => {
    for (;;) {
      const { done, value } = await iterator.next();
      assert(!done, 'it ended before');
      if (wanted(value)) return value;
    }
  })());
}

describe('logs', () => {
  let lab;
  before(async () => (lab = await Lab.start({ replicas: 0, sentinels: 1, quorum: 1 })));
  after(() => lab?.stop());

  test('records tell of a life', async () => {
    const reader = logs();
    const begin = Date.now();
    const client = await connect(lab.url);
    const ready = await next(reader, (record) => kind(record) === 'ready');
    assert.deepEqual(Object.keys(ready), ['at', 'level', 'message', 'droppedBefore']);
    assert.deepEqual([ready.level, ready.droppedBefore], ['info', 0]);
    assert(ready.at >= begin - 1 && ready.at <= Date.now() + 1, `at ${ready.at}`);
    await client.close();
    await next(reader, (record) => kind(record) === 'closed');
    await reader.return();
  });

  test('each reader gets what it asked for, until its loop is left', async () => {
    const errors = logs('error');
    const waiting = errors.next();
    const reader = logs('debug');
    const client = await connect(lab.url);
    for await (const record of reader) if (kind(record) === 'ready') break;
    assert.deepEqual(await reader.next(), { done: true, value: undefined });
    await client.close();
    // Nothing came for it, and its wait ends with it.
    await errors.return();
    assert.deepEqual(await within(5_000, 'the end of a wait', waiting), { done: true, value: undefined });
  });

  test('a level that does not exist is InvalidArgument', () => {
    for (const level of ['loud', '', 'INFO', 5, null]) assert.throws(() => logs(level), { name: 'InvalidArgument' });
  });

  test('a forgotten reader is collected', async () => {
    const child = run(`const { logs } = require('standfast');
      const gone = new FinalizationRegistry(() => { console.log('collected'); clearInterval(timer); });
      gone.register(logs('debug'), 0);
      const timer = setInterval(gc, 10);`, { url: lab.url, args: ['--expose-gc'] });
    await child.line('collected');
    const { code, signal, stderr } = await child.ended;
    assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
  });
});

describe('reports', () => {
  let lab;
  before(async () => (lab = await Lab.start()));
  after(() => lab?.stop());

  test('a planned failover is reported', { timeout: 60_000 }, async (t) => {
    const records = logs();
    const client = await connect(lab.url);
    t.after(() => client.close());
    const events = client.events();
    const { master: old, counters } = client.status();
    assert.deepEqual(counters, Object.fromEntries(COUNTERS.map((name) => [name, 0])));

    await lab.do('planned_failover');
    const report = await next(events, (event) => event.kind === 'switch_report');
    const { oldMaster, newMaster, eager, sinceLost, sinceAnnounced, sinceReplica, heldFor, commandsHeld, maybeExecuted, bytesAtRisk } = report;
    assert.deepEqual({ oldMaster, newMaster, eager, sinceLost }, { oldMaster: old, newMaster: client.status().master, eager: true, sinceLost: null });
    assert.deepEqual({ commandsHeld, maybeExecuted, bytesAtRisk }, { commandsHeld: 0, maybeExecuted: 0, bytesAtRisk: 0 });
    // Milliseconds.
    assert(heldFor > 1 && heldFor <= sinceAnnounced && sinceAnnounced < 30_000, `held ${heldFor}, announced ${sinceAnnounced}`);
    assert(sinceReplica >= 0 && sinceReplica <= sinceAnnounced, `replica ${sinceReplica}`);

    const status = client.status();
    const { switches, fences, losses } = status.counters;
    assert.deepEqual({ switches, fences, losses }, { switches: 1, fences: 1, losses: 0 });
    assert.equal(status.minority, 'accept');
    const used = client.nodes().filter((node) => node.used);
    assert.deepEqual(used.map(({ address }) => address), [status.master]);
    for (const { opinions: [opinion] } of used) {
      assert.deepEqual(Object.keys(opinion), ['sentinel', 'role', 'flags', 'epoch', 'link']);
      assert(lab.sentinels.includes(opinion.sentinel));
    }
    await next(records, (record) => kind(record) === 'switch_report');
    await records.return();
  });
});
