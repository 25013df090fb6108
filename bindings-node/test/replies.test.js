'use strict';
// tests/vectors/replies.json: what JavaScript makes of what servers send. The other languages have the same test.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { after, before, describe, test } = require('node:test');
const { StandfastError, connect } = require('standfast');
const { PROGRAM, within } = require('./lab.js');

const VECTORS = join(__dirname, '../../tests/vectors/replies.json');
const { replies } = JSON.parse(readFileSync(VECTORS, 'utf8'));

/** The JavaScript value that the file describes. */
function natural([kind, first, second], buffers) {
  switch (kind) {
    case 'nil':
      return null;
    case 'int': {
      const number = BigInt(first);
      return number >= -(2n ** 53n) + 1n && number <= 2n ** 53n - 1n ? Number(number) : number;
    }
    case 'double':
      return { inf: Infinity, '-inf': -Infinity }[first] ?? Number(first);
    case 'big':
      return BigInt(first);
    case 'text': {
      const bytes = Buffer.from(first, 'latin1');
      return buffers ? bytes : bytes.toString();
    }
    case 'error':
      return { serverCode: first, serverText: second };
    case 'list':
      return first.map((item) => natural(item, buffers));
    case 'set':
      return new Set(first.map((item) => natural(item, buffers)));
    case 'map':
      return new Map(first.map(([key, value]) => [natural(key, buffers), natural(value, buffers)]));
    default:
      return first;
  }
}

/** Errors as what they say, so that they can be compared. */
function comparable(value) {
  if (value instanceof StandfastError) return { serverCode: value.serverCode, serverText: value.serverText };
  if (Array.isArray(value)) return value.map(comparable);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, comparable(item)]));
  return value;
}

describe('what replies become', () => {
  let server;
  let clients;
  before(async () => {
    server = spawn(join(dirname(PROGRAM), 'standfast-replies'), [VECTORS], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = await within(10_000, 'the ports of the server', once(server.stdout, 'data'));
    const ports = String(line).trim().split(' ');
    clients = await Promise.all(ports.map((port) => connect(`redis://127.0.0.1:${port}`)));
  });
  after(async () => {
    for (const client of clients ?? []) await client.close();
    server?.kill();
  });

  for (const buffers of [false, true]) {
    test(`every reply becomes its value, with ${buffers ? 'buffers' : 'strings'}`, async () => {
      for (const { name, resp, words, value, error } of replies) {
        const reply = clients[resp === 2 ? 1 : 0].command(words, { buffers });
        if (error) {
          await assert.rejects(reply, (thrown) => {
            assert.deepEqual([thrown.name, thrown.serverCode, thrown.serverText], error, name);
            return true;
          });
        } else {
          assert.deepStrictEqual(comparable(await reply), natural(value, buffers), name);
        }
      }
      assert(replies.length > 80);
    });
  }
});
