//! `cargo xtask bench NAME`: measurements, beside other projects' clients where that says something. Each benchmark is a line of the table below
//! and a file of its own.
//!
//! A full run adds a section to `tests/bench/RESULTS.md`; `--json` writes the rows that tools read (`contract.md`, "Files that tools read").

mod clients;
mod failover;
mod instructions;
mod memory;
mod numbers;
mod peers;
mod program;
mod pubsub;
mod rounds;
mod server;
mod speed;
mod startup;
mod table;

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;

use crate::{
    repo::Repo,
    results::{self, Section},
    setup::{self, Need},
};

/// Where results are kept.
const RESULTS: &str = "tests/bench/RESULTS.md";

/// What `cargo xtask bench` takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct BenchArgs {
    /// Which one: failover, latency, throughput, memory, startup, pubsub.
    name: String,
    /// Other projects' clients beside us, installed into `target/bench`.
    #[arg(long)]
    peers: bool,
    /// failover: Python, asyncio and Node beside Rust.
    #[arg(long)]
    faces: bool,
    /// All but failover: these only; rust, c, python, asyncio, node.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// failover: how often each measurement is made.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// All but failover: how many interleaved rounds; 15, or 3 with `--quick`.
    #[arg(long)]
    pairs: Option<usize>,
    /// latency, throughput: how many milliseconds one measurement lasts.
    #[arg(long, default_value_t = 200)]
    ms: u64,
    /// All but failover: so short that the numbers say nothing, to see whether everything works.
    #[arg(long)]
    quick: bool,
    /// Write the rows into this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Do not write the result into tests/bench/RESULTS.md; a quick one never is.
    #[arg(long)]
    discard: bool,
}

/// One benchmark.
struct Bench {
    name: &'static str,
    run: fn(&Repo, &BenchArgs) -> Result<ExitCode>,
}

const ALL: &[Bench] = &[
    Bench { name: "failover", run: failover::run },
    Bench { name: "latency", run: speed::latency },
    Bench { name: "throughput", run: speed::throughput },
    Bench { name: "memory", run: memory::run },
    Bench { name: "startup", run: startup::run },
    Bench { name: "pubsub", run: pubsub::run },
];

pub(crate) fn run(repo: &Repo, args: &BenchArgs) -> Result<ExitCode> {
    let Some(bench) = ALL.iter().find(|bench| bench.name == args.name) else {
        let names: Vec<_> = ALL.iter().map(|bench| bench.name).collect();
        bail!("there is no benchmark of this name; there are: {}", names.join(", "));
    };
    if let Some(word) = args.only.iter().find(|word| !["rust", "c", "python", "asyncio", "node"].contains(&&***word)) {
        bail!("--only takes rust, c, python, asyncio and node, not {word:?}");
    }
    let mut needs = vec![Need::Redis];
    if args.name != "failover" {
        needs.extend([Need::C, Need::Python, Need::Node, Need::Callgrind, Need::Taskset]);
        needs.extend(args.peers.then_some(Need::Hiredis));
    } else if args.peers || args.faces {
        needs.extend([Need::Python, Need::Node]);
    }
    setup::ensure(repo, &needs)?;
    (bench.run)(repo, args)
}

/// Shows a result, writes its rows where they were asked for, and keeps it.
fn finish(repo: &Repo, args: &BenchArgs, against: &str, text: &str, rows: &[impl Serialize]) -> Result<ExitCode> {
    println!("\n{text}");
    if let Some(path) = &args.json {
        let context = || path.display().to_string();
        fs::write(path, serde_json::to_string_pretty(rows)? + "\n").with_context(context)?;
    }
    if !args.discard && !args.quick {
        let mut command = format!("bench {}", args.name);
        command += if args.peers { " --peers" } else { "" };
        if !args.only.is_empty() {
            command += &format!(" --only {}", args.only.join(","));
        }
        if let Some(pairs) = args.pairs {
            command += &format!(" --pairs {pairs}");
        }
        if ["latency", "throughput"].contains(&&*args.name) {
            command += &format!(" --ms {}", args.ms);
        }
        let against = format!("{against}{}", peers::versions(repo, args.peers));
        let section = Section { command, commit: results::commit(repo), against: Some(against), body: text.to_owned() };
        println!("{}", results::keep(repo, RESULTS, &section)?.display());
    }
    Ok(ExitCode::SUCCESS)
}
