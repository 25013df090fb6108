// The work by which every Node client is measured, ours and the peers', and how it is told; see tests/bench/README.md.
//
//     node measure.mjs VARIANT
//
// The variants are in clients.mjs.
import { createInterface } from 'node:readline';
import { clients } from './clients.mjs';

const VALUE = Buffer.alloc(100, 'x');
const key = (number) => `bench:${number}`;
const say = (fields) => process.stdout.write(`${JSON.stringify(fields)}\n`);

// The clocks of one measurement.
class Clocks {
  constructor() {
    this.cpu = process.cpuUsage();
    this.wall = performance.now();
  }
  // The wall clock begins again: what came before was waiting.
  begin() {
    this.wall = performance.now();
  }
  tell(ops, took) {
    const seconds = (performance.now() - this.wall) / 1000;
    const { user, system } = process.cpuUsage(this.cpu);
    took.sort((a, b) => a - b);
    const quantile = (of) => (took.length ? took[Math.min(Math.floor((took.length * of) / 100), took.length - 1)] : null);
    say({ ops, seconds, cpu_seconds: (user + system) / 1e6, p50_us: quantile(50), p99_us: quantile(99) });
  }
}

async function oneAfterTheOther(client, name, until, took) {
  let ops = 0;
  let since = performance.now();
  while (since < until) {
    await client.set(name, VALUE);
    if (took) {
      const middle = performance.now();
      took.push((middle - since) * 1000);
      since = middle;
    }
    const value = await client.get(name);
    if (value.length !== 100) throw new Error(`not what was written: ${value}`);
    const end = performance.now();
    if (took) took.push((end - since) * 1000);
    since = end;
    ops += 2;
  }
  return ops;
}

const prepare = clients[process.argv[2]];
const before = performance.now();
const { version, connect } = await prepare();
say({ started: true, version, import_us: (performance.now() - before) * 1000 });

let client;
// Messages that have come, and who waits for so many.
let arrived = 0;
let awaited = null;
function message(payload) {
  if (payload.length !== 64) throw new Error(`not what was published: ${payload}`);
  arrived += 1;
  if (awaited && arrived === 1) awaited.clocks.begin();
  if (awaited && arrived === awaited.count) {
    const { clocks, count } = awaited;
    arrived = 0;
    awaited = null;
    clocks.tell(count, []);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const [word, first, second] = line.split(' ');
  if (word === 'connect') {
    const since = performance.now();
    client = await connect(first);
    say({ ready: true, connect_us: (performance.now() - since) * 1000 });
  } else if (word === 'calls') {
    const took = first === '1' ? [] : null;
    const clocks = new Clocks();
    const until = performance.now() + Number(second);
    const all = Array.from({ length: Number(first) }, (_, at) => oneAfterTheOther(client, key(at), until, took));
    const ops = (await Promise.all(all)).reduce((sum, one) => sum + one, 0);
    clocks.tell(ops, took ?? []);
  } else if (word === 'subscribe') {
    await client.subscribe(first, message);
    say({ subscribed: true });
  } else if (word === 'messages') {
    awaited = { count: Number(first), clocks: new Clocks() };
    say({ waiting: true });
  } else {
    throw new Error(`not for Node: ${line}`);
  }
}
process.exit(0);
