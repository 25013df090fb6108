//! Soaks that are tests of the normal run with larger counts: the test asks how often it is to do its work (`STANDFAST_COUNT`), and is run round
//! after round until the full count is reached. Lines that it prints behind `counted: ` are kept with the result.

use std::{process::Command, time::Duration};

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

/// What a test prints in front of what is to be kept.
const KEPT: &str = "counted: ";

/// A test that is to be run with a larger count.
pub(super) struct Counted {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// The full count, and how much of it one round does: some minutes of work.
    pub(super) total: u64,
    pub(super) round: u64,
    pub(super) test: Test,
}

/// Where the test is, and which.
pub(super) enum Test {
    /// A scenario: a file in `tests/behaviour/tests`, and what its tests' names contain.
    Rust { file: &'static str, filter: &'static str },
    /// A file in `bindings-python/tests`, and what `pytest -k` selects.
    Python { file: &'static str, filter: &'static str },
    /// A file in `bindings-node/test`, and a pattern for the tests' names.
    Node { file: &'static str, filter: &'static str },
}

/// A round that has run.
#[derive(Serialize, Deserialize)]
struct Round {
    count: u64,
    seed: u64,
    took_ms: u64,
    kept: Vec<String>,
    /// What the test said.
    failure: Option<String>,
}

pub(super) fn run(repo: &Repo, args: &SoakArgs, soak: &Counted) -> Result<Count> {
    let folder = repo.output("soak")?;
    build::one(repo, &format!("soak-{}", soak.name), soak.test.build(repo))?;
    let head = Head { seed: seed(args), amount: soak.total, commit: results::commit(repo) };
    let path = folder.join(format!("{}.jsonl", soak.name));
    let mut state = State::<Round>::open(path, head, args.seed.is_some(), args.fresh)?;
    println!("seed {} ({} of {} rounds are done)", state.head.seed, state.done.len(), soak.total.div_ceil(soak.round));
    let mut seeds = fastrand::Rng::with_seed(state.head.seed);
    let mut left = soak.total;
    for at in 0.. {
        let (seed, count) = (seeds.u64(..), left.min(soak.round));
        if count == 0 {
            break;
        }
        left -= count;
        if at < state.done.len() {
            continue;
        }
        let mut command = soak.test.command(repo);
        command.env("STANDFAST_COUNT", count.to_string()).env("STANDFAST_SEED", seed.to_string());
        let mut progress =
            Progress::start(format!("{} {} to {}", soak.name, soak.total - left - count + 1, soak.total - left));
        let log = folder.join(format!("{}-{}.log", soak.name, at + 1));
        let ran = run::run(vec![command], &log, steps::minutes(60), &mut progress)?;
        let text = ran.text();
        // A filter that matches nothing ends well, too.
        let well = ran.ended == Ended::Well && soak.test.ran_something(&text);
        progress.finish(if well { "held" } else { "FAILED" }, ran.took);
        if well {
            std::fs::remove_file(&log)?;
        } else {
            println!("{}\n(all of it: {})", ran.tail(60), log.display());
        }
        let kept: Vec<String> =
            text.lines().filter_map(|line| line.split_once(KEPT)).map(|(_, told)| told.to_owned()).collect();
        for line in &kept {
            println!("    {line}");
        }
        let took_ms = u64::try_from(ran.took.as_millis())?;
        state.add(Round { count, seed, took_ms, kept, failure: (!well).then(|| ran.tail(60)) })?;
    }
    let failed = state.done.iter().filter(|round| round.failure.is_some()).count() as u64;
    let count = Count { passed: state.done.len() as u64 - failed, failed };
    if count.passed + count.failed == 0 {
        bail!("{} does nothing", soak.name);
    }
    if !args.discard {
        let command = format!("soak {}", soak.name);
        let section = Section {
            command,
            commit: state.head.commit.clone(),
            against: None,
            body: told(&state.done, state.head.seed),
        };
        println!("{}", results::keep(repo, RESULTS, &section)?.display());
    }
    state.close()?;
    Ok(count)
}

