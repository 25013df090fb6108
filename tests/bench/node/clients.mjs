// Every Node client that is measured: for each variant a function that loads it and gives its version and how to connect.
// What is connected has `set`, `get` and `subscribe(channel, message)`; replies and payloads are strings, as all of them give them by default.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

// Not every package lets itself be asked by `require`.
const versionOf = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;

async function standfast() {
  const { connect, version } = require(process.env.STANDFAST_NODE);
  return {
    version,
    connect: async (url) => {
      const client = await connect(url);
      return {
        set: (key, value) => client.set(key, value),
        get: (key) => client.get(key),
        subscribe: async (channel, message) => {
          // As many as a round has: what is slow is to be seen as slow, not as a loss.
          const subscription = client.subscribe(channel, { items: 10_000_000, bytes: 4 * 2 ** 30 });
          await subscription.ready();
          (async () => {
            for await (const { payload } of subscription) message(payload);
          })();
        },
      };
    },
  };
}

const ioredis = (options) => async () => {
  const { Redis } = require('ioredis');
  return {
    version: versionOf('ioredis'),
    connect: async (url) => {
      const client = new Redis(url, options);
      await client.ping();
      return {
        set: (key, value) => client.set(key, value),
        get: (key) => client.get(key),
        subscribe: async (channel, message) => {
          const subscriber = new Redis(url, options);
          subscriber.on('message', (_, payload) => message(payload));
          await subscriber.subscribe(channel);
        },
      };
    },
  };
};

async function nodeRedis() {
  const { createClient } = require('redis');
  return {
    version: versionOf('redis'),
    connect: async (url) => {
      const client = await createClient({ url }).connect();
      return {
        set: (key, value) => client.set(key, value),
        get: (key) => client.get(key),
        subscribe: async (channel, message) => {
          const subscriber = await client.duplicate().connect();
          await subscriber.subscribe(channel, message);
        },
      };
    },
  };
}

async function glide() {
  const { GlideClient, GlideClientConfiguration } = require('@valkey/valkey-glide');
  return {
    version: versionOf('@valkey/valkey-glide'),
    connect: async (url) => {
      const { hostname: host, port } = new URL(url);
      const addresses = [{ host, port: Number(port) }];
      // Its default of a thousand refuses nothing here, but it warns of more.
      const client = await GlideClient.createClient({ addresses, requestTimeout: 5000 });
      return {
        set: (key, value) => client.set(key, value),
        get: (key) => client.get(key),
        subscribe: async (channel, message) => {
          const pubsubSubscriptions = {
            channelsAndPatterns: { [GlideClientConfiguration.PubSubChannelModes.Exact]: new Set([channel]) },
            callback: ({ message: payload }) => message(payload),
          };
          await GlideClient.createClient({ addresses, pubsubSubscriptions });
        },
      };
    },
  };
}

export const clients = {
  nothing: async () => ({ version: '', connect: async () => ({}) }),
  standfast,
  ioredis: ioredis({}),
  'ioredis+autopipelining': ioredis({ enableAutoPipelining: true }),
  'node-redis': nodeRedis,
  glide,
};
