'use strict';
// How the client lives on the event loop: it watches a descriptor there and leaves nothing behind, promises belong to whoever
// made them, words of every kind are sent as they are; and all that works without libuv, too.

const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { readdirSync, readlinkSync } = require('node:fs');
const { after, before, describe, test } = require('node:test');
const { StandfastError, connect } = require('standfast');
const native = require('../native.js');
const { Lab, run, until } = require('./lab.js');

/** The descriptors of this process that could be ours. */
function descriptors() {
  const found = [];
  for (const number of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${number}`);
      if (/^(socket|anon_inode):/.test(target)) found.push(`${number} ${target}`);
    } catch {
      // The one by which the list is read.
    }
  }
  return found;
}

/** libuv has let go of the clients of this process; those that were closed before may take a turn of the loop. */
const unwatched = () => until('no event loop watches anything', () => native.debugWatches() === 0);

describe('the event loop', () => {
  let lab;
  before(async () => (lab = await Lab.start({ replicas: 0, sentinels: 1, quorum: 1 })));
  after(() => lab?.stop());

  test('watches one descriptor for a client, and none after close()', async () => {
    await unwatched();
    const found = descriptors();
    const clients = await Promise.all([1, 2, 3].map(() => connect(lab.url)));
    assert.equal(native.debugWatches(), 3);
    await Promise.all(clients.flatMap((client) => [client.get('k'), client.set('k', 1), client.incr('n')]));
    clients.forEach((client) => client.command(['BLPOP', 'never', 0], { timeout: Infinity }).catch(() => {}));
    await Promise.all(clients.map((client) => client.close()));
    await unwatched();
    await until('no descriptor is left', () => descriptors().length <= found.length);
  });

  test('a failed connect leaves nothing there', async () => {
    await unwatched();
    await assert.rejects(connect('redis+sentinel://127.0.0.1:1/m', { connectDeadline: 50 }));
    await unwatched();
  });

  test('whoever waits keeps his async context', async (t) => {
    const client = await connect(lab.url);
    t.after(() => client.close());
    const context = new AsyncLocalStorage();
    const seen = await Promise.all([1, 2, 3].map((number) => context.run(number, async () => {
      await client.set(`context:${number}`, number);
      const value = await client.get(`context:${number}`);
      return [Number(value), context.getStore()];
    })));
    assert.deepEqual(seen, [[1, 1], [2, 2], [3, 3]]);
  });

  test('words of every kind and length arrive as they are', async (t) => {
    const client = await connect(lab.url);
    t.after(() => client.close());
    const long = 'x'.repeat(4093);
    const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(7);
    const words = [
      ['', ''], ['plain', 'plain'], ['ä€😀', 'ä€😀'], ['\ud800', '\ufffd'], ['nul\0inside', 'nul\0inside'],
      [long, long], [`${long}ä`, `${long}ä`], ['€'.repeat(1365), '€'.repeat(1365)], ['y'.repeat(100_000), 'y'.repeat(100_000)], ['😀'.repeat(9000), '😀'.repeat(9000)],
      [0, '0'], [-0, '0'], [7, '7'], [-42, '-42'], [2 ** 53 - 1, '9007199254740991'], [2 ** 53, '9007199254740992'],
      [1e21, '1e+21'], [0.1, '0.1'], [1e-7, '1e-7'], [Infinity, 'Infinity'], [-Infinity, '-Infinity'], [2n ** 70n, '1180591620717411303424'],
      [Buffer.from('bytes'), 'bytes'], [Buffer.alloc(0), ''], [new Uint8Array([104, 105]), 'hi'], [shared, '\x07\x07\x07'],
      [Buffer.from('outer').subarray(1, 3), 'ut'],
    ];
    assert.deepEqual(await Promise.all(words.map(([word]) => client.execute('ECHO', word))), words.map(([, text]) => text));
    await client.del('loop:list');
    const many = Array.from({ length: 3000 }, (_, at) => at);
    for (const count of [1, 17, 18, 19, 20, 21, 3000]) {
      await client.del('loop:list');
      assert.equal(await client.execute('RPUSH', 'loop:list', ...many.slice(0, count)), count);
      assert.deepEqual(await client.lrange('loop:list', 0, -1), many.slice(0, count).map(String));
    }
  });

  test('what cannot be sent is refused, whatever comes before it, and costs no place', async (t) => {
    const client = await connect(lab.url, { maxPending: 8 });
    t.after(() => client.close());
    for (let round = 0; round < 20; round++) {
      for (const wrong of [undefined, null, {}, [], Symbol('s'), () => {}, NaN, true, new Uint16Array(2), new DataView(new ArrayBuffer(2)), new Date()]) {
        await assert.rejects(client.execute('ECHO', wrong), { name: 'InvalidArgument', message: /^argument 1 is / });
      }
      await assert.rejects(client.execute('SET', 'k', 0.5, {}), { message: /^argument 3 is an object/ });
      await assert.rejects(client.execute(), { name: 'InvalidArgument' });
      await assert.rejects(client.command(['GET', 'k'], { timeout: -1 }), { name: 'InvalidArgument' });
    }
    assert.equal(await client.execute('ECHO', 'ok'), 'ok');
  });

  test('a thousand commands of one turn are answered in order, and so are those that follow from answers', async (t) => {
    const client = await connect(lab.url);
    t.after(() => client.close());
    await client.del('loop:n');
    const seen = [];
    await Promise.all(Array.from({ length: 1000 }, async () => {
      seen.push(await client.incr('loop:n'));
      if (seen.length % 3 === 0) seen.push(await client.incr('loop:n'));
    }));
    const last = Number(await client.get('loop:n'));
    assert.deepEqual([...seen].sort((a, b) => a - b), Array.from({ length: last }, (_, at) => at + 1));
    assert.equal(seen.length, last);
  });

  test('closing from inside of an answer ends the others, and nothing is called twice', async () => {
    const client = await connect(lab.url);
    const answers = Array.from({ length: 100 }, (_, at) => client.execute('ECHO', at).then(
      (value) => { if (at === 50) client.close(); return value; },
      (error) => error,
    ));
    for (const [at, answer] of (await Promise.all(answers)).entries()) {
      if (answer instanceof StandfastError) assert.match(answer.name, /^(Closed|MaybeExecuted)$/);
      else assert.equal(answer, String(at));
    }
  });

  test('drain() finishes what was accepted, refuses what is new, and closes', async () => {
    await unwatched();
    const client = await connect(lab.url);
    await client.del('drain:n', 'drain:list');
    const blocked = client.command(['BLPOP', 'drain:list', 0], { timeout: Infinity });
    const accepted = Array.from({ length: 1000 }, () => client.incr('drain:n'));
    const drained = client.drain();
    await assert.rejects(client.get('k'), { name: 'Closed' });
    assert.equal((await Promise.all(accepted)).at(-1), 1000);
    assert.equal(client.closed, false);
    assert.equal(await lab.redis('RPUSH', 'drain:list', 'last'), 1);
    assert.deepEqual(await blocked, ['drain:list', 'last']);
    await drained;
    assert.equal(client.closed, true);
    await unwatched();
  });

  test('a drain has an end', async () => {
    const client = await connect(lab.url);
    const blocked = assert.rejects(client.command(['BLPOP', 'never', 0], { timeout: Infinity }), { name: /^(Closed|MaybeExecuted)$/ });
    await assert.rejects(client.drain(-1), { name: 'InvalidArgument' });
    await assert.rejects(client.drain('1'), { name: 'InvalidArgument' });
    assert.equal(await client.execute('PING'), 'PONG');
    await assert.rejects(client.drain(50), { name: 'Timeout' });
    await blocked;
    assert.equal(client.closed, true);
    await assert.rejects(client.drain(), { name: 'Closed' });
  });

  test('a rejection that is handled is never reported, one that is not is reported once, with the line that called', async () => {
    const child = run(`
      process.on('unhandledRejection', (error) => console.log('unhandled', error.name, /standfastCaller/.test(error.stack)));
      connect(url).then(async (client) => {
        const wrong = () => client.execute('NO-SUCH-COMMAND');
        await wrong().catch(() => {});
        await Promise.allSettled([wrong(), wrong(), client.execute({})]);
        try { await wrong(); } catch {}
        async function standfastCaller() { await wrong(); }
        standfastCaller();
        await client.get('k');
        await new Promise((resolve) => setImmediate(resolve));
        console.log('done');
      });`, { url: lab.url });
    await child.line('done');
    const { lines, code } = await child.ended;
    assert.deepEqual(lines.map(({ line }) => line), ['unhandled ReplyError true', 'done']);
    assert.equal(code, 0);
  });

  describe('without libuv', () => {
    const elsewhere = `const platform = require('./lib/platform.js'); platform.canPoll = () => false;\n`;
    const prelude = `${elsewhere}const { connect, StandfastError } = require('standfast'); const url = process.env.URL;\n`;
    const start = (source, options) => run(prelude + source, { url: lab.url, bare: true, ...options });

    test('commands, subscriptions, aborts and the end work', async () => {
      const child = start(`
        connect(url).then(async (client) => {
          const news = client.subscribe('elsewhere');
          await news.ready();
          const numbers = await Promise.all(Array.from({ length: 2000 }, () => client.incr('elsewhere:n')));
          console.log(numbers.length, numbers[1999] - numbers[0]);
          await client.publish('elsewhere', 'x');
          console.log((await news.next()).payload);
          const abort = new AbortController();
          // Whether they had been sent by then, nobody can say.
          const blocked = client.command(['BLPOP', 'never', 0], { timeout: Infinity, signal: abort.signal }).catch((error) => console.log(error.category));
          setImmediate(() => abort.abort());
          await blocked;
          await client.command(['BLPOP', 'never', 0], { timeout: 50 }).catch((error) => console.log(error.category));
          console.log('watched', require('./native.js').debugWatches());
          console.log('idle');
        });`);
      const idle = await child.line('idle');
      const { code, stderr, lines, at } = await child.ended;
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.deepEqual(lines.map(({ line }) => line), ['2000 1999', 'x', 'network', 'network', 'watched 0', 'idle']);
      assert(at - idle < 1_000);
    });

    test('close() ends what waits', async () => {
      const child = start(`
        connect(url).then(async (client) => {
          const blocked = client.command(['BLPOP', 'never', 0], { timeout: Infinity }).catch((error) => console.log(error.name));
          await client.get('k');
          await client.close();
          await blocked;
          console.log('closed');
        });`);
      await child.line('closed');
      const { code, stderr } = await child.ended;
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    });
  });
});
