'use strict';
// The test kit itself: what it says when it cannot, and that its records are what its types promise. What it does to servers is used everywhere.

const assert = require('node:assert/strict');
const { mkdtempSync, rmSync, symlinkSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { test } = require('node:test');
const { Lab, PROGRAM, run } = require('./lab.js');
const testing = require('standfast/testing');

test('a missing command is an error that says where it was looked for', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kit-'));
  const { PATH, STANDFAST_LAB } = process.env;
  t.after(() => {
    Object.assign(process.env, { PATH, STANDFAST_LAB });
    rmSync(folder, { recursive: true });
  });
  process.env.STANDFAST_LAB = join(folder, 'nowhere');
  await assert.rejects(testing.Lab.start(), { name: 'LabError', message: /nowhere/ });
  delete process.env.STANDFAST_LAB;
  process.env.PATH = folder;
  await assert.rejects(testing.Lab.start(), { name: 'LabError', message: /STANDFAST_LAB.*PATH.*cargo install/ });
  symlinkSync(PROGRAM, join(folder, 'standfast-lab'));
  assert.equal(testing.labProgram(), join(folder, 'standfast-lab'));
});

test('what was done is in the timeline', { timeout: 90_000 }, async (t) => {
  const lab = await Lab.start({ downAfter: 500 });
  t.after(() => lab.close());
  await lab.waitReplicated();
  const old = await lab.master();
  const killed = await lab.killMaster();
  assert.equal(killed.node, old);
  const writable = await lab.waitWritable();
  assert(writable.node !== old && writable.at > killed.at);
  const told = await lab.waitEvent('+switch-master', { since: killed.at });
  const timeline = await lab.timeline(killed.at);
  assert(timeline.some((entry) => entry.at === told.at && entry.kind === told.kind));
  assert(timeline.every(({ at }) => at >= killed.at));
});

test('refusals and the end are errors, not hangs', { timeout: 60_000 }, async (t) => {
  const lab = await Lab.start({ replicas: 0, sentinels: 1 });
  t.after(() => lab.close());
  await assert.rejects(testing.Lab.start({ colour: 'red' }), { name: 'LabError', message: /colour/ });
  await assert.rejects(lab.fault(lab.nodes[0], { kind: 'reset' }), { name: 'LabError', message: /proxied/ });
  await assert.rejects(lab.redis('NOSUCH'), { name: 'LabError', message: /unknown command/ });
  await assert.rejects(lab.waitEvent('+never', { timeout: 10 }), { name: 'LabError', message: /wait_event/ });
  await lab.close();
  await assert.rejects(lab.master(), { name: 'LabError', message: /has ended/ });
});

test('a lab that is forgotten does not keep the process alive', async () => {
  const { ended } = run("require('standfast/testing').Lab.start({ replicas: 0, sentinels: 1 }).then((lab) => console.log(lab.nodes.length));", { deadline: 30_000 });
  const { code, lines, stderr } = await ended;
  assert.deepEqual([code, lines.map(({ line }) => line), stderr], [0, ['1'], '']);
});
