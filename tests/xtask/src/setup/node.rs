//! Node's packages in `bindings-node/node_modules`, as `package-lock.json` pins them. No package may run a script of its own
//! while it is installed.

use std::fs;

use anyhow::{Context, Result, bail};

use super::{install, up_to_date};
use crate::{repo::Repo, run};

/// What the package promises to run on; Debian 12 has 18.19.
const OLDEST: (u32, u32) = (18, 17);

pub(super) fn ensure(repo: &Repo) -> Result<()> {
    let mut node = repo.command("node");
    node.arg("--version");
    let version = run::ask(node).unwrap_or_default();
    if parse(&version).is_none_or(|version| version < OLDEST) {
        bail!(
            "`node --version` says {version:?}; the Node package takes {}.{} or newer: https://nodejs.org",
            OLDEST.0,
            OLDEST.1
        );
    }
    let folder = repo.path("bindings-node");
    let lock = folder.join("package-lock.json");
    if !lock.is_file() {
        bail!("{} is missing", lock.display());
    }
    let stamp = folder.join("node_modules/.standfast-package-lock.json");
    if up_to_date(&lock, &stamp) {
        return Ok(());
    }
    let mut npm = repo.command("npm");
    npm.current_dir(&folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    install(repo, "Node packages in bindings-node/node_modules", vec![npm])?;
    fs::copy(&lock, &stamp).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(())
}

/// `v20.20.2`
fn parse(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read() {
        assert_eq!(parse("v20.20.2"), Some((20, 20)));
        assert_eq!(parse("20"), None);
        assert!(parse("v16.20.0").unwrap() < OLDEST);
    }
}
