//! There is one version, the workspace's, and everything else says the same.

use standfast_drift::read;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The value of a constant of the C header.
fn define(name: &str) -> String {
    let header = read("bindings-c/include/standfast.h");
    let start = format!("#define {name} ");
    let line =
        header.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("the header has no {name}"));
    line[start.len()..].trim().trim_matches('"').to_owned()
}

#[test]
fn core_and_its_dependents_have_it() {
    assert_eq!(standfast::VERSION, VERSION);
    let manifest = read("Cargo.toml");
    for line in manifest.lines().filter(|line| line.starts_with("standfast-")) {
        assert!(line.contains(&format!("version = \"{VERSION}\"")), "{line}");
    }
}

#[test]
fn header_has_it_whole_in_parts_and_as_a_number() {
    let number = |name: &str| define(name).parse::<u32>().unwrap_or_else(|_| panic!("{name} is no number"));
    let (major, minor, patch) =
        (number("STANDFAST_VERSION_MAJOR"), number("STANDFAST_VERSION_MINOR"), number("STANDFAST_VERSION_PATCH"));
    assert_eq!(define("STANDFAST_VERSION"), VERSION);
    assert_eq!(format!("{major}.{minor}.{patch}"), VERSION);
    // One digit for each part left out of the number would go unnoticed as long as that part is 0.
    assert_eq!(number("STANDFAST_VERSION_NUMBER"), major * 1_000_000 + minor * 1_000 + patch);
}

#[test]
fn python_takes_it_from_cargo() {
    let project = read("bindings-python/pyproject.toml");
    let project = project.split("\n[").find(|section| section.starts_with("project]")).expect("a section [project]");
    assert!(project.contains("dynamic = [\"version\"]"));
    assert!(!project.lines().any(|line| line.starts_with("version")));
    assert!(read("bindings-python/Cargo.toml").contains("version.workspace = true"));
}

#[test]
fn node_has_it() {
    let package: serde_json::Value = serde_json::from_str(&read("bindings-node/package.json")).unwrap();
    assert_eq!(package["version"], VERSION);
    let lock: serde_json::Value = serde_json::from_str(&read("bindings-node/package-lock.json")).unwrap();
    assert_eq!(lock["version"], VERSION);
    assert_eq!(lock["packages"][""]["version"], VERSION);
}

#[test]
fn csharp_has_it() {
    let project = read("bindings-c/csharp/Standfast.csproj");
    assert!(project.contains(&format!("<Version>{VERSION}</Version>")));
}

#[test]
fn csharp_was_written_for_the_binary_interface_of_the_header() {
    let declared = format!("const int AbiVersion = {};", define("STANDFAST_ABI_VERSION"));
    assert!(read("bindings-c/csharp/Standfast/NativeMethods.cs").contains(&declared), "no {declared:?}");
}

#[test]
fn changelog_tells_of_it_or_of_what_comes() {
    let log = read("CHANGELOG.md");
    let first = log.lines().find_map(|line| line.strip_prefix("## ")).expect("a section");
    assert!(first.starts_with("Unreleased") || first.starts_with(VERSION), "the first section is {first:?}");
}
