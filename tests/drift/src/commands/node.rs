//! `bindings-node/lib/commands.js`: for each command a function that puts its words in order; and `commands.d.ts`, the types
//! of the methods that the client makes of them.

use std::fmt::Write;

use super::{
    GENERATED,
    method::{Item, Method, Param, Place, Shape, methods},
    table::Table,
};

/// The name of a method: `configGet`.
pub(super) fn name(method: &Method) -> String {
    let mut parts = method.command.name.split(['|', '-', '_']);
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (first, rest) = part.split_at(1);
        name.push_str(&first.to_uppercase());
        name.push_str(rest);
    }
    name
}

/// The functions.
pub fn module(table: &Table) -> String {
    let mut text = format!(
        "'use strict';\n\
         // {GENERATED}\n\
         // A function for each command. It puts the words of the command in order, and gives them with the options of the call.\n\n\
         const {{ anyOf, chosen, counted, each, known, lacking, pairsOf, pairsTail, several, streamsOf, switched, tail, together }} = require('./words.js');\n\n\
         /** Those that take so many arguments and no more. */\nconst fixed = {{\n"
    );
    let (variadic, fixed): (Vec<Method>, Vec<Method>) =
        methods(table).into_iter().partition(|method| method.params.iter().any(|param| param.place == Place::Rest));
    fixed.iter().for_each(|method| text.push_str(&function(method)));
    text.push_str("};\n\n/** Those that take as many as there are. */\nconst variadic = {\n");
    variadic.iter().for_each(|method| text.push_str(&function(method)));
    text.push_str("};\n\nmodule.exports = { fixed, variadic };\n");
    text
}

/// By position without and with the rest, and by name. A default counts only where nothing comes behind it.
fn signature(method: &Method) -> (Vec<&Param>, Option<&Param>, Vec<&Param>) {
    let by = |place: Place| method.params.iter().filter(move |param| param.place == place);
    let positional = by(Place::Required).chain(by(Place::Optional)).collect();
    (positional, by(Place::Rest).next(), by(Place::Named).collect())
}

fn function(method: &Method) -> String {
    let (positional, rest, named) = signature(method);
    let name = name(method);
    let mut parameters: Vec<String> = positional.iter().map(|param| variable(param)).collect();
    parameters.push(if rest.is_some() { "...rest".into() } else { "options".into() });
    let words = named.iter().map(|param| format!("'{}'", param.word)).collect::<Vec<_>>().join(", ");
    let mut text = format!("  {name}({}) {{\n", parameters.join(", "));
    let mut line = |what: &str| writeln!(text, "    {what}").expect("a String");
    let keep = match rest {
        Some(param) => {
            let take = if matches!(param.shape, Shape::Pairs { .. }) { "pairsTail" } else { "tail" };
            line(&format!("const [{}, o] = {take}(rest, '{name}', [{words}]);", variable(param)));
            "o"
        }
        None if named.is_empty() => "options",
        None => {
            line(&format!("const o = known(options, '{name}', [{words}]);"));
            "o"
        }
    };
    let params = &method.params;
    let fixed = method.items.iter().take_while(|item| item.is_one_word(params)).count();
    let (first, more) = method.items.split_at(fixed);
    let first = first.iter().map(|item| fixed_text(item, params)).collect::<Vec<_>>().join(", ");
    if more.is_empty() {
        let end = if keep == "options" { format!("known(options, '{name}', [])") } else { keep.into() };
        line(&format!("return [[{first}], {end}];"));
    } else {
        line(&format!("const words = [{first}];"));
        for (child, parents) in method.dependent() {
            let is = |at: usize, given: bool| match (&params[at].shape, given) {
                (Shape::Flag, true) => value(&params[at]),
                (Shape::Flag, false) => format!("!{}", value(&params[at])),
                (_, true) => format!("{} !== undefined", value(&params[at])),
                (_, false) => format!("{} === undefined", value(&params[at])),
            };
            let missing = parents.iter().map(|at| is(*at, false)).collect::<Vec<_>>().join(" && ");
            let names: Vec<String> = parents.iter().map(|at| format!("'{}'", label(&params[*at]))).collect();
            let child_label = label(&params[child]);
            writeln!(
                text,
                "    if ({} && {missing}) throw lacking('{child_label}', {});",
                is(child, true),
                names.join(", ")
            )
            .expect("a String");
        }
        for item in more {
            statement(&mut text, item, params, 2);
        }
        let end = if keep == "options" { format!("known(options, '{name}', [])") } else { keep.into() };
        writeln!(text, "    return [words, {end}];").expect("a String");
    }
    text.push_str("  },\n");
    text
}

