//! One link's protocol state without I/O: requests in, bytes out; bytes in, replies and pushes out.
//!
//! Replies belong to requests by position, whatever became of the caller in the meantime. The engine knows which requests
//! were handed to the kernel, because that decides what may be said about them when the link is lost.

use std::collections::VecDeque;

use redis::{PushKind, Value};

use super::handshake::Protocol;
use super::resp::{Bounds, Parser, push_kind, text};
use crate::command::shape::{self, Shape};
use crate::error::{Error, ErrorKind, Result};

/// What came from the server.
#[derive(Debug, PartialEq)]
pub(crate) enum Incoming {
    /// All replies to the request of this token.
    Replies { token: u64, values: Vec<Value> },
    /// A push: a message, a confirmation, something out of band.
    Push(Value),
}

/// A request that was not answered when the link ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Unanswered {
    pub(crate) token: u64,
    /// Whether a byte of it was handed to the kernel.
    pub(crate) sent: bool,
}

#[derive(Debug)]
pub(crate) struct Engine {
    parser: Parser,
    input: Vec<u8>,
    /// How much of `input` is consumed already.
    parsed: usize,
    output: Vec<u8>,
    /// How much of `output` is written already.
    written: usize,
    /// Position of the first byte of `output` in everything that was ever written to this link.
    origin: u64,
    owed: VecDeque<Owed>,
    /// What the server speaks. Until it is known, what it speaks tells by itself.
    protocol: Protocol,
    /// Something was asked for that is answered by pushes.
    subscribes: bool,
}

#[derive(Debug)]
struct Owed {
    token: u64,
    left: usize,
    values: Vec<Value>,
    shape: Shape,
    /// Position of the request's first byte in everything written to this link.
    start: u64,
}

impl Engine {
    pub(crate) fn new(bounds: Bounds) -> Engine {
        Engine {
            parser: Parser::new(bounds),
            input: Vec::new(),
            parsed: 0,
            output: Vec::new(),
            written: 0,
            origin: 0,
            owed: VecDeque::new(),
            protocol: Protocol::Resp3,
            subscribes: false,
        }
    }

    /// From here on the server speaks this.
    pub(crate) fn speaks(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// What the server speaks.
    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Queue a request that is answered by `replies` replies. `replies` may be 0 for commands that are answered by pushes.
    pub(crate) fn push(&mut self, token: u64, request: &[u8], replies: usize) {
        self.push_shaped(token, request, replies, Shape::Same);
    }

    /// The same for a request whose replies have a form in RESP3 that RESP2 lacks.
    pub(crate) fn push_shaped(&mut self, token: u64, request: &[u8], replies: usize, shape: Shape) {
        self.subscribes |= replies == 0;
        if replies > 0 {
            let start = self.origin + self.output.len() as u64;
            self.owed.push_back(Owed {
                token,
                left: replies,
                values: Vec::with_capacity(replies.min(1024)),
                shape,
                start,
            });
        }
        self.output.extend_from_slice(request);
    }

    /// What is to be written.
    pub(crate) fn output(&self) -> &[u8] {
        &self.output[self.written..]
    }

    /// So many bytes of `output` were taken by the kernel.
    pub(crate) fn wrote(&mut self, count: usize) {
        self.written += count;
        if self.written == self.output.len() {
            self.origin += self.output.len() as u64;
            self.output.clear();
            self.written = 0;
            if self.output.capacity() > 1 << 20 {
                self.output.shrink_to(1 << 16);
            }
        }
    }

    /// These bytes came from the server.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if self.parsed == self.input.len() {
            self.input.clear();
            self.parsed = 0;
        } else if self.parsed > 1 << 16 {
            self.input.drain(..self.parsed);
            self.parsed = 0;
        }
        self.input.extend_from_slice(bytes);
    }

    /// The next thing that is complete.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`]: the link is of no more use.
    pub(crate) fn next(&mut self) -> Result<Option<Incoming>> {
        loop {
            let (used, value) = self.parser.parse(&self.input[self.parsed..])?;
            self.parsed += used;
            let value = match value {
                None => return Ok(None),
                Some(push @ Value::Push { .. }) => return Ok(Some(Incoming::Push(push))),
                Some(value) if self.protocol == Protocol::Resp2 => match self.natural(value) {
                    push @ Value::Push { .. } => return Ok(Some(Incoming::Push(push))),
                    value => value,
                },
                Some(value) => value,
            };
            let Some(owed) = self.owed.front_mut() else {
                return Err(unexpected(&value));
            };
            owed.values.push(value);
            owed.left -= 1;
            if owed.left == 0
                && let Some(Owed { token, values, .. }) = self.owed.pop_front()
            {
                return Ok(Some(Incoming::Replies { token, values }));
            }
        }
    }

    /// What RESP3 would have said: RESP2 has no pushes, maps, sets and doubles.
    fn natural(&self, value: Value) -> Value {
        match value {
            Value::Array(mut items) if self.subscribes && items.first().and_then(text).is_some_and(is_push) => {
                let kind = items.remove(0);
                Value::Push { kind: push_kind(text(&kind).unwrap_or_default()), data: items }
            }
            value => shape::apply(self.owed.front().map_or(Shape::Same, |owed| owed.shape), value),
        }
    }

    /// Whether every request was answered and nothing is left over.
    pub(crate) fn is_idle(&self) -> bool {
        self.owed.is_empty() && self.output().is_empty() && self.parsed == self.input.len()
    }

    /// How many requests wait for replies.
    pub(crate) fn in_flight(&self) -> usize {
        self.owed.len()
    }

    /// Whether a byte of the oldest unanswered request was handed to the kernel.
    pub(crate) fn oldest_was_sent(&self) -> bool {
        self.owed.front().is_some_and(|owed| owed.start < self.origin + self.written as u64)
    }

    /// The link ended: what was not answered, oldest first.
    pub(crate) fn into_unanswered(self) -> impl Iterator<Item = Unanswered> {
        let handed_over = self.origin + self.written as u64;
        self.owed.into_iter().map(move |owed| Unanswered { token: owed.token, sent: owed.start < handed_over })
    }
}

