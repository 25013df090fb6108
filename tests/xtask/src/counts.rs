//! `cargo xtask counts`: the instructions of the hot paths under callgrind, beside those in `tests/bench/counts.json`. They do not depend on the
//! machine's mood, so a test may fail for them: 5 % more of one path, and it does.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{repo::Repo, run};

const FILE: &str = "tests/bench/counts.json";
/// How often each path is taken in one run: counts are kept for one time.
const TIMES: f64 = 1000.0;
const TOLERANCE: f64 = 1.05;
/// Another compiler makes other code: then only what has become much worse is held against us.
const TOLERANCE_OF_OTHERS: f64 = 1.5;

/// What is kept.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Kept {
    /// What it was built with.
    rustc: String,
    /// Instructions of one time, by path.
    counts: BTreeMap<String, f64>,
}

/// Builds the programs: released, with the names of their functions.
pub(crate) fn build(repo: &Repo) -> Vec<Command> {
    let mut soname = repo.command("ln");
    soname.args(["-sfn", "libstandfast.so"]);
    soname.arg(folder(repo).join(concat!(
        "libstandfast.so.",
        env!("CARGO_PKG_VERSION_MAJOR"),
        ".",
        env!("CARGO_PKG_VERSION_MINOR")
    )));
    let mut gcc = repo.command("gcc");
    gcc.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "-g"]).arg("-I").arg(repo.path("bindings-c/include"));
    gcc.arg(repo.path("tests/bench/c/bench_counts.c")).arg("-o").arg(folder(repo).join("bench_counts"));
    gcc.arg("-L").arg(folder(repo)).arg("-lstandfast").arg(format!("-Wl,-rpath,{}", folder(repo).display()));
    let packages = ["--package", "standfast-c", "--package", "standfast-bench", "--bin", "bench-counts", "--lib"];
    vec![repo.cargo(&[&["build", "--locked", "--profile", "counts"], &packages[..]].concat()), soname, gcc]
}

fn folder(repo: &Repo) -> PathBuf {
    repo.path("target/counts")
}

/// Counts and compares, or rewrites what is kept.
pub(crate) fn check(repo: &Repo, update: bool) -> Result<ExitCode> {
    let rustc = rustc(repo);
    let mut counts = BTreeMap::new();
    for program in ["bench-counts", "bench_counts"] {
        counts.extend(count(repo, &folder(repo).join(program))?);
    }
    let path = repo.path(FILE);
    if update {
        let text = serde_json::to_string_pretty(&Kept { rustc, counts })? + "\n";
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        println!("{}: `git diff` shows what has changed", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let kept: Kept = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let tolerance = if kept.rustc == rustc { TOLERANCE } else { TOLERANCE_OF_OTHERS };
    if kept.rustc != rustc {
        println!("note: the counts kept are of {}, this is {rustc}: {tolerance} times as many are taken", kept.rustc);
    }
    let lines = compare(&kept.counts, &counts, tolerance);
    let failed = lines.iter().filter(|(good, _)| !good).count();
    for (_, line) in &lines {
        println!("{line}");
    }
    if failed > 0 {
        println!("if this is what it must cost: cargo xtask counts --update, and say why in the commit");
    }
    println!("{} passed, {failed} failed", lines.len() - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn rustc(repo: &Repo) -> String {
    let mut command = repo.command("rustc");
    command.arg("--version");
    run::ask(command).unwrap_or_default()
}

/// Whether each path is good, and a line about it. A path that is only on one side is not.
fn compare(kept: &BTreeMap<String, f64>, now: &BTreeMap<String, f64>, tolerance: f64) -> Vec<(bool, String)> {
    let mut names: Vec<&String> = kept.keys().chain(now.keys()).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| match (kept.get(name), now.get(name)) {
            (Some(kept), Some(now)) => {
                let good = *now <= kept * tolerance;
                let verdict = if !good {
                    "FAILED"
                } else if now * TOLERANCE < *kept {
                    "better: keep it with cargo xtask counts --update"
                } else {
                    "ok"
                };
                (
                    good,
                    format!(
                        "{name}: {now:.0} instructions, {kept:.0} kept ({:+.1} %): {verdict}",
                        (now / kept - 1.0) * 100.0
                    ),
                )
            }
            (None, _) => (false, format!("{name}: FAILED: nothing is kept of it")),
            (_, None) => (false, format!("{name}: FAILED: it is not counted any more")),
        })
        .collect()
}

/// Runs a program under callgrind, and reads what its `counted_` functions cost with everything that they call.
fn count(repo: &Repo, program: &Path) -> Result<BTreeMap<String, f64>> {
    let out = repo.output("counts")?.join("callgrind.out");
    let mut valgrind = repo.command("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet"]).arg(format!("--callgrind-out-file={}", out.display())).arg(program);
    // Cargo's own, which leads to the library of another profile.
    valgrind.env_remove("LD_LIBRARY_PATH");
    let status = valgrind.status().context("starting valgrind")?;
    if !status.success() {
        bail!("{} ended with {status} under callgrind", program.display());
    }
    let mut annotate = repo.command("callgrind_annotate");
    annotate.args(["--inclusive=yes", "--threshold=100", "--auto=no", "--show-percs=no"]).arg(&out);
    let output = annotate.output().context("starting callgrind_annotate")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let counts = inclusive(&text);
    if counts.is_empty() {
        bail!("no counted function in what callgrind saw of {}", program.display());
    }
    Ok(counts)
}

/// From lines such as `3,024,011  src/main.rs:bench_counts::counted_parse_ok [/path]`.
fn inclusive(text: &str) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let Some((number, rest)) = line.trim_start().split_once(char::is_whitespace) else { continue };
        let Some((_, rest)) = rest.split_once("counted_") else { continue };
        let Ok(number) = number.replace(',', "").parse::<f64>() else { continue };
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        // Callgrind lists a function once for each file that its code comes from; the whole of it is the largest.
        let count = number / TIMES;
        counts.entry(name.replace('_', "-")).and_modify(|known: &mut f64| *known = known.max(count)).or_insert(count);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(of: &[(&str, f64)]) -> BTreeMap<String, f64> {
        of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn five_percent_more_of_one_path_is_too_much_and_less_is_not() {
        let kept = map(&[("parse", 100.0), ("gate", 4.0)]);
        let good =
            |now: f64| compare(&kept, &map(&[("parse", now), ("gate", 4.0)]), TOLERANCE).iter().all(|(good, _)| *good);
        assert!(good(50.0) && good(100.0) && good(105.0));
        assert!(!good(105.1));
    }

    #[test]
    fn a_path_that_nobody_counts_or_keeps_is_told() {
        let lines = compare(&map(&[("gone", 1.0)]), &map(&[("new", 1.0)]), TOLERANCE);
        assert!(lines.len() == 2 && lines.iter().all(|(good, _)| !good), "{lines:?}");
    }

    #[test]
    fn callgrind_is_read() {
        let text = "1,524,011 (12.0%)  src/a.rs:bench_counts::counted_parse_ok [/x]\n \
                    3,024,000  ???:counted_c_look_up [/y]\n7  main\n9,000  ???:bench_counts::counted_parse_ok\n";
        assert_eq!(inclusive(text), map(&[("c-look-up", 3024.0), ("parse-ok", 1524.011)]));
    }
}
