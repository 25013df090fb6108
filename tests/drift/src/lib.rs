//! Helpers of the drift tests: where files are, how a generated text is compared with, or written to, its file.
//!
//! Each test compares one thing that stands in two places. Where one place is generated from the other,
//! `UPDATE=1 cargo test -p standfast-drift` (or `cargo xtask codegen`) writes it instead of complaining.

pub mod commands;
pub mod errors;
pub mod events;
pub mod options;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The root of the source tree.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the source tree is where it was built")
}

/// The text of a file in the tree.
pub fn read(path: &str) -> String {
    let file = root().join(path);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fail unless the file has exactly this text; with `UPDATE=1`, write it.
pub fn must_be(path: &str, expected: &str) {
    let file = root().join(path);
    let present = fs::read_to_string(&file).unwrap_or_default();
    if present == expected {
        return;
    }
    if env::var_os("UPDATE").is_some() {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        }
        // Renamed into its place: another test may be reading it just now.
        let fresh = file.with_extension("new");
        let written = fs::write(&fresh, expected).and_then(|()| fs::rename(&fresh, &file));
        written.unwrap_or_else(|error| panic!("{path}: {error}"));
        return;
    }
    let different = present.lines().zip(expected.lines()).position(|(a, b)| a != b);
    let line = different.unwrap_or_else(|| present.lines().count().min(expected.lines().count()));
    panic!(
        "{path} is not what it is generated from, from line {} on:\n  is:        {:?}\n  should be: {:?}\nrun: cargo xtask codegen",
        line + 1,
        present.lines().nth(line),
        expected.lines().nth(line),
    );
}

/// Fail unless a file has exactly this text between two lines of its own; with `UPDATE=1`, write it there.
pub fn region_must_be(path: &str, begin: &str, end: &str, expected: &str) {
    let text = read(path);
    let (head, rest) = text.split_once(begin).unwrap_or_else(|| panic!("{path} has no line {begin:?}"));
    let (_, tail) = rest.split_once(end).unwrap_or_else(|| panic!("{path} has no line {end:?} behind the first"));
    must_be(path, &format!("{head}{begin}{expected}{end}{tail}"));
}

/// The files in a folder of the tree whose names end like this, sorted.
pub fn files(folder: &str, end: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(end))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    names.sort();
    names
}

/// The text of every Rust file below a folder.
pub fn sources(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .flatten()
        .flat_map(|entry| match entry.path() {
            path if path.is_dir() => sources(&path),
            path if path.extension().is_some_and(|end| end == "rs") => {
                vec![fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))]
            }
            _ => Vec::new(),
        })
        .collect()
}

/// Split at `separators`, without empty parts.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}
