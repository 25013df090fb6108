'use strict';
// Masters that fall silent without a word: frozen by SIGSTOP, or with every byte swallowed. Nothing is closed, nothing is refused; the client
// has to leave by itself.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { StandfastError, connect } = require('standfast');
const { Lab, until } = require('./lab.js');

const PATIENCE = 30_000;

const silences = {
  frozen: (lab) => lab.do('stop_master'),
  swallowing: async (lab) => lab.do('fault', { node: (await lab.do('master')).master, kind: 'swallow' }),
};

for (const [state, fallSilent] of Object.entries(silences)) {
  test(`a ${state} master is left`, { timeout: 120_000 }, async (t) => {
    const lab = await Lab.start({ proxied: true });
    t.after(() => lab.stop());
    const client = await connect(lab.url);
    t.after(() => client.close());
    const news = client.subscribe('half-dead');
    await news.ready(PATIENCE);
    await client.set('half-dead', 0);
    const { node: old } = await fallSilent(lab);

    const errors = [];
    for (let tries = 0; tries < 100; tries++) {
      try {
        await client.execute('INCR', 'half-dead');
        break;
      } catch (error) {
        assert(error instanceof StandfastError, error.stack);
        errors.push(error.name);
      }
    }
    const written = Date.now();
    const { node: master, at_us: writableAt } = await lab.do('wait_writable', { timeout_ms: 20_000 });
    assert(errors.every((name) => name === 'MaybeExecuted'), `${errors}`);
    assert(errors.length <= 1, 'the one that was on its way');
    assert.notEqual(master, old);
    assert(written - writableAt / 1e3 < 1_000, `${written - writableAt / 1e3} ms after it could`);
    assert.equal(client.status().master, master);

    // Others are told nothing of when the subscription is there again, so it is published until it is heard.
    const gaps = [];
    const heard = (async () => {
      for await (const item of news.items()) {
        if (item.type === 'message') return item;
        gaps.push(item);
      }
    })();
    let message;
    heard.then((item) => (message = item));
    const limit = performance.now() + PATIENCE;
    while (!message) {
      assert(performance.now() < limit, 'nothing is heard');
      await client.publish('half-dead', 'after');
    }
    assert.equal(message.payload, 'after');
    assert.deepEqual(gaps.map(({ type, oldMaster, newMaster }) => [type, oldMaster, newMaster]), [['gap', old, master]]);

    // It returns, and for a moment believes that it is the master.
    // Sentinel may have gone on to the third node meanwhile, as it does on a busy machine.
    const healed = (await lab.do('heal')).master;
    assert.notEqual(healed, old);
    await until('the client is where the sentinels are', () => client.status().master === healed);
    assert.equal(await client.set('half-dead', 'healed'), 'OK');
  });
}
