//! The calls for threads that wait: the calling thread drives the link itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;

use crate::bell::Interrupt;
use crate::client::{Client, Timeout};
use crate::command::Request;
use crate::command::outcome;
use crate::config::{Config, ConnectPolicy};
use crate::driver::waiting;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;

/// Make a client and wait for its first master, up to `connect_deadline`; with `connect=background`, do not wait.
///
/// # Errors
/// As [`Client::connect`], and [`ErrorKind::Cancelled`] when interrupted. Nothing is left behind.
pub fn connect(config: Config, interrupt: Interrupt<'_>) -> Result<Client> {
    let client = Client::open(config)?;
    let options = &client.config().options;
    if options.connect == ConnectPolicy::Wait
        && let Err(error) = client.blocking().wait_ready(Some(options.connect_deadline), interrupt)
    {
        client.close();
        return Err(error);
    }
    Ok(client)
}

/// The blocking calls of a [`Client`]: see [`Client::blocking`].
#[derive(Clone, Copy, Debug)]
pub struct Blocking<'a> {
    pub(crate) client: &'a Client,
}

impl Blocking<'_> {
    /// Wait until there is a master. `None` waits for ever, zero looks only.
    ///
    /// # Errors
    /// As [`Client::wait_ready`], and [`ErrorKind::Cancelled`] when interrupted.
    pub fn wait_ready(&self, timeout: Option<Duration>, interrupt: Interrupt<'_>) -> Result<()> {
        let shared = self.client.shared();
        shared.check_process()?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let seen = shared.gate.load();
            if let Some(result) = shared.readiness() {
                return result;
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(shared.not_connected(timeout.unwrap_or_default()));
            }
            if interrupt.is_some_and(|interrupt| interrupt()) {
                return Err(Error::new(ErrorKind::Cancelled, "the wait for a master was given up"));
            }
            // A failure may be published between the look and the wait, so the wait is sliced in any case.
            shared.gate.wait_change(seen, deadline, Some(interrupt.unwrap_or(&|| false)));
        }
    }

    /// Execute a command on the calling thread.
    ///
    /// # Errors
    /// As [`Client::command`], and [`ErrorKind::Cancelled`] when interrupted before it was sent.
    pub fn command(&self, request: impl Into<Request>, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Value> {
        let request = request.into();
        let shared = self.client.shared();
        let limit = shared.limit(&request, timeout);
        outcome::single(waiting::execute(shared, &request, limit, interrupt)?)
    }

    /// Publish a message through the master; gives the number of subscribers that it reached there.
    ///
    /// # Errors
    /// As [`Blocking::command`].
    pub fn publish(&self, channel: &[u8], payload: &[u8], interrupt: Interrupt<'_>) -> Result<i64> {
        let request = Request::new([b"PUBLISH".as_slice(), channel, payload])?;
        match self.command(request, Timeout::Default, interrupt)? {
            Value::Int(receivers) => Ok(receivers),
            _ => Err(Error::new(ErrorKind::Protocol, "the answer to PUBLISH is not a number")),
        }
    }

    /// The next event for the client's own reader; `None` when the timeout passes first. A timeout of `None` waits for ever.
    ///
    /// # Errors
    /// [`ErrorKind::EndOfStream`] after the `closed` event was read, [`ErrorKind::Cancelled`] when interrupted.
    pub fn event_next(&self, timeout: Option<Duration>, interrupt: Interrupt<'_>) -> Result<Option<Arc<Event>>> {
        self.client.own_events().next_blocking(timeout, interrupt)
    }
}
