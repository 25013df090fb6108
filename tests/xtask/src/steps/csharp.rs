//! The C# assembly over the C library, compiled by mcs and run by mono.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::Step;
use crate::{count::Counter, repo::Repo};

const SOURCES: &str = "bindings-c/csharp/Standfast";
const TESTS: &str = "bindings-c/csharp/tests";
const FACE: &str = "bindings-c/csharp/examples/Face.cs";

pub(super) fn steps(repo: &Repo) -> Vec<Step> {
    let mut mono = repo.with_library(repo.command("mono"));
    mono.args(["--debug"]).arg(repo.built("StandfastTests.exe"));
    vec![
        build(repo),
        Step::build("build-csharp-tests", vec![program(repo, "StandfastTests.exe", &sources(&repo.path(TESTS)))])
            .after(&["build-csharp"]),
        Step::test("csharp", mono, Counter::Plain).after(&["build-csharp-tests", "build-c", "build-lab"]),
    ]
}

/// `Standfast.dll`, beside `libstandfast.so`.
pub(super) fn build(repo: &Repo) -> Step {
    let mut mcs = compiler(repo);
    mcs.args(["-target:library", &out(repo, "Standfast.dll")]).args(sources(&repo.path(SOURCES)));
    Step::build("build-csharp", vec![mcs])
}

pub(super) fn build_face(repo: &Repo) -> Step {
    let program = program(repo, "StandfastFace.exe", &[repo.path(FACE)]);
    Step::build("build-csharp-face", vec![program]).after(&["build-csharp"])
}

fn program(repo: &Repo, name: &str, sources: &[PathBuf]) -> Command {
    let mut mcs = compiler(repo);
    mcs.args(["-target:exe".into(), out(repo, name), format!("-reference:{}", repo.built("Standfast.dll").display())]);
    mcs.args(sources);
    mcs
}

/// The language version that mcs and every supported .NET understand.
fn compiler(repo: &Repo) -> Command {
    let mut mcs = repo.command("mcs");
    mcs.args(["-langversion:7.2", "-warnaserror", "-debug"]);
    mcs
}

fn out(repo: &Repo, name: &str) -> String {
    format!("-out:{}", repo.built(name).display())
}

/// The sources in a folder; those for newer runtimes are not for mcs. Where there are none, mcs says so.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "cs"))
        .filter(|path| !path.to_string_lossy().ends_with(".Net8.cs"))
        .collect();
    found.sort();
    if found.is_empty() {
        found.push(folder.join("*.cs"));
    }
    found
}
