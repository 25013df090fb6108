// node-redis. Tuned: it looks at the topology twice a second, and connections that are silent for a second are given up.

import { createSentinel } from 'redis';
import { key, master, sentinels, tuned, write } from './task.mjs';

const impatient = { pingInterval: 300, socket: { connectTimeout: 500, socketTimeout: 1000 } };
const sentinel = createSentinel({
  name: master,
  sentinelRootNodes: sentinels,
  ...(tuned && { scanInterval: 500, nodeClientOptions: impatient, sentinelClientOptions: impatient }),
});
// Without a listener an error ends the process.
sentinel.on('error', () => {});
await sentinel.connect();
await write((number) => sentinel.sAdd(key, String(number)));
