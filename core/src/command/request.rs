//! A command, encoded once, with what the drivers need to know about it.

use std::fmt;
use std::sync::Arc;

use super::facts::{self, Blocks, Facts};
use super::shape::Shape;
use crate::error::{Error, ErrorKind, Result};

/// A command with its arguments, or several as one unit, encoded and ready to be sent. Cloning is cheap.
#[derive(Clone)]
pub struct Request {
    bytes: Arc<[u8]>,
    replies: usize,
    facts: Facts,
    name: Arc<str>,
}

impl Request {
    /// Encode a command: its name and its arguments.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] when there is not even a name.
    pub fn new<A: AsRef<[u8]>>(args: impl IntoIterator<Item = A>) -> Result<Request> {
        let args: Vec<A> = args.into_iter().collect();
        let args: Vec<&[u8]> = args.iter().map(AsRef::as_ref).collect();
        if args.first().is_none_or(|name| name.is_empty()) {
            return Err(Error::new(ErrorKind::InvalidArgument, "a command needs a name"));
        }
        Ok(Request::of(&args))
    }

    fn of(args: &[&[u8]]) -> Request {
        let name = args.first().map(|name| String::from_utf8_lossy(name).to_ascii_uppercase()).unwrap_or_default();
        Request {
            bytes: encode(args).into(),
            replies: 1,
            facts: facts::of(args),
            name: name.chars().take(32).collect::<String>().into(),
        }
    }

    /// Several encoded commands as one unit: written together, on one link, answered together.
    pub(crate) fn unit(bytes: Vec<u8>, replies: usize) -> Request {
        let facts = Facts { reads_only: false, blocks: Blocks::No, changes_link: false, shape: Shape::Same };
        Request { bytes: bytes.into(), replies, facts, name: "pipeline".into() }
    }

    /// Refuse what cannot be sent on a link that others use, too.
    pub(crate) fn check(&self) -> Result<()> {
        if self.name.is_empty() {
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

    pub(crate) fn replies(&self) -> usize {
        self.replies
    }

    pub(crate) fn reads_only(&self) -> bool {
        self.facts.reads_only
    }

    pub(crate) fn blocks(&self) -> Blocks {
        self.facts.blocks
    }

    pub(crate) fn shape(&self) -> Shape {
        self.facts.shape
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
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
    out.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    for arg in args {
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
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
