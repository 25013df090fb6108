//! Work that takes several steps (a lock, a step of a scan, a command for a certain node): it runs as a task of the
//! supervisor's runtime, and is waited for by a task of any runtime, by a thread, or through a completion queue.
//!
//! Dropping what waits gives the work up.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};

use redis::Value;
use tokio::task::JoinHandle;

use crate::bell::{INTERRUPT_SLICE, Interrupt};
use crate::error::{Error, ErrorKind, Result};
use crate::shared::Shared;

/// Work whose outcome a completion queue brings: see [`crate::Queue::submit_errand`].
pub struct Errand(Pin<Box<dyn Future<Output = Result<Value>> + Send>>);

impl Errand {
    pub(crate) fn new(work: impl Future<Output = Result<Value>> + Send + 'static) -> Errand {
        Errand(Box::pin(work))
    }

    pub(crate) fn into_future(self) -> impl Future<Output = Result<Value>> + Send + 'static {
        self.0
    }
}

impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Errand")
    }
}

/// Ends the work when nobody waits for it any more.
struct GivenUp<T>(JoinHandle<T>);

impl<T> Drop for GivenUp<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Wait for the work as a task of any runtime.
pub(crate) async fn run<T: Send + 'static>(
    shared: &Shared,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    shared.check_process()?;
    let mut task = GivenUp(shared.runtime()?.spawn(work));
    // Without an outcome the runtime has ended.
    (&mut task.0).await.unwrap_or_else(|_| Err(Error::closed()))
}

/// Wait for the work on a thread.
pub(crate) fn wait<T: Send + 'static>(
    shared: &Shared,
    work: impl Future<Output = Result<T>> + Send + 'static,
    interrupt: Interrupt<'_>,
) -> Result<T> {
    shared.check_process()?;
    let (done, outcome) = sync_channel(1);
    let _task = GivenUp(shared.runtime()?.spawn(async move {
        let _ = done.send(work.await);
    }));
    loop {
        match outcome.recv_timeout(INTERRUPT_SLICE) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => return Err(Error::closed()),
            Err(RecvTimeoutError::Timeout) if interrupt.is_some_and(|interrupt| interrupt()) => {
                return Err(Error::new(ErrorKind::Cancelled, "the wait was given up"));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}
