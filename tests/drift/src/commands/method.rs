//! What a method takes and what it sends, made from the arguments of its command by the rules of `core/commands/README.md`.
//! No language is known here.

use serde_json::Value;

use super::{
    grammar::{self, Node},
    table::{Command, Table},
};

/// A method: one for each command that is not refused.
#[derive(Clone, Debug)]
pub struct Method {
    /// The command.
    pub command: Command,
    pub(super) params: Vec<Param>,
    /// What is sent, in order.
    pub(super) items: Vec<Item>,
}

/// What a method takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Param {
    /// In lower case.
    pub(super) name: String,
    /// For named arguments: the word of the command, in upper case.
    pub(super) word: String,
    pub(super) shape: Shape,
    pub(super) place: Place,
    pub(super) default: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Required,
    /// By position, and it may be left out.
    Optional,
    /// All that are left.
    Rest,
    /// By name, and it may be left out.
    Named,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// One value of this type.
    One(char),
    /// One of these words.
    Word(Vec<String>),
    /// Yes or no.
    Flag,
    /// As many as there are.
    Many { ty: char, may_be_empty: bool },
    /// A map; `swapped`: the value is sent before the key.
    Pairs { key: char, value: char, swapped: bool },
    /// So many values of these types.
    Together(Vec<char>),
    /// A map of streams and positions: first all keys are sent, then all values.
    Streams,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Word(String),
    /// All of this parameter.
    Put(usize),
    /// Each of them after this word.
    PutEach(usize, String),
    /// How many there are, then all of them.
    Counted(usize),
    /// Only when this parameter is given.
    If(usize, Vec<Item>),
}

impl Item {
    /// Whether it is always there and is exactly one word.
    pub(super) fn is_one_word(&self, params: &[Param]) -> bool {
        match self {
            Item::Word(_) => true,
            Item::Put(at) => matches!(params[*at].shape, Shape::One(_)),
            Item::PutEach(..) | Item::Counted(_) | Item::If(..) => false,
        }
    }
}

/// The methods, by the names of their commands.
pub fn methods(table: &Table) -> Vec<Method> {
    let wanted = table.commands.values().filter(|command| !command.stateful && command.no_method.is_none());
    wanted.map(|command| Builder::method(table, command)).collect()
}

impl Method {
    /// The parameters that are only sent together with another one, and those others.
    pub(super) fn dependent(&self) -> Vec<(usize, Vec<usize>)> {
        let mut found: Vec<(usize, Vec<usize>)> = Vec::new();
        let outer = self.items.iter().filter_map(|item| match item {
            Item::If(parent, body) => Some((*parent, body)),
            _ => None,
        });
        for (parent, body) in outer {
            for item in body {
                let Item::If(child, _) = item else { continue };
                match found.iter_mut().find(|(known, _)| known == child) {
                    Some((_, parents)) => parents.push(parent),
                    None => found.push((*child, vec![parent])),
                }
            }
        }
        found
    }
}

struct Builder<'a> {
    table: &'a Table,
    command: &'a Command,
    params: Vec<Param>,
}

