//! The arguments of a command, read from their line of text. `core/commands/README.md` describes the line.

/// One argument, or several that belong together.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// Stands for itself.
    Word(String),
    /// A value.
    Value { name: String, ty: char },
    /// May be left out.
    Optional(Vec<Node>),
    /// One of these sequences.
    OneOf { name: String, branches: Vec<Vec<Node>> },
    /// Belongs together.
    Block(Vec<Node>),
    /// Once or more often.
    Many(Box<Node>),
    /// Each time with this word.
    ManyWith(String, Box<Node>),
}

/// Read a line.
///
/// # Panics
/// When it is not such a line.
pub(super) fn parse(line: &str) -> Vec<Node> {
    let mut rest = lex(line).into_iter().peekable();
    let nodes = sequence(&mut rest, line);
    assert!(rest.peek().is_none(), "{line}: something is left: {:?}", rest.collect::<Vec<_>>());
    nodes
}

type Rest = std::iter::Peekable<std::vec::IntoIter<String>>;

/// Brackets are tokens of their own; `+` and `+T` stay with what is before them.
fn lex(line: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for word in line.split_whitespace() {
        let mut word = word;
        loop {
            if word.is_empty() {
                break;
            }
            let cut = match word.as_bytes()[0] {
                b'[' | b']' | b'<' | b'>' | b'(' | b')' | b'|' => 1,
                b'+' if word.starts_with("+T") => 2,
                b'+' => 1,
                _ => word.find(['[', ']', '<', '>', '(', ')', '+']).unwrap_or(word.len()),
            };
            let (token, left) = word.split_at(cut);
            tokens.push(token.to_owned());
            word = left;
        }
    }
    tokens
}

fn sequence(rest: &mut Rest, line: &str) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    while let Some(token) = rest.next_if(|token| !matches!(token.as_str(), "]" | ">" | ")" | "|")) {
        match token.as_str() {
            "[" => nodes.push(Node::Optional(closed(rest, "]", line))),
            "<" => nodes.push(Node::Block(closed(rest, ">", line))),
            "+" => {
                let last = nodes.pop().unwrap_or_else(|| panic!("{line}: + after nothing"));
                nodes.push(Node::Many(Box::new(last)));
            }
            "+T" => match (nodes.pop(), nodes.pop()) {
                (Some(last), Some(Node::Word(word))) => nodes.push(Node::ManyWith(word, Box::new(last))),
                other => panic!("{line}: +T after {other:?}"),
            },
            _ if token.ends_with(':') => {
                assert_eq!(rest.next().as_deref(), Some("("), "{line}: after {token}");
                let mut branches = vec![sequence(rest, line)];
                while rest.next_if(|token| token == "|").is_some() {
                    branches.push(sequence(rest, line));
                }
                assert_eq!(rest.next().as_deref(), Some(")"), "{line}: a choice does not end");
                nodes.push(Node::OneOf { name: token.trim_end_matches(':').to_owned(), branches });
            }
            _ => nodes.push(match token.split_once(':') {
                Some((name, ty)) if ty.len() == 1 => Node::Value { name: name.to_owned(), ty: ty.as_bytes()[0].into() },
                Some(_) => panic!("{line}: {token}"),
                None => Node::Word(if token == "\"\"" { String::new() } else { token }),
            }),
        }
    }
    nodes
}

fn closed(rest: &mut Rest, end: &str, line: &str) -> Vec<Node> {
    let nodes = sequence(rest, line);
    assert_eq!(rest.next().as_deref(), Some(end), "{line}: a bracket does not end");
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let word = |text: &str| Node::Word(text.into());
        let value = |name: &str, ty| Node::Value { name: name.into(), ty };
        assert_eq!(
            parse("key:k [GET pattern:p+T] [LIMIT <offset:i count:i>] order:(ASC | UP TO n:i) <f:s v:s>+ [\"\"]"),
            vec![
                value("key", 'k'),
                Node::Optional(vec![Node::ManyWith("GET".into(), Box::new(value("pattern", 'p')))]),
                Node::Optional(vec![word("LIMIT"), Node::Block(vec![value("offset", 'i'), value("count", 'i')])]),
                Node::OneOf {
                    name: "order".into(),
                    branches: vec![vec![word("ASC")], vec![word("UP"), word("TO"), value("n", 'i')]],
                },
                Node::Many(Box::new(Node::Block(vec![value("f", 's'), value("v", 's')]))),
                Node::Optional(vec![word("")]),
            ]
        );
    }
}
