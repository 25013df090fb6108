'use strict';
// The exit rules, each in a process of its own with a kill timer: what waits keeps the process alive, nothing else does; a worker
// that is terminated, and a client that is forgotten, leave nothing behind.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { connect } = require('standfast');
const { Lab, run, until } = require('./lab.js');

/** It ended by itself, without a signal and without complaint. */
function clean({ code, signal, stderr }) {
  assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
}

describe('exit', () => {
  let lab;
  before(async () => (lab = await Lab.start({ replicas: 0, sentinels: 1, quorum: 1 })));
  after(() => lab?.stop());

  /** Runs until the line 'idle' and then must end within a second. */
  async function endsAfterIdle(source, options) {
    const child = run(source, { url: lab.url, ...options });
    const idle = await child.line('idle');
    const end = await child.ended;
    clean(end);
    assert(end.at - idle < 1_000, `it lived on for ${end.at - idle} ms`);
    return end;
  }

  test('an idle client that nobody closed does not keep the process alive', () =>
    endsAfterIdle(`connect(url).then(async (client) => { await client.get('k'); console.log('idle'); });`));

  test('neither does one with a subscription and an event reader', () =>
    endsAfterIdle(`connect(url).then(async (client) => {
      await client.subscribe('news').ready();
      (async () => { for await (const event of client.events()) void event; })();
      console.log('idle');
    });`));

  test('nor one with a log reader, nor a log reader alone', async () => {
    const reading = `(async () => { for await (const record of require('standfast').logs('debug')) void record; })();`;
    await endsAfterIdle(`${reading} connect(url).then(async (client) => { await client.get('k'); console.log('idle'); });`);
    await endsAfterIdle(`${reading} console.log('idle');`);
  });

  test('nor a closed one', () =>
    endsAfterIdle(`connect(url).then(async (client) => { await client.get('k'); await client.close(); console.log('idle'); });`));

  test('nor a failed connect', () =>
    endsAfterIdle(`connect('redis+sentinel://127.0.0.1:1/m', { connectDeadline: 300 }).catch((error) => { console.log(error.name); console.log('idle'); });`));

  test('nor a client that still looks for its master in the background', () =>
    endsAfterIdle(`connect('redis+sentinel://127.0.0.1:1/m', { connect: 'background' }).then(() => console.log('idle'));`));

  test('an ES module exits too', () =>
    endsAfterIdle(`import { connect } from 'standfast'; const client = await connect(process.env.URL); await client.get('k'); console.log('idle');`, { type: 'module' }));

  test('a pending get keeps the process alive until it is answered', async () => {
    const child = run(`connect(url).then(async (client) => {
      await client.execute('CLIENT', 'PAUSE', 700, 'ALL');
      client.get('k').then((value) => console.log('answered', value));
      console.log('idle');
    });`, { url: lab.url });
    await lab.redis('SET', 'k', 'v');
    const idle = await child.line('idle');
    const answered = await child.line('answered v');
    const end = await child.ended;
    clean(end);
    assert(answered - idle > 400, `answered after ${answered - idle} ms: nothing was pending`);
    assert(end.at - answered < 1_000);
  });

  test('a promise is enough: nobody holds the client', async () => {
    const child = run(`let rounds = 0;
      const collect = () => { gc(); if (++rounds === 10) console.log('collected'); };
      (async () => {
        const client = await connect(url);
        client.command(['BLPOP', 'exit:list', 0], { timeout: Infinity }).then((reply) => console.log('answered', reply[1]));
        setInterval(collect, 10).unref();
      })();`, { url: lab.url, args: ['--expose-gc'] });
    await child.line('collected');
    assert.equal(await lab.redis('RPUSH', 'exit:list', 'item'), 1);
    await child.line('answered item');
    clean(await child.ended);
  });

  test('a pending read keeps the process alive until it is answered', async () => {
    const child = run(`connect(url).then(async (client) => {
      const news = client.subscribe('exit:news');
      await news.ready();
      console.log('idle');
      for await (const { payload } of news) { console.log('received', payload); break; }
    });`, { url: lab.url });
    await child.line('idle');
    assert.equal(await lab.redis('PUBLISH', 'exit:news', 'x'), 1);
    const received = await child.line('received x');
    const end = await child.ended;
    clean(end);
    assert(end.at - received < 1_000);
  });

  test('after unref() not even a pending command keeps the process alive, after ref() it does again', async () => {
    const pending = `client.command(['BLPOP', 'never', 0], { timeout: Infinity }).catch(() => {});`;
    await endsAfterIdle(`connect(url).then((client) => { client.unref(); ${pending} console.log('idle'); });`);
    const child = run(`connect(url).then((client) => { client.unref(); ${pending} client.ref(); console.log('idle');
      setTimeout(() => { console.log('still here'); client.unref(); }, 300).unref(); });`, { url: lab.url });
    await child.line('idle');
    await child.line('still here');
    clean(await child.ended);
  });

  test('process.exit() in the middle of everything is clean', async () => {
    const child = run(`connect(url).then((client) => {
      for (let n = 0; n < 500; n++) client.execute('INCR', 'exit:n').catch(() => {});
      client.subscribe('exit:news').next().catch(() => {});
      setImmediate(() => process.exit(0));
    });`, { url: lab.url });
    clean(await child.ended);
  });

  test('a forgotten client is collected and leaves the server', async () => {
    const child = run(`(async () => { await (await connect(url, { clientName: 'forgotten' })).get('k'); })()
      .then(() => { console.log('forgotten'); setInterval(gc, 20); });`, { url: lab.url, args: ['--expose-gc'] });
    try {
      await child.line('forgotten');
      await until('no connection of the forgotten client', async () => !(await lab.redis('CLIENT', 'LIST')).includes('name=forgotten'), 8_000);
    } finally {
      child.child.kill();
      await child.ended;
    }
  });

  test('workers that are terminated with calls in flight crash nothing', { timeout: 60_000 }, async () => {
    // The workers alone load the native library, so that its end with the last of them is part of the test.
    const child = run(`
      const { Worker } = require('node:worker_threads');
      const source = \`
        const { parentPort, workerData } = require('node:worker_threads');
        const { connect } = require('standfast');
        connect(workerData).then(async (client) => {
          const news = client.subscribe('worker:news');
          await news.ready();
          (async () => { for await (const message of news) void message; })().catch(() => {});
          (async () => { for await (const event of client.events()) void event; })().catch(() => {});
          (async () => { for await (const record of require('standfast').logs('debug')) void record; })().catch(() => {});
          client.command(['BLPOP', 'never', 0], { timeout: Infinity }).catch(() => {});
          const flood = async () => { for (;;) await client.publish('worker:news', 'x'); };
          for (let n = 0; n < 16; n++) flood().catch(() => {});
          parentPort.postMessage('busy');
        });\`;
      (async () => {
        for (let round = 0; round < 20; round++) {
          const worker = new Worker(source, { eval: true, workerData: url });
          await new Promise((resolve, reject) => { worker.once('message', resolve); worker.once('error', reject); });
          await worker.terminate();
        }
        console.log('idle');
      })();`, { url: lab.url, deadline: 50_000 });
    await child.line('idle');
    clean(await child.ended);
  });

  test('a worker that ends by itself with an idle client does so', async () => {
    const child = run(`
      const { Worker } = require('node:worker_threads');
      new Worker("require('standfast').connect(require('node:worker_threads').workerData).then((client) => client.get('k'))", { eval: true, workerData: url })
        .once('exit', (code) => console.log('worker', code));`, { url: lab.url });
    await child.line('worker 0');
    clean(await child.ended);
  });

  test('the client in the main thread survives the end of a worker', async () => {
    const { Worker } = require('node:worker_threads');
    const client = await connect(lab.url);
    const source = `const { connect } = require('standfast'); const { parentPort, workerData } = require('node:worker_threads');
      connect(workerData).then((client) => { client.command(['BLPOP', 'never', 0]).catch(() => {}); parentPort.postMessage('busy'); });`;
    const worker = new Worker(source, { eval: true, workerData: lab.url });
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    assert.equal(await client.execute('PING'), 'PONG');
    await client.close();
  });
});
