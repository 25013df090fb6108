//! A command, encoded once, with what the drivers need to know about it.

use std::fmt;
use std::sync::Arc;

use redis::Value;

use super::facts::{self, Blocks, Facts};
use super::name::Name;
use super::script::{self, Script};
use super::shape::{self, Shape};
use super::unit::{self, Kind, Unit};
use super::words::{header, with_slices};
use super::{Answer, Replies};
use crate::config::ReadFrom;
use crate::error::{Error, ErrorKind, Result};

/// A command with its arguments, or several as one unit, encoded and ready to be sent. Cloning is cheap.
#[derive(Clone)]
pub struct Request {
    bytes: Arc<[u8]>,
    facts: Facts,
    name: Name,
    idempotent: bool,
    /// Where it may be executed, if that is not the client's to say.
    route: Option<ReadFrom>,
    /// It is encoded with the digest of a script.
    script: Option<Script>,
    /// More than one command.
    unit: Option<Arc<Unit>>,
}

impl Request {
    /// Encode a command: its name and its arguments.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] when there is not even a name.
    pub fn new<A: AsRef<[u8]>>(args: impl IntoIterator<Item = A>) -> Result<Request> {
        let args: Vec<A> = args.into_iter().collect();
        if args.first().is_none_or(|name| name.as_ref().is_empty()) {
            return Err(Error::new(ErrorKind::InvalidArgument, "a command needs a name"));
        }
        Ok(with_slices(args.len(), args.iter().map(AsRef::as_ref), Request::of))
    }

    fn of(args: &[&[u8]]) -> Request {
        Request::encoded(&encode(args), args)
    }

    /// A command that is encoded already.
    pub(super) fn encoded(bytes: &[u8], args: &[&[u8]]) -> Request {
        let (bytes, script) = match script::by_digest(args) {
            Some((bytes, script)) => (bytes.into(), Some(script)),
            None => (bytes.into(), None),
        };
        Request {
            bytes,
            script,
            facts: facts::of(args),
            name: args.first().map(|name| Name::of(name)).unwrap_or_default(),
            idempotent: false,
            route: None,
            unit: None,
        }
    }

    /// Several commands in one write, answered together, each with an outcome of its own. Nothing else holds them together:
    /// other clients' commands may be executed between them, and one may fail without the others.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: there is no command, one of them is a unit itself, or one would change the state of
    /// the link (`SUBSCRIBE`, `MULTI`, `SELECT`, ...).
    pub fn pipeline(commands: impl IntoIterator<Item = Request>) -> Result<Request> {
        unit::join(Kind::Pipeline, commands)
    }

    /// Several commands between `MULTI` and `EXEC`: all of them or none, one after the other, on one link to one master.
    ///
    /// # Errors
    /// As [`Request::pipeline`].
    pub fn transaction(commands: impl IntoIterator<Item = Request>) -> Result<Request> {
        unit::join(Kind::Transaction, commands)
    }

    /// Twice is as good as once: when it is unknown whether it was executed, it is sent again, inside its deadline, instead of
    /// ending with [`ErrorKind::MaybeExecuted`]. Of a unit, this goes for every command in it.
    #[must_use]
    pub fn idempotent(mut self) -> Request {
        self.idempotent = true;
        self
    }

    /// Where it may be executed if it only reads: goes before the client's `read_from`. What writes goes to the master, whatever
    /// is said here.
    #[must_use]
    pub fn reading_from(mut self, route: ReadFrom) -> Request {
        self.route = Some(route);
        self
    }

    pub(crate) fn wanted_route(&self) -> Option<ReadFrom> {
        self.route
    }

    pub(super) fn of_unit(bytes: Vec<u8>, facts: Facts, unit: Unit) -> Request {
        Request {
            bytes: bytes.into(),
            facts,
            name: Name::of(unit.kind.name().as_bytes()),
            idempotent: false,
            route: None,
            script: None,
            unit: Some(Arc::new(unit)),
        }
    }

