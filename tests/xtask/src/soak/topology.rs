//! Millions of generated histories of `core/src/sentinel/topology_tests.rs`, in batches that have a seed each: a batch that fails is found again
//! with the two numbers that are printed.

use std::time::Instant;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::{
    RESULTS, SoakArgs, seed,
    state::{Head, State},
};
use crate::{
    build,
    count::Count,
    progress::{Progress, seconds},
    repo::Repo,
    results::{self, Section},
    run::{self, Ended},
    steps,
};

const BATCH: u64 = 500_000;
const TEST: &str = "every_history";

/// A batch that has run.
#[derive(Serialize, Deserialize)]
struct Batch {
    seed: u64,
    histories: u64,
    took_ms: u64,
    /// What the test said.
    failure: Option<String>,
}

pub(super) fn run(repo: &Repo, args: &SoakArgs) -> Result<Count> {
    if args.histories == 0 {
        bail!("--histories 0 tests nothing");
    }
    let folder = repo.output("soak")?;
    let words = ["test", "--locked", "--release", "--package", "standfast-core", "--lib"];
    let mut tests = repo.cargo(&words);
    tests.arg("--no-run");
    build::one(repo, "soak-topology", vec![tests])?;
    let head = Head { seed: seed(args), amount: args.histories, commit: results::commit(repo) };
    let mut state = State::open(folder.join("topology.jsonl"), head, args.seed.is_some(), args.fresh)?;
    println!("seed {} ({} of {} batches are done)", state.head.seed, state.done.len(), args.histories.div_ceil(BATCH));
    let mut seeds = fastrand::Rng::with_seed(state.head.seed);
    let mut left = args.histories;
    for at in 0.. {
        let (seed, histories) = (seeds.u64(..), left.min(BATCH));
        if histories == 0 {
            break;
        }
        left -= histories;
        if at < state.done.len() {
            continue;
        }
        let mut command = repo.cargo(&words);
        command.args(["--", TEST]);
        command.env("STANDFAST_HISTORIES", histories.to_string()).env("STANDFAST_SEED", seed.to_string());
        let mut progress = Progress::start(format!("{histories} histories, seed {seed}"));
        let (log, started) = (folder.join(format!("topology-{seed}.log")), Instant::now());
        let ran = run::run(vec![command], &log, steps::minutes(30), &mut progress)?;
        // A filter that matches nothing ends well, too.
        let well = ran.ended == Ended::Well && ran.text().contains("1 passed");
        progress.finish(if well { "held" } else { "FAILED" }, ran.took);
        if !well {
            println!("{}\n(all of it: {})", ran.tail(60), log.display());
        } else {
            std::fs::remove_file(&log)?;
        }
        let took_ms = u64::try_from(started.elapsed().as_millis())?;
        state.add(Batch { seed, histories, took_ms, failure: (!well).then(|| ran.tail(60)) })?;
    }
    let failed: Vec<&Batch> = state.done.iter().filter(|batch| batch.failure.is_some()).collect();
    let count = Count { passed: (state.done.len() - failed.len()) as u64, failed: failed.len() as u64 };
    if !args.discard {
        let body = told(&state.done, state.head.seed);
        let command = format!("soak topology --histories {}", args.histories);
        println!(
            "{}",
            results::keep(repo, RESULTS, &Section { command, commit: state.head.commit.clone(), against: None, body })?
                .display()
        );
    }
    state.close()?;
    Ok(count)
}

fn told(batches: &[Batch], seed: u64) -> String {
    let histories: u64 = batches.iter().map(|batch| batch.histories).sum();
    let took = std::time::Duration::from_millis(batches.iter().map(|batch| batch.took_ms).sum());
    let mut text = format!("{histories} histories in {} (seed {seed}). ", seconds(took));
    let failed: Vec<&Batch> = batches.iter().filter(|batch| batch.failure.is_some()).collect();
    if failed.is_empty() {
        text += "All of them ended on the right master, and no invariant was broken on the way.";
    }
    for Batch { seed, histories, failure, .. } in failed {
        let failure = failure.as_deref().unwrap_or_default();
        text += &format!("\n\nFailed: `STANDFAST_HISTORIES={histories} STANDFAST_SEED={seed}`\n\n```\n{failure}\n```");
    }
    text
}
