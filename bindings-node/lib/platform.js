'use strict';
// The name of this platform in the names of addons, as napi-rs writes it: linux-x64-gnu, linux-arm64-musl, darwin-arm64.

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

module.exports = { platformName };
