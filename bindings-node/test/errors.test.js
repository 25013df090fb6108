'use strict';
// Bad input of every sort: each gets the typed error that names the problem, and none leaks a secret or an argument.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { ErrorCode, StandfastError, connect } = require('standfast');
const native = require('../native.js');
const { makers } = require('../lib/values.js');
const { Lab, deadAddress, until, within } = require('./lab.js');

/** What a promise is rejected with; anything else fails the test. */
async function failureOf(promise) {
  try {
    await within(20_000, 'the failure', promise);
  } catch (error) {
    assert(error instanceof StandfastError, `not a StandfastError: ${error.stack}`);
    assert.equal(error.code, ErrorCode[error.name]);
    assert.match(error.stack, new RegExp(`^${error.name}: `));
    return error;
  }
  throw new Error('it succeeded');
}

async function fails(name, promise, text = /./) {
  const error = await failureOf(promise);
  assert.equal(error.name, name, error.stack);
  assert.match(error.message, text);
  return error;
}

describe('what is wrong before anything is dialled', () => {
  const urls = [
    ['', /position 0/],
    ['localhost:6379', /position 0/],
    ['http://h/m', /unknown scheme/],
    ['redis+sentinel://', /host is missing \(host at position 17\)/],
    ['redis+sentinel://s1', /master name is missing.*at position 19/],
    ['redis+sentinel://s1/m/1/2', /segment too many \(path at position 23\)/],
    ['redis+sentinel://s1:port/m', /port/],
    ['redis+sentinel://s1/m%zz', /hexadecimal/],
  ];
  for (const [url, text] of urls) {
    test(`malformed URL ${JSON.stringify(url)} is InvalidUrl`, () => fails('InvalidUrl', connect(url), text));
  }

  test('an unknown option names the nearest', () =>
    fails('UnknownOption', connect('redis://h', { comandTimeout: 5 }), /did you mean command_timeout\?/));
  test('an option in the URL is checked too', () => fails('UnknownOption', connect('redis://h?colour=red'), /colour/));
  test('a value out of range', () => fails('InvalidOption', connect('redis://h', { commandTimeout: 0 }), /command_timeout/));
  test('a negative duration', () => fails('InvalidOption', connect('redis://h', { commandTimeout: -1 }), /command_timeout/));
  test('a duration that is no number', () => fails('InvalidOption', connect('redis://h', { commandTimeout: NaN }), /command_timeout/));
  test('a fraction of a count', () => fails('InvalidOption', connect('redis://h', { maxPending: 1.5 }), /max_pending/));
  test('an object for an option', () => fails('InvalidOption', connect('redis://h', { clientName: {} }), /client_name/));
  test('null for an option', () => fails('InvalidOption', connect('redis://h', { clientName: null }), /client_name/));
  test('a word that is no choice', () => fails('InvalidOption', connect('redis://h', { overflow: 'explode' }), /drop_oldest/));
  test('a URL that is no string', () => fails('InvalidArgument', connect(6379), /URL is a string, not a number/));
  test('options that are no object', () => fails('InvalidArgument', connect('redis://h', null), /options of connect/));
  test('a signal that is none', () => fails('InvalidArgument', connect('redis://h', { signal: 1 }), /AbortSignal/));
  test('new Client() is refused', () => {
    const { Client } = require('standfast');
    assert.throws(() => new Client(), { name: 'InvalidArgument', message: /connect\(\)/ });
  });

  test('no message contains a secret', async () => {
    const secrets = [
      connect('redis+sentinel://user:canary@'),
      connect('redis+sentinel://user:canary@s1:bad/m'),
      connect('redis+sentinel://s1/m?password=canary%zz'),
      connect('canary'),
      connect('redis://h', { password: 'canary', sentinelPassword: { canary: 1 } }),
    ];
    for (const promise of secrets) {
      const error = await failureOf(promise);
      assert.doesNotMatch(`${error.stack}${JSON.stringify(error)}`, /canary/);
    }
  });
});

