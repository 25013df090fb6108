//! The Node package: built beside its sources, then tested and type-checked.

use std::process::Command;

use super::Step;
use crate::{count::Counter, repo::Repo};

pub(super) fn steps(repo: &Repo) -> Vec<Step> {
    let mut tests = repo.command("node");
    tests.current_dir(repo.path("bindings-node")).args(["--test", "--test-reporter=tap", "test/"]);
    vec![
        build(repo),
        Step::test("node", tests, Counter::Node).after(&["build-node", "build-lab"]),
        Step::test("node-types", npm(repo, &["run", "types"]), Counter::One),
    ]
}

/// The addon.
pub(super) fn build(repo: &Repo) -> Step {
    Step::build("build-node", vec![npm(repo, &["run", "build:debug"])])
}

fn npm(repo: &Repo, words: &[&str]) -> Command {
    let mut npm = repo.command("npm");
    npm.current_dir(repo.path("bindings-node")).args(words);
    npm
}
