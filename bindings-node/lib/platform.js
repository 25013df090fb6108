'use strict';
// What is known of where this runs: the name of the platform in the names of addons, as napi-rs writes it (linux-x64-gnu,
// linux-arm64-musl, darwin-arm64), and whether the event loop is libuv's own.

function platformName() {
  const base = `${process.platform}-${process.arch}`;
  if (process.platform === 'linux') return `${base}-${isMusl() ? 'musl' : 'gnu'}`;
  if (process.platform === 'win32') return `${base}-msvc`;
  return base;
}

// Node's own report names the version of glibc it runs on; without one it is musl. Looking up network interfaces for the report
// could take long and is not needed.
function isMusl() {
  const { report } = process;
  if (!report) return false;
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  try {
    return report.getReport().header.glibcVersionRuntime === undefined;
  } finally {
    report.excludeNetwork = before;
  }
}

/**
 * Whether the event loop may be asked to watch a descriptor. Bun and Deno have other loops, even where they have functions of
 * libuv's names; Electron waits on another thread than the one that asks.
 */
function canPoll() {
  const { bun, deno, electron } = process.versions;
  return !bun && !deno && !electron;
}

module.exports = { canPoll, platformName };
