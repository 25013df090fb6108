//! `bindings-python/python/standfast/_commands.py`: a method for each command that puts its words in order; and the stubs
//! that give the types, once for threads and once for asyncio.

use std::fmt::Write;

use serde_json::Value;

use super::{
    GENERATED,
    method::{Item, Method, Param, Place, Shape, methods},
    table::Table,
};

/// The name of a method.
pub(super) fn name(table: &Table, method: &Method) -> String {
    let name = &method.command.name;
    table.python.get(name).cloned().unwrap_or_else(|| name.replace(['|', '-'], "_"))
}

/// The methods.
pub fn module(table: &Table) -> String {
    let mut text = format!(
        "# {GENERATED}\n\
         \"\"\"A method for each command. It puts the words of the command in order and hands them to ``_run``, which the clients have:\n\
         that of threads waits there, that of asyncio returns a coroutine. The types are in the stubs beside this file.\n\"\"\"\n\n\
         from __future__ import annotations\n\n\
         from typing import Any, Generic\n\n\
         from ._arguments import any_of, chosen, each, lacking, pairs_of, several, streams_of, switch, together\n\
         from ._items import TextT\n\n\n\
         class Commands(Generic[TextT]):\n    \
         \"\"\"The commands. See ``core/commands/README.md`` for how their methods are made.\"\"\"\n\n    \
         __slots__ = ()\n\n    \
         def _run(self, words: Any) -> Any:\n        raise NotImplementedError\n"
    );
    for method in methods(table) {
        let (required, rest, named) = signature(&method);
        let mut parameters = vec!["self".to_owned()];
        parameters.extend(required.iter().map(|param| declared(param)));
        match rest {
            Some(rest) => parameters.push(format!("*{}", rest.name)),
            None if !named.is_empty() => parameters.push("*".into()),
            None => {}
        }
        parameters.extend(named.iter().map(|param| declared(param)));
        if takes_mapping(&method) {
            parameters.push("mapping=None".into());
        }
        writeln!(text, "\n    def {}({}):", name(table, &method), parameters.join(", ")).expect("a String");
        writeln!(text, "        {}", documentation(&method)).expect("a String");
        text.push_str(&body(&method));
    }
    text
}

/// The types: `asynchronous` for the client of asyncio.
pub fn stub(table: &Table, asynchronous: bool) -> String {
    let package = if asynchronous { ".." } else { "." };
    let mut text = format!(
        "# {GENERATED}\n\
         from collections.abc import {}Iterable, Mapping\n\
         from typing import Any, Generic, Literal\n\n\
         from {package}_arguments import Argument, Name, Number\n\
         from {package}_items import TextT\n\n\
         # Some commands have the names of types.\n\
         _Set = set\n\n\
         class Commands(Generic[TextT]):\n    \
         def _run(self, words: Any) -> Any: ...\n",
        if asynchronous { "Coroutine, " } else { "" }
    );
    for method in methods(table) {
        let (required, rest, named) = signature(&method);
        let mut parameters = vec!["self".to_owned()];
        parameters.extend(required.iter().map(|param| typed(param)));
        match rest {
            Some(rest) => parameters.push(format!("*{}: {}", rest.name, rest_type(rest))),
            None if !named.is_empty() => parameters.push("*".into()),
            None => {}
        }
        parameters.extend(named.iter().map(|param| typed(param)));
        if takes_mapping(&method) {
            parameters.push(format!("mapping: {} | None = None", pairs_type(rest.expect("pairs are the rest"))));
        }
        let reply = reply_type(method.command.reply.as_deref());
        let reply = if asynchronous { format!("Coroutine[Any, Any, {reply}]") } else { reply };
        let name = name(table, &method);
        let line = format!("    def {name}({}) -> {reply}: ...", parameters.join(", "));
        if line.len() <= 120 {
            writeln!(text, "{line}").expect("a String");
        } else {
            writeln!(text, "    def {name}(\n        {},\n    ) -> {reply}: ...", parameters.join(",\n        "))
                .expect("a String");
        }
    }
    text
}

/// By position, the rest, by name.
fn signature(method: &Method) -> (Vec<&Param>, Option<&Param>, Vec<&Param>) {
    let params = &method.params;
    let rest = params.iter().find(|param| param.place == Place::Rest);
    let is_named = |param: &&Param| param.place == Place::Named || (rest.is_some() && param.default.is_some());
    let mut positional: Vec<&Param> =
        params.iter().filter(|param| param.place == Place::Required && !is_named(param)).collect();
    // What has a default comes behind what has none.
    positional.sort_by_key(|param| param.default.is_some());
    positional.extend(params.iter().filter(|param| param.place == Place::Optional));
    (positional, rest, params.iter().filter(is_named).collect())
}

