//! What `demo` and `test` need beside cargo, and who brings it. One file for each tool chain; each finds out what is
//! missing before it does anything, so that a second run does nothing.
//!
//! Registries: Debian's packages, PyPI, npm. Nothing else is asked, and nothing outside the tree is changed but by apt-get.

mod debian;
mod node;
mod python;
mod rust;
mod valkey;

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Result, bail};

use crate::{
    Area,
    progress::Progress,
    repo::Repo,
    run::{self, Ended},
};

/// Something that a command of ours needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// `redis-server` and `redis-sentinel`.
    Redis,
    /// `valkey-server`, for the tests that also run on it.
    Valkey,
    /// rustfmt and clippy.
    Lints,
    /// `gcc`.
    C,
    /// `g++` and `valgrind`, for the tests of the C library.
    CTests,
    /// `mcs` and `mono`.
    Mono,
    /// A virtual environment in `.venv` with the pinned tools.
    Python,
    /// `node`, `npm` and the pinned packages in `bindings-node/node_modules`.
    Node,
}

/// What the demo needs.
pub(crate) fn for_demo(quick: bool) -> Vec<Need> {
    if quick { vec![Need::Redis] } else { vec![Need::Redis, Need::C, Need::Mono, Need::Python, Need::Node] }
}

/// What a part of the tests needs. Lints look at every crate, and the Python crate asks for an interpreter.
pub(crate) fn for_test(area: Area) -> Vec<Need> {
    match area {
        Area::Core => vec![Need::Redis, Need::Valkey, Need::Lints, Need::Python],
        Area::C => vec![Need::Redis, Need::C, Need::CTests],
        Area::Python => vec![Need::Redis, Need::Python],
        Area::Node => vec![Need::Redis, Need::Node],
        Area::Csharp => vec![Need::Redis, Need::Mono],
        Area::Drift => vec![Need::Redis, Need::C, Need::Mono, Need::Python, Need::Node],
        Area::All => {
            vec![Need::Redis, Need::Valkey, Need::Lints, Need::C, Need::CTests, Need::Mono, Need::Python, Need::Node]
        }
    }
}

/// Bring what is missing, or say what to do.
pub(crate) fn ensure(repo: &Repo, needs: &[Need]) -> Result<()> {
    if needs.contains(&Need::Lints) {
        rust::ensure(repo)?;
    }
    debian::ensure(repo, needs)?;
    if needs.contains(&Need::Valkey) {
        valkey::ensure(repo);
    }
    if needs.contains(&Need::Python) {
        python::ensure(repo)?;
    }
    if needs.contains(&Need::Node) {
        node::ensure(repo)?;
    }
    Ok(())
}

/// Run the commands of one installation; when they fail, their last words are the error.
fn install(repo: &Repo, what: &str, commands: Vec<Command>) -> Result<()> {
    let name = what.split(' ').next().unwrap_or(what).to_lowercase();
    let log = repo.output("setup")?.join(format!("{name}.log"));
    let mut progress = Progress::start(format!("setup: {what}"));
    let ran = run::run(commands, &log, Duration::from_secs(900), &mut progress)?;
    match &ran.ended {
        Ended::Well => {
            progress.finish("done", ran.took);
            Ok(())
        }
        Ended::Badly(why) => {
            progress.finish("failed", ran.took);
            bail!("{why}\n{}\n(all of it: {})", ran.tail(30), log.display())
        }
    }
}

/// Whether what stands in `list` is what was installed when `stamp` was written.
pub(crate) fn up_to_date(list: &Path, stamp: &Path) -> bool {
    run::same_content(list, stamp)
}