    /// Refuse what cannot be sent on a link that others use, too.
    pub(crate) fn check(&self) -> Result<()> {
        if self.name().is_empty() {
            return Err(Error::new(ErrorKind::InvalidArgument, "a command needs a name"));
        }
        if self.facts.changes_link {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{} would change the state of a link that other commands use", self.name),
            ));
        }
        Ok(())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many replies answer it.
    pub(crate) fn replies(&self) -> usize {
        self.unit.as_ref().map_or(1, |unit| unit.replies())
    }

    pub(crate) fn unit(&self) -> Option<&Unit> {
        self.unit.as_deref()
    }

    /// The same command with its script as a whole, if it was encoded with a digest.
    pub(crate) fn whole(&self) -> Option<Request> {
        let script = self.script.as_ref()?;
        Some(Request { bytes: script.whole(&self.bytes).into(), script: None, ..self.clone() })
    }

    /// What is to be sent instead of it after this reply.
    pub(super) fn instead(&self, reply: &Value) -> Option<Request> {
        if script::is_unknown(reply) { self.whole() } else { None }
    }

    /// What its caller is answered.
    pub(crate) fn answer(&self, replies: Replies) -> Result<Answer> {
        match self.unit {
            None => replies.single().map(Answer::One),
            Some(_) => Ok(Answer::Each(replies.each())),
        }
    }

    /// Refuse several commands where one is expected.
    pub(crate) fn check_single(&self) -> Result<()> {
        match self.unit {
            None => Ok(()),
            Some(_) => {
                Err(Error::new(ErrorKind::InvalidArgument, "several commands are executed as a unit, not as one"))
            }
        }
    }

    /// What its replies look like.
    pub(crate) fn form(&self) -> Form {
        match &self.unit {
            None => Form::One(self.facts.shape),
            Some(unit) => Form::Each(Arc::clone(unit)),
        }
    }

    /// It may be sent again whatever became of it.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.idempotent || self.facts.reads_only && self.facts.blocks == Blocks::No
    }

    /// The caller said that twice is as good as once.
    pub(crate) fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    pub(crate) fn reads_only(&self) -> bool {
        self.facts.reads_only
    }

    /// Whether it may change data.
    pub(crate) fn may_write(&self) -> bool {
        self.facts.may_write
    }

    pub(crate) fn blocks(&self) -> Blocks {
        self.facts.blocks
    }

    pub(crate) fn shape(&self) -> Shape {
        self.facts.shape
    }

    pub(crate) fn name(&self) -> &str {
        self.name.as_str()
    }

    pub(super) fn name_of(&self) -> Name {
        self.name
    }
}

/// What the replies to a request look like in RESP3.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    One(Shape),
    Each(Arc<Unit>),
}

impl Form {
    /// Give the reply of RESP2 at this place the form that it has in RESP3.
    pub(crate) fn natural(&self, at: usize, value: Value) -> Value {
        match self {
            Form::One(shape) => shape::apply(*shape, value),
            Form::Each(unit) => unit.natural(at, value),
        }
    }
}

impl From<redis::Cmd> for Request {
    fn from(command: redis::Cmd) -> Request {
        Request::from(&command)
    }
}

impl From<&redis::Cmd> for Request {
    fn from(command: &redis::Cmd) -> Request {
        let args: Vec<&[u8]> = command
            .args_iter()
            .map(|arg| match arg {
                redis::Arg::Simple(bytes) => bytes,
                // A cursor command is sent with its first cursor.
                _ => b"0",
            })
            .collect();
        Request::of(&args)
    }
}

impl From<&mut redis::Cmd> for Request {
    fn from(command: &mut redis::Cmd) -> Request {
        Request::from(&*command)
    }
}

/// The arguments may be secret: only the name is shown.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Encode a command as an array of bulk strings.
pub(crate) fn encode(args: &[&[u8]]) -> Vec<u8> {
    let size = 16 + args.iter().map(|arg| arg.len() + 16).sum::<usize>();
    let mut out = Vec::with_capacity(size);
    header(&mut out, b'*', args.len());
    for arg in args {
        header(&mut out, b'$', arg.len());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_is_the_protocol_and_debug_hides_arguments() {
        let request = Request::new(["set", "k", "canary"]).unwrap();
        assert_eq!(request.bytes(), b"*3\r\n$3\r\nset\r\n$1\r\nk\r\n$6\r\ncanary\r\n");
        assert!(!format!("{request:?}").contains("canary"));
        assert_eq!(Request::from(redis::cmd("SET").arg("k").arg("canary")).bytes().len(), request.bytes().len());
    }

    #[test]
    fn stateful_and_empty_commands_are_refused() {
        assert_eq!(Request::new::<&str>([]).unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(Request::new(["SUBSCRIBE", "x"]).unwrap().check().unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}
