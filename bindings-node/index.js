'use strict';
// The public API. index.mjs gives the same names to `import`.

const { Client, connect, parseUrl } = require('./lib/client.js');
const { ErrorCode, StandfastError } = require('./lib/errors.js');
const { logs } = require('./lib/logs.js');
const { Subscription } = require('./lib/subscription.js');
const { version } = require('./package.json');

module.exports = { Client, ErrorCode, StandfastError, Subscription, connect, logs, parseUrl, version };
