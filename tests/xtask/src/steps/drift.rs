//! That everything written twice says the same, and that the quick starts of the README run.

use super::{Step, core::tests};
use crate::repo::Repo;

pub(super) fn steps(repo: &Repo) -> Vec<Step> {
    vec![tests(repo, "drift", "standfast-drift").after(&[
        "build-lab",
        "build-c",
        "build-csharp",
        "build-python",
        "build-node",
    ])]
}