impl Builder<'_> {
    fn method(table: &Table, command: &Command) -> Method {
        let mut builder = Builder { table, command, params: Vec::new() };
        let mut items: Vec<Item> = command.words().into_iter().map(Item::Word).collect();
        items.extend(builder.required(&grammar::parse(&command.args)));
        Method { command: command.clone(), params: builder.params, items }
    }

    fn required(&mut self, nodes: &[Node]) -> Vec<Item> {
        let mut items = Vec::new();
        let mut counted = false;
        for (at, node) in nodes.iter().enumerate() {
            let more = nodes[at + 1..].iter().any(is_positional);
            match node {
                Node::Word(word) => items.push(Item::Word(word.clone())),
                Node::Value { name, .. }
                    if name.starts_with("num") && matches!(nodes.get(at + 1), Some(Node::Many(_))) =>
                {
                    counted = true;
                }
                Node::Value { name, ty } => items.push(Item::Put(self.positional(name, *ty))),
                Node::Many(inner) => {
                    let param = self.many(inner, more);
                    items.push(if std::mem::take(&mut counted) { Item::Counted(param) } else { Item::Put(param) });
                }
                Node::Block(inner) if matches!(inner.as_slice(), [Node::Many(_), Node::Many(_)]) => {
                    items.push(Item::Put(self.add("streams", "", Shape::Streams, Place::Required)));
                }
                Node::Block(inner) => items.extend(self.required(inner)),
                Node::Optional(inner) => items.extend(self.optional(&[], inner)),
                Node::OneOf { name, branches } => match (words(branches), value_or_words(branches)) {
                    (Some(words), _) => items.push(Item::Put(self.add(name, "", Shape::Word(words), Place::Required))),
                    (_, Some((name, ty))) => items.push(Item::Put(self.positional(name, ty))),
                    _ => branches.iter().for_each(|branch| items.extend(self.optional(&[], branch))),
                },
                Node::ManyWith(..) => self.lost(node),
            }
        }
        items
    }

    fn positional(&mut self, name: &str, ty: char) -> usize {
        let ty = self.ty(name, ty);
        self.add(name, "", Shape::One(ty), Place::Required)
    }

    /// As many as there are; `more`: others come behind them, so they are a list.
    fn many(&mut self, inner: &Node, more: bool) -> usize {
        let place = if more { Place::Required } else { Place::Rest };
        match inner {
            Node::Value { name, ty } => {
                let shape = Shape::Many { ty: self.ty(name, *ty), may_be_empty: false };
                self.add(&plural(name), "", shape, place)
            }
            Node::Block(values) => match values.as_slice() {
                [Node::Value { name: first, ty: first_ty }, Node::Value { name: second, ty: second_ty }]
                    if second == "value" || second == "member" =>
                {
                    let (first_ty, second_ty) = (self.ty(first, *first_ty), self.ty(second, *second_ty));
                    let swapped = second == "member";
                    let (name, key, value) =
                        if swapped { (second, second_ty, first_ty) } else { (first, first_ty, second_ty) };
                    let name = if name == "key" { "pairs".into() } else { plural(name) };
                    self.add(&name, "", Shape::Pairs { key, value, swapped }, place)
                }
                rows => {
                    let names = rows.iter().map(|row| match row {
                        Node::Value { name, .. } => name.as_str(),
                        other => self.lost(other),
                    });
                    let name = names.collect::<Vec<_>>().join("_");
                    self.add(&name, "", Shape::Many { ty: 's', may_be_empty: false }, place)
                }
            },
            other => self.lost(other),
        }
    }

    /// What may be left out. `before`: words that come first if it is given.
    fn optional(&mut self, before: &[Node], nodes: &[Node]) -> Vec<Item> {
        let split = nodes.iter().position(|node| !matches!(node, Node::Word(_))).unwrap_or(nodes.len());
        let (leading, rest) = nodes.split_at(split);
        if leading.is_empty() && before.is_empty() {
            return rest.iter().flat_map(|node| self.unnamed(node)).collect();
        }
        if let [Node::OneOf { branches, .. }] = rest
            && words(branches).is_none()
        {
            return branches.iter().flat_map(|branch| self.optional(leading, branch)).collect();
        }
        self.named(before, leading, rest)
    }

    fn unnamed(&mut self, node: &Node) -> Vec<Item> {
        let given = |param| vec![Item::If(param, vec![Item::Put(param)])];
        match node {
            Node::Value { name, ty } => {
                let ty = self.ty(name, *ty);
                given(self.add(name, "", Shape::One(ty), Place::Optional))
            }
            Node::Many(inner) => match &**inner {
                Node::Value { name, ty } => {
                    let shape = Shape::Many { ty: self.ty(name, *ty), may_be_empty: true };
                    vec![Item::Put(self.add(&plural(name), "", shape, Place::Rest))]
                }
                other => self.lost(other),
            },
            Node::ManyWith(word, inner) => match &**inner {
                Node::Value { name, ty } => {
                    let shape = Shape::Many { ty: self.ty(name, *ty), may_be_empty: false };
                    let param = self.named_param(word, shape);
                    vec![Item::If(param, vec![Item::PutEach(param, word.clone())])]
                }
                other => self.lost(other),
            },
            Node::OneOf { name, branches } => match words(branches) {
                Some(words) if name == "unit" => given(self.add(name, "", Shape::Word(words), Place::Optional)),
                _ => branches.iter().flat_map(|branch| self.optional(&[], branch)).collect(),
            },
            Node::Block(inner) | Node::Optional(inner) => self.optional(&[], inner),
            Node::Word(_) => self.lost(node),
        }
    }

    /// `[EX seconds:i]`, `[LIMIT <offset:i count:i>]`, `[TO <host:s port:i [FORCE]>]`.
    fn named(&mut self, before: &[Node], leading: &[Node], rest: &[Node]) -> Vec<Item> {
        let flat: Vec<&Node> = rest
            .iter()
            .flat_map(|node| match node {
                Node::Block(inner) => inner.iter().collect(),
                other => vec![other],
            })
            .collect();
        let plain: Vec<&Node> = flat.iter().copied().filter(|node| !matches!(node, Node::Optional(_))).collect();
        let shape = match plain.as_slice() {
            [] => Shape::Flag,
            [Node::Value { name, ty }] => Shape::One(self.ty(name, *ty)),
            [Node::Many(inner)] => match &**inner {
                Node::Value { name, ty } => Shape::Many { ty: self.ty(name, *ty), may_be_empty: false },
                other => self.lost(other),
            },
            [Node::OneOf { branches, .. }] => match words(branches) {
                Some(words) => Shape::Word(words),
                None => self.lost(plain[0]),
            },
            many => Shape::Together(
                many.iter()
                    .map(|node| match node {
                        Node::Value { name, ty } => self.ty(name, *ty),
                        _ => 's',
                    })
                    .collect(),
            ),
        };
        let Some(Node::Word(word)) = leading.first() else { self.lost(&rest[0]) };
        let param = self.named_param(word, shape);
        let mut body: Vec<Item> = before.iter().chain(leading).map(|node| self.word(node)).collect();
        let mut put = false;
        for node in flat {
            match node {
                Node::Optional(inner) => body.extend(self.optional(&[], inner)),
                _ if !std::mem::replace(&mut put, true) => body.push(Item::Put(param)),
                _ => {}
            }
        }
        vec![Item::If(param, body)]
    }

    fn word(&self, node: &Node) -> Item {
        match node {
            Node::Word(word) => Item::Word(word.clone()),
            other => self.lost(other),
        }
    }

    fn named_param(&mut self, word: &str, shape: Shape) -> usize {
        let named = self.table.words.get(word).cloned().unwrap_or_else(|| word.to_lowercase());
        let is_name = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let word = if is_name { word.to_owned() } else { named.to_uppercase() };
        self.add(&named.replace('-', "_"), &word, shape, Place::Named)
    }

    fn add(&mut self, name: &str, word: &str, shape: Shape, place: Place) -> usize {
        let default = self.table.defaults.get(&format!("{}.{name}", self.command.name)).cloned();
        let param = Param { name: name.to_owned(), word: word.to_owned(), shape, place, default };
        if let Some(at) = self.params.iter().position(|other| other.name == name) {
            // The same switch in two branches is one switch.
            assert!(
                self.params[at] == param && param.shape == Shape::Flag,
                "{}: two parameters are called {name}",
                self.command.name
            );
            return at;
        }
        self.params.push(param);
        self.params.len() - 1
    }

    fn ty(&self, name: &str, ty: char) -> char {
        self.table.types.get(name).copied().unwrap_or(ty)
    }

    fn lost(&self, node: &Node) -> ! {
        panic!("{}: no rule for {node:?}; give it other `args` in core/commands/overlay.json", self.command.name)
    }
}

