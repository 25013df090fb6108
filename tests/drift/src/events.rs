//! Core's events, their fields and its counters, as its sources have them: the words and sentences of the two lists, and for each
//! kind of event the names that it is announced with.

use std::collections::{BTreeMap, BTreeSet};

use crate::{read, root, sources};

/// A word of a list, with the sentence above it.
#[derive(Debug, PartialEq, Eq)]
pub struct Word {
    /// The name in Rust: `MasterSwitched`.
    pub variant: String,
    /// The word, the same in every language: `master_switched`.
    pub word: String,
    /// What it means.
    pub help: String,
}

/// The kinds of events, in core's order.
pub fn kinds() -> Vec<Word> {
    list(&read("core/src/event.rs"), "\nkinds! {")
}

/// The counters, in core's order.
pub fn counters() -> Vec<Word> {
    list(&read("core/src/counters.rs"), "\ncounters! {")
}

/// The entries `Name = "word";` of a macro's list, each with the comment above it.
fn list(source: &str, begin: &str) -> Vec<Word> {
    let rest = source.split(begin).nth(1).unwrap_or_else(|| panic!("there is no list {begin:?}"));
    let body = rest.split("\n}").next().unwrap_or_default();
    let mut help = Vec::new();
    let mut found = Vec::new();
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            help.push(text.trim());
        } else if let Some((variant, word)) = line.split_once(" = \"") {
            let word = word.trim_end_matches("\";").to_owned();
            found.push(Word { variant: variant.to_owned(), word, help: std::mem::take(&mut help).join(" ") });
        }
    }
    found
}

/// The names of the details that each kind of event is announced with, anywhere in core. A kind that is announced nowhere is
/// not in the map.
pub fn announced() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources(&root().join("core/src")) {
        for (at, call) in source.match_indices("announce(") {
            let arguments = arguments(&source[at + call.len()..]);
            let Some((_, rest)) = arguments.split_once("EventKind::") else { continue };
            let kind: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
            // Details that were put together before: their names stand between the head of the function and here.
            let before = match rest.trim_end().trim_end_matches(',').ends_with(", details") {
                true => {
                    &source[source[..at]
                        .rfind("\n    pub(super) async fn ")
                        .max(source[..at].rfind("\n    fn "))
                        .unwrap_or(0)..at]
                }
                false => "",
            };
            let names = found.entry(kind).or_default();
            names.extend(names_in(before));
            names.extend(names_in(rest));
        }
    }
    found
}

/// `("name", `: how a detail is written.
fn names_in(text: &str) -> impl Iterator<Item = String> {
    text.split("(\"").skip(1).filter_map(|rest| {
        let (name, after) = rest.split_once('"')?;
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        (is_name && after.starts_with(',')).then(|| name.to_owned())
    })
}

/// The text up to the parenthesis that closes.
fn arguments(text: &str) -> &str {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..at];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_found_wherever_they_were_put_together() {
        let announced = announced();
        let names = |kind: &str| announced[kind].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(names("Fenced"), Vec::<&str>::new());
        assert_eq!(names("EpochReset"), ["from", "to"]);
        assert_eq!(names("SwitchConfirmed"), ["master"]);
        assert_eq!(names("SwitchReport").len(), 10);
    }

    #[test]
    fn every_entry_has_a_sentence() {
        assert!(kinds().len() > 20 && counters().len() > 5);
        for entry in kinds().iter().chain(&counters()) {
            assert!(entry.help.ends_with('.') && !entry.word.is_empty(), "{entry:?}");
        }
    }
}
