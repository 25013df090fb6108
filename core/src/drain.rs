//! The end in order: what was accepted is finished, what is new is refused, then the client closes.

use std::time::{Duration, Instant};

use crate::bell::{Interrupt, Waited};
use crate::blocking::Blocking;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Phase, Result};

impl Client {
    /// Refuse new commands with [`ErrorKind::Closed`], wait until those that were accepted before are over, at most this
    /// long, and close. `None` waits as long as the commands' own deadlines last.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] when something was still under way at the end of the time: it ended with the close, and was
    /// told so. The client is closed in any case.
    pub async fn drain(&self, timeout: Option<Duration>) -> Result<()> {
        let drained = self.drained(timeout).await;
        self.close();
        drained
    }

    /// The same without the close.
    pub(crate) async fn drained(&self, timeout: Option<Duration>) -> Result<()> {
        self.shared().check_process()?;
        let bell = self.shared().admission.drain();
        match timeout {
            None => bell.rung().await,
            Some(timeout) => {
                let rung = tokio::time::timeout(timeout, bell.rung()).await;
                rung.map_err(|_| self.not_drained(timeout))?;
            }
        }
        Ok(())
    }

    fn not_drained(&self, after: Duration) -> Error {
        let phase = match self.shared().gate.load().phase() {
            Phase::Pending => Phase::Reply,
            phase => phase,
        };
        let left = self.shared().admission.commands();
        Error::timeout(phase, after, format!("{left} commands were still under way"))
    }
}

impl Blocking<'_> {
    /// [`Client::drain`] for a thread that waits. Commands of a queue are finished by the thread of the queue: there, wait
    /// with `Queue::submit_drain`.
    ///
    /// # Errors
    /// As [`Client::drain`], and [`ErrorKind::Cancelled`] when interrupted: then the client is closed, too.
    pub fn drain(&self, timeout: Option<Duration>, interrupt: Interrupt<'_>) -> Result<()> {
        let shared = self.client.shared();
        shared.check_process()?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let drained = match shared.admission.drain().wait(deadline, interrupt) {
            Waited::Rang => Ok(()),
            Waited::TimedOut => Err(self.client.not_drained(timeout.unwrap_or_default())),
            Waited::Interrupted => Err(Error::new(ErrorKind::Cancelled, "the wait was given up")),
        };
        self.client.close();
        drained
    }
}
