//! The RESP2/RESP3 parser: bytes in, values out, incremental and bounded.
//!
//! Complete elements of an aggregate leave the input at once and wait on a stack, so that a large reply that arrives in many
//! pieces is looked at once, and the depth of the reply costs heap, never stack.

use redis::{PushKind, Value, VerbatimFormat};

use crate::error::{Error, ErrorKind, Result};

/// A header line (a length, a number, a simple string) may be this long.
const MAX_LINE: usize = 1 << 20;

/// How deep and how large a reply may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) bytes: u64,
    pub(crate) depth: u64,
}

/// The state of a reply that has arrived in part.
#[derive(Debug)]
pub(crate) struct Parser {
    bounds: Bounds,
    stack: Vec<Frame>,
    /// Bytes of this reply that were consumed so far.
    seen: u64,
}

#[derive(Debug)]
struct Frame {
    kind: Kind,
    /// Values that are still to come.
    left: u64,
    items: Vec<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Array,
    Set,
    Map,
    Push,
    /// Auxiliary data ahead of the value that it belongs to; nobody asked for it.
    Attribute,
}

/// What stands at the front of the input.
enum Token {
    Value(Value),
    Open(Kind, u64),
}

impl Parser {
    pub(crate) fn new(bounds: Bounds) -> Parser {
        Parser { bounds, stack: Vec::new(), seen: 0 }
    }

    /// Consume as much of `input` as can be understood. Gives the number of consumed bytes and, when it is complete, one
    /// reply; call again with the rest for the next one.
    pub(crate) fn parse(&mut self, input: &[u8]) -> Result<(usize, Option<Value>)> {
        let mut used = 0;
        while let Some((token, length)) = token(&input[used..], self.bounds.bytes)? {
            used += length;
            self.seen += length as u64;
            if self.seen > self.bounds.bytes {
                return Err(too_large(self.bounds.bytes));
            }
            if let Some(value) = self.accept(token)? {
                self.seen = 0;
                return Ok((used, Some(value)));
            }
        }
        Ok((used, None))
    }

    fn accept(&mut self, token: Token) -> Result<Option<Value>> {
        let mut value = match token {
            Token::Value(value) => value,
            Token::Open(kind, left) => {
                if self.stack.len() as u64 >= self.bounds.depth {
                    return Err(protocol(format!("the reply is nested deeper than {}", self.bounds.depth)));
                }
                // The announced length is only believed as far as elements really come.
                let items = Vec::with_capacity(left.min(64) as usize);
                self.stack.push(Frame { kind, left, items });
                match self.close_if_complete() {
                    Some(value) => value,
                    None => return Ok(None),
                }
            }
        };
        loop {
            let Some(frame) = self.stack.last_mut() else { return Ok(Some(value)) };
            frame.items.push(value);
            frame.left -= 1;
            match self.close_if_complete() {
                Some(complete) => value = complete,
                None => return Ok(None),
            }
        }
    }

    /// Take the top frame off if nothing is missing from it. An attribute vanishes: what follows it is the value.
    fn close_if_complete(&mut self) -> Option<Value> {
        if self.stack.last()?.left > 0 {
            return None;
        }
        let Frame { kind, items, left: _ } = self.stack.pop()?;
        match kind {
            Kind::Array => Some(Value::Array(items)),
            Kind::Set => Some(Value::Set(items)),
            Kind::Map => Some(Value::Map(pairs(items))),
            Kind::Push => {
                let mut items = items.into_iter();
                let kind = match items.next() {
                    Some(Value::BulkString(name)) => push_kind(&String::from_utf8_lossy(&name)),
                    Some(Value::SimpleString(name)) => push_kind(&name),
                    _ => PushKind::Other(String::new()),
                };
                Some(Value::Push { kind, data: items.collect() })
            }
            Kind::Attribute => None,
        }
    }
}

/// The text of a string, if it is one.
pub(crate) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

fn pairs(items: Vec<Value>) -> Vec<(Value, Value)> {
    let mut items = items.into_iter();
    let mut pairs = Vec::with_capacity(items.len() / 2);
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((key, value));
    }
    pairs
}

/// The kind of a push by its first word.
pub(super) fn push_kind(name: &str) -> PushKind {
    match name {
        "message" => PushKind::Message,
        "pmessage" => PushKind::PMessage,
        "smessage" => PushKind::SMessage,
        "subscribe" => PushKind::Subscribe,
        "psubscribe" => PushKind::PSubscribe,
        "ssubscribe" => PushKind::SSubscribe,
        "unsubscribe" => PushKind::Unsubscribe,
        "punsubscribe" => PushKind::PUnsubscribe,
        "sunsubscribe" => PushKind::SUnsubscribe,
        "invalidate" => PushKind::Invalidate,
        other => PushKind::Other(other.to_owned()),
    }
}

