// ioredis. Tuned: its failover detector, and time-outs instead of none.

import { Redis } from 'ioredis';
import { key, master, sentinels, tuned, write } from './task.mjs';

const redis = new Redis({
  sentinels,
  name: master,
  ...(tuned && {
    failoverDetector: true,
    connectTimeout: 500,
    sentinelCommandTimeout: 500,
    commandTimeout: 1000,
    socketTimeout: 1000,
    sentinelRetryStrategy: () => 50,
    retryStrategy: () => 50,
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  }),
});
// Without a listener it prints every lost connection.
redis.on('error', () => {});
await redis.ping();
await write((number) => redis.sadd(key, number));
