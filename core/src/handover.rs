//! Something that the core's thread does while a thread of the user waits for it.

use std::sync::{Arc, Mutex};

use crate::bell::{Bell, Interrupt, Waited};
use crate::error::{Error, ErrorKind, Result};
use crate::shared::Shared;
use crate::sync::lock;

/// Let the core's thread do it, and wait.
///
/// # Errors
/// Its own; [`ErrorKind::Closed`] when the core's thread ends first, [`ErrorKind::Cancelled`] when interrupted.
pub(crate) fn wait<T: Send + 'static>(
    shared: &Shared,
    work: impl Future<Output = Result<T>> + Send + 'static,
    interrupt: Interrupt<'_>,
) -> Result<T> {
    let slot = Arc::new(Slot { result: Mutex::new(None), bell: Bell::default() });
    let filled = Filled(Arc::clone(&slot));
    let task = shared.runtime()?.spawn(async move { *lock(&filled.0.result) = Some(work.await) });
    match slot.bell.wait(None, interrupt) {
        Waited::Rang => lock(&slot.result).take().unwrap_or_else(|| Err(Error::closed())),
        Waited::Interrupted | Waited::TimedOut => {
            task.abort();
            Err(Error::new(ErrorKind::Cancelled, "the wait was given up"))
        }
    }
}

/// Where the result goes.
struct Slot<T> {
    result: Mutex<Option<Result<T>>>,
    bell: Bell,
}

/// Rings when the task ends, in whatever way.
struct Filled<T>(Arc<Slot<T>>);

impl<T> Drop for Filled<T> {
    fn drop(&mut self) {
        self.0.bell.ring();
    }
}
