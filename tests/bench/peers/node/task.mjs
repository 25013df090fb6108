// What every Node peer does, whatever its client is: numbered writes, one after the other at a steady pace, each told as soon as it has ended, in
// the language of a face (tests/xtask/src/faces/records.rs). A write that hangs is not told: the silence is what is measured.

import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const EVERY_MS = 5;

const words = process.argv.slice(2);
export const tuned = words[0] === '--tuned';
const [url, name] = tuned ? words.slice(1) : words;
const [, hosts, master] = /^redis\+sentinel:\/\/([^/]+)\/(.+)$/.exec(url);

export { master };
export const sentinels = hosts.split(',').map((address) => {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
});
export const key = `demo:${name}`;

const nowUs = () => Math.round((performance.timeOrigin + performance.now()) * 1000);

// Straight into the pipe: what was told must be there even if the process is killed in the next moment.
function say(value) {
  let rest = Buffer.from(JSON.stringify(value) + '\n');
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

/** The name of an error: of the server's, its first word; of one without a name, its text in one word. */
function word(error) {
  const server = /^([A-Z]{2,})\b/.exec(error?.message ?? '');
  const name = server?.[1] ?? error?.code ?? error?.constructor?.name ?? 'Error';
  return name === 'Error' && error.message ? error.message.replaceAll(/[^A-Za-z]+(.)?/g, (_, next) => (next ?? '').toUpperCase()) : name;
}

/** Says that it is ready, and writes until it is told to stop. */
export async function write(one) {
  say({ ready: true });
  process.stdin.once('data', stop).once('end', stop).resume();
  for (let number = 0; ; number += 1) {
    const start = nowUs();
    let outcome = 'ok';
    try {
      await one(number);
    } catch (error) {
      outcome = word(error);
    }
    say(['w', number, start, nowUs(), outcome]);
    await sleep(EVERY_MS);
  }
}

function stop() {
  say({ done: true });
  process.exit(0);
}
