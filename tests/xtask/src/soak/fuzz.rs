//! The fuzz targets in `fuzz/`, each for a while, beginning with the corpus that is kept there. libFuzzer and the instrumentation that guides it work
//! with the stable compiler; only sanitizers would not, and the core has no `unsafe` code that they could find anything in.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};

use super::{RESULTS, SoakArgs, seed};
use crate::{
    build,
    count::Count,
    progress::Progress,
    repo::Repo,
    results::{self, Section},
    run::{self, Ended},
    steps,
};

const TARGETS: [&str; 4] = ["replies", "link", "commands", "urls"];
/// The longest input that is made up: what is worth finding is found with little.
const LONGEST: &str = "-max_len=512";
/// How long each target has in a normal run, in seconds; its seed is always the same.
const BRIEF: u64 = 3;

/// What rustc is told, so that libFuzzer sees which inputs lead somewhere new.
const INSTRUMENTED: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";

pub(super) fn run(repo: &Repo, args: &SoakArgs) -> Result<Count> {
    let target = repo.output("fuzz")?;
    let platform = platform(repo)?;
    // With a target of its own, what runs while building is not instrumented. The lock may follow the core's dependencies.
    let mut cargo = repo.cargo(&["build", "--release", "--target", &platform, "--manifest-path"]);
    cargo.arg(repo.path("fuzz/Cargo.toml")).env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", INSTRUMENTED);
    build::one(repo, "fuzz", vec![cargo])?;
    let (seconds, seed) = if args.brief { (BRIEF, 1) } else { (args.minutes * 60, seed(args)) };
    // libFuzzer takes 32 bits, and 0 is chance.
    let seed = seed as u32 | 1;
    println!("seed {seed}, {seconds} s each");
    let evidence = repo.output("soak")?.join("evidence");
    fs::create_dir_all(&evidence)?;
    let mut count = Count::default();
    let mut body = format!(
        "Each target for {seconds} s (seed {seed}).\n\n| target | inputs | kept corpus | |\n|---|---|---|---|\n"
    );
    for name in TARGETS {
        let program = target.join(&platform).join("release").join(name);
        let kept = repo.path("fuzz/corpus").join(name);
        let found = repo.fresh_output(&format!("fuzz/found/{name}"))?;
        let mut fuzz = libfuzzer(repo, &program, &evidence.join(format!("fuzz-{name}-")));
        fuzz.arg(format!("-max_total_time={seconds}")).arg(format!("-seed={seed}")).arg("-print_final_stats=1");
        fuzz.arg(&found).arg(&kept);
        let mut progress = Progress::start(format!("fuzz {name}"));
        let log = repo.output("soak")?.join(format!("fuzz-{name}.log"));
        let ran = run::run(vec![fuzz], &log, Duration::from_secs(seconds) + steps::minutes(5), &mut progress)?;
        let text = ran.text();
        let inputs = text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")).map(str::trim);
        // One that looked at nothing has found nothing, too.
        let well = ran.ended == Ended::Well && inputs.is_some_and(|number| number != "0");
        progress.finish(if well { "nothing found" } else { "FAILED" }, ran.took);
        if !well {
            println!("{}\n(all of it: {})", ran.tail(40), log.display());
        } else if !args.brief && !args.discard {
            merge(repo, &program, &found, &kept, &evidence)?;
        }
        count += Count { passed: u64::from(well), failed: u64::from(!well) };
        let size = fs::read_dir(&kept).with_context(|| kept.display().to_string())?.count();
        let verdict = if well { "nothing found" } else { "**failed**" };
        body += &format!("| {name} | {} | {size} | {verdict} |\n", inputs.unwrap_or("–"));
    }
    if !args.brief && !args.discard {
        let command = format!("soak fuzz --minutes {}", args.minutes);
        let section = Section { command, commit: results::commit(repo), against: None, body };
        println!("{}", results::keep(repo, RESULTS, &section)?.display());
    }
    Ok(count)
}

/// Such as `x86_64-unknown-linux-gnu`.
fn platform(repo: &Repo) -> Result<String> {
    let mut command = repo.command("rustc");
    command.arg("-vV");
    let said = run::ask(command).unwrap_or_default();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not say for what it compiles")
}

/// Adds to the kept corpus what leads where nothing of it leads.
fn merge(repo: &Repo, program: &Path, found: &Path, kept: &Path, evidence: &Path) -> Result<()> {
    let mut merge = libfuzzer(repo, program, &evidence.join("fuzz-merge-"));
    merge.arg("-merge=1").arg(kept).arg(found);
    build::one(repo, "fuzz-merge", vec![merge])
}

fn libfuzzer(repo: &Repo, program: &Path, artifacts: &Path) -> Command {
    let mut command = repo.command(program);
    command.arg(LONGEST).arg("-rss_limit_mb=1024").arg("-timeout=10");
    command.arg(format!("-artifact_prefix={}", artifacts.display()));
    command
}
