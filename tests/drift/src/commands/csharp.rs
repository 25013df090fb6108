//! `bindings-c/csharp/Standfast/Commands.cs`: methods for the commands that the overlay lists, spelled as C# does.

use std::{collections::BTreeMap, fmt::Write};

use super::{
    GENERATED,
    method::{Item, Method, Param, Place, Shape, methods},
    table::Table,
};

/// The methods' names, by their commands'.
pub(super) fn names(table: &Table) -> BTreeMap<String, String> {
    let plain = |name: &str| name.to_lowercase().replace(['|', '-', '_'], "");
    let by_plain: BTreeMap<String, &str> = table.commands.keys().map(|name| (plain(name), name.as_str())).collect();
    let found = table.csharp.iter().map(|spelled| {
        let name =
            by_plain.get(&plain(spelled)).unwrap_or_else(|| panic!("overlay.json: there is no command {spelled}"));
        ((*name).to_owned(), spelled.clone())
    });
    found.collect()
}

/// The text of the file.
pub fn text(table: &Table) -> String {
    let names = names(table);
    let mut text = format!(
        "// {GENERATED}\n\
         // A method for each command of everyday use; every other one is Execute's. It puts the words of the command in order.\n\n\
         using System.Collections.Generic;\n\n\
         namespace Standfast\n{{\n    \
         /// <summary>The commands that have methods of their own.</summary>\n    \
         public abstract class Commands\n    {{\n        \
         /// <summary>Execute a command: its words in order.</summary>\n        \
         protected abstract Value Run(object[] words);\n"
    );
    for method in methods(table) {
        if let Some(name) = names.get(&method.command.name) {
            text.push_str(&declaration(&method, name));
        }
    }
    text.push_str("    }\n}\n");
    text
}

fn declaration(method: &Method, name: &str) -> String {
    let params = &method.params;
    let rest = params.iter().find(|param| param.place == Place::Rest);
    let optional =
        params.iter().any(|param| !matches!(param.place, Place::Required | Place::Rest) || is_default(param, rest));
    let mut order: Vec<&Param> =
        params.iter().filter(|param| param.place == Place::Required && !is_default(param, rest)).collect();
    order.extend(rest);
    order.extend(params.iter().filter(|param| param.place == Place::Required && is_default(param, rest)));
    order.extend(params.iter().filter(|param| param.place == Place::Optional));
    order.extend(params.iter().filter(|param| param.place == Place::Named));
    let parameters: Vec<String> = order.iter().map(|param| parameter(param, rest, optional)).collect();
    let generic = if params.iter().any(|param| is_generic(&param.shape)) { "<T>" } else { "" };
    let reply = method.command.reply.as_deref();
    let mut text = String::new();
    let summary = method.command.summary.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    writeln!(text, "\n        /// <summary>{summary}. {}.</summary>", method.command.words().join(" "))
        .expect("a String");
    writeln!(text, "        public {} {name}{generic}({})", reply_type(reply), parameters.join(", "))
        .expect("a String");
    text.push_str("        {\n");
    let fixed = method.items.iter().take_while(|item| item.is_one_word(params)).count();
    let (first, more) = method.items.split_at(fixed);
    let first = first.iter().map(|item| fixed_text(item, params)).collect::<Vec<_>>().join(", ");
    let words = if more.is_empty() {
        format!("new object[] {{ {first} }}")
    } else {
        writeln!(text, "            var words = new Words({first});").expect("a String");
        for (child, parents) in method.dependent() {
            let is = |at: usize, given: bool| match (&params[at].shape, given) {
                (Shape::Flag, true) => variable(&params[at]),
                (Shape::Flag, false) => format!("!{}", variable(&params[at])),
                (_, true) => format!("{} != null", variable(&params[at])),
                (_, false) => format!("{} == null", variable(&params[at])),
            };
            let missing = parents.iter().map(|at| is(*at, false)).collect::<Vec<_>>().join(" && ");
            let names: Vec<String> = parents.iter().map(|at| variable(&params[*at])).collect();
            writeln!(
                text,
                "            Words.Refuse({} && {missing}, \"{} needs {}\");",
                is(child, true),
                variable(&params[child]),
                names.join(" or ")
            )
            .expect("a String");
        }
        for item in more {
            statement(&mut text, item, params, 3);
        }
        "words.ToArray()".into()
    };
    writeln!(text, "            {}", result(reply, &format!("Run({words})"))).expect("a String");
    text.push_str("        }\n");
    text
}

/// A default that C# can give: not before the rest.
fn is_default(param: &Param, rest: Option<&Param>) -> bool {
    rest.is_none() && param.default.is_some()
}

fn is_generic(shape: &Shape) -> bool {
    matches!(shape, Shape::Pairs { value, .. } if *value != 'd') || *shape == Shape::Streams
}

