//! A reply as one block: every node of the tree in one vector, the children of a node side by side.
//!
//! So a node has a number, a handle can name it, and freeing the tree frees everything at once. This file turns values of
//! the core into that form; how C reads it is told in `reply.rs`.

use std::collections::VecDeque;
use std::ffi::CString;

use standfast::Value;

/// A node of a reply.
#[derive(Debug)]
pub(crate) enum Node {
    Nil,
    Integer(i64),
    Double(f64),
    Boolean(bool),
    /// Bytes with a NUL behind them, which is not part of them.
    Text(Vec<u8>),
    /// An error inside a reply: its code word, and its text as in `Text`.
    Error(Box<(CString, Vec<u8>)>),
    /// The children.
    Array(Children),
    /// The children, in no order.
    Set(Children),
    /// Keys and values by turns: twice as many children as pairs.
    Map(Children),
}

/// The numbers of the children of a node: so many from the first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Children {
    first: usize,
    count: usize,
}

impl Children {
    pub(crate) fn count(self) -> usize {
        self.count
    }

    pub(crate) fn at(self, index: usize) -> Option<usize> {
        (index < self.count).then(|| self.first + index)
    }
}

/// A whole reply. Node 0 is the root.
#[derive(Debug)]
pub(crate) struct Arena {
    // Invariant: never empty, and every child lies behind its parent.
    nodes: Vec<Node>,
}

impl Arena {
    pub(crate) fn new(value: Value) -> Arena {
        let mut flatten = Flatten { nodes: Vec::new(), waiting: VecDeque::new() };
        flatten.nodes.push(Node::Nil);
        flatten.waiting.push_back((0, value));
        // Breadth first and without recursion: a deep reply costs no stack.
        while let Some((at, value)) = flatten.waiting.pop_front() {
            flatten.nodes[at] = flatten.node(value);
        }
        Arena { nodes: flatten.nodes }
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    /// The number of the value of this key, in the map with this number.
    pub(crate) fn find(&self, map: Children, key: &[u8]) -> Option<usize> {
        (map.first..map.first + map.count).step_by(2).find(|at| self.text(*at) == Some(key)).map(|at| at + 1)
    }

    fn text(&self, at: usize) -> Option<&[u8]> {
        match self.nodes.get(at)? {
            Node::Text(text) => Some(without_nul(text)),
            _ => None,
        }
    }
}

/// The bytes without the NUL behind them.
pub(crate) fn without_nul(text: &[u8]) -> &[u8] {
    &text[..text.len() - 1]
}

struct Flatten {
    nodes: Vec<Node>,
    waiting: VecDeque<(usize, Value)>,
}

impl Flatten {
    fn node(&mut self, mut value: Value) -> Node {
        // Attributes comment on a value; what is asked for is the value.
        while let Value::Attribute { data, attributes: _ } = value {
            value = *data;
        }
        match value {
            Value::Nil | Value::Attribute { .. } => Node::Nil,
            Value::Int(number) => Node::Integer(number),
            Value::Double(number) => Node::Double(number),
            Value::Boolean(yes) => Node::Boolean(yes),
            Value::BulkString(bytes) => text(bytes),
            Value::SimpleString(string) => text(string.into_bytes()),
            Value::VerbatimString { format: _, text: string } => text(string.into_bytes()),
            Value::BigNumber(digits) => text(digits),
            Value::Okay => text(b"OK".to_vec()),
            Value::Array(items) => Node::Array(self.children(items)),
            Value::Set(items) => Node::Set(self.children(items)),
            Value::Map(pairs) => Node::Map(self.children(pairs.into_iter().flat_map(|(key, value)| [key, value]))),
            Value::Push { kind, data } => {
                let kind = Value::SimpleString(kind.to_string());
                Node::Array(self.children(std::iter::once(kind).chain(data)))
            }
            Value::ServerError(error) => {
                let code: Vec<u8> = error.code().bytes().filter(|byte| *byte != 0).collect();
                let mut message = error.details().unwrap_or_default().as_bytes().to_vec();
                message.push(0);
                Node::Error(Box::new((CString::new(code).unwrap_or_default(), message)))
            }
            // `Value` may grow. What this version does not know is shown as text rather than hidden.
            unknown => text(format!("{unknown:?}").into_bytes()),
        }
    }

    fn children(&mut self, values: impl IntoIterator<Item = Value>) -> Children {
        let first = self.nodes.len();
        for value in values {
            self.waiting.push_back((self.nodes.len(), value));
            self.nodes.push(Node::Nil);
        }
        Children { first, count: self.nodes.len() - first }
    }
}

fn text(mut bytes: Vec<u8>) -> Node {
    bytes.reserve_exact(1);
    bytes.push(0);
    Node::Text(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(arena: &Arena, at: usize) -> &str {
        std::str::from_utf8(arena.text(at).unwrap()).unwrap()
    }

    #[test]
    fn children_lie_side_by_side_at_every_depth() {
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let arena = Arena::new(Value::Array(vec![
            Value::Array(vec![bulk("a"), Value::Int(1)]),
            Value::Map(vec![(bulk("k"), Value::Array(vec![bulk("deep")])), (bulk("l"), Value::Nil)]),
            Value::Okay,
        ]));
        let Some(Node::Array(root)) = arena.node(0) else { panic!("{arena:?}") };
        assert_eq!(root.count(), 3);
        assert_eq!(root.at(3), None);
        let Some(Node::Array(first)) = arena.node(root.at(0).unwrap()) else { panic!("{arena:?}") };
        assert_eq!(text_of(&arena, first.at(0).unwrap()), "a");
        assert!(matches!(arena.node(first.at(1).unwrap()), Some(Node::Integer(1))));
        let Some(Node::Map(map)) = arena.node(root.at(1).unwrap()) else { panic!("{arena:?}") };
        let Some(Node::Array(deep)) = arena.node(arena.find(*map, b"k").unwrap()) else { panic!("{arena:?}") };
        assert_eq!(text_of(&arena, deep.at(0).unwrap()), "deep");
        assert!(matches!(arena.node(arena.find(*map, b"l").unwrap()), Some(Node::Nil)));
        assert_eq!(arena.find(*map, b"deep"), None);
        assert_eq!(text_of(&arena, root.at(2).unwrap()), "OK");
        assert_eq!(arena.len(), 11);
    }

    #[test]
    fn depth_costs_no_stack() {
        let mut value = Value::Int(7);
        for _ in 0..100_000 {
            value = Value::Array(vec![value]);
        }
        let arena = Arena::new(value);
        assert_eq!(arena.len(), 100_001);
        assert!(matches!(arena.node(100_000), Some(Node::Integer(7))));
    }

    #[test]
    fn server_error_keeps_code_and_text() {
        let value = redis::parse_redis_value(b"*1\r\n-WRONGTYPE not a list\r\n").unwrap();
        let arena = Arena::new(value);
        let Some(Node::Error(error)) = arena.node(1) else { panic!("{arena:?}") };
        assert_eq!(error.0.to_str(), Ok("WRONGTYPE"));
        assert_eq!(error.1, b"not a list\0");
    }
}
