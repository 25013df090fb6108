//! One link's protocol state without I/O: requests in, bytes out; bytes in, replies and pushes out.
//!
//! Replies belong to requests by position, whatever became of the caller in the meantime. The engine knows which requests
//! were handed to the kernel, because that decides what may be said about them when the link is lost.

use std::collections::VecDeque;

use redis::{PushKind, Value};

use super::handshake::Protocol;
use super::published::{self, Published};
use super::resp::{Bounds, Parser, push_kind, text};
use super::tls::TlsStage;
use crate::command::outcome::Partial;
use crate::command::shape::Shape;
use crate::command::{Form, Request};
use crate::error::{Error, ErrorKind, Result};

/// What came from the server.
#[derive(Debug, PartialEq)]
pub(crate) enum Incoming {
    /// All replies to the request of this token.
    Replies { token: u64, values: Vec<Value> },
    /// A push: a message, a confirmation, something out of band.
    Push(Value),
    /// The server does not do what [`Engine::subscribe`] asked for.
    Refused { token: u64, why: String },
}

/// A request that was not answered when the link ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Unanswered {
    pub(crate) token: u64,
    /// How far it came.
    pub(crate) partial: Partial,
}

#[derive(Debug)]
pub(crate) struct Engine {
    /// On an encrypted link, what stands between `input`, `output` and the socket.
    tls: Option<Box<TlsStage>>,
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
    form: Form,
    /// Position of the request's first byte in everything written to this link.
    start: u64,
    /// How many bytes it has.
    length: usize,
    /// It is answered by pushes, one for each channel: none of the replies belongs to it, and the only thing that may be said
    /// instead is an error.
    by_pushes: bool,
}

impl Owed {
    /// How far it came, when so many bytes were written to the link in all.
    fn partial(self, written: u64) -> Partial {
        let handed = usize::try_from(written.saturating_sub(self.start)).unwrap_or(usize::MAX).min(self.length);
        Partial { values: self.values, handed }
    }
}

impl Engine {
    pub(crate) fn new(bounds: Bounds) -> Engine {
        Engine {
            tls: None,
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
        self.owe(token, request, replies, Form::One(Shape::Same));
    }

    /// Queue a request of a caller, whose replies get the form that they have in RESP3.
    pub(crate) fn push_request(&mut self, token: u64, request: &Request) {
        self.owe(token, request.bytes(), request.replies(), request.form());
    }

    fn owe(&mut self, token: u64, request: &[u8], replies: usize, form: Form) {
        self.subscribes |= replies == 0;
        if replies > 0 {
            let start = self.origin + self.output.len() as u64;
            self.owed.push_back(Owed {
                token,
                left: replies,
                values: Vec::with_capacity(replies.min(1024)),
                form,
                start,
                length: request.len(),
                by_pushes: false,
            });
        }
        self.output.extend_from_slice(request);
    }

    /// Queue a request that begins or ends subscriptions: it is answered by one push for each of its `channels`, or refused
    /// as a whole.
    pub(crate) fn subscribe(&mut self, token: u64, request: &[u8], channels: usize) {
        self.subscribes = true;
        let start = self.origin + self.output.len() as u64;
        let (values, form, length) = (Vec::new(), Form::One(Shape::Same), request.len());
        self.owed.push_back(Owed { token, left: channels, values, form, start, length, by_pushes: true });
        self.output.extend_from_slice(request);
    }

    /// Everything on this link goes through TLS. Said before the first byte; the handshake comes out of [`Engine::output`].
    pub(crate) fn encrypt(&mut self, tls: TlsStage) {
        self.tls = Some(Box::new(tls));
    }

    /// TLS is not agreed upon yet: what is queued waits for the server's part of the handshake.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// After the end of the stream: whether it was the server's own word, as far as that can be known.
    pub(crate) fn ended_in_order(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| tls.has_ended())
    }

    /// What is to be written.
    pub(crate) fn output(&mut self) -> &[u8] {
        let plain = &self.output[self.written..];
        match &mut self.tls {
            None => plain,
            Some(tls) => tls.output(plain),
        }
    }