fn is_positional(node: &Node) -> bool {
    match node {
        Node::Value { .. } | Node::Many(_) => true,
        Node::OneOf { branches, .. } => words(branches).is_some() || value_or_words(branches).is_some(),
        Node::Block(inner) => inner.iter().any(is_positional),
        Node::Word(_) | Node::Optional(_) | Node::ManyWith(..) => false,
    }
}

/// The words, if there is nothing else.
fn words(branches: &[Vec<Node>]) -> Option<Vec<String>> {
    branches
        .iter()
        .map(|branch| match branch.as_slice() {
            [Node::Word(word)] => Some(word.clone()),
            _ => None,
        })
        .collect()
}

/// The value of `id:(id:s | $)`: its words can be given as a value.
fn value_or_words(branches: &[Vec<Node>]) -> Option<(&str, char)> {
    let mut value = None;
    for branch in branches {
        match branch.as_slice() {
            [Node::Word(_)] => {}
            [Node::Value { name, ty }] if value.is_none() => value = Some((name.as_str(), *ty)),
            _ => return None,
        }
    }
    value
}

fn plural(name: &str) -> String {
    if name.ends_with('s') { name.to_owned() } else { format!("{name}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_is_not_refused_has_a_method() {
        let table = Table::load();
        let methods = methods(&table);
        assert!(methods.len() > 330, "{} methods", methods.len());
        for method in &methods {
            let rest = method.params.iter().filter(|param| param.place == Place::Rest).count();
            let optional = method.params.iter().filter(|param| param.place == Place::Optional).count();
            assert!(rest <= 1 && (rest == 0 || optional == 0), "{method:?}");
        }
    }
}
