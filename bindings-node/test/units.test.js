'use strict';
// Several commands together: pipelines, transactions, transactions over watched keys, scripts; and what is idempotent by call.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { Script, StandfastError, connect } = require('standfast');
const { Lab } = require('./lab.js');

const LONG = "-- long enough to be sent by its digest, and not as a whole\nreturn redis.call('INCRBY', KEYS[1], ARGV[1])";

describe('units', () => {
  let lab;
  let client;
  before(async () => {
    lab = await Lab.start({ replicas: 0, sentinels: 1, quorum: 1 });
    client = await connect(lab.url);
  });
  after(async () => {
    await client?.close();
    await lab?.close();
  });

  test('a pipeline collects with the methods of the client', async () => {
    const pipeline = client.pipeline();
    assert.equal(pipeline.set('k', 'v', { EX: 60 }).get('k').hset('h', { f: 1 }).add('HGETALL', 'h'), pipeline);
    assert.equal(pipeline.length, 4);
    assert.deepEqual(await pipeline.execute(), ['OK', 'v', 1, new Map([['f', '1']])]);
    assert.deepEqual((await pipeline.execute({ buffers: true }))[1], Buffer.from('v'));
    assert.deepEqual(await client.pipeline().execute(), []);
    assert.throws(() => client.pipeline().get('k', { timeout: 5 }), { name: 'InvalidArgument', message: /timeout is an option of execute/ });
    await assert.rejects(client.pipeline().get('k').add('SUBSCRIBE', 'x').execute(), { name: 'InvalidArgument', message: /command 2/ });
    await assert.rejects(pipeline.execute({ nonsense: 1 }), { name: 'InvalidArgument' });
  });

  test('every command of a pipeline has an outcome', async () => {
    const pipeline = client.pipeline().set('k', 'v').incr('k').get('k');
    const error = await pipeline.execute().then(assert.fail, (error) => error);
    assert(error instanceof StandfastError && error.name === 'ReplyError');
    assert.deepEqual([error.outcomes[0], error.outcomes[2]], ['OK', 'v']);
    assert.equal(error.outcomes[1], error);
    const outcomes = await pipeline.execute({ throwOnError: false });
    assert.equal(outcomes[1].name, 'ReplyError');
  });

  test('a transaction is all or nothing', async () => {
    assert.deepEqual(await client.transaction().incr('n').incr('n').execute(), [1, 2]);
    await assert.rejects(client.transaction().incr('n').add('NO.SUCH').execute(), { name: 'ReplyError', serverCode: 'EXECABORT', message: /command 2/ });
    assert.equal(await client.get('n'), '2');
  });

  test('a watched transaction is run again', async () => {
    await client.set('w', 5);
    const runs = [];
    const double = async (now, tx) => {
      const value = Number(await now.get('w'));
      runs.push(value);
      if (runs.length < 3) await client.incr('w');
      tx.set('w', value * 2).get('w');
    };
    assert.deepEqual(await client.watch('w', double), ['OK', '14']);
    assert.deepEqual(runs, [5, 6, 7]);
    runs.length = 0;
    await assert.rejects(client.watch(['w'], double, { attempts: 2 }), { name: 'TransactionAborted' });
    await assert.rejects(
      client.watch('w', (now, tx) => {
        tx.set('w', 'never');
        throw new RangeError('mine');
      }),
      RangeError,
    );
    assert.equal(await client.get('w'), '16');
    await assert.rejects(client.watch([], double), { name: 'InvalidArgument' });
    await assert.rejects(client.watch('w', 5), { name: 'InvalidArgument' });
    assert.deepEqual(await client.watch('w', () => {}), []);
  });

  test('a script is an object', async () => {
    const add = new Script(LONG);
    assert.equal(await add.call(client, ['s'], [5]), 5);
    assert.equal(await client.eval(LONG, 1, 's', 5), 10);
    assert.deepEqual(await add.call(client.pipeline(), ['s'], [1]).get('s').execute(), [11, '11']);
    assert.equal(await new Script("return redis.call('GET', KEYS[1])", { readOnly: true }).call(client, ['s']), '11');
  });

  test('what is idempotent may be sent again', async () => {
    assert.equal(await client.set('i', 1, { idempotent: true }), 'OK');
    assert.deepEqual(await client.pipeline().set('i', 2).execute({ idempotent: true }), ['OK']);
  });
});