/// Whether an array with this at its head is a push and not a reply, where both are arrays.
fn is_push(head: &str) -> bool {
    !matches!(push_kind(head), PushKind::Other(_) | PushKind::Invalidate)
}

/// A reply that nobody asked for: servers say so why they do not want us, before any question.
fn unexpected(value: &Value) -> Error {
    match value {
        Value::ServerError(error) => {
            let kind = match error.code() {
                // A subscription is answered by pushes, its refusal is not.
                "NOPERM" => ErrorKind::NoPermission,
                _ => ErrorKind::ConnectFailed,
            };
            Error::new(kind, format!("the server refuses: {} {}", error.code(), error.details().unwrap_or_default()))
        }
        _ => Error::new(ErrorKind::Protocol, "the server sent a reply that nobody asked for"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine() -> Engine {
        Engine::new(Bounds { bytes: 1 << 20, depth: 8 })
    }

    #[test]
    fn replies_belong_to_requests_by_position_and_pushes_to_none() {
        let mut engine = engine();
        engine.push(7, b"A", 1);
        engine.push(8, b"B", 2);
        assert_eq!(engine.output(), b"AB");
        engine.wrote(2);
        engine.feed(b":1\r\n:2\r\n>2\r\n+message\r\n+x\r\n:");
        assert_eq!(engine.next().unwrap(), Some(Incoming::Replies { token: 7, values: vec![Value::Int(1)] }));
        assert!(matches!(engine.next().unwrap(), Some(Incoming::Push(_))));
        assert_eq!(engine.next().unwrap(), None);
        engine.feed(b"3\r\n");
        assert_eq!(
            engine.next().unwrap(),
            Some(Incoming::Replies { token: 8, values: vec![Value::Int(2), Value::Int(3)] })
        );
        assert!(engine.is_idle());
    }

    #[test]
    fn only_what_the_kernel_took_counts_as_sent() {
        let mut engine = engine();
        engine.push(1, b"AAAA", 1);
        engine.wrote(4);
        engine.push(2, b"BBBB", 1);
        engine.push(3, b"CCCC", 1);
        engine.wrote(1);
        let left: Vec<_> = engine.into_unanswered().map(|request| (request.token, request.sent)).collect();
        assert_eq!(left, [(1, true), (2, true), (3, false)]);
    }

    #[test]
    fn resp2_has_pushes_and_forms_too() {
        let mut engine = engine();
        engine.speaks(Protocol::Resp2);
        engine.push_shaped(1, b"A", 1, Shape::Map);
        engine.feed(b"*2\r\n+message\r\n+x\r\n");
        let Some(Incoming::Replies { values, .. }) = engine.next().unwrap() else { panic!("no reply") };
        // Without a subscription it cannot be a message.
        assert!(matches!(&values[..], [Value::Map(_)]), "{values:?}");
        engine.push(2, b"SUBSCRIBE", 0);
        engine.push(3, b"PING", 1);
        engine.feed(b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n");
        assert!(matches!(engine.next().unwrap(), Some(Incoming::Push(Value::Push { kind: PushKind::Subscribe, .. }))));
        assert!(matches!(engine.next().unwrap(), Some(Incoming::Replies { token: 3, .. })));
        assert_eq!(engine.in_flight(), 0);
    }

    #[test]
    fn a_refusal_before_any_question_is_reported_as_such() {
        let mut engine = engine();
        engine.feed(b"-ERR max number of clients reached\r\n");
        let error = engine.next().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectFailed);
        assert!(error.message().contains("max number of clients"));
    }
}
