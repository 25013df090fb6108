//! `cargo xtask soak`: what a normal test run has no time for. Each soak is a line of the table below and a file of its own.
//!
//! A soak prints its seed, can be interrupted at any moment and goes on where it was (its state lies in `target/soak/`), closes with
//! `N passed, N failed`, and adds a section to `tests/soak/RESULTS.md` when it is complete.

mod counted;
mod failover;
mod fuzz;
mod plan;
mod resources;
mod state;
mod summary;
mod topology;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use counted::{Counted, Test};

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
    /// As `cargo xtask test` does it: nothing is resumed, and nothing is kept but evidence. failover: 3 planned, 2 kill -9 and 2 SIGSTOP; fuzz: a few
    /// seconds each.
    #[arg(long)]
    brief: bool,
    /// fuzz: how long each target is run.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
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

/// The tests of the normal run that have a full count.
const COUNTED: &[Counted] = &[
    Counted {
        name: "durability",
        about: "kills of the master under writes that all replicas confirm, in half of them with one replica cut off",
        total: 200,
        round: 20,
        test: Test::Rust { file: "durability", filter: "nothing_that_all_replicas_confirmed" },
    },
    Counted {
        name: "locks",
        about: "failovers (planned, kill -9, SIGSTOP) with eight holders of locks each, who must all be told",
        total: 60,
        round: 6,
        test: Test::Rust { file: "locks", filter: "every_holder_is_told" },
    },
    Counted {
        name: "fences",
        about: "failovers while three threads take and release one lock: no fence may go backwards",
        total: 30,
        round: 3,
        test: Test::Rust { file: "locks", filter: "fences_never_go_backwards" },
    },
    Counted {
        name: "replica-reads",
        about: "failovers (planned, kill -9, SIGSTOP) under reads from replicas: none may fail",
        total: 60,
        round: 6,
        test: Test::Rust { file: "replica_reads", filter: "followed_through_failovers" },
    },
    Counted {
        name: "scans",
        about: "scans whose node is killed: nothing twice, nothing left out",
        total: 60,
        round: 6,
        test: Test::Rust { file: "scans", filter: "gives_nothing_twice" },
    },
    Counted {
        name: "elsewhere",
        about: "seconds during which no server is left, before all come back at other addresses",
        total: 60,
        round: 60,
        test: Test::Rust { file: "addresses", filter: "everybody_comes_back_elsewhere" },
    },
    Counted {
        name: "cuts",
        about: "commands, pipelines, transactions and scripts, the link ending at every byte of them and of their replies",
        total: 10_000,
        round: 2_500,
        test: Test::Rust { file: "cuts", filter: "whatever_is_cut_off" },
    },
    Counted {
        name: "black-hole",
        about: "seconds of 20 000 calls each to a master that swallows everything: memory, and the first call afterwards",
        total: 60,
        round: 60,
        test: Test::Rust { file: "queues", filter: "a_black_holed_master" },
    },
    Counted {
        name: "python-exits",
        about: "interpreters that end while threads and loops use a client",
        total: 210,
        round: 70,
        test: Test::Python { file: "test_exit.py", filter: "daemon" },
    },
    Counted {
        name: "node-workers",
        about: "workers that are terminated with calls in flight",
        total: 100,
        round: 50,
        test: Test::Node { file: "exit.test.js", filter: "workers that are terminated" },
    },
];

const ALL: &[Soak] = &[
    Soak { name: "topology", about: "generated histories of what sentinels and nodes say", run: topology::run },
    Soak { name: "fuzz", about: "made-up replies, links, commands and URLs", run: fuzz::run },
    Soak { name: "failover", about: "failovers of mixed kinds against one client under load", run: failover::run },
];

/// What every soak needs.
pub(crate) const NEEDS: [Need; 4] = [Need::Redis, Need::Python, Need::Node, Need::CTests];

pub(crate) fn run(repo: &Repo, args: &SoakArgs) -> Result<ExitCode> {
    let is_meant = |name: &str| args.name.as_ref().is_none_or(|meant| meant == name);
    let mut total = Count::default();
    for Soak { name, about, run } in ALL.iter().filter(|soak| is_meant(soak.name)) {
        println!("{name}: {about}");
        total += run(repo, args)?;
    }
    for soak in COUNTED.iter().filter(|soak| is_meant(soak.name)) {
        println!("{}: {}", soak.name, soak.about);
        total += counted::run(repo, args, soak)?;
    }
    if total.passed + total.failed == 0 {
        let names: Vec<_> = ALL.iter().map(|soak| soak.name).chain(COUNTED.iter().map(|soak| soak.name)).collect();
        bail!("there is no soak of this name; there are: {}", names.join(", "));
    }
    let Count { passed, failed } = total;
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `--seed`, or a number that nobody could have known.
fn seed(args: &SoakArgs) -> u64 {
    args.seed.unwrap_or_else(|| fastrand::u64(..))
}
