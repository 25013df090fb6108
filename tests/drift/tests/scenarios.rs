//! `tests/behaviour/scenarios.md` claims nothing that is not there: every test it names exists, under that name, in that file.

use std::collections::BTreeMap;

use standfast_drift::{read, root, sources};

const LIST: &str = "tests/behaviour/scenarios.md";
const LANGUAGES: [&str; 5] = ["rust", "c", "csharp", "python", "node"];

struct Scenario {
    id: String,
    text: String,
    tests: Vec<(String, String, String)>,
}

fn scenarios() -> Vec<Scenario> {
    let text = read(LIST);
    let mut found: Vec<Scenario> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## B-") {
            let id = title.split(' ').next().unwrap_or_default();
            found.push(Scenario { id: format!("B-{id}"), text: String::new(), tests: Vec::new() });
        } else if let Some(scenario) = found.last_mut() {
            match claim(line) {
                Some(test) => scenario.tests.push(test),
                None => scenario.text.push_str(line),
            }
        }
    }
    found
}

/// ``- rust: `core/tests/a.rs::name` ``
fn claim(line: &str) -> Option<(String, String, String)> {
    let (language, rest) = line.strip_prefix("- ")?.split_once(": `")?;
    if !LANGUAGES.contains(&language) {
        return None;
    }
    let (file, name) = rest.strip_suffix('`')?.split_once("::")?;
    Some((language.to_owned(), file.to_owned(), name.to_owned()))
}

#[test]
fn scenarios_are_numbered_and_complete() {
    let list = scenarios();
    assert!(list.len() >= 20, "{} scenarios", list.len());
    for (at, scenario) in list.iter().enumerate() {
        assert_eq!(scenario.id, format!("B-{:02}", at + 1));
        for word in ["Given ", "when ", "then "] {
            assert!(scenario.text.contains(word), "{} says no {word:?}", scenario.id);
        }
        assert!(!scenario.tests.is_empty(), "{} is tested nowhere", scenario.id);
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let mut wrong = Vec::new();
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for scenario in scenarios() {
        for (language, file, name) in scenario.tests {
            let source = files.entry(file.clone()).or_insert_with(|| read(&file));
            if !declarations(&file, &name).iter().any(|text| source.contains(text)) {
                wrong.push(format!("{}: {language}: {file} has no test {name}", scenario.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_test_that_the_architecture_names_exists() {
    let sources: Vec<String> =
        ["core/src", "tests/behaviour/tests"].into_iter().flat_map(|folder| sources(&root().join(folder))).collect();
    let text = read("core/ARCHITECTURE.md");
    let table =
        text.split("## What always holds").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a section");
    let mut found = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        // The last column: test names in backticks, or words such as "the histories".
        let column = row.trim_end_matches('|').rsplit(" | ").next().unwrap_or_default();
        for name in column.split('`').skip(1).step_by(2).filter(|name| !name.contains('.')) {
            let declared = format!("fn {name}(");
            assert!(sources.iter().any(|source| source.contains(&declared)), "there is no test {name}: {row}");
            found += 1;
        }
    }
    assert!(found > 10, "{found} tests: is the table read rightly?");
}

/// How a test of this name stands in its source.
fn declarations(file: &str, name: &str) -> Vec<String> {
    match file.rsplit('.').next() {
        // The driver of C programs is Rust, too.
        Some("rs") => vec![format!("#[test]\nfn {name}("), format!("#[test]\n    fn {name}(")],
        Some("py") => vec![format!("\ndef {name}("), format!("\nasync def {name}(")],
        Some("js") => vec![format!("test('{name}'"), format!("test(`{name}`")],
        Some("cs") => vec![format!("void {name}("), format!("Task {name}(")],
        _ => Vec::new(),
    }
}
