//! `deny.toml` holds for every locked crate, and no build script writes outside its own folder. The same as `cargo deny check bans licenses sources`,
//! without a program that would have to be built first.

use std::process::Command;

use serde_json::Value;
use standfast_drift::{read, root};

/// Every locked crate, whatever the platform.
fn crates() -> Vec<Value> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--locked", "--offline"]).current_dir(root());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let crates = metadata["packages"].as_array().unwrap().clone();
    assert!(crates.len() > 50, "only {} crates", crates.len());
    crates
}

/// The words in quotes between a line that begins with this and the end of the list.
fn list(text: &str, begin: &str) -> Vec<String> {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("no {begin:?} in deny.toml"));
    let inside = rest.split_once(']').unwrap().0;
    inside.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether an SPDX expression can be satisfied by these licences. `/` is the old way to write `OR`.
fn allows(allowed: &[String], expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    // One level of parentheses is all that crates use.
    if let Some((before, rest)) = expression.split_once('(') {
        let (inside, after) = rest.split_once(')').unwrap();
        let word = if allows(allowed, inside) { &allowed[0] } else { "no" };
        return allows(allowed, &format!("{before}{word}{after}"));
    }
    expression
        .split(" OR ")
        .any(|choice| choice.split(" AND ").all(|one| allowed.iter().any(|known| known == one.trim())))
}

#[test]
fn expressions_are_understood() {
    let allowed = ["MIT".to_owned(), "Unicode-3.0".to_owned()];
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
        ("(GPL-3.0 OR AGPL-3.0) AND Unicode-3.0", false),
    ] {
        assert_eq!(allows(&allowed, expression), expected, "{expression}");
    }
}

#[test]
fn every_crate_has_a_licence_that_is_allowed() {
    let allowed = list(&read("deny.toml"), "\nallow = [");
    for one in crates() {
        let name = one["name"].as_str().unwrap();
        let licence = one["license"].as_str().unwrap_or_else(|| panic!("{name} has no licence"));
        assert!(allows(&allowed, licence), "{name}: {licence}");
    }
}

#[test]
fn every_crate_comes_from_the_registry_and_is_not_banned() {
    let deny = read("deny.toml");
    let banned = list(&deny, "\ndeny = [");
    let registries = list(&deny, "\nallow-registry = [");
    let lock = read("Cargo.lock");
    for one in crates() {
        let name = one["name"].as_str().unwrap();
        assert!(!banned.iter().any(|banned| banned == name), "{name} is banned");
        match one["source"].as_str() {
            None => assert!(name.starts_with("standfast-"), "{name} comes from nowhere"),
            Some(source) => {
                let from = source.strip_prefix("registry+").unwrap_or_else(|| panic!("{name} comes from {source}"));
                assert!(registries.iter().any(|registry| registry == from), "{name} comes from {source}");
                let entry = format!("name = \"{name}\"\nversion = \"{}\"", one["version"].as_str().unwrap());
                let locked = lock.split("[[package]]").find(|package| package.contains(&entry)).unwrap();
                assert!(locked.contains("checksum = "), "{name} is locked without a checksum");
            }
        }
    }
}

/// Ours may write into `OUT_DIR` only, which is what cargo gives them; any other way to write a file is an exception that must be explained here.
#[test]
fn no_build_script_of_ours_writes_outside_its_folder() {
    let mut found = 0;
    for one in crates().iter().filter(|one| one["source"].is_null()) {
        for target in one["targets"].as_array().unwrap() {
            if target["kind"][0] != "custom-build" {
                continue;
            }
            let text = std::fs::read_to_string(target["src_path"].as_str().unwrap()).unwrap();
            for writes in ["fs::write", "File::create", "OpenOptions", "create_dir", "rename(", "copy(", "Command::"] {
                assert!(!text.contains(writes), "{}: {writes}", target["src_path"]);
            }
            found += 1;
        }
    }
    assert!(found >= 2, "the build scripts of the C library and of the Node package");
}