fn takes_mapping(method: &Method) -> bool {
    method.params.iter().any(|param| param.place == Place::Rest && matches!(param.shape, Shape::Pairs { .. }))
}

/// The name of a parameter: not a keyword.
pub(super) fn python_name(param: &Param) -> String {
    match param.name.as_str() {
        name
        @ ("from" | "import" | "in" | "is" | "not" | "and" | "or" | "with" | "as" | "async" | "del" | "global") => {
            format!("{name}_")
        }
        name => name.to_owned(),
    }
}

fn declared(param: &Param) -> String {
    let name = python_name(param);
    match (&param.default, &param.shape) {
        (Some(default), _) => format!("{name}={}", literal(default)),
        (None, Shape::Flag) => format!("{name}=False"),
        (None, _) if param.place == Place::Required => name,
        (None, _) => format!("{name}=None"),
    }
}

fn typed(param: &Param) -> String {
    let name = python_name(param);
    let ty = match &param.shape {
        Shape::One(ty) => one(*ty).to_owned(),
        Shape::Word(words) => format!("Literal[{}]", quoted(words)),
        Shape::Flag => "bool".into(),
        Shape::Many { ty, .. } => format!("{} | Iterable[{0}]", one(*ty)),
        Shape::Pairs { .. } => pairs_type(param),
        Shape::Together(types) => {
            format!("tuple[{}]", types.iter().map(|ty| one(*ty)).collect::<Vec<_>>().join(", "))
        }
        Shape::Streams => "Mapping[Any, Argument]".into(),
    };
    match (&param.default, &param.shape) {
        (Some(default), _) => format!("{name}: {ty} = {}", literal(default)),
        (None, Shape::Flag) => format!("{name}: bool = False"),
        (None, _) if param.place == Place::Required => format!("{name}: {ty}"),
        (None, _) => format!("{name}: {ty} | None = None"),
    }
}

fn rest_type(param: &Param) -> String {
    match param.shape {
        Shape::Many { ty, .. } => format!("{} | Iterable[{0}]", one(ty)),
        _ => format!("Argument | {} | Iterable[tuple[Argument, Argument]]", pairs_type(param)),
    }
}

/// The keys may be text or bytes; a mapping of the one is none of both.
fn pairs_type(param: &Param) -> String {
    let Shape::Pairs { value, .. } = param.shape else { panic!("{param:?} has no pairs") };
    format!("Mapping[Any, {}]", one(value))
}

fn one(ty: char) -> &'static str {
    match ty {
        'k' | 'p' => "Name",
        'i' | 'u' => "int",
        'd' => "Number",
        _ => "Argument",
    }
}

fn reply_type(reply: Option<&str>) -> String {
    match reply {
        None => "Any",
        Some("int") => "int",
        Some("ok" | "status") => "str",
        Some("text") => "TextT",
        Some("text?") => "TextT | None",
        Some("ok, text?") => "str | TextT | None",
        Some("status, text") => "str | TextT",
        Some("double") => "float",
        Some("double?") => "float | None",
        Some("texts") => "list[TextT]",
        Some("texts?") => "list[TextT | None]",
        Some("ints") => "list[int]",
        Some("set") => "_Set[TextT]",
        Some("map") => "dict[TextT, TextT]",
        Some(other) => panic!("overlay.json: there is no kind of reply {other:?}"),
    }
    .into()
}

fn literal(value: &Value) -> String {
    value.to_string()
}

fn quoted(words: &[String]) -> String {
    words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")
}

fn documentation(method: &Method) -> String {
    let command = &method.command;
    let mut text = format!("{}.\n\n        ``{}``", command.summary, command.words().join(" "));
    match command.since.chars().next() {
        Some('0'..='9') => write!(text, ", since {}", command.since).expect("a String"),
        _ => write!(text, ", new in {}", command.since).expect("a String"),
    }
    match command.deprecated.as_deref() {
        Some("") => text.push_str("; deprecated"),
        Some(instead) => write!(text, "; deprecated: use {instead}").expect("a String"),
        None => {}
    }
    format!("\"\"\"{text}.\n        \"\"\"")
}