/// The token at the front of the input and its length, or `None` when it is not complete.
fn token(input: &[u8], max_bytes: u64) -> Result<Option<(Token, usize)>> {
    let Some(&kind) = input.first() else { return Ok(None) };
    if !b"+-:$*_,#!=(%~>|".contains(&kind) {
        return Err(protocol(format!("a reply cannot start with byte {kind:#04x}: this is not a Redis server")));
    }
    let Some(end) = find_line_end(&input[1..]) else {
        if input.len() > MAX_LINE {
            return Err(protocol(format!("a line is longer than {MAX_LINE} bytes")));
        }
        return Ok(None);
    };
    let line = &input[1..=end];
    let head = end + 3; // The kind, the line, CR and LF.
    let value = match kind {
        b'+' if line == b"OK" => Value::Okay,
        b'+' => Value::SimpleString(String::from_utf8_lossy(line).into_owned()),
        b'-' => server_error(line)?,
        b':' => Value::Int(number(line)?),
        b'_' => Value::Nil,
        b'#' => match line {
            b"t" => Value::Boolean(true),
            b"f" => Value::Boolean(false),
            _ => return Err(protocol("a boolean is neither t nor f")),
        },
        b',' => Value::Double(double(line)?),
        b'(' => Value::BigNumber(line.to_vec()),
        b'$' | b'=' | b'!' => {
            let length = number(line)?;
            if length == -1 && kind == b'$' {
                return Ok(Some((Token::Value(Value::Nil), head)));
            }
            let length = size(length, max_bytes)?;
            let total = head + length + 2;
            if input.len() < total {
                return Ok(None);
            }
            if &input[head + length..total] != b"\r\n" {
                return Err(protocol("a string does not end where its length says"));
            }
            let bytes = &input[head..head + length];
            let value = match kind {
                b'$' => Value::BulkString(bytes.to_vec()),
                b'!' => server_error(bytes)?,
                _ => verbatim(bytes)?,
            };
            return Ok(Some((Token::Value(value), total)));
        }
        _ => {
            let count = number(line)?;
            if count == -1 && kind == b'*' {
                return Ok(Some((Token::Value(Value::Nil), head)));
            }
            let count = size(count, max_bytes)? as u64;
            let (kind, count) = match kind {
                b'*' => (Kind::Array, count),
                b'~' => (Kind::Set, count),
                b'>' => (Kind::Push, count),
                b'%' => (Kind::Map, count * 2),
                _ => (Kind::Attribute, count * 2),
            };
            return Ok(Some((Token::Open(kind, count), head)));
        }
    };
    Ok(Some((Token::Value(value), head)))
}

fn find_line_end(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = bytes[from..].iter().position(|byte| *byte == b'\r') {
        let at = from + found;
        match bytes.get(at + 1) {
            Some(b'\n') => return Some(at),
            Some(_) => from = at + 1,
            None => return None,
        }
    }
    None
}

fn number(line: &[u8]) -> Result<i64> {
    std::str::from_utf8(line)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| protocol("a number of the protocol is not a number"))
}

fn double(line: &[u8]) -> Result<f64> {
    std::str::from_utf8(line)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| protocol("a double of the protocol is not a number"))
}

fn size(length: i64, max: u64) -> Result<usize> {
    match u64::try_from(length) {
        Ok(length) if length <= max => Ok(length as usize),
        Ok(_) => Err(too_large(max)),
        Err(_) => Err(protocol("a length of the protocol is negative")),
    }
}

fn verbatim(bytes: &[u8]) -> Result<Value> {
    let (Some(format), Some(text)) = (bytes.get(..3), bytes.get(4..)) else {
        return Err(protocol("a verbatim string lacks its format"));
    };
    let format = match format {
        b"txt" => VerbatimFormat::Text,
        b"mkd" => VerbatimFormat::Markdown,
        other => VerbatimFormat::Unknown(String::from_utf8_lossy(other).into_owned()),
    };
    Ok(Value::VerbatimString { format, text: String::from_utf8_lossy(text).into_owned() })
}