fn fixed_text(item: &Item, params: &[Param]) -> String {
    match item {
        Item::Word(word) => format!("'{word}'"),
        Item::Put(at) => match (&params[*at].default, params[*at].place) {
            (Some(default), Place::Required) if default.is_number() => {
                format!("{} ?? {default}", variable(&params[*at]))
            }
            _ => value(&params[*at]),
        },
        other => panic!("{other:?} is not one word"),
    }
}

/// Where a parameter is: in a variable, or in the options.
fn value(param: &Param) -> String {
    if param.place == Place::Named { format!("o.{}", param.word) } else { variable(param) }
}

fn variable(param: &Param) -> String {
    let name = camel(&param.name);
    match name.as_str() {
        "function" | "arguments" | "default" | "in" | "rest" | "words" | "options" => format!("{name}_"),
        _ => name,
    }
}

fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts.filter(|part| !part.is_empty()) {
        let (first, rest) = part.split_at(1);
        text.push_str(&first.to_uppercase());
        text.push_str(rest);
    }
    text
}

fn statement(text: &mut String, item: &Item, params: &[Param], depth: usize) {
    let indent = "  ".repeat(depth);
    let mut line = |what: String| writeln!(text, "{indent}{what}").expect("a String");
    match item {
        Item::Word(word) => line(format!("words.push('{word}');")),
        Item::Put(at) => line(put(&params[*at])),
        Item::PutEach(at, word) => {
            line(format!("each(words, '{}', {}, '{word}');", label(&params[*at]), value(&params[*at])));
        }
        Item::Counted(at) => {
            let each = if matches!(params[*at].shape, Shape::Pairs { .. }) { 2 } else { 1 };
            line(format!("counted(words, {each}, () => {{ {} }});", put(&params[*at])));
        }
        Item::If(at, body) => {
            let param = &params[*at];
            let value = value(param);
            match (&param.shape, body.split_first()) {
                (Shape::Flag, Some((Item::Word(word), rest))) => {
                    if rest.is_empty() {
                        line(format!("if ({value}) words.push(switched('{}', {value}, '{word}'));", label(param)));
                        return;
                    }
                    line(format!("if ({value}) {{"));
                    line(format!("  words.push(switched('{}', {value}, '{word}'));", label(param)));
                    rest.iter().for_each(|item| statement(text, item, params, depth + 1));
                }
                _ if body.iter().all(|item| item.is_one_word(params)) => {
                    let words = body.iter().map(|item| fixed_text(item, params)).collect::<Vec<_>>().join(", ");
                    line(format!("if ({value} !== undefined) words.push({words});"));
                    return;
                }
                _ => {
                    line(format!("if ({value} !== undefined) {{"));
                    body.iter().for_each(|item| statement(text, item, params, depth + 1));
                }
            }
            writeln!(text, "{indent}}}").expect("a String");
        }
    }
}

/// What messages call it.
fn label(param: &Param) -> String {
    if param.place == Place::Named { param.word.clone() } else { camel(&param.name) }
}

fn put(param: &Param) -> String {
    let value = value(param);
    let label = label(param);
    let values = if param.place == Place::Rest { value.clone() } else { format!("[{value}]") };
    match &param.shape {
        Shape::One(_) => match &param.default {
            Some(default) if default.is_number() => format!("words.push({value} ?? {default});"),
            _ => format!("words.push({value});"),
        },
        Shape::Word(all) => {
            let all = all.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
            format!("words.push(chosen('{label}', {value}, [{all}]));")
        }
        Shape::Flag => panic!("{label} is yes or no"),
        Shape::Many { may_be_empty: true, .. } => format!("anyOf(words, '{label}', {values});"),
        Shape::Many { may_be_empty: false, .. } => format!("several(words, '{label}', {values});"),
        Shape::Pairs { swapped, .. } => format!("pairsOf(words, '{label}', {value}, {swapped});"),
        Shape::Together(types) => format!("together(words, '{label}', {value}, {});", types.len()),
        Shape::Streams => format!("streamsOf(words, '{label}', {value});"),
    }
}

/// The types.
pub fn types(table: &Table) -> String {
    let mut text = format!(
        "// {GENERATED}\n\
         import type {{ Argument, CommandOptions, Reply }} from './index';\n\n\
         /** Text, or bytes if `buffers` was set. */\n\
         export type Text<Buffers extends boolean> = Buffers extends true ? Buffer : string;\n\n\
         /** A whole number. */\n\
         export type Integer = number | bigint;\n\n\
         /** A number, or text such as '-inf' or '(1.5', where the command takes that. */\n\
         export type Numeric = number | bigint | string;\n\n\
         /** One, or a list of them. */\n\
         export type Many<T> = T | readonly T[] | ReadonlySet<T>;\n\n\
         /** An object or a map. */\n\
         export type Pairs<T> = {{ readonly [name: string]: T }} | ReadonlyMap<Argument, T>;\n\n\
         /** A method for each command; `core/commands/README.md` says how they are made. */\n\
         export interface Commands {{\n"
    );
    for method in methods(table) {
        text.push_str(&declaration(&method));
    }
    text.push_str("}\n");
    text
}

