//! Every language has core's list of errors: the same numbers under the same names, none more, none less.

use std::collections::BTreeMap;

use standfast_drift::{errors, read, words};

/// Names as core writes them, or as C does: what a language writes is compared with one of them.
fn expected(written: fn(&str) -> String) -> BTreeMap<String, i32> {
    errors::table().into_iter().map(|kind| (written(kind.name), kind.code)).collect()
}

fn as_core(name: &str) -> String {
    name.to_owned()
}

#[test]
fn header_has_every_code() {
    let header = read("bindings-c/include/standfast.h");
    let found = header.lines().filter_map(|line| {
        let (name, code) = line.strip_prefix("#define STANDFAST_ERR_")?.split_once(' ')?;
        Some((name.to_owned(), code.trim().parse().unwrap_or_else(|_| panic!("{line}"))))
    });
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected(errors::screaming));
}

#[test]
fn csharp_has_every_code() {
    let source = read("bindings-c/csharp/Standfast/StandfastException.cs");
    assert_eq!(assignments(body(&source, "class ErrorCode", '}')), expected(as_core));
}

#[test]
fn python_has_every_code() {
    let source = read("bindings-python/python/standfast/_errors.py");
    assert_eq!(assignments(body(&source, "class ErrorCode(", '@')), expected(errors::screaming));
}

#[test]
fn node_has_every_code_category_and_advice() {
    let source = read("bindings-node/lib/errors.js");
    let rows: Vec<Vec<&str>> = body(&source, "const TABLE = [", ';')
        .lines()
        .filter(|line| line.trim_start().starts_with('['))
        .map(|line| words(line).collect())
        .collect();
    let table = errors::table();
    assert_eq!(rows.len(), table.len());
    for (row, kind) in rows.iter().zip(table) {
        assert_eq!(*row, [&kind.code.to_string(), kind.name, kind.category, kind.retry]);
    }
}

/// The text between the line with `head` and the next `end`.
fn body<'a>(source: &'a str, head: &str, end: char) -> &'a str {
    let at = source.find(head).unwrap_or_else(|| panic!("there is no {head:?}"));
    let rest = source[at..].split_once('\n').map_or("", |(_, rest)| rest);
    rest.split(end).next().unwrap_or_default()
}

/// `NAME = 101` or `public const int Name = 101;`, one a line.
fn assignments(text: &str) -> BTreeMap<String, i32> {
    text.lines()
        .filter_map(|line| {
            let (name, code) = line.trim().split_once(" = ")?;
            let name = name.rsplit(' ').next()?;
            Some((name.to_owned(), code.trim_end_matches(';').parse().ok()?))
        })
        .collect()
}
