//! What all languages must say alike, as data: `urls.json` and `misconfigurations.json`. Each language reads the same files with
//! a small runner of its own; the Rust runners are in `tests/`.

pub mod check;
pub mod servers;

use std::path::Path;

use serde_json::Value;
use standfast::Tree;

/// The list under this name in a file of this folder.
///
/// # Panics
/// When the file is not there, or not what it should be.
pub fn vectors(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let whole: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    whole["vectors"].as_array().expect("a list of vectors").clone()
}

/// A report as JSON; lengths of time are milliseconds.
///
/// # Panics
/// When the report holds what no configuration holds.
pub fn json(tree: Tree) -> Value {
    match tree {
        Tree::Nil => Value::Null,
        Tree::Bool(yes) => yes.into(),
        Tree::Int(number) => number.into(),
        Tree::Text(text) => text.into(),
        Tree::Duration(length) => u64::try_from(length.as_millis()).expect("a length of time that fits").into(),
        Tree::List(items) => items.into_iter().map(json).collect(),
        Tree::Map(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), json(value))).collect())
        }
        other => panic!("a configuration has no {other:?}"),
    }
}
