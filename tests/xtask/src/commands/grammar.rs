//! The arguments of a command as one line of text, from the tree that `COMMAND DOCS` gives.
//!
//! `key:k value:s [condition:(NX | XX)] [GET] [expiration:(EX seconds:i | KEEPTTL)]`: a word in capitals stands for itself,
//! `name:t` for a value (`k` key, `s` text, `i` whole number, `d` number, `p` pattern, `u` time), `[…]` may be left out,
//! `name:(… | …)` is one of them, `<…>` belongs together, `…+` comes once or more often, `…+T` each time with its word.

use standfast_lab::Value;

/// The text for all arguments.
pub(super) fn text(arguments: &Value) -> String {
    join(arguments, " ")
}

fn join(arguments: &Value, separator: &str) -> String {
    arguments.items().iter().map(argument).collect::<Vec<_>>().join(separator)
}

fn argument(argument: &Value) -> String {
    let field = |name| argument.field(name).unwrap_or_default();
    let inner = argument.items().chunks_exact(2).find(|pair| pair[0].text() == "arguments").map(|pair| &pair[1]);
    let flags = argument.items().chunks_exact(2).find(|pair| pair[0].text() == "flags").map(|pair| &pair[1]);
    let is = |flag: &str| flags.is_some_and(|flags| flags.items().iter().any(|item| item.text() == flag));
    let name = field("name").to_lowercase().replace('-', "_");
    let token = argument.field("token").map(|token| if token.is_empty() { "\"\"".to_owned() } else { token });
    let body = match (field("type").as_str(), inner) {
        ("pure-token", _) => token.clone().unwrap_or_default(),
        ("oneof", Some(inner)) => format!("{name}:({})", join(inner, " | ")),
        ("block", Some(inner)) => format!("<{}>", join(inner, " ")),
        ("key", _) => format!("{name}:k"),
        ("integer", _) => format!("{name}:i"),
        ("double", _) => format!("{name}:d"),
        ("pattern", _) => format!("{name}:p"),
        ("unix-time", _) => format!("{name}:u"),
        _ => format!("{name}:s"),
    };
    let mut text = match token {
        Some(token) if field("type") != "pure-token" => format!("{token} {body}"),
        _ => body,
    };
    if is("multiple_token") {
        text.push_str("+T");
    } else if is("multiple") {
        text.push('+');
    }
    if is("optional") { format!("[{text}]") } else { text }
}