impl Test {
    fn build(&self, repo: &Repo) -> Vec<Command> {
        let mut tools = vec![repo.cargo(&["build", "--locked", "--package", "standfast-lab"])];
        match self {
            Test::Rust { file, .. } => {
                tools.push(repo.cargo(&[
                    "test",
                    "--locked",
                    "--package",
                    "standfast-behaviour",
                    "--test",
                    file,
                    "--no-run",
                ]));
            }
            Test::Python { .. } => tools.extend(steps::build_python(repo)),
            Test::Node { .. } => tools.extend(steps::build_node(repo)),
        }
        tools
    }

    fn command(&self, repo: &Repo) -> Command {
        match self {
            Test::Rust { file, filter } => {
                let words = [
                    "test",
                    "--locked",
                    "--package",
                    "standfast-behaviour",
                    "--test",
                    file,
                    "--",
                    filter,
                    "--nocapture",
                ];
                repo.cargo(&words)
            }
            Test::Python { file, filter } => steps::pytest(repo, &["-s", &format!("tests/{file}"), "-k", filter]),
            Test::Node { file, filter } => {
                let mut node = repo.command("node");
                node.current_dir(repo.path("bindings-node"));
                node.args([
                    "--test",
                    "--test-reporter=tap",
                    &format!("--test-name-pattern={filter}"),
                    &format!("test/{file}"),
                ]);
                node
            }
        }
    }

    fn ran_something(&self, text: &str) -> bool {
        match self {
            Test::Rust { .. } => text.contains("test result: ok.") && !text.contains("running 0 tests"),
            Test::Python { .. } => text.contains(" passed"),
            Test::Node { .. } => text.contains("# pass ") && !text.contains("# pass 0"),
        }
    }
}

fn told(rounds: &[Round], seed: u64) -> String {
    let count: u64 = rounds.iter().map(|round| round.count).sum();
    let took = Duration::from_millis(rounds.iter().map(|round| round.took_ms).sum());
    let mut text = format!("{count} runs in {} rounds, {} (seed {seed}). ", rounds.len(), seconds(took));
    let failed: Vec<&Round> = rounds.iter().filter(|round| round.failure.is_some()).collect();
    text +=
        &if failed.is_empty() { "All of them held.".to_owned() } else { format!("{} rounds failed.", failed.len()) };
    let kept: Vec<&String> = rounds.iter().flat_map(|round| &round.kept).collect();
    if !kept.is_empty() {
        text += "\n";
    }
    for line in kept {
        text += &format!("\n- {line}");
    }
    for Round { count, seed, failure, .. } in failed {
        let failure = failure.as_deref().unwrap_or_default();
        text += &format!("\n\nFailed: `STANDFAST_COUNT={count} STANDFAST_SEED={seed}`\n\n```\n{failure}\n```");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_matches_nothing_is_a_failure() {
        let test = Test::Rust { file: "x", filter: "y" };
        assert!(!test.ran_something("running 0 tests\n\ntest result: ok. 0 passed"));
        assert!(test.ran_something("running 1 test\ntest result: ok. 1 passed"));
        let test = Test::Node { file: "x", filter: "y" };
        assert!(!test.ran_something("# tests 0\n# pass 0\n# fail 0"));
        assert!(test.ran_something("# tests 3\n# pass 3\n# fail 0"));
    }

    #[test]
    fn what_failed_can_be_run_again() {
        let round = |failure: Option<&str>| Round {
            count: 5,
            seed: 7,
            took_ms: 1000,
            kept: vec!["0 lost".into()],
            failure: failure.map(str::to_owned),
        };
        let text = told(&[round(None), round(Some("it broke"))], 3);
        assert!(text.contains("10 runs in 2 rounds") && text.contains("1 rounds failed"), "{text}");
        assert!(text.contains("`STANDFAST_COUNT=5 STANDFAST_SEED=7`") && text.contains("it broke"), "{text}");
    }
}
