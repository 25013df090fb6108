//! What is built and tested, as data: a step is a few commands, a time limit and how to count. One file for each language.
//!
//! Steps are run in this order, by `test`; `build` picks those that the demo needs. A step that needs another one's
//! product names it, so that one broken build is told as one, and what follows from it as "not run".

mod c;
mod core;
mod csharp;
mod drift;
mod node;
mod python;

use std::{process::Command, time::Duration};

use crate::{Area, count::Counter, repo::Repo};

/// A few commands that belong together.
#[derive(Debug)]
pub(crate) struct Step {
    /// Also the name of its log.
    pub(crate) name: &'static str,
    pub(crate) commands: Vec<Command>,
    pub(crate) counter: Counter,
    pub(crate) limit: Duration,
    /// The steps whose product this one uses.
    pub(crate) after: &'static [&'static str],
}

impl Step {
    /// A step that builds: it is one test by itself.
    fn build(name: &'static str, commands: Vec<Command>) -> Self {
        Self { name, commands, counter: Counter::One, limit: minutes(20), after: &[] }
    }

    /// A step that tests.
    fn test(name: &'static str, command: Command, counter: Counter) -> Self {
        Self { name, commands: vec![command], counter, limit: minutes(10), after: &[] }
    }

    fn after(self, after: &'static [&'static str]) -> Self {
        Self { after, ..self }
    }

    fn limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }
}

pub(crate) fn minutes(number: u64) -> Duration {
    Duration::from_secs(60 * number)
}

/// The steps of a part of the tests, in order.
pub(crate) fn of(repo: &Repo, area: Area) -> Vec<Step> {
    let with_lab = |steps: Vec<Step>| {
        let mut all = vec![build_lab(repo)];
        all.extend(steps);
        all
    };
    match area {
        Area::Core => with_lab(core::steps(repo)),
        Area::C => with_lab(c::steps(repo)),
        Area::Python => with_lab(python::steps(repo)),
        Area::Node => with_lab(node::steps(repo)),
        Area::Csharp => {
            let mut steps = vec![c::build(repo)];
            steps.extend(csharp::steps(repo));
            with_lab(steps)
        }
        Area::Drift => {
            let mut steps = build_all(repo);
            steps.extend(drift::steps(repo));
            steps
        }
        Area::All => {
            let mut steps = core::steps(repo);
            steps.extend(c::steps(repo));
            steps.extend(csharp::steps(repo));
            steps.extend(python::steps(repo));
            steps.extend(node::steps(repo));
            steps.extend(drift::steps(repo));
            with_lab(steps)
        }
    }
}

/// Every library and extension, and nothing more.
fn build_all(repo: &Repo) -> Vec<Step> {
    vec![build_lab(repo), c::build(repo), csharp::build(repo), python::build(repo), node::build(repo)]
}

/// What the demo runs: every library and extension, and the faces that have to be compiled.
pub(crate) fn for_demo(repo: &Repo, quick: bool) -> Vec<Step> {
    let mut steps = vec![core::build_face(repo)];
    if !quick {
        steps.extend([
            c::build(repo),
            c::build_face(repo),
            csharp::build(repo),
            csharp::build_face(repo),
            python::build(repo),
            node::build(repo),
        ]);
    }
    steps
}

fn build_lab(repo: &Repo) -> Step {
    let packages = ["--package", "standfast-lab", "--package", "standfast-vectors"];
    Step::build("build-lab", vec![repo.cargo(&[&["build", "--locked", "--bins"], &packages[..]].concat())])
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_step_comes_after_what_it_needs_and_has_a_log_of_its_own() {
        let repo = Repo::find().unwrap();
        for area in Area::value_variants() {
            let mut before = Vec::new();
            for step in of(&repo, *area) {
                for needed in step.after {
                    assert!(before.contains(needed), "{area:?}: {} needs {needed}, which is not before it", step.name);
                }
                assert!(!before.contains(&step.name), "{area:?}: two steps are called {}", step.name);
                assert!(!step.commands.is_empty());
                before.push(step.name);
            }
        }
    }

    #[test]
    fn all_is_the_sum_of_the_parts() {
        let repo = Repo::find().unwrap();
        let names = |area| of(&repo, area).into_iter().map(|step| step.name).collect::<Vec<_>>();
        let all = names(Area::All);
        for area in Area::value_variants() {
            for name in names(*area) {
                assert!(all.contains(&name), "{name} is a part of {area:?}, but not of all");
            }
        }
    }
}
