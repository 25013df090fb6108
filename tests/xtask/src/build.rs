//! Builds for the demo, the soak and the benchmarks, and rewrites what is generated and committed.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::{
    faces::{self, FaceSpec},
    progress::Progress,
    repo::Repo,
    run::{self, Ended},
    steps,
};

/// Build every face of the demo and return them, or stop with the end of the log of what could not be built.
pub(crate) fn faces(repo: &Repo, quick: bool) -> Result<Vec<FaceSpec>> {
    for step in steps::for_demo(repo, quick) {
        one(repo, step.name.trim_start_matches("build-"), step.commands)?;
    }
    faces::all(repo, quick)
}

/// Build the client that the soak and the benchmarks put under load.
pub(crate) fn load(repo: &Repo, optimised: bool) -> Result<FaceSpec> {
    let mut words = vec!["build", "--locked", "--package", "standfast-soak"];
    words.extend(optimised.then_some("--release"));
    one(repo, "load", vec![repo.cargo(&words)])?;
    faces::load(repo, optimised)
}

/// Build one thing, or stop with the end of the log.
pub(crate) fn one(repo: &Repo, name: &str, commands: Vec<Command>) -> Result<()> {
    let mut progress = Progress::start(format!("building {name}"));
    let log = repo.output("build")?.join(format!("{name}.log"));
    let ran = run::run(commands, &log, steps::minutes(60), &mut progress)?;
    match &ran.ended {
        Ended::Well => progress.finish("done", ran.took),
        Ended::Badly(why) => {
            progress.finish("FAILED", ran.took);
            bail!("{why}\n{}\n(all of it: {})", ran.tail(40), ran.log.display());
        }
    }
    Ok(())
}

/// Run the tests that compare generated files with their sources, and let them write instead of complain.
pub(crate) fn codegen(repo: &Repo) -> Result<ExitCode> {
    let header = ["test", "--quiet", "--package", "standfast-c", "--lib", "header"];
    let documents = [
        "test",
        "--quiet",
        "--package",
        "standfast-drift",
        "--test",
        "commands",
        "--test",
        "tables",
        "--test",
        "options",
        "--test",
        "readme",
    ];
    for words in [&header[..], &documents[..]] {
        let mut command = repo.cargo(words);
        command.env("UPDATE", "1");
        let line = run::shown(&command);
        println!("UPDATE=1 {line}");
        let status = command.status()?;
        if !status.success() {
            bail!("`UPDATE=1 {line}` ended with {status}");
        }
    }
    println!("`git diff` shows what has changed.");
    Ok(ExitCode::SUCCESS)
}
