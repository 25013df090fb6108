'use strict';
// What a server can do to a process that listens to nothing: kills, one after the other, and blocking commands whose server is gone.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { StandfastError, connect } = require('standfast');
const { Lab, run, until, within } = require('./lab.js');

const PATIENCE = 30_000;
const BLOCKED = 3;

test('ten deaths of the server end no process that listens to nothing, and it reconnects each time', { timeout: 180_000 }, async (t) => {
  const lab = await Lab.start({ replicas: 0, sentinels: 1, quorum: 1 });
  t.after(() => lab.stop());
  const [node] = lab.nodes;
  // No listener, no events: all that a careless program has. Its commands fail, and it looks who answers.
  const child = run(`connect(url, { commandTimeout: 500 }).then((client) => {
      client.subscribe('survives');
      let last;
      (async function look() {
        const info = await client.info('server').catch((error) => { if (error.category === undefined) throw error; return ''; });
        const [, id] = info.match(/run_id:(\\w+)/) ?? [];
        if (id && id !== last) console.log(last = id);
        setImmediate(look);
      })();
    });`, { url: `redis://${node}`, deadline: 170_000 });
  t.after(() => child.child.kill('SIGKILL'));
  const identity = async () => (await lab.do('redis', { node, args: ['INFO', 'server'] })).reply.match(/run_id:(\w+)/)[1];
  const lives = new Set([await identity()]);
  await within(PATIENCE, 'it is connected', child.line([...lives][0]));
  for (let death = 1; death <= 10; death++) {
    await lab.do('kill_node', { node });
    await lab.do('restart', { node });
    const id = await identity();
    lives.add(id);
    await within(PATIENCE, `it is connected after death ${death}`, child.line(id));
  }
  assert.equal(lives.size, 11);
  assert.equal(child.child.exitCode, null);
});

describe('blocking commands', () => {
  let lab;
  before(async () => (lab = await Lab.start()));
  after(() => lab?.stop());

  /** What is done, and from when on the two seconds count: the moment when the link is lost, or that at which a master can be written to again. */
  const faults = {
    'kill -9': async () => (await lab.do('kill_master')).at_us,
    'a planned failover': async () => {
      await lab.do('planned_failover');
      return (await lab.do('wait_writable', { timeout_ms: PATIENCE })).at_us;
    },
    SIGSTOP: async () => {
      await lab.do('stop_master');
      return (await lab.do('wait_writable', { timeout_ms: PATIENCE })).at_us;
    },
    'CLIENT KILL': async () => {
      assert((await lab.redis('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')) > 0);
      return Date.now() * 1e3;
    },
  };

  for (const [name, happen] of Object.entries(faults)) {
    test(`blocking commands end soon after ${name}`, { timeout: 120_000 }, async (t) => {
      const client = await connect(lab.url, { clientName: 'blocked' });
      t.after(async () => {
        await client.close();
        await lab.do('heal');
      });
      const ends = Array.from({ length: BLOCKED }, (_, at) =>
        client.command(['BLPOP', `survives:${at}`, 0], { timeout: Infinity }).then(
          (reply) => assert.fail(`a reply: ${reply}`),
          (error) => ({ error, at: Date.now() }),
        ));
      await until('the server has them all', async () =>
        (await lab.redis('CLIENT', 'LIST')).split('\n').filter((line) => line.includes('name=blocked') && line.includes('cmd=blpop')).length === BLOCKED);
      // How late the event loop itself is, at its worst.
      let [lateness, last] = [0, performance.now()];
      const clock = setInterval(() => {
        const now = performance.now();
        [lateness, last] = [Math.max(lateness, now - last - 5), now];
      }, 5);
      t.after(() => clearInterval(clock));
      const [from, ...ended] = await within(PATIENCE, 'their ends', Promise.all([happen(), ...ends]));
      for (const { error, at } of ended) {
        assert(error instanceof StandfastError, error.stack);
        assert.equal(error.name, 'MaybeExecuted');
        const took = at - from / 1e3 - lateness;
        assert(took < 2_000, `it ended ${took} ms later`);
      }
      assert.equal(await client.command(['SET', 'survives', name], { timeout: PATIENCE }), 'OK');
    });
  }
});