describe('what the servers say', () => {
  let lab;
  before(async () => (lab = await Lab.start({ password: 'data-secret', sentinel_password: 'sentinel-secret' })));
  after(() => lab?.stop());

  /** The lab's URL with other credentials, or another master or other sentinels. */
  function url({ user = ':data-secret@', hosts = lab.sentinels.join(','), master = lab.master_name, sentinel = 'sentinel-secret' } = {}) {
    return `redis+sentinel://${user}${hosts}/${master}${sentinel ? `?sentinel_password=${sentinel}` : ''}`;
  }

  test('the credentials of the lab are right', async () => {
    const client = await connect(url());
    assert.equal(await client.execute('PING'), 'PONG');
    await client.close();
  });

  test('an unknown master name is UnknownMaster, at once, with what each sentinel said', async () => {
    const started = performance.now();
    const error = await fails('UnknownMaster', connect(url({ master: 'nosuchmaster' })), /nosuchmaster/);
    assert(performance.now() - started < 5_000, 'it waited for the deadline');
    assert.equal(error.retry, 'never');
    assert.deepEqual(error.causes.map(({ address }) => address).sort(), [...lab.sentinels].sort());
    for (const cause of error.causes) assert.equal(cause.code, ErrorCode[cause.name]);
  });

  test('no sentinel reachable is SentinelsUnreachable, naming every address', async () => {
    const hosts = [await deadAddress(), await deadAddress()];
    const error = await fails('SentinelsUnreachable', connect(url({ hosts: hosts.join(',') }), { connectDeadline: 1_000 }));
    assert.equal(error.category, 'discovery');
    assert.equal(error.retry, 'later');
    assert.deepEqual(error.causes.map(({ address }) => address).sort(), [...hosts].sort());
    for (const cause of error.causes) assert.equal(cause.step, 'connect');
  });

  test('a host name that nobody knows is named', async () => {
    const hosts = 'no-such-host.invalid';
    const error = await fails('SentinelsUnreachable', connect(url({ hosts }), { connectDeadline: 2_000 }));
    assert.match(error.causes[0].address, /no-such-host\.invalid/);
  });

  test('a data node instead of a sentinel is NotASentinel', async () => {
    const error = await fails('NotASentinel', connect(url({ hosts: lab.master, sentinel: 'data-secret' })));
    assert.match(error.message + JSON.stringify(error.causes), new RegExp(lab.master));
  });

  const wrong = [
    ['a wrong password of the master', 'MasterAuthFailed', { user: ':wrong-secret@' }],
    ['no password for the master', 'MasterAuthRequired', { user: '' }],
    ['a wrong password of the sentinels', 'SentinelAuthFailed', { sentinel: 'wrong-secret' }],
    ['no password for the sentinels', 'SentinelAuthRequired', { sentinel: '' }],
  ];
  for (const [title, name, parts] of wrong) {
    test(`${title} is ${name}`, async () => {
      const error = await fails(name, connect(url(parts)));
      assert.equal(error.category, 'server');
      assert.doesNotMatch(`${error.stack}${JSON.stringify(error)}`, /secret/);
    });
  }

  test('connecting can be given up', async () => {
    const reason = new Error('changed my mind');
    const signal = AbortSignal.abort(reason);
    const error = await fails('Cancelled', connect(url(), { signal }));
    assert.equal(error.cause, reason);
    const aborter = new AbortController();
    const hosts = await deadAddress();
    const connecting = failureOf(connect(url({ hosts }), { connectDeadline: 15_000, signal: aborter.signal }));
    setImmediate(() => aborter.abort(reason));
    assert.equal((await connecting).name, 'Cancelled');
  });
});

