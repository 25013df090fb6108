//! Several commands together: [`Client::pipeline`] and [`Client::transaction`].

use std::fmt;

use redis::Value;

use crate::bell::Interrupt;
use crate::client::{Client, Timeout};
use crate::command::{Answer, Request};
use crate::error::{Error, ErrorKind, Result};

/// Several commands that are written together on one link. See [`Client::pipeline`] and [`Client::transaction`].
///
/// ```no_run
/// # async fn example(client: standfast::Client) -> standfast::Result<()> {
/// use redis::cmd;
/// let mut pipeline = client.pipeline();
/// pipeline.command(cmd("SET").arg("k").arg("v")).command(cmd("GET").arg("k"));
/// for outcome in pipeline.execute().await? {
///     println!("{:?}", outcome?);
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent before it is executed"]
pub struct Unit<'a> {
    client: &'a Client,
    join: fn(Vec<Request>) -> Result<Request>,
    commands: Vec<Request>,
    timeout: Timeout,
    idempotent: bool,
}

impl Client {
    /// Begin a pipeline: several commands in one write. Each has an outcome of its own.
    ///
    /// When the link is lost on the way, the commands that were answered keep their replies, those that were sent and write
    /// something are [`ErrorKind::MaybeExecuted`], and those that were not executed are [`ErrorKind::Disconnected`] (or
    /// [`ErrorKind::Unavailable`], if the server refused them): behind a command that was executed nothing is sent again by
    /// itself. If nothing was executed, or nothing but reads, the whole pipeline is sent again, inside its deadline.
    pub fn pipeline(&self) -> Unit<'_> {
        Unit::new(self, Request::pipeline)
    }

    /// Begin a transaction: several commands between `MULTI` and `EXEC`, all of them or none, on one link to one master.
    ///
    /// If the server refuses one of them, nothing is executed: [`ErrorKind::ReplyError`] with the server's code `EXECABORT`.
    /// A command that fails while it is executed does not undo the others, and has the error as its outcome.
    pub fn transaction(&self) -> Unit<'_> {
        Unit::new(self, Request::transaction)
    }
}

impl<'a> Unit<'a> {
    fn new(client: &'a Client, join: fn(Vec<Request>) -> Result<Request>) -> Unit<'a> {
        Unit { client, join, commands: Vec::new(), timeout: Timeout::Default, idempotent: false }
    }

    /// Add a command. Nothing is sent yet.
    pub fn command(&mut self, request: impl Into<Request>) -> &mut Self {
        self.commands.push(request.into());
        self
    }

    /// How long all of it may take.
    pub fn timeout(&mut self, timeout: Timeout) -> &mut Self {
        self.timeout = timeout;
        self
    }

    /// Twice is as good as once; see [`Request::idempotent`].
    pub fn idempotent(&mut self) -> &mut Self {
        self.idempotent = true;
        self
    }

    /// Send the commands; one outcome for each of them, in their order. Without commands nothing is sent.
    ///
    /// # Errors
    /// As [`Client::command`], of the whole: nothing of it was executed, or it is a transaction of which that is unknown
    /// ([`ErrorKind::MaybeExecuted`]). [`ErrorKind::InvalidArgument`] if one of the commands has no place in it.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn execute(&self) -> Result<Vec<Result<Value>>> {
        match self.joined()? {
            Some(request) => each(self.client.answer(request, self.timeout).await?),
            None => Ok(Vec::new()),
        }
    }

    /// The same on the calling thread.
    ///
    /// # Errors
    /// As [`Unit::execute`], and [`ErrorKind::Cancelled`] when interrupted before it was sent.
    pub fn execute_blocking(&self, interrupt: Interrupt<'_>) -> Result<Vec<Result<Value>>> {
        match self.joined()? {
            Some(request) => each(self.client.blocking().answer(request, self.timeout, interrupt)?),
            None => Ok(Vec::new()),
        }
    }

    fn joined(&self) -> Result<Option<Request>> {
        if self.commands.is_empty() {
            return Ok(None);
        }
        let request = (self.join)(self.commands.clone())?;
        Ok(Some(if self.idempotent { request.idempotent() } else { request }))
    }
}

pub(crate) fn each(answer: Answer) -> Result<Vec<Result<Value>>> {
    match answer {
        Answer::Each(outcomes) => Ok(outcomes),
        Answer::One(_) => Err(Error::new(ErrorKind::Internal, "one answer to several commands")),
    }
}

/// The arguments may be secret.
impl fmt::Debug for Unit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unit").field("commands", &self.commands.len()).finish_non_exhaustive()
    }
}
