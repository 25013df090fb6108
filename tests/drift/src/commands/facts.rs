//! `core/src/command/table.rs`: what the core's rules need to know about every command.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use super::{
    GENERATED,
    method::{Item, Method, Place, Shape, methods},
    table::{Command, Table},
};

/// The text of the file.
pub fn text(table: &Table) -> String {
    let waits: BTreeMap<String, String> = methods(table)
        .into_iter()
        .filter_map(|method| {
            let wait = wait(&method);
            // SHUTDOWN and its like end more than the link.
            assert!(
                wait.is_some() || !method.command.flags.contains("blocking"),
                "{} blocks, but where does it say how long?",
                method.command.name
            );
            Some((method.command.name, wait?))
        })
        .collect();
    let mut rows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for command in table.commands.values() {
        let marks = rows.entry(&command.name).or_default();
        if command.reads {
            marks.insert("READS");
        }
        if command.stateful {
            marks.insert("STATEFUL");
        }
        if let Some((parent, _)) = command.name.split_once('|') {
            rows.entry(parent).or_default().insert("PARENT");
        }
    }
    let mut text = format!(
        "//! {GENERATED}\n\nuse super::facts::{{Entry, PARENT, READS, STATEFUL, Unit, Wait, When, entry}};\nuse super::shape::Shape;\n\n\
         /// Every command and subcommand, sorted by name.\n\
         pub(super) static COMMANDS: [Entry; {}] = [\n",
        rows.len()
    );
    for (name, marks) in &rows {
        let marks = if marks.is_empty() { "0".into() } else { marks.iter().copied().collect::<Vec<_>>().join(" | ") };
        let wait = waits.get(*name).map_or("Wait::No", String::as_str);
        let shapes: Vec<String> = table
            .commands
            .get(*name)
            .map(|command| command.shapes.iter().map(|(when, shape)| shaped(command, when, shape)).collect())
            .unwrap_or_default();
        writeln!(text, "    entry({name:?}, {marks}, {wait}, &[{}]),", shapes.join(", ")).expect("a String");
    }
    text.push_str("];\n");
    text
}

/// The form that a reply gets over RESP2, and when.
fn shaped(command: &Command, when: &str, shape: &str) -> String {
    let words = command.words().len();
    let when = match when.parse::<usize>() {
        Ok(count) => format!("When::Arguments({})", words + count),
        Err(_) if when.is_empty() => "When::Always".into(),
        Err(_) => format!("When::Word(b\"{when}\")"),
    };
    format!("({when}, Shape::{shape})")
}

/// Where a command says how long it may make its link wait.
fn wait(method: &Method) -> Option<String> {
    if !method.command.flags.contains("blocking") {
        return None;
    }
    if method.params.iter().any(|param| param.word == "BLOCK") {
        return Some("Wait::AfterWord(b\"block\", b\"streams\")".into());
    }
    let at = method.params.iter().position(|param| param.name == "timeout" && param.place == Place::Required)?;
    let unit = match method.params[at].shape {
        Shape::One('d') => "Unit::Seconds",
        _ => "Unit::Milliseconds",
    };
    let place = method.items.iter().position(|item| *item == Item::Put(at))?;
    let fixed = method.items[..place].iter().all(|item| match item {
        Item::Word(_) => true,
        Item::Put(param) => matches!(method.params[*param].shape, Shape::One(_) | Shape::Word(_)),
        _ => false,
    });
    if fixed {
        return Some(format!("Wait::At({place}, {unit})"));
    }
    assert_eq!(
        place,
        method.items.len() - 1,
        "{}: the timeout is neither at a fixed place nor last",
        method.command.name
    );
    Some(format!("Wait::Last({unit})"))
}