/// `redis` builds its error values only from encoded ones, so the line is encoded again.
fn server_error(line: &[u8]) -> Result<Value> {
    let mut encoded = Vec::with_capacity(line.len() + 3);
    encoded.push(b'-');
    encoded.extend(
        String::from_utf8_lossy(line).bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }),
    );
    encoded.extend_from_slice(b"\r\n");
    redis::parse_redis_value(&encoded).map_err(|_| protocol("an error reply cannot be read"))
}

fn protocol(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, text)
}

fn too_large(max: u64) -> Error {
    protocol(format!("the reply is larger than {max} bytes"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds { bytes: 1 << 20, depth: 16 };

    fn parse_all(pieces: &[&[u8]]) -> Result<Vec<Value>> {
        let mut parser = Parser::new(BOUNDS);
        let mut buffer = Vec::new();
        let mut values = Vec::new();
        for piece in pieces {
            buffer.extend_from_slice(piece);
            loop {
                let (used, value) = parser.parse(&buffer)?;
                buffer.drain(..used);
                match value {
                    Some(value) => values.push(value),
                    None => break,
                }
            }
        }
        Ok(values)
    }

    fn encode(value: &Value, out: &mut Vec<u8>) {
        match value {
            Value::Nil => out.extend_from_slice(b"_\r\n"),
            Value::Int(n) => out.extend_from_slice(format!(":{n}\r\n").as_bytes()),
            Value::BulkString(bytes) => {
                out.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
                out.extend_from_slice(bytes);
                out.extend_from_slice(b"\r\n");
            }
            Value::Okay => out.extend_from_slice(b"+OK\r\n"),
            Value::Boolean(yes) => out.extend_from_slice(if *yes { b"#t\r\n" } else { b"#f\r\n" }),
            Value::Double(number) => out.extend_from_slice(format!(",{number}\r\n").as_bytes()),
            Value::Array(items) | Value::Set(items) => {
                let mark = if matches!(value, Value::Array(_)) { '*' } else { '~' };
                out.extend_from_slice(format!("{mark}{}\r\n", items.len()).as_bytes());
                items.iter().for_each(|item| encode(item, out));
            }
            Value::Map(items) => {
                out.extend_from_slice(format!("%{}\r\n", items.len()).as_bytes());
                items.iter().for_each(|(key, value)| {
                    encode(key, out);
                    encode(value, out);
                });
            }
            other => unreachable!("not generated: {other:?}"),
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            Just(Value::Okay),
            any::<i64>().prop_map(Value::Int),
            any::<bool>().prop_map(Value::Boolean),
            (-1e9..1e9f64).prop_map(Value::Double),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::BulkString),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Set),
                proptest::collection::vec((inner.clone(), inner), 0..4).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_survive_any_fragmentation(values in proptest::collection::vec(any_value(), 1..5), size in 1_usize..23) {
            let mut bytes = Vec::new();
            values.iter().for_each(|value| encode(value, &mut bytes));
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            prop_assert_eq!(parse_all(&pieces).unwrap(), values);
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), size in 1_usize..9) {
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            let _ = parse_all(&pieces);
        }

        #[test]
        fn hostile_protocol_never_panics(text in "[-+:$*_,#!=(%~>|0-9\r\na-f]{0,80}") {
            let _ = parse_all(&[text.as_bytes()]);
        }
    }

    #[test]
    fn attributes_vanish_and_their_value_stays() {
        assert_eq!(
            parse_all(&[b"|1\r\n+ttl\r\n:3\r\n*2\r\n:1\r\n|0\r\n:2\r\n"]).unwrap(),
            vec![Value::Array(vec![Value::Int(1), Value::Int(2)])]
        );
    }

    #[test]
    fn errors_keep_their_code_and_text() {
        let values = parse_all(&[b"-WRONGTYPE Operation against a key\r\n"]).unwrap();
        let Value::ServerError(error) = &values[0] else { panic!("{values:?}") };
        assert_eq!((error.code(), error.details()), ("WRONGTYPE", Some("Operation against a key")));
    }

    #[test]
    fn bounds_are_kept() {
        let deep = b"*1\r\n".repeat(17);
        assert!(parse_all(&[&deep]).unwrap_err().message().contains("deeper than 16"));
        assert!(parse_all(&[b"$99999999\r\n"]).unwrap_err().message().contains("larger than"));
        assert!(parse_all(&[b"*9999999\r\n"]).unwrap_err().message().contains("larger than"));
        assert!(parse_all(&[b"HTTP/1.1 400 Bad Request\r\n"]).unwrap_err().message().contains("not a Redis server"));
    }
}
