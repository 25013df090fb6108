'use strict';
// The public API. index.mjs gives the same names to `import`.

const { Client, connect, parseUrl } = require('./lib/client.js');
const { ErrorCode, StandfastError } = require('./lib/errors.js');
const { Lock } = require('./lib/lock.js');
const { logs } = require('./lib/logs.js');
const { NodeChanged, NodeClient, Scan } = require('./lib/scan.js');
const { Subscription } = require('./lib/subscription.js');
const { Script } = require('./lib/unit.js');
const { version } = require('./package.json');

module.exports = {
  Client,
  ErrorCode,
  Lock,
  NodeChanged,
  NodeClient,
  Scan,
  Script,
  StandfastError,
  Subscription,
  connect,
  logs,
  parseUrl,
  version,
};