/// The statements of a method.
fn body(method: &Method) -> String {
    let params = &method.params;
    let fixed = method.items.iter().take_while(|item| item.is_one_word(params)).count();
    let (first, rest) = method.items.split_at(fixed);
    let first = first.iter().map(|item| fixed_text(item, params)).collect::<Vec<_>>().join(", ");
    if rest.is_empty() {
        let comma = if fixed == 1 { "," } else { "" };
        return format!("        return self._run(({first}{comma}))\n");
    }
    let mut text = format!("        words = [{first}]\n");
    for (child, parents) in method.dependent() {
        let missing = |at: &usize| match params[*at].shape {
            Shape::Flag => format!("not {}", python_name(&params[*at])),
            _ => format!("{} is None", python_name(&params[*at])),
        };
        let missing = parents.iter().map(missing).collect::<Vec<_>>().join(" and ");
        let given = match params[child].shape {
            Shape::Flag => python_name(&params[child]),
            _ => format!("{} is not None", python_name(&params[child])),
        };
        let names: Vec<String> = parents.iter().map(|at| format!("{:?}", python_name(&params[*at]))).collect();
        writeln!(text, "        if {given} and {missing}:").expect("a String");
        let child = python_name(&params[child]);
        writeln!(text, "            raise lacking({child:?}, {})", names.join(", ")).expect("a String");
    }
    for item in rest {
        statement(&mut text, item, params, 2);
    }
    text.push_str("        return self._run(words)\n");
    text
}

fn fixed_text(item: &Item, params: &[Param]) -> String {
    match item {
        Item::Word(word) => format!("{word:?}"),
        Item::Put(at) => python_name(&params[*at]),
        other => panic!("{other:?} is not one word"),
    }
}

fn statement(text: &mut String, item: &Item, params: &[Param], depth: usize) {
    let indent = "    ".repeat(depth);
    let mut line = |what: String| writeln!(text, "{indent}{what}").expect("a String");
    match item {
        Item::Word(word) => line(format!("words.append({word:?})")),
        Item::Put(at) => line(put(&params[*at])),
        Item::PutEach(at, word) => {
            let name = python_name(&params[*at]);
            line(format!("each(words, {name:?}, {name}, {word:?})"));
        }
        Item::Counted(at) => {
            let param = &params[*at];
            line("at = len(words)".into());
            line("words.append(0)".into());
            line(put(param));
            line(match param.shape {
                Shape::Pairs { .. } => "words[at] = (len(words) - at) // 2".into(),
                _ => "words[at] = len(words) - at - 1".into(),
            });
        }
        Item::If(at, body) => {
            let param = &params[*at];
            let name = python_name(param);
            match (&param.shape, body.split_first()) {
                (Shape::Flag, Some((Item::Word(word), rest))) => {
                    line(format!("if {name}:"));
                    line(format!("    words.append(switch({name:?}, {name}, {word:?}))"));
                    rest.iter().for_each(|item| statement(text, item, params, depth + 1));
                }
                _ => {
                    line(format!("if {name} is not None:"));
                    if body.len() > 1 && body.iter().all(|item| item.is_one_word(params)) {
                        let words = body.iter().map(|item| fixed_text(item, params)).collect::<Vec<_>>().join(", ");
                        line(format!("    words += ({words})"));
                    } else {
                        body.iter().for_each(|item| statement(text, item, params, depth + 1));
                    }
                }
            }
        }
    }
}

fn put(param: &Param) -> String {
    let name = python_name(param);
    // The rest is a tuple already; a list by position or by name may also be one value.
    let values = if param.place == Place::Rest { name.clone() } else { format!("({name},)") };
    match &param.shape {
        Shape::One(_) => format!("words.append({name})"),
        Shape::Word(words) => format!("words.append(chosen({name:?}, {name}, ({})))", quoted(words)),
        Shape::Flag => panic!("{name} is yes or no"),
        Shape::Many { may_be_empty: true, .. } => format!("any_of(words, {name:?}, {values})"),
        Shape::Many { may_be_empty: false, .. } => format!("several(words, {name:?}, {values})"),
        Shape::Pairs { swapped, .. } => {
            format!("pairs_of(words, {name:?}, {name}, mapping, {})", if *swapped { "True" } else { "False" })
        }
        Shape::Together(types) => format!("together(words, {name:?}, {name}, {})", types.len()),
        Shape::Streams => format!("streams_of(words, {name:?}, {name})"),
    }
}
