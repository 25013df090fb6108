//! `cargo xtask soak`: what a normal test run has no time for. Each soak is a line of the table below and a file of its own.
//!
//! A soak prints its seed, can be interrupted at any moment and goes on where it was (its state lies in `target/soak/`), closes with
//! `N passed, N failed`, and adds a section to `tests/soak/RESULTS.md` when it is complete.

mod failover;
mod plan;
mod resources;
mod state;
mod summary;
mod topology;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use crate::{count::Count, repo::Repo, setup::Need};

/// Where results are kept.
const RESULTS: &str = "tests/soak/RESULTS.md";

/// What `cargo xtask soak` takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct SoakArgs {
    /// Which one; all of them without a name.
    name: Option<String>,
    /// failover: how many failovers of mixed kinds.
    #[arg(long, default_value_t = 1000)]
    count: usize,
    /// failover: 3 planned, 2 kill -9 and 2 SIGSTOP, as `cargo xtask test` does it: nothing is resumed, and nothing is kept but evidence.
    #[arg(long)]
    brief: bool,
    /// topology: how many generated histories.
    #[arg(long, default_value_t = 5_000_000)]
    histories: u64,
    /// Makes the same plan again, or generates the same histories. By default one of chance.
    #[arg(long)]
    seed: Option<u64>,
    /// Forget what an interrupted run has done.
    #[arg(long)]
    fresh: bool,
    /// Do not write the result into tests/soak/RESULTS.md.
    #[arg(long)]
    discard: bool,
}

/// One soak.
struct Soak {
    name: &'static str,
    about: &'static str,
    run: fn(&Repo, &SoakArgs) -> Result<Count>,
}

const ALL: &[Soak] = &[
    Soak { name: "topology", about: "generated histories of what sentinels and nodes say", run: topology::run },
    Soak { name: "failover", about: "failovers of mixed kinds against one client under load", run: failover::run },
];

/// What every soak needs.
pub(crate) const NEEDS: [Need; 1] = [Need::Redis];

pub(crate) fn run(repo: &Repo, args: &SoakArgs) -> Result<ExitCode> {
    let chosen: Vec<&Soak> =
        ALL.iter().filter(|soak| args.name.as_ref().is_none_or(|name| name == soak.name)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = ALL.iter().map(|soak| soak.name).collect();
        bail!("there is no soak of this name; there are: {}", names.join(", "));
    }
    let mut total = Count::default();
    for Soak { name, about, run } in chosen {
        println!("{name}: {about}");
        total += run(repo, args)?;
    }
    let Count { passed, failed } = total;
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `--seed`, or a number that nobody could have known.
fn seed(args: &SoakArgs) -> u64 {
    args.seed.unwrap_or_else(|| fastrand::u64(..))
}
