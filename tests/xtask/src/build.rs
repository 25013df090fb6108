//! Builds for the demo, and rewrites what is generated and committed.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{
    demo::FaceSpec,
    faces,
    progress::Progress,
    repo::Repo,
    run::{self, Ended},
    steps,
};

/// Build every face of the demo and return them, or stop with the end of the log of what could not be built.
pub(crate) fn faces(repo: &Repo, quick: bool) -> Result<Vec<FaceSpec>> {
    let logs = repo.output("build")?;
    for step in steps::for_demo(repo, quick) {
        let mut progress = Progress::start(step.name.replace("build-", "building "));
        let ran = run::run(step.commands, &logs.join(format!("{}.log", step.name)), step.limit, &mut progress)?;
        match &ran.ended {
            Ended::Well => progress.finish("done", ran.took),
            Ended::Badly(why) => {
                progress.finish("FAILED", ran.took);
                bail!("{why}\n{}\n(all of it: {})", ran.tail(40), ran.log.display());
            }
        }
    }
    faces::all(repo, quick)
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
