//! rustfmt and clippy. They belong to the user's Rust installation, so they are not installed but asked for.

use anyhow::{Result, bail};

use crate::{repo::Repo, run};

pub(super) fn ensure(repo: &Repo) -> Result<()> {
    let missing: Vec<&str> = [("fmt", "rustfmt"), ("clippy", "clippy")]
        .into_iter()
        .filter(|(tool, _)| run::ask(repo.cargo(&[tool, "--version"])).is_none())
        .map(|(_, component)| component)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!("missing: {}; run: rustup component add {}", missing.join(" and "), missing.join(" "))
}
