// The demo's face of Node: one writer and one subscriber that go on through failovers and write down what they saw.
// Arguments: URL, name of the face, channel. A line `stop`, or the end of stdin, ends it.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'standfast';

const [url, face, channel] = process.argv.slice(2);
const records = [];
const micros = (millis) => Math.round(millis * 1000);
const now = () => micros(performance.timeOrigin + performance.now());
let stopping = false;

async function write(client) {
  // A number is never used again, whatever became of it: so a lost write can be told from one that was never made.
  for (let n = 0; !stopping; n++) {
    const start = now();
    try {
      await client.execute('SADD', `demo:${face}`, n);
      records.push(['w', n, start, now(), 'ok']);
    } catch (error) {
      records.push(['w', n, start, now(), error.name]);
    }
    await sleep(1);
  }
}

async function read(subscription) {
  for await (const item of subscription.items()) {
    if (item.type === 'message') records.push(['m', Number(item.payload), micros(item.receivedAt)]);
    else if (item.type === 'gap') records.push(['g', micros(item.since), micros(item.until), item.reason]);
    else records.push(['d', item.count]);
  }
}

const client = await connect(url);
const subscription = client.subscribe(channel);
await subscription.ready();
const reading = read(subscription);
console.log('{"ready":true}');

const writing = write(client);
const commands = createInterface({ input: process.stdin });
commands.on('line', (line) => line.trim() === 'stop' && commands.close());
await once(commands, 'close');
stopping = true;
await writing;
await subscription.close();
await reading;
await client.close();

for (const record of records) console.log(JSON.stringify(record));
console.log('{"done":true}');
process.stdin.destroy();