fn parameter(param: &Param, rest: Option<&Param>, optional: bool) -> String {
    let name = variable(param);
    let ty = match &param.shape {
        Shape::One(ty) => one(*ty, &param.name).to_owned(),
        Shape::Word(_) => "string".into(),
        Shape::Flag => "bool".into(),
        Shape::Many { ty, .. } if param.place == Place::Rest && !optional => {
            return format!("params {}[] {name}", one(*ty, &param.name));
        }
        Shape::Many { ty, .. } => format!("IEnumerable<{}>", one(*ty, &param.name)),
        Shape::Pairs { value: 'd', .. } => "IEnumerable<KeyValuePair<string, double>>".into(),
        Shape::Pairs { .. } | Shape::Streams => "IEnumerable<KeyValuePair<string, T>>".into(),
        Shape::Together(types) => {
            format!("({})", types.iter().map(|ty| one(*ty, "")).collect::<Vec<_>>().join(", "))
        }
    };
    if is_default(param, rest) {
        let default = param.default.clone().unwrap_or_default();
        return match (&param.shape, ty.as_str()) {
            // Only null can be the default of an object.
            (_, "object") => format!("object {name} = null"),
            _ => format!("{ty} {name} = {default}"),
        };
    }
    match (param.place, &param.shape) {
        (Place::Required | Place::Rest, _) => format!("{ty} {name}"),
        (_, Shape::Flag) => format!("bool {name} = false"),
        (_, Shape::One('i' | 'u' | 'd') | Shape::Together(_)) if ty != "object" => format!("{ty}? {name} = null"),
        _ => format!("{ty} {name} = null"),
    }
}

fn one(ty: char, name: &str) -> &'static str {
    match ty {
        'k' | 'p' => "string",
        'i' | 'u' => "long",
        // They take "-inf" and "(1.5", too.
        'd' if matches!(name, "min" | "max") => "object",
        'd' => "double",
        _ => "object",
    }
}

/// The name of a parameter.
pub(super) fn variable(param: &Param) -> String {
    let mut parts = param.name.split('_');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts.filter(|part| !part.is_empty()) {
        let (first, rest) = part.split_at(1);
        name.push_str(&first.to_uppercase());
        name.push_str(rest);
    }
    match name.as_str() {
        "object" | "string" | "params" | "event" | "in" | "is" | "ref" | "operator" | "default" => {
            format!("@{name}")
        }
        _ => name,
    }
}

fn fixed_text(item: &Item, params: &[Param]) -> String {
    match item {
        Item::Word(word) => format!("\"{word}\""),
        Item::Put(at) => match (&params[*at].default, &params[*at].shape) {
            (Some(default), Shape::One(ty)) if one(*ty, &params[*at].name) == "object" && default.is_number() => {
                format!("{} ?? {default}", variable(&params[*at]))
            }
            _ => variable(&params[*at]),
        },
        other => panic!("{other:?} is not one word"),
    }
}

fn statement(text: &mut String, item: &Item, params: &[Param], depth: usize) {
    let indent = "    ".repeat(depth);
    let mut line = |what: String| writeln!(text, "{indent}{what}").expect("a String");
    match item {
        Item::Word(word) => line(format!("words.Add(\"{word}\");")),
        Item::Put(at) => line(put(&params[*at])),
        Item::PutEach(at, word) => line(format!("words.Each(\"{word}\", {});", variable(&params[*at]))),
        Item::Counted(at) => {
            let size = if matches!(params[*at].shape, Shape::Pairs { .. }) { 2 } else { 1 };
            line("var at = words.Reserve();".into());
            line(put(&params[*at]));
            line(format!("words.Counted(at, {size});"));
        }
        Item::If(at, body) => {
            let param = &params[*at];
            let name = variable(param);
            line(match param.shape {
                Shape::Flag => format!("if ({name})"),
                _ => format!("if ({name} != null)"),
            });
            line("{".into());
            body.iter().for_each(|item| statement(text, item, params, depth + 1));
            writeln!(text, "{indent}}}").expect("a String");
        }
    }
}

fn put(param: &Param) -> String {
    let name = variable(param);
    match &param.shape {
        Shape::One(_) => format!("words.Add({name});"),
        Shape::Word(words) => {
            let words = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
            format!("words.Chosen(\"{}\", {name}, {words});", param.name)
        }
        Shape::Flag => panic!("{name} is yes or no"),
        Shape::Many { may_be_empty: true, .. } => format!("words.AnyOf(\"{}\", {name});", param.name),
        Shape::Many { may_be_empty: false, .. } => format!("words.Several(\"{}\", {name});", param.name),
        Shape::Pairs { swapped, .. } => format!("words.Pairs(\"{}\", {name}, {swapped});", param.name),
        Shape::Together(types) => {
            let items: Vec<String> = (1..=types.len()).map(|n| format!("{name}.Value.Item{n}")).collect();
            format!("words.All({});", items.join(", "))
        }
        Shape::Streams => format!("words.Streams(\"{}\", {name});", param.name),
    }
}

fn reply_type(reply: Option<&str>) -> &'static str {
    match reply {
        Some("int") => "long",
        Some("ok") => "void",
        Some("status" | "text" | "text?" | "status, text") => "string",
        Some("double") => "double",
        Some("double?") => "double?",
        Some("texts" | "texts?" | "set") => "string[]",
        Some("ints") => "long[]",
        Some("map") => "Dictionary<string, string>",
        _ => "Value",
    }
}

fn result(reply: Option<&str>, run: &str) -> String {
    match reply_type(reply) {
        "void" => format!("{run};"),
        "long" => format!("return {run}.AsInt64();"),
        "string" => format!("return {run}.AsString();"),
        "double" => format!("return {run}.AsDouble();"),
        "double?" => format!("return {run}.AsDoubleOrNull();"),
        "string[]" => format!("return {run}.AsStrings();"),
        "long[]" => format!("return {run}.AsInt64s();"),
        "Dictionary<string, string>" => format!("return {run}.AsDictionary();"),
        _ => format!("return {run};"),
    }
}
