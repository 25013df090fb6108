//! Parts of the core that nobody outside may rely on, for our own benchmarks and fuzz targets: the feature `internals` shows them. There is no promise
//! behind any name here; what they do is said where they are made.

use redis::Value;

use crate::command::Request;
use crate::command::outcome::{self, End};
use crate::driver::gate::{Gate, GateWord};
use crate::error::Result;
use crate::link::engine::{Engine, Incoming};
use crate::link::handshake::Protocol;
use crate::link::resp::{Bounds, Parser};
use crate::status::ClientState;

/// The encoded form of a command.
pub fn encoded(request: &Request) -> &[u8] {
    request.bytes()
}

/// The parser of replies.
#[derive(Debug)]
pub struct Replies(Parser);

impl Replies {
    /// A parser that takes replies of so many bytes, so deep.
    pub fn new(bytes: u64, depth: u64) -> Replies {
        Replies(Parser::new(Bounds { bytes, depth }))
    }

    /// How many bytes of the input were consumed, and the reply if it is complete.
    ///
    /// # Errors
    /// When this is no reply.
    pub fn parse(&mut self, input: &[u8]) -> Result<(usize, Option<Value>)> {
        self.0.parse(input)
    }
}

/// One link without its socket.
#[derive(Debug)]
pub struct Link(Engine);

impl Link {
    /// A link to a server that speaks RESP3, or 2.
    pub fn new(bytes: u64, depth: u64, resp3: bool) -> Link {
        let mut engine = Engine::new(Bounds { bytes, depth });
        engine.speaks(if resp3 { Protocol::Resp3 } else { Protocol::Resp2 });
        Link(engine)
    }

    /// Queue a request.
    pub fn push(&mut self, token: u64, request: &Request) {
        self.0.push_request(token, request);
    }

    /// Queue a subscription: it is answered by pushes.
    pub fn push_subscription(&mut self, token: u64, request: &Request) {
        self.0.push(token, request.bytes(), 0);
    }

    /// What is to be written.
    pub fn output(&mut self) -> &[u8] {
        self.0.output()
    }

    /// So much of it was written.
    pub fn wrote(&mut self, count: usize) {
        self.0.wrote(count);
    }

    /// These bytes came.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.0.feed(bytes);
    }

    /// The next reply with its token, or a push without one.
    ///
    /// # Errors
    /// When the link is of no more use.
    pub fn incoming(&mut self) -> Result<Option<(Option<u64>, Vec<Value>)>> {
        Ok(self.0.next()?.map(|incoming| match incoming {
            Incoming::Replies { token, values } => (Some(token), values),
            Incoming::Push(value) => (None, vec![value]),
            Incoming::Refused { token, .. } => (Some(token), Vec::new()),
        }))
    }
}

/// A gate that is open, and what a driver asks it before each write.
#[derive(Debug)]
pub struct OpenGate(Gate, GateWord);

impl OpenGate {
    /// Open to generation 7.
    #[expect(clippy::new_without_default, reason = "a default gate is shut")]
    pub fn new() -> OpenGate {
        let word = GateWord { state: ClientState::Ready, generation: 7 };
        let gate = Gate::new();
        gate.publish(word);
        OpenGate(gate, word)
    }

    /// Whether commands may be written to the generation of the link.
    pub fn is_open(&self) -> bool {
        self.0.load() == self.1
    }
}

/// What becomes of a request whose reply came.
///
/// # Errors
/// What the caller is told.
pub fn settle(request: &Request, values: Vec<Value>) -> Result<Value> {
    match outcome::judge(request, End::Replied { values, stale: false }) {
        outcome::Verdict::Settle(result) => result?.single(),
        outcome::Verdict::Again(_) | outcome::Verdict::Instead(_) => Ok(Value::Nil),
    }
}