    /// Whether there is something to be written now. During a handshake there may be nothing, though requests are queued, and
    /// anything that was fed may change that.
    pub(crate) fn has_output(&self) -> bool {
        let waiting = self.output.len() - self.written;
        self.tls.as_ref().map_or(waiting > 0, |tls| tls.has_output(waiting))
    }

    /// How many bytes of requests were not handed to the kernel yet.
    pub(crate) fn queued(&self) -> usize {
        self.output.len() - self.written
    }

    /// So many bytes of `output` were taken by the kernel.
    pub(crate) fn wrote(&mut self, count: usize) {
        self.written += self.tls.as_mut().map_or(count, |tls| tls.wrote(count));
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
        match &mut self.tls {
            None => self.input.extend_from_slice(bytes),
            Some(tls) => tls.feed(bytes, &mut self.input),
        }
    }

    /// The next thing that is complete.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`], [`ErrorKind::TlsFailed`]: the link is of no more use.
    pub(crate) fn next(&mut self) -> Result<Option<Incoming>> {
        loop {
            let (used, value) = self.parser.parse(&self.input[self.parsed..])?;
            self.parsed += used;
            let value = match value {
                // What came before a failure of TLS is as good as ever.
                None => return self.tls.as_ref().and_then(|tls| tls.failure()).map_or(Ok(None), Err),
                Some(push @ Value::Push { .. }) => return Ok(Some(self.pushed(push))),
                Some(value) if self.protocol == Protocol::Resp2 => match self.natural(value) {
                    push @ Value::Push { .. } => return Ok(Some(self.pushed(push))),
                    value => value,
                },
                Some(value) => value,
            };
            let Some(owed) = self.owed.front_mut() else {
                return Err(unexpected(&value));
            };
            if owed.by_pushes {
                let why = refusal(&value)?;
                let token = owed.token;
                self.owed.pop_front();
                return Ok(Some(Incoming::Refused { token, why }));
            }
            owed.values.push(value);
            owed.left -= 1;
            if owed.left == 0
                && let Some(Owed { token, values, .. }) = self.owed.pop_front()
            {
                return Ok(Some(Incoming::Replies { token, values }));
            }
        }
    }

    /// A confirmation answers the oldest request; servers answer in order.
    fn pushed(&mut self, push: Value) -> Incoming {
        if let (Value::Push { kind, .. }, Some(owed)) = (&push, self.owed.front_mut())
            && owed.by_pushes
            && is_confirmation(kind)
        {
            owed.left -= 1;
            if owed.left == 0 {
                self.owed.pop_front();
            }
        }
        Incoming::Push(push)
    }

    /// The published message at the front of the input, if a whole one stands there: the way past [`Engine::next`] that makes
    /// no values.
    pub(crate) fn message(&mut self) -> Option<Published<'_>> {
        if !self.parser.is_between_replies() {
            return None;
        }
        let head = if self.protocol == Protocol::Resp3 { b'>' } else { b'*' };
        let input = &self.input[self.parsed..];
        let found = published::find(input, head).filter(|_| self.protocol == Protocol::Resp3 || self.subscribes)?;
        let at = self.parsed;
        self.parsed += found.length;
        Some(found.within(&self.input[at..]))
    }

    /// What RESP3 would have said: RESP2 has no pushes, maps, sets and doubles.
    fn natural(&self, value: Value) -> Value {
        match value {
            Value::Array(mut items) if self.subscribes && items.first().and_then(text).is_some_and(is_push) => {
                let kind = items.remove(0);
                Value::Push { kind: push_kind(text(&kind).unwrap_or_default()), data: items }
            }
            value => match self.owed.front() {
                Some(owed) => owed.form.natural(owed.values.len(), value),
                None => value,
            },
        }
    }

    /// Whether every request was answered and nothing is left over.
    pub(crate) fn is_idle(&self) -> bool {
        self.owed.is_empty() && !self.has_output() && self.parsed == self.input.len()
    }

    /// How many requests wait for replies.
    pub(crate) fn in_flight(&self) -> usize {
        self.owed.len()
    }

    /// How far the oldest unanswered request came. Its replies are taken out: the link is of no more use.
    pub(crate) fn take_oldest(&mut self) -> Partial {
        let written = self.origin + self.written as u64;
        self.owed.pop_front().map_or_else(Partial::default, |owed| owed.partial(written))
    }

    /// The link ended: what was not answered, oldest first.
    pub(crate) fn into_unanswered(self) -> impl Iterator<Item = Unanswered> {
        let written = self.origin + self.written as u64;
        self.owed.into_iter().map(move |owed| Unanswered { token: owed.token, partial: owed.partial(written) })
    }
}