fn declaration(method: &Method) -> String {
    let (positional, rest, named) = signature(method);
    let reply = reply_type(method.command.reply.as_deref());
    let has_text = reply.contains("<B>");
    let options = {
        let base = if has_text { "CommandOptions<B>" } else { "CommandOptions" };
        let fields: Vec<String> = named.iter().map(|param| format!("{}?: {}", param.word, type_of(param))).collect();
        if fields.is_empty() { base.to_owned() } else { format!("{base} & {{ {} }}", fields.join("; ")) }
    };
    let generic = if has_text { "<B extends boolean = false>" } else { "" };
    let without = reply.replace("<B>", "<false>");
    let mut optional = false;
    let mut before: Vec<String> = Vec::new();
    for param in &positional {
        let is_optional = param.place == Place::Optional
            || (param.default.is_some()
                && rest.is_none()
                && param.default.as_ref().is_some_and(serde_json::Value::is_number));
        optional |= is_optional;
        assert!(is_optional || !optional, "{}: {} comes behind what may be left out", method.command.name, param.name);
        let mark = if is_optional { "?" } else { "" };
        before.push(format!("{}{mark}: {}", variable(param), type_of(param)));
    }
    let name = name(method);
    let mut text = format!("  /** {}. {} */\n", method.command.summary.replace("*/", "* /"), provenance(method));
    match rest {
        None => {
            before.push(format!("options?: {options}"));
            writeln!(text, "  {name}{generic}({}): Promise<{reply}>;", before.join(", ")).expect("a String");
        }
        Some(param) => {
            let each = match param.shape {
                Shape::Many { ty, .. } => format!("Many<{}>", one(ty)),
                Shape::Pairs { .. } => "Argument".into(),
                _ => panic!("{param:?} cannot be the rest"),
            };
            let of = |more: &str| {
                let mut all = before.clone();
                all.push(more.to_owned());
                all.join(", ")
            };
            if let Shape::Pairs { value, .. } = param.shape {
                let map = format!("{}: Pairs<{}>, options?: {options}", variable(param), one(value));
                writeln!(text, "  {name}{generic}({}): Promise<{reply}>;", of(&map)).expect("a String");
            }
            let variable = variable(param);
            writeln!(text, "  {name}({}): Promise<{without}>;", of(&format!("...{variable}: {each}[]")))
                .expect("a String");
            let last = format!("...{variable}: [...{each}[], {options}]");
            writeln!(text, "  {name}{generic}({}): Promise<{reply}>;", of(&last)).expect("a String");
        }
    }
    text
}

fn provenance(method: &Method) -> String {
    let command = &method.command;
    let words = command.words().join(" ");
    let mut text = match command.since.chars().next() {
        Some('0'..='9') => format!("{words}, since {}.", command.since),
        _ => format!("{words}, new in {}.", command.since),
    };
    match command.deprecated.as_deref() {
        Some("") => text.push_str(" @deprecated"),
        Some(instead) => write!(text, " @deprecated Use {instead}.").expect("a String"),
        None => {}
    }
    text
}

fn type_of(param: &Param) -> String {
    match &param.shape {
        Shape::One(ty) => one(*ty).into(),
        Shape::Word(words) => words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" | "),
        Shape::Flag => "boolean".into(),
        Shape::Many { ty, .. } => format!("Many<{}>", one(*ty)),
        Shape::Pairs { value, .. } => format!("Pairs<{}>", one(*value)),
        Shape::Together(types) => {
            format!("readonly [{}]", types.iter().map(|ty| one(*ty)).collect::<Vec<_>>().join(", "))
        }
        Shape::Streams => "Pairs<Argument>".into(),
    }
}

fn one(ty: char) -> &'static str {
    match ty {
        'i' | 'u' => "Integer",
        'd' => "Numeric",
        _ => "Argument",
    }
}

fn reply_type(reply: Option<&str>) -> String {
    match reply {
        None => "Reply<Text<B>>",
        Some("int") => "number",
        Some("ok") => "'OK'",
        Some("status") => "string",
        Some("text") => "Text<B>",
        Some("text?") => "Text<B> | null",
        Some("ok, text?") => "'OK' | Text<B> | null",
        Some("status, text") => "string | Text<B>",
        Some("double") => "number",
        Some("double?") => "number | null",
        Some("texts") => "Text<B>[]",
        Some("texts?") => "(Text<B> | null)[]",
        Some("ints") => "number[]",
        Some("set") => "Set<Text<B>>",
        Some("map") => "Map<Text<B>, Text<B>>",
        Some(other) => panic!("overlay.json: there is no kind of reply {other:?}"),
    }
    .into()
}
