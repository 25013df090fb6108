'use strict';
// What all languages must say alike: URLs and misconfigurations, from the files in tests/vectors.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { createInterface } = require('node:readline');
const { after, before, describe, test } = require('node:test');
const { StandfastError, connect, parseUrl, version } = require('standfast');
const { PACKAGE, within } = require('./lab.js');

const ROOT = join(PACKAGE, '..');
const URLS = JSON.parse(readFileSync(join(ROOT, 'tests', 'vectors', 'urls.json'), 'utf8')).vectors;
const PROGRAM = process.env.STANDFAST_MISCONFIGURED || join(ROOT, 'target', 'debug', 'standfast-misconfigured');

const camelCase = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
const camelKeys = (object) => Object.fromEntries(Object.entries(object).map(([name, value]) => [camelCase(name), value]));

test('every URL is read as the file says', () => {
  const defaults = parseUrl('redis://h').options;
  const vectors = URLS.filter(({ parsed }) => parsed);
  assert(vectors.length >= 50);
  for (const { url, parsed } of vectors) {
    const expected = camelKeys(parsed);
    for (const secret of ['password', 'sentinelPassword']) expected[secret] &&= '***';
    expected.options = { ...defaults, ...camelKeys(parsed.options) };
    assert.deepEqual(parseUrl(url), expected, url);
  }
});

test('every mistake in a URL is named as the file says', () => {
  const vectors = URLS.filter(({ error }) => error);
  assert(vectors.length >= 100);
  for (const { url, error: expected } of vectors) {
    assert.throws(() => parseUrl(url), (error) => {
      assert(error instanceof StandfastError, url);
      assert.deepEqual([error.code, error.name, error.category, error.retry], [expected.code, expected.name, 'configuration', 'never'], url);
      assert(error.message.includes(expected.says ?? ''), `${url}: ${error.message}`);
      if (expected.part) assert(error.message.endsWith(` (${expected.part} at position ${expected.position})`), `${url}: ${error.message}`);
      return true;
    });
  }
});

test('options go before the URL and are checked in the same way', () => {
  const { db, options } = parseUrl('redis://h/1?pool_size=3', { poolSize: 4, commandTimeout: 250, fence: false });
  assert.deepEqual([db, options.poolSize, options.commandTimeout, options.fence], [1, 4, 250, false]);
  assert.equal(options.clientName, `standfast:node:${version}`);
  assert.throws(() => parseUrl('redis://h', { redundancy: 2 }), { name: 'InvalidOption', message: /not supported by this version/ });
  assert.throws(() => parseUrl(5), { name: 'InvalidArgument' });
});

test('the environment is read when it is asked for', () => {
  const set = { STANDFAST_URL: 'redis+sentinel://:a-canary@s1,s2/m/2', STANDFAST_COMMAND_TIMEOUT: '250ms' };
  Object.assign(process.env, set);
  try {
    const { hosts, master, options } = parseUrl('env:', { poolSize: 7 });
    assert.deepEqual([hosts, master, options.commandTimeout, options.poolSize], [['s1:26379', 's2:26379'], 'm', 250, 7]);
    assert.equal(parseUrl('redis://h').options.commandTimeout, 5000);
  } finally {
    for (const name of Object.keys(set)) delete process.env[name];
  }
  assert.throws(() => parseUrl('env:'), { name: 'InvalidUrl', message: /STANDFAST_URL is not set/ });
});

describe('misconfigurations', () => {
  let servers;
  let vectors;
  before(async () => {
    servers = spawn(PROGRAM, { stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = await within(60_000, 'the servers', once(createInterface({ input: servers.stdout }), 'line'));
    vectors = JSON.parse(line);
  });
  after(() => {
    servers.stdin.end();
    return within(20_000, 'the end of the servers', once(servers, 'close'));
  });

  test('every one is named as the file says', async () => {
    assert(vectors.length >= 30);
    for (const vector of vectors) {
      const begin = performance.now();
      try {
        const reply = await outcome(vector);
        assert.equal(reply, vector.reply, vector.name);
      } catch (error) {
        assert(error instanceof StandfastError && vector.error, `${vector.name}: ${error.stack}`);
        check(vector.name, vector.error, error, performance.now() - begin);
      }
    }
  });
});

async function outcome({ url, command }) {
  const client = await connect(url);
  try {
    return await client.execute(...command);
  } finally {
    await client.close();
  }
}

function check(name, expected, error, took) {
  const what = `${name}: ${error.stack} ${JSON.stringify(error.causes)}`;
  assert.deepEqual([error.code, error.name, error.retry], [expected.code, expected.name, expected.retry], what);
  assert(error.message.includes(expected.says), what);
  assert.deepEqual([error.phase, error.serverCode], [expected.phase, expected.server], what);
  assert(!`${error.stack} ${JSON.stringify(error)}`.includes('canary'), name);
  assert.deepEqual(new Set(error.causes.map(({ address }) => address)), new Set(expected.addresses?.split(',') ?? []), what);
  for (const [step, code, text] of expected.causes ?? []) {
    const found = error.causes.find((cause) => cause.step === step && cause.name === code && cause.message.includes(text));
    assert(found, `${step} ${code} ${text}: ${what}`);
    assert.equal(found.resolved === null, step === 'resolve' || text.includes('not answered yet'), what);
  }
  if (expected.at_once !== undefined) assert(expected.at_once ? took < 5000 : took >= 200, `${took} ms: ${what}`);
}
