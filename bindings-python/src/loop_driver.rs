//! Commands of one client on one event loop: the Rust half of `standfast/aio/_loop.py`, and with it the only place that knows
//! futures.
//!
//! The loop watches the queue's descriptor and calls [`LoopDriver::ring`] on its own thread. Completions are collected first
//! and settled afterwards; a future that was cancelled meanwhile is skipped. No thread of the core ever enters the
//! interpreter.

use std::collections::HashMap;
use std::sync::Mutex;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use standfast::{Completion, Error, ErrorKind, Queue, Value};

use crate::client::Client;
use crate::errors::{OrRaise, boundary, exception};
use crate::subscription::Subscription;
use crate::values::{command_timeout, reply, request, wait_timeout};
use crate::waiting::unpoisoned;

/// How many completions are settled before the loop gets its turn. The descriptor stays readable while there are more.
const TURN: usize = 512;

/// A queue and the futures that wait for its completions. Belongs to one event loop.
#[pyclass(frozen, module = "standfast._native")]
pub(crate) struct LoopDriver {
    queue: Queue,
    create_future: Py<PyAny>,
    promises: Mutex<Promises>,
}

#[derive(Default)]
struct Promises {
    last_tag: u64,
    by_tag: HashMap<u64, Promise>,
}

struct Promise {
    future: Py<PyAny>,
    decode: bool,
}

impl LoopDriver {
    /// Makes a future and submits what it stands for. The promise exists before the submission, because the completion may
    /// be there at once.
    fn promise<'py>(
        &self,
        py: Python<'py>,
        decode: bool,
        submit: impl FnOnce(u64) -> standfast::Result<()>,
    ) -> PyResult<(u64, Bound<'py, PyAny>)> {
        let future = self.create_future.bind(py).call0()?;
        let tag = {
            let mut promises = unpoisoned(&self.promises);
            promises.last_tag += 1;
            let tag = promises.last_tag;
            promises.by_tag.insert(tag, Promise { future: future.clone().unbind(), decode });
            tag
        };
        if let Err(error) = submit(tag) {
            drop(self.forget(tag));
            return Err(error).or_raise(py);
        }
        Ok((tag, future))
    }

    /// The promise of a tag. It is dropped by the caller, after the lock: dropping a future may run Python code.
    fn forget(&self, tag: u64) -> Option<Promise> {
        unpoisoned(&self.promises).by_tag.remove(&tag)
    }

    fn settle_ready(&self, py: Python<'_>) -> PyResult<usize> {
        let completions = self.queue.take(TURN);
        let count = completions.len();
        for Completion { tag, result, .. } in completions {
            if let Some(promise) = self.forget(tag) {
                settle(py, &promise, result)?;
            }
        }
        Ok(count)
    }
}

#[pymethods]
impl LoopDriver {
    /// A driver for a client; `create_future` is the loop's.
    #[new]
    fn new(py: Python<'_>, client: &Client, create_future: Py<PyAny>) -> PyResult<LoopDriver> {
        boundary(py, || {
            let queue = Queue::open(client.core()).or_raise(py)?;
            Ok(LoopDriver { queue, create_future, promises: Mutex::default() })
        })
    }

    /// The descriptor to watch: readable while there is something for `ring` to do.
    fn descriptor(&self, py: Python<'_>) -> PyResult<i32> {
        boundary(py, || self.queue.bell().descriptor().or_raise(py))
    }

    /// Sends a command; the future gets its reply.
    fn execute<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        timeout: Option<&Bound<'py, PyAny>>,
        decode: bool,
    ) -> PyResult<(u64, Bound<'py, PyAny>)> {
        boundary(py, || {
            let request = request(args)?;
            let timeout = command_timeout(timeout)?;
            self.promise(py, decode, |tag| self.queue.submit(request, timeout, tag))
        })
    }

    /// The future is done when the client is connected, as far as its options ask for that.
    fn connected<'py>(&self, py: Python<'py>) -> PyResult<(u64, Bound<'py, PyAny>)> {
        boundary(py, || self.promise(py, false, |tag| self.queue.submit_connected(tag)))
    }

    /// The future is done when the server has confirmed the subscription.
    fn subscription_ready<'py>(
        &self,
        py: Python<'py>,
        subscription: &Subscription,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(u64, Bound<'py, PyAny>)> {
        boundary(py, || {
            let timeout = wait_timeout(timeout)?;
            let core = subscription.core();
            self.promise(py, false, |tag| self.queue.submit_subscription_ready(core, timeout, tag))
        })
    }

    /// Gives a submission up: its completion is never delivered.
    fn cancel(&self, py: Python<'_>, tag: u64) -> PyResult<()> {
        boundary(py, || {
            drop(self.forget(tag));
            self.queue.cancel(tag);
            Ok(())
        })
    }

    /// Settles what is complete. Called by the loop while the descriptor is readable.
    fn ring(&self, py: Python<'_>) -> PyResult<()> {
        boundary(py, || self.settle_ready(py).map(drop))
    }

    /// Ends the driver. With `settle`, every future that still waits gets its result or the error `Closed`; without, when
    /// the loop is gone, they are forgotten.
    fn close(&self, py: Python<'_>, settle: bool) -> PyResult<()> {
        boundary(py, || {
            if settle {
                while self.settle_ready(py)? > 0 {}
            }
            self.queue.close();
            let left = std::mem::take(&mut unpoisoned(&self.promises).by_tag);
            if settle {
                for promise in left.values() {
                    self::settle(py, promise, Err(Error::new(ErrorKind::Closed, "the client is closed")))?;
                }
            }
            Ok(())
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.create_future)?;
        // Nobody holds the lock while Python code runs, so this fails only when there is nothing to collect anyway.
        if let Ok(promises) = self.promises.try_lock() {
            for promise in promises.by_tag.values() {
                visit.call(&promise.future)?;
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        drop(std::mem::take(&mut unpoisoned(&self.promises).by_tag));
    }
}

/// Gives a future its result, unless it was cancelled.
fn settle(py: Python<'_>, promise: &Promise, result: standfast::Result<Value>) -> PyResult<()> {
    let future = promise.future.bind(py);
    if future.call_method0(intern!(py, "done"))?.is_truthy()? {
        return Ok(());
    }
    match result {
        Ok(value) => match reply(py, value, promise.decode) {
            Ok(value) => future.call_method1(intern!(py, "set_result"), (value,))?,
            Err(failure) => future.call_method1(intern!(py, "set_exception"), (failure,))?,
        },
        Err(error) => future.call_method1(intern!(py, "set_exception"), (exception(py, &error)?,))?,
    };
    Ok(())
}
