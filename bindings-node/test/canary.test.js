'use strict';
// A secret goes through everything that can fail and is told nowhere: the scenarios of tests/vectors/canary.json.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { test } = require('node:test');
const { inspect } = require('node:util');
const { StandfastError, connect, logs } = require('standfast');
const { Lab, PACKAGE, within } = require('./lab.js');

const scenarios = JSON.parse(readFileSync(join(PACKAGE, '..', 'tests', 'vectors', 'canary.json'), 'utf8'));
const QUICK = { connectDeadline: 700, connectTimeout: 500, sentinelTimeout: 300 };

test('a secret is told nowhere', { timeout: 120_000 }, async (t) => {
  assert(scenarios.length >= 30);
  const lab = await Lab.start({ replicas: 1, password: 'data-canary', sentinelPassword: 'sentinel-canary' });
  t.after(() => lab.close());
  const reader = logs('debug');
  const told = [];
  const reading = (async () => {
    for await (const record of reader) told.push(inspect(record));
  })();
  const client = await connect(lab.url);
  t.after(() => client.close());
  await client.set('a-string', 'x');
  const events = client.events();
  const { value: first } = await events.next();
  told.push(inspect(first), inspect(client, { depth: 9 }), inspect(client.status(), { depth: 9 }), inspect(client.nodes()), inspect(await client.doctor(), { depth: 9 }));
  for (const { name, url, args } of scenarios) {
    try {
      if (args) await client.execute(...args);
      else {
        const filled = url.replace('{hosts}', lab.sentinels.join(',')).replace('{sentinel}', lab.sentinels[0]).replace('{node}', lab.nodes[0]);
        await (await connect(filled, QUICK)).close();
      }
      assert.equal(name, 'everything right');
    } catch (error) {
      if (!(error instanceof StandfastError)) throw error;
      told.push(error.name, error.stack, JSON.stringify(error), inspect(error, { depth: 9 }));
    }
  }
  await client.close();
  for await (const event of events) told.push(inspect(event));
  await reader.return();
  await within(10_000, 'the end of the log', reading);
  const whole = told.join(' ');
  for (const word of ['MasterAuthFailed', 'SentinelAuthFailed', 'InvalidUrl', 'ReplyError', 'ready']) assert(whole.includes(word), word);
  const at = whole.indexOf('canary');
  assert(at < 0, whole.slice(Math.max(0, at - 200), at + 50));
});
