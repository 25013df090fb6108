//! The README says what is: its snippets are files of this tree, its links lead somewhere, its test command is what CI runs.

use standfast_drift::{must_be, read, root};

const README: &str = "README.md";
const MARK: &str = "<!-- snippet: ";

#[test]
fn snippets_are_the_files_they_name() {
    let text = read(README);
    let mut fresh = String::new();
    let mut lines = text.lines();
    let mut found = 0;
    while let Some(line) = lines.next() {
        fresh.push_str(line);
        fresh.push('\n');
        let Some(path) = line.strip_prefix(MARK).and_then(|rest| rest.strip_suffix(" -->")) else { continue };
        let fence = lines.next().unwrap_or_default();
        assert!(fence.starts_with("```") && fence.len() > 3, "after {line} comes a fenced block, not {fence:?}");
        assert!(lines.any(|line| line == "```"), "the block after {line} does not end");
        fresh.push_str(&format!("{fence}\n{}\n```\n", read(path).trim_end()));
        found += 1;
    }
    assert_eq!(found, 6, "one quick start for each face");
    must_be(README, &fresh);
}

#[test]
fn links_lead_to_files_of_the_tree() {
    let text = read(README);
    let mut found = 0;
    for (at, _) in text.match_indices("](") {
        let target = text[at + 2..].split(')').next().unwrap_or_default();
        if target.contains("://") {
            continue;
        }
        let file = target.split('#').next().unwrap_or_default();
        assert!(root().join(file).exists(), "README links to {target}, which is not there");
        found += 1;
    }
    assert!(found > 0);
}

#[test]
fn the_test_command_is_what_ci_runs() {
    let command = "cargo xtask test";
    assert!(
        read(README).lines().any(|line| line.starts_with(command)),
        "README does not show `{command}` on a line of its own"
    );
    let script = read(".ci/run");
    assert!(script.lines().any(|line| line == format!("exec {command}")), ".ci/run does not run `{command}`");
}
