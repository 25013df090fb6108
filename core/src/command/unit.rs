//! Several commands that are written together on one link: a pipeline, or a transaction between MULTI and EXEC. What is known
//! of each of them is kept, because each gets an outcome, and a reply of RESP2 its form.

use redis::Value;

use super::facts::{Blocks, Facts};
use super::name::Name;
use super::shape::{self, Shape};
use super::{Request, encode};
use crate::error::{Error, ErrorKind, Result};

/// How the commands of a unit belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Each on its own.
    Pipeline,
    /// All or nothing.
    Transaction,
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) kind: Kind,
    pub(crate) parts: Vec<Part>,
}

/// What is known of one command of a unit.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) reads_only: bool,
    /// It may be sent again whatever became of it.
    pub(crate) repeatable: bool,
    /// Where its first byte stands in the unit.
    pub(crate) start: usize,
    pub(crate) name: Name,
    shape: Shape,
}

/// The most commands in a unit: each is remembered until the last one is answered.
const MOST: usize = 1 << 20;

impl Unit {
    /// How many replies answer it.
    pub(crate) fn replies(&self) -> usize {
        match self.kind {
            Kind::Pipeline => self.parts.len(),
            // MULTI and EXEC have replies, too.
            Kind::Transaction => self.parts.len() + 2,
        }
    }

    /// Give the reply at this place the form that it has in RESP3.
    pub(crate) fn natural(&self, at: usize, value: Value) -> Value {
        match (self.kind, value) {
            (Kind::Pipeline, value) => shape::apply(self.shape(at), value),
            (Kind::Transaction, Value::Array(results)) if at == self.parts.len() + 1 => Value::Array(
                results.into_iter().enumerate().map(|(at, value)| shape::apply(self.shape(at), value)).collect(),
            ),
            (Kind::Transaction, value) => value,
        }
    }

    fn shape(&self, at: usize) -> Shape {
        self.parts.get(at).map_or(Shape::Same, |part| part.shape)
    }
}

/// Put commands together.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`]: there is none, one of them is a unit itself or would change the state of the link.
pub(super) fn join(kind: Kind, commands: impl IntoIterator<Item = Request>) -> Result<Request> {
    let mut bytes = if kind == Kind::Transaction { encode(&[b"MULTI"]) } else { Vec::new() };
    let mut parts = Vec::new();
    let mut blocks = Blocks::No;
    for (at, command) in commands.into_iter().enumerate() {
        let refuse = |error: Error| {
            Error::new(error.kind(), format!("command {} of the {}: {}", at + 1, kind.name(), error.message()))
        };
        command.check().map_err(refuse)?;
        // A script goes as a whole: see `script.rs`.
        let command = command.whole().unwrap_or(command);
        if command.unit().is_some() || parts.len() == MOST {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("a {} consists of single commands, at most {MOST}", kind.name()),
            ));
        }
        // Between MULTI and EXEC nothing blocks.
        if kind == Kind::Pipeline {
            blocks = blocks.and(command.blocks());
        }
        parts.push(Part {
            reads_only: command.reads_only(),
            repeatable: command.is_repeatable() || kind == Kind::Transaction && command.reads_only(),
            start: bytes.len(),
            name: command.name_of(),
            shape: command.shape(),
        });
        bytes.extend_from_slice(command.bytes());
    }
    if parts.is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument, format!("a {} needs a command", kind.name())));
    }
    if kind == Kind::Transaction {
        bytes.extend_from_slice(&encode(&[b"EXEC"]));
    }
    let facts = Facts {
        reads_only: parts.iter().all(|part| part.reads_only),
        may_write: true,
        blocks,
        changes_link: false,
        shape: Shape::Same,
    };
    Ok(Request::of_unit(bytes, facts, Unit { kind, parts }))
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Pipeline => "pipeline",
            Kind::Transaction => "transaction",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn request(line: &str) -> Request {
        Request::new(line.split(' ')).unwrap()
    }

    #[test]
    fn a_transaction_is_wrapped_and_a_pipeline_is_not() {
        let commands = || ["SET k v", "GET k"].map(request);
        let pipeline = Request::pipeline(commands()).unwrap();
        assert_eq!(pipeline.replies(), 2);
        assert_eq!(pipeline.bytes(), [request("SET k v").bytes(), request("GET k").bytes()].concat());
        let transaction = Request::transaction(commands()).unwrap();
        assert_eq!(transaction.replies(), 4);
        let text = String::from_utf8(transaction.bytes().to_vec()).unwrap();
        assert!(text.starts_with("*1\r\n$5\r\nMULTI\r\n*3") && text.ends_with("*1\r\n$4\r\nEXEC\r\n"), "{text}");
        assert!(!transaction.reads_only() && Request::pipeline([request("GET k")]).unwrap().reads_only());
    }

    #[test]
    fn what_has_no_place_in_a_unit_is_refused() {
        let nested = Request::pipeline([request("GET k")]).unwrap();
        for commands in [vec![], vec![request("GET k"), request("WATCH k")], vec![request("MULTI")], vec![nested]] {
            for unit in [Request::pipeline(commands.clone()), Request::transaction(commands)] {
                assert_eq!(unit.unwrap_err().kind(), ErrorKind::InvalidArgument);
            }
        }
    }

    #[test]
    fn a_pipeline_waits_as_long_as_its_commands_together_and_a_transaction_does_not() {
        let commands = || ["BLPOP a 1", "SET k v", "BLPOP b 2"].map(request);
        assert_eq!(Request::pipeline(commands()).unwrap().blocks(), Blocks::For(Duration::from_secs(3)));
        let forever = ["BLPOP a 1", "BLPOP b 0"].map(request);
        assert_eq!(Request::pipeline(forever).unwrap().blocks(), Blocks::Forever);
        assert_eq!(Request::transaction(commands()).unwrap().blocks(), Blocks::No);
    }

    #[test]
    fn each_reply_of_a_unit_gets_the_form_of_its_own_command() {
        let parsed = |text: &str| redis::parse_redis_value(text.replace(' ', "\r\n").as_bytes()).unwrap();
        let commands = || ["GET k", "HGETALL h"].map(request);
        let pipeline = Request::pipeline(commands()).unwrap();
        let unit = pipeline.unit().unwrap();
        assert_eq!(unit.natural(0, parsed("*2 +a +b ")), parsed("*2 +a +b "));
        assert_eq!(unit.natural(1, parsed("*2 +a +b ")), parsed("%1 +a +b "));
        let transaction = Request::transaction(commands()).unwrap();
        let unit = transaction.unit().unwrap();
        assert_eq!(unit.natural(2, parsed("+QUEUED ")), parsed("+QUEUED "));
        assert_eq!(unit.natural(3, parsed("*2 $1 v *2 +a +b ")), parsed("*2 $1 v %1 +a +b "));
    }
}
