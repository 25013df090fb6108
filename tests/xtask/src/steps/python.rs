//! The Python package: built into `.venv`, then tested, type-checked, and its stubs compared with the built extension.

use std::process::Command;

use super::Step;
use crate::{count::Counter, repo::Repo};

pub(super) fn steps(repo: &Repo) -> Vec<Step> {
    vec![
        build(repo),
        Step::test("python", module(repo, &["pytest", "-q", "--color=no", "-p", "no:cacheprovider"]), Counter::Pytest)
            .after(&["build-python", "build-lab"]),
        Step::test("python-types", module(repo, &["mypy", "--strict"]), Counter::One),
        Step::test("python-stubs", module(repo, &["mypy.stubtest", "standfast"]), Counter::One)
            .after(&["build-python"]),
    ]
}

/// The extension module, installed in place.
pub(super) fn build(repo: &Repo) -> Step {
    Step::build("build-python", vec![module(repo, &["maturin", "develop", "--locked"])])
}

fn module(repo: &Repo, words: &[&str]) -> Command {
    let mut python = repo.command(repo.python());
    python.current_dir(repo.path("bindings-python")).arg("-m").args(words);
    python
}
