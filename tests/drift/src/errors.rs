//! The table of errors as core has it, with the sentence that describes each kind.

use standfast::{Error, ErrorKind};

use crate::read;

/// One line of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The number.
    pub code: i32,
    /// The name.
    pub name: &'static str,
    /// The category.
    pub category: &'static str,
    /// The usual advice.
    pub retry: &'static str,
    /// What it means.
    pub help: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// Core's table.
pub fn table() -> Vec<Kind> {
    let source = read("core/src/error.rs");
    ErrorKind::ALL
        .iter()
        .map(|kind| Kind {
            code: kind.code(),
            name: kind.name(),
            category: kind.category(),
            retry: Error::new(*kind, "").retry().as_str(),
            help: help(&source, *kind),
            remedy: kind.remedy(),
        })
        .collect()
}

/// The sentence above `101 NullArgument Never;`.
fn help(source: &str, kind: ErrorKind) -> String {
    let entry = format!("{} {} ", kind.code(), kind.name());
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let at = lines
        .iter()
        .position(|line| line.starts_with(&entry))
        .unwrap_or_else(|| panic!("core's table has no line {entry}"));
    let first = lines[..at].iter().rposition(|line| !line.starts_with("///")).map_or(0, |before| before + 1);
    let text: Vec<&str> = lines[first..at].iter().map(|line| line.trim_start_matches("///").trim()).collect();
    assert!(!text.is_empty(), "{} has no description in core", kind.name());
    text.join(" ")
}

/// `NullArgument` as C writes it: `NULL_ARGUMENT`.
pub fn screaming(name: &str) -> String {
    let mut text = String::new();
    for (at, c) in name.char_indices() {
        if c.is_ascii_uppercase() && at > 0 {
            text.push('_');
        }
        text.push(c.to_ascii_uppercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_c_writes_them() {
        assert_eq!(screaming("NotASentinel"), "NOT_A_SENTINEL");
        assert_eq!(screaming("Timeout"), "TIMEOUT");
    }

    #[test]
    fn every_kind_has_a_sentence() {
        for kind in table() {
            assert!(kind.help.ends_with('.') && kind.remedy.ends_with('.'), "{kind:?}");
        }
    }
}