describe('what a caller does wrong', () => {
  let lab;
  let client;
  before(async () => {
    lab = await Lab.start({ replicas: 0, sentinels: 1, quorum: 1 });
    client = await connect(lab.url);
  });
  after(async () => {
    await client?.close();
    await lab?.stop();
  });

  test('a command without a name', () => fails('InvalidArgument', client.execute()));
  test('a command that is no array', () => fails('InvalidArgument', client.command('GET k'), /array of its name/));
  for (const value of [undefined, null, true, {}, [], NaN, () => {}, Symbol('x')]) {
    test(`an argument that is ${String(value?.toString?.() ?? value) || 'an array'}`, async () => {
      const error = await fails('InvalidArgument', client.execute('SET', 'canary', value), /argument 2 is/);
      assert.doesNotMatch(error.message, /canary/);
    });
  }
  for (const timeout of [0, -1, NaN, '5', null, {}]) {
    test(`a timeout of ${JSON.stringify(timeout)}`, () => fails('InvalidArgument', client.get('k', { timeout }), /timeout/));
  }
  test('a signal that is none', () => fails('InvalidArgument', client.get('k', { signal: {} }), /AbortSignal/));
  test('an option that no command has', () => fails('InvalidArgument', client.get('k', { timout: 5 }), /timout.*timeout/));
  test('an option that set does not have', () => fails('InvalidArgument', client.set('k', 'v', { exx: 5 }), /exx/));
  test('options that are no object', () => fails('InvalidArgument', client.get('k', 5), /options/));
  test('a channel that is no name', () => {
    assert.throws(() => client.subscribe(undefined), { name: 'InvalidArgument', message: /channel 1 is undefined/ });
    assert.throws(() => client.psubscribe(['a', null]), { name: 'InvalidArgument', message: /pattern 2 is null/ });
    assert.throws(() => client.subscribe([]), { name: 'InvalidArgument' });
  });
  test('an option that no subscription has', () => {
    assert.throws(() => client.subscribe('c', { colour: 1 }), { name: 'InvalidArgument', message: /colour.*overflow/ });
    assert.throws(() => client.subscribe('c', { overflow: 'explode' }), { name: 'InvalidOption', message: /drop_oldest/ });
    assert.throws(() => client.subscribe('c', { items: 0 }), { name: 'InvalidOption', message: /subscription_items/ });
  });

  test('an error of the server is ReplyError with its code word, without the arguments', async () => {
    await client.set('a-string', 'canary');
    const error = await fails('ReplyError', client.execute('LPUSH', 'a-string', 'canary'), /WRONGTYPE/);
    assert.equal(error.serverCode, 'WRONGTYPE');
    assert.match(error.serverText, /wrong kind of value/);
    assert.equal(error.retry, 'never');
    const unknown = await fails('ReplyError', client.execute('NOSUCHCOMMAND', 'canary'));
    assert.doesNotMatch(`${unknown.stack}${JSON.stringify(unknown)}`, /canary/);
  });

  test('the stack names the line that waits', async () => {
    async function theCaller() {
      await client.set('a-string', 'x');
      await client.execute('LPUSH', 'a-string', 'x');
    }
    assert.match((await failureOf(theCaller())).stack, /at async theCaller .*errors\.test\.js/);
    async function theConnector() {
      await connect('redis+sentinel://nowhere');
    }
    assert.match((await failureOf(theConnector())).stack, /theConnector .*errors\.test\.js/);
  });

  test('a command aborted before it is sent is Cancelled, afterwards MaybeExecuted', async () => {
    const reason = new Error('enough');
    const before = await fails('Cancelled', client.get('k', { signal: AbortSignal.abort(reason) }));
    assert.equal(before.cause, reason);
    const aborter = new AbortController();
    const waiting = failureOf(client.command(['BLPOP', 'never', 0], { signal: aborter.signal, timeout: Infinity }));
    await blocked(client);
    aborter.abort(reason);
    const error = await waiting;
    assert.equal(error.name, 'MaybeExecuted');
    assert.equal(error.cause, reason);
    assert.equal(await client.execute('PING'), 'PONG');
  });

  test('a command that gets no reply in time fails then, and the client goes on', async () => {
    const started = performance.now();
    const error = await failureOf(client.command(['BLPOP', 'never', 0], { timeout: 200 }));
    const took = performance.now() - started;
    assert(took >= 190 && took < 2_000, `${took} ms`);
    assert.equal(error.name, 'MaybeExecuted');
    assert.equal(error.phase, 'reply');
    assert.equal(await client.execute('PING'), 'PONG');
  });

  test('a panic is StandfastError 901', () => {
    assert.throws(() => native.debugPanic(makers), (error) => {
      assert(error instanceof StandfastError);
      assert.equal(error.code, 901);
      assert.equal(error.name, 'Panic');
      assert.match(error.message, /on purpose/);
      return true;
    });
  });

  test('a closed client says Closed to everything', async () => {
    const closed = await connect(lab.url);
    const subscription = closed.subscribe('c');
    await subscription.ready();
    const pending = failureOf(closed.command(['BLPOP', 'never', 0], { timeout: Infinity }));
    await blocked(client);
    assert.equal(closed.closed, false);
    await within(5_000, 'both closes', Promise.all([closed.close(), closed.close()]));
    assert.equal(closed.closed, true);
    // It had been sent: only the server knows whether it did anything.
    assert.match((await pending).name, /^(Closed|MaybeExecuted)$/);
    await fails('Closed', closed.execute('PING'));
    await fails('Closed', closed.get('k'));
    await fails('Closed', closed.set('k', 'v'));
    await fails('Closed', closed.publish('c', 'm'));
    assert.throws(() => closed.subscribe('c'), { name: 'Closed' });
    assert.throws(() => closed.psubscribe('c'), { name: 'Closed' });
    await fails('EndOfStream', subscription.next());
    await fails('Closed', subscription.ready());
    assert.equal(closed.status().state, 'closed');
    assert(Array.isArray(closed.nodes()));
  });
});

/** Fulfilled when some client is blocked on the server. */
function blocked(client) {
  return until('a blocked client', async () => /blocked_clients:[1-9]/.test(await client.execute('INFO', 'clients')));
}
