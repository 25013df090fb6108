//! `cargo xtask bench NAME`: measurements, beside other projects' clients where that says something. Each benchmark is a line of the table below
//! and a file of its own.
//!
//! A full run adds a section to `tests/bench/RESULTS.md`; `--json` writes the rows that tools read (`contract.md`, "Files that tools read").

mod failover;
mod peers;
mod table;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    repo::Repo,
    setup::{self, Need},
};

/// Where results are kept.
const RESULTS: &str = "tests/bench/RESULTS.md";

/// What `cargo xtask bench` takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct BenchArgs {
    /// Which one: failover.
    name: String,
    /// Redis-py, ioredis, node-redis, fred, rustis and redis-rs beside us, installed into `target/bench`.
    #[arg(long)]
    peers: bool,
    /// Python, asyncio and Node beside Rust.
    #[arg(long)]
    faces: bool,
    /// How often each measurement is made.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Write the rows into this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Do not write the result into tests/bench/RESULTS.md.
    #[arg(long)]
    discard: bool,
}

/// One benchmark.
struct Bench {
    name: &'static str,
    run: fn(&Repo, &BenchArgs) -> Result<ExitCode>,
}

const ALL: &[Bench] = &[Bench { name: "failover", run: failover::run }];

pub(crate) fn run(repo: &Repo, args: &BenchArgs) -> Result<ExitCode> {
    let Some(bench) = ALL.iter().find(|bench| bench.name == args.name) else {
        let names: Vec<_> = ALL.iter().map(|bench| bench.name).collect();
        bail!("there is no benchmark of this name; there are: {}", names.join(", "));
    };
    let mut needs = vec![Need::Redis];
    if args.peers || args.faces {
        needs.extend([Need::Python, Need::Node]);
    }
    setup::ensure(repo, &needs)?;
    (bench.run)(repo, args)
}
