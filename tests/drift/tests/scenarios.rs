//! `tests/behaviour/scenarios.md` claims nothing that is not there: every test it names exists, under that name, in that file.

use std::collections::BTreeMap;

use standfast_drift::read;

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
