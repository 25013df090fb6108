//! Runs the steps of the tests one after the other, goes on after a failure, and closes with `N passed, N failed`.

use std::process::ExitCode;

use anyhow::Result;

use crate::{
    Area,
    count::Count,
    progress::{Progress, seconds},
    repo::Repo,
    run::{self, Ended},
    steps,
};

/// How much of a failed step's log is shown; all of it is in the file.
const TAIL: usize = 60;

pub(crate) fn run(repo: &Repo, area: Area) -> Result<ExitCode> {
    let start = std::time::Instant::now();
    let logs = repo.output("test")?;
    let steps = steps::of(repo, area);
    let of = steps.len();
    let mut total = Count::default();
    let mut unfit: Vec<&'static str> = Vec::new();
    for (at, step) in steps.into_iter().enumerate() {
        let mut progress = Progress::start(format!("[{:>2}/{of}] {}", at + 1, step.name));
        if let Some(missing) = step.after.iter().find(|name| unfit.contains(name)) {
            progress.finish(&format!("NOT RUN, because {missing} failed"), std::time::Duration::ZERO);
            total.failed += 1;
            unfit.push(step.name);
            continue;
        }
        let ran = run::run(step.commands, &logs.join(format!("{}.log", step.name)), step.limit, &mut progress)?;
        let well = ran.ended == Ended::Well;
        let count = step.counter.count(&ran.text(), well);
        total += count;
        let Count { passed, failed } = count;
        if failed == 0 {
            progress.finish(&format!("{passed} passed"), ran.took);
            continue;
        }
        unfit.push(step.name);
        progress.finish(&format!("FAILED: {passed} passed, {failed} failed"), ran.took);
        for line in ran.tail(TAIL).lines() {
            println!("    | {line}");
        }
        match &ran.ended {
            Ended::Badly(why) => println!("    {why}"),
            Ended::Well if passed == 0 => println!("    no test ran"),
            Ended::Well => println!("    tests were skipped, and a skipped test did not pass"),
        }
        println!("    all of it: {}", ran.log.display());
    }
    let Count { passed, failed } = total;
    println!("logs in {}, {}", logs.display(), seconds(start.elapsed()));
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
