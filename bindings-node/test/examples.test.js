'use strict';
// The examples do what they say: the README's quick start, and the face of the demo.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { join } = require('node:path');
const { after, before, describe, test } = require('node:test');
const { Lab, PACKAGE, until, watch, within } = require('./lab.js');

describe('examples', () => {
  let lab;
  before(async () => (lab = await Lab.start()));
  after(() => lab?.stop());

  function example(name, ...args) {
    const child = spawn(process.execPath, [join(PACKAGE, 'examples', name), ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    return watch(child, 60_000);
  }

  test('quickstart.mjs', async () => {
    const { code, stderr, lines } = await example('quickstart.mjs', lab.url).ended;
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert(lines.length >= 2);
  });

  test('quickstart.mjs says what is wrong', async () => {
    const { code, stderr } = await example('quickstart.mjs', `redis+sentinel://${lab.sentinels[0]}/nosuchmaster`).ended;
    assert.equal(code, 1);
    assert.match(stderr, /UnknownMaster/);
  });

  test('face.mjs records a failover', { timeout: 90_000 }, async () => {
    const face = example('face.mjs', lab.url, 'node', 'face:news');
    await face.line('{"ready":true}');
    const { publisher } = await lab.do('publisher_start', { channel: 'face:news', every_ms: 5 });
    await lab.replicated();
    await lab.do('planned_failover');
    const { at_us: writableAt } = await lab.do('wait_writable');
    const before = await lab.redis('SCARD', 'demo:node');
    await until('a write of the face on the new master', async () => (await lab.redis('SCARD', 'demo:node')) > before);
    const { log } = await lab.do('publisher_stop', { publisher });
    face.child.stdin.write('stop\n');
    const { code, stderr, lines } = await within(20_000, 'the end of the face', face.ended);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    const records = lines.map(({ line }) => JSON.parse(line));
    assert.deepEqual(records[0], { ready: true });
    assert.deepEqual(records.at(-1), { done: true });
    const of = (kind) => records.filter((record) => record[0] === kind);
    const writes = of('w');
    assert.deepEqual(writes.map(([, n]) => n), writes.map((_, n) => n));
    for (const [, , start, end, outcome] of writes) {
      assert(Number.isInteger(start) && Number.isInteger(end) && end >= start && start > 1.6e15);
      assert.match(outcome, /^(ok|[A-Z]\w+)$/);
    }
    assert(writes.some(([, , start, , outcome]) => start > writableAt && outcome === 'ok'));
    assert(of('m').length > 0 && of('m').every(([, n, at]) => n < log.length && at > 1.6e15));
    for (const [, since, until, reason] of of('g')) assert(since <= until && typeof reason === 'string');
  });
});
