//! Where numbers are kept: a section a run in a file of the tree, with the machine, the versions and the command. Sections are only ever added;
//! what they mean is said by whoever measured.

use std::{fs, path::PathBuf, process::Command, thread};

use anyhow::{Context, Result};

use crate::{repo::Repo, run};

/// One run, to be kept.
pub(crate) struct Section {
    /// What was typed behind `cargo xtask`.
    pub(crate) command: String,
    /// The tree that was measured, which may not be the present one: hours have passed.
    pub(crate) commit: String,
    /// What was measured against, such as `Redis 7.0.15`.
    pub(crate) against: Option<String>,
    /// Tables and sentences.
    pub(crate) body: String,
}

/// Add a section to a file of the tree, and tell where.
pub(crate) fn keep(repo: &Repo, file: &str, section: &Section) -> Result<PathBuf> {
    let path = repo.path(file);
    let mut text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let Section { command, commit, against, body } = section;
    let mut versions = vec![format!("Standfast {commit}"), said(repo, "rustc", &["--version"])];
    versions.extend(against.clone());
    text.truncate(text.trim_end().len());
    text += &format!("\n\n## {}: `cargo xtask {command}`\n\n", now(repo));
    text += &format!("On {}; {}.\n\n{}\n", machine(), versions.join(", "), body.trim_end());
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

/// The commit, and whether the tree is exactly that.
pub(crate) fn commit(repo: &Repo) -> String {
    said(repo, "git", &["describe", "--always", "--dirty=+changes", "--abbrev=10"])
}

/// The time of day, for people.
pub(crate) fn now(repo: &Repo) -> String {
    said(repo, "date", &["-u", "+%Y-%m-%d %H:%M UTC"])
}

fn said(repo: &Repo, program: &str, arguments: &[&str]) -> String {
    let mut command: Command = repo.command(program);
    command.args(arguments);
    run::ask(command).unwrap_or_else(|| format!("({program} does not answer)"))
}

/// Processor, memory, kernel, and how busy it is.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':'))
            .map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let memory = memory.trim_end_matches(" kB").parse::<u64>().map_or(memory.clone(), |kb| format!("{} GiB", kb >> 20));
    let load = read("/proc/loadavg");
    format!(
        "{cores} × {}, {memory}, Linux {}, load {} at the end",
        field(&read("/proc/cpuinfo"), "model name"),
        read("/proc/sys/kernel/osrelease").trim(),
        load.split(' ').next().unwrap_or("unknown"),
    )
}
