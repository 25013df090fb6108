//! Calls that wait: the interpreter is released, Ctrl-C is noticed, and nothing is left behind when the interpreter exits.
//!
//! CPython ends threads that come back to it while it shuts down, in the middle of whatever frames they are in. So every wait
//! is counted: at exit all clients are closed, which wakes every waiter, and the interpreter goes on only when the last of
//! them has come back. From then on nobody leaves the interpreter any more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use standfast::{Client, Error, ErrorKind, Interrupt, Logs};

use crate::errors::{boundary, panicked, raised};

static EXITING: AtomicBool = AtomicBool::new(false);
static WAITERS: AtomicUsize = AtomicUsize::new(0);
/// The clients to close at exit. Locked only while the interpreter is held, so that a fork never copies it locked.
static CLIENTS: Mutex<Vec<Weak<Client>>> = Mutex::new(Vec::new());
/// The log readers to close at exit, after the clients. Locked as `CLIENTS` is.
static LOGS: Mutex<Vec<Weak<Logs>>> = Mutex::new(Vec::new());

/// How long the exit waits for waiters to come back. They come at once, unless there is a bug.
const EXIT_PATIENCE: Duration = Duration::from_secs(5);

/// One thread outside the interpreter.
struct Waiter;

impl Waiter {
    fn enter(py: Python<'_>) -> PyResult<Waiter> {
        // Counted before the look, so that the exit either sees this thread or is seen by it.
        WAITERS.fetch_add(1, Ordering::SeqCst);
        let waiter = Waiter;
        refuse_at_exit(py)?;
        Ok(waiter)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        WAITERS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// No client is opened, and nobody waits, after the clients were closed at exit.
pub(crate) fn refuse_at_exit(py: Python<'_>) -> PyResult<()> {
    if EXITING.load(Ordering::SeqCst) {
        return Err(raised(py, &Error::new(ErrorKind::Closed, "the interpreter is exiting")));
    }
    Ok(())
}

/// Runs `body` without the interpreter. Signal handlers run every 100 ms meanwhile; if one of them raises, the wait is given
/// up and its exception is raised.
pub(crate) fn wait<T: Send>(
    py: Python<'_>,
    body: impl FnOnce(Interrupt<'_>) -> standfast::Result<T> + Send,
) -> PyResult<T> {
    let _waiter = Waiter::enter(py)?;
    let signal: Mutex<Option<PyErr>> = Mutex::new(None);
    let outcome = py.detach(|| {
        let interrupt = || match Python::try_attach(|py| py.check_signals()) {
            // A client that is only just connecting is not among those that the exit closes.
            Some(Ok(())) => EXITING.load(Ordering::SeqCst),
            Some(Err(raised)) => {
                *unpoisoned(&signal) = Some(raised);
                true
            }
            None => true,
        };
        catch_unwind(AssertUnwindSafe(|| body(Some(&interrupt))))
    });
    if let Some(raised) = unpoisoned(&signal).take() {
        return Err(raised);
    }
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(raised(py, &error)),
        Err(payload) => Err(raised(py, &panicked(&*payload))),
    }
}

/// Closes a client. Nothing refuses that, not even the exit.
pub(crate) fn close(py: Python<'_>, client: &Client) -> PyResult<()> {
    if client.is_closed() {
        return Ok(());
    }
    if EXITING.load(Ordering::SeqCst) {
        client.close();
        return Ok(());
    }
    wait(py, |_| {
        client.close();
        Ok(())
    })
}

/// Remember a client, to be closed at exit.
pub(crate) fn remember(client: &Arc<Client>) {
    let mut clients = unpoisoned(&CLIENTS);
    clients.retain(|known| known.strong_count() > 0);
    clients.push(Arc::downgrade(client));
}

/// Remember a log reader, to be closed at exit.
pub(crate) fn remember_logs(logs: &Arc<Logs>) {
    let mut readers = unpoisoned(&LOGS);
    readers.retain(|known| known.strong_count() > 0);
    readers.push(Arc::downgrade(logs));
}

/// Closes every client, then every log reader, and waits until no thread waits for one. Registered with `atexit`.
#[pyfunction]
pub(crate) fn at_exit(py: Python<'_>) -> PyResult<()> {
    boundary(py, || {
        EXITING.store(true, Ordering::SeqCst);
        let clients: Vec<Arc<Client>> = unpoisoned(&CLIENTS).drain(..).filter_map(|client| client.upgrade()).collect();
        let logs: Vec<Arc<Logs>> = unpoisoned(&LOGS).drain(..).filter_map(|logs| logs.upgrade()).collect();
        py.detach(|| {
            for client in &clients {
                client.close();
            }
            // Only now: the clients' last words are recorded.
            for logs in &logs {
                logs.close();
            }
            let deadline = Instant::now() + EXIT_PATIENCE;
            while WAITERS.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            drop((clients, logs));
        });
        Ok(())
    })
}

/// In a forked child the waiting threads do not exist, and the clients belong to the parent. Registered with
/// `os.register_at_fork`.
#[pyfunction]
pub(crate) fn after_fork_in_child() {
    WAITERS.store(0, Ordering::SeqCst);
    if let Ok(mut clients) = CLIENTS.try_lock() {
        clients.clear();
    }
    if let Ok(mut logs) = LOGS.try_lock() {
        logs.clear();
    }
}

/// A panic in between cannot leave these values half changed.
pub(crate) fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
