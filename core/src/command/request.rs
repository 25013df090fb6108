//! A command, encoded once, with what the drivers need to know about it.

use crate::error::{Error, ErrorKind, Result};

/// A command with its arguments, encoded and ready to be sent.
#[derive(Clone)]
pub struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// Encode a command: its name and its arguments.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] when there is not even a name.
    pub fn new<A: AsRef<[u8]>>(args: impl IntoIterator<Item = A>) -> Result<Request> {
        let _ = args.into_iter().count();
        Err(Error::new(ErrorKind::InvalidArgument, "stub"))
    }
}

impl From<redis::Cmd> for Request {
    fn from(command: redis::Cmd) -> Request {
        Request { bytes: command.get_packed_command() }
    }
}
