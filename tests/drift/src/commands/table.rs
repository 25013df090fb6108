//! `core/commands/table.json` and `overlay.json` as one list of commands.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::read;

/// A command, or a subcommand.
#[derive(Clone, Debug)]
pub struct Command {
    /// In lower case, `client|info` for a subcommand.
    pub name: String,
    /// One sentence without a full stop.
    pub summary: String,
    /// The version that had it first.
    pub since: String,
    /// What to use instead, for one that is deprecated; it may be empty.
    pub deprecated: Option<String>,
    /// The kind of data that it works on.
    pub group: String,
    /// What the server says about it.
    pub flags: BTreeSet<String>,
    /// Its arguments, as README.md describes.
    pub args: String,
    /// It changes nothing: it may be sent twice.
    pub reads: bool,
    /// It would change the state of a link that others use.
    pub stateful: bool,
    /// Why it has no method, if it has none.
    pub no_method: Option<String>,
    /// What it answers, as the overlay says.
    pub reply: Option<String>,
    /// What becomes of its reply over RESP2, and when: with a word, with so many arguments, or always.
    pub shapes: Vec<(String, String)>,
}

/// All that is known.
#[derive(Debug)]
pub struct Table {
    /// By name.
    pub commands: BTreeMap<String, Command>,
    /// Corrected types of arguments of this name.
    pub types: BTreeMap<String, char>,
    /// `command.argument`: what is sent when it is not given.
    pub defaults: BTreeMap<String, Value>,
    /// Names of methods in Python.
    pub python: BTreeMap<String, String>,
    /// Names of words in Python and C#.
    pub words: BTreeMap<String, String>,
    /// The names of C#'s methods.
    pub csharp: Vec<String>,
}

impl Table {
    /// Read both files.
    ///
    /// # Panics
    /// When one of them is not what README.md says.
    pub fn load() -> Table {
        let parse = |path: &str| -> Value {
            serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
        };
        let (table, overlay) = (parse("core/commands/table.json"), parse("core/commands/overlay.json"));
        let mut commands = BTreeMap::new();
        let rows = |list: &Value| list.as_array().expect("a list of commands").clone();
        for row in rows(&table["commands"]).into_iter().chain(rows(&overlay["commands"])) {
            let command = Command::from_row(&row);
            assert!(
                commands.insert(command.name.clone(), command).is_none(),
                "{row}: a server knows it already; take it out of overlay.json"
            );
        }
        let mut table = Table {
            commands,
            types: strings(&overlay["types"]).map(|(name, to)| (name, to.chars().next().expect("a type"))).collect(),
            defaults: fields(&overlay["defaults"]).collect(),
            python: strings(&overlay["python"]).collect(),
            words: strings(&overlay["words"]).collect(),
            csharp: names(&overlay["csharp"]),
        };
        table.apply(&overlay);
        table.apply_shapes(&overlay);
        table
    }

    fn apply(&mut self, overlay: &Value) {
        for name in names(&overlay["stateful"]) {
            self.named(&name).stateful = true;
        }
        for name in names(&overlay["reads"]) {
            let command = self.named(&name);
            assert!(!command.flags.contains("write"), "{name} writes");
            command.reads = true;
        }
        for (name, why) in strings(&overlay["no_method"]) {
            self.named(&name).no_method = Some(why);
        }
        for (name, args) in strings(&overlay["args"]) {
            self.named(&name).args = args;
        }
        for (kind, of) in strings(&overlay["replies"]) {
            for name in of.split_whitespace() {
                let command = self.named(name);
                assert!(command.reply.is_none(), "overlay.json: {name} has two replies");
                command.reply = Some(kind.clone());
            }
        }
    }

    /// Conditions first: what always holds is what is left.
    fn apply_shapes(&mut self, overlay: &Value) {
        for (shape, of) in strings(&overlay["resp2"]) {
            for name in of.split_whitespace() {
                let (name, when) = name.split_once(':').unwrap_or((name, ""));
                self.named(name).shapes.push((when.to_owned(), shape.clone()));
            }
        }
        for command in self.commands.values_mut() {
            command.shapes.sort_by_key(|(when, _)| when.is_empty());
        }
    }

    fn named(&mut self, name: &str) -> &mut Command {
        self.commands.get_mut(name).unwrap_or_else(|| panic!("overlay.json: there is no command {name}"))
    }
}

impl Command {
    fn from_row(row: &Value) -> Command {
        let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
        let flags: BTreeSet<String> = names(&row["flags"]).into_iter().collect();
        let internal = row["internal"].as_bool().unwrap_or_default();
        Command {
            name: text("name"),
            summary: text("summary"),
            since: text("since"),
            deprecated: row["deprecated"].as_str().map(str::to_owned),
            group: text("group"),
            reads: flags.contains("readonly"),
            flags,
            args: text("args"),
            stateful: false,
            no_method: internal.then(|| "internal to the servers".to_owned()),
            reply: None,
            shapes: Vec::new(),
        }
    }

    /// As it is sent: `CLIENT INFO`.
    pub fn words(&self) -> Vec<String> {
        self.name.to_uppercase().split('|').map(str::to_owned).collect()
    }
}

fn names(text: &Value) -> Vec<String> {
    text.as_str().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

fn fields(map: &Value) -> impl Iterator<Item = (String, Value)> {
    map.as_object().expect("a map").clone().into_iter()
}

fn strings(map: &Value) -> impl Iterator<Item = (String, String)> {
    fields(map).map(|(name, value)| (name, value.as_str().expect("a text").to_owned()))
}