/// Whether an array with this at its head is a push and not a reply, where both are arrays.
fn is_push(head: &str) -> bool {
    !matches!(push_kind(head), PushKind::Other(_) | PushKind::Invalidate)
}

fn is_confirmation(kind: &PushKind) -> bool {
    use PushKind::{PSubscribe, PUnsubscribe, SSubscribe, SUnsubscribe, Subscribe, Unsubscribe};
    matches!(kind, Subscribe | PSubscribe | SSubscribe | Unsubscribe | PUnsubscribe | SUnsubscribe)
}

/// What a server says instead of confirming a subscription.
fn refusal(value: &Value) -> Result<String> {
    match value {
        Value::ServerError(error) => {
            let text = format!("{} {}", error.code(), error.details().unwrap_or_default());
            Ok(text.trim_end().to_owned())
        }
        _ => Err(Error::new(ErrorKind::Protocol, "the server answered a subscription with a reply")),
    }
}

/// A reply that nobody asked for: servers say so why they do not want us, before any question.
fn unexpected(value: &Value) -> Error {
    match value {
        Value::ServerError(error) => {
            let kind = match error.code() {
                // A sentinel's subscription is answered by pushes, its refusal is not.
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
    fn a_refused_subscription_takes_no_reply_of_others() {
        let mut engine = engine();
        engine.subscribe(1, b"S", 2);
        engine.subscribe(2, b"T", 1);
        engine.push(3, b"INFO", 1);
        engine.feed(b">3\r\n+subscribe\r\n+a\r\n:1\r\n>3\r\n+subscribe\r\n+b\r\n:2\r\n-NOPERM no\r\n+info\r\n");
        assert!(matches!(engine.next(), Ok(Some(Incoming::Push(_)))));
        assert!(matches!(engine.next(), Ok(Some(Incoming::Push(_)))));
        let refused = engine.next().unwrap();
        assert!(matches!(&refused, Some(Incoming::Refused { token: 2, why }) if why == "NOPERM no"), "{refused:?}");
        assert!(matches!(engine.next(), Ok(Some(Incoming::Replies { token: 3, .. }))));
    }

    #[test]
    fn messages_are_read_without_values_and_in_their_place() {
        let mut engine = engine();
        engine.push(1, b"PING", 1);
        engine.feed(b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nxy\r\n+PONG\r\n>3\r\n$7\r\nmess");
        let message = engine.message().unwrap();
        assert_eq!((message.name, message.channel, message.payload), (&b"c"[..], &b"c"[..], &b"xy"[..]));
        assert!(engine.message().is_none());
        assert!(matches!(engine.next(), Ok(Some(Incoming::Replies { .. }))));
        // In the middle of a value nothing is a message.
        assert!(engine.message().is_none() && engine.next().unwrap().is_none() && engine.message().is_none());
        engine.feed(b"age\r\n$1\r\nc\r\n$0\r\n\r\n");
        assert!(matches!(engine.next(), Ok(Some(Incoming::Push(_)))));
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
        let left: Vec<_> = engine.into_unanswered().map(|request| (request.token, request.partial.handed)).collect();
        assert_eq!(left, [(1, 4), (2, 1), (3, 0)]);
    }

    #[test]
    fn the_replies_that_came_are_not_forgotten_when_the_link_ends() {
        let mut engine = engine();
        engine.push(1, b"AABB", 2);
        engine.wrote(3);
        engine.feed(b":1\r\n");
        assert_eq!(engine.next().unwrap(), None);
        assert_eq!(engine.take_oldest(), Partial { values: vec![Value::Int(1)], handed: 3 });
    }

    #[test]
    fn resp2_has_pushes_and_forms_too() {
        let mut engine = engine();
        engine.speaks(Protocol::Resp2);
        engine.owe(1, b"A", 1, Form::One(Shape::Map));
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
