//! The Rust part: form, lints, core, lab, behaviour, these commands themselves, documentation.

use super::{Step, minutes};
use crate::{count::Counter, repo::Repo};

pub(super) fn steps(repo: &Repo) -> Vec<Step> {
    let mut docs =
        repo.cargo(&["doc", "--locked", "--no-deps", "--package", "standfast-core", "--package", "standfast-c"]);
    docs.env("RUSTDOCFLAGS", "-D warnings");
    vec![
        Step::test("format", repo.cargo(&["fmt", "--all", "--check"]), Counter::One),
        Step::test(
            "lints",
            repo.cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]),
            Counter::One,
        )
        .limit(minutes(20)),
        tests(repo, "core", "standfast-core"),
        tests(repo, "lab", "standfast-lab"),
        tests(repo, "behaviour", "standfast-behaviour").after(&["build-lab"]),
        tests(repo, "vectors", "standfast-vectors"),
        tests(repo, "xtask", "standfast-xtask"),
        failover_counts(repo),
        Step::test("docs", docs, Counter::One),
    ]
}

/// All tests of a package: unit, integration (core's property tests are among them) and documentation tests.
pub(super) fn tests(repo: &Repo, name: &'static str, package: &str) -> Step {
    let command = repo.cargo(&["test", "--locked", "--no-fail-fast", "--package", package]);
    Step::test(name, command, Counter::Libtest).limit(minutes(25))
}

/// A few failovers under load, each of which is a test: the soak has time for more.
fn failover_counts(repo: &Repo) -> Step {
    // This very program: nothing is to be built that is not there.
    let this = std::env::current_exe().unwrap_or_else(|_| repo.built("standfast-xtask"));
    let mut command = repo.command(this);
    command.args(["soak", "failover", "--brief"]);
    Step::test("failover-counts", command, Counter::Plain)
}

pub(super) fn build_face(repo: &Repo) -> Step {
    let command = repo.cargo(&["build", "--locked", "--package", "standfast-behaviour", "--bin", "standfast-face"]);
    Step::build("build-rust-face", vec![command])
}
