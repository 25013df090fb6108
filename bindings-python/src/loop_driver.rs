//! Commands of one client on one event loop: the Rust half of `standfast/aio/_loop.py`, and with it the only place that knows
//! futures.
//!
//! The loop's own thread drives the links: it watches the queue's descriptor and calls [`LoopDriver::turn`], and what was
//! collected in one of its turns is written at the end of it by [`Flush`]. Completions are collected first and settled
//! afterwards; a future that was cancelled meanwhile is skipped. No thread of the core ever enters the interpreter.

use std::sync::Mutex;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use standfast::{Answer, Completion, Error, ErrorKind, Host, Queue, Request, Timeout};

use crate::client::Client;
use crate::errands::{Lock, Node, Scan, lock_call};
use crate::errors::{OrRaise, boundary, exception};
use crate::subscription::Subscription;
use crate::values::{answer, command_timeout, request, requests, unit, wait_timeout};
use crate::waiting::unpoisoned;
use crate::watched::Watched;

/// A queue and the futures that wait for its completions. Belongs to one event loop.
#[pyclass(frozen, module = "standfast._native")]
pub(crate) struct LoopDriver {
    queue: Queue,
    create_future: Py<PyAny>,
    call_soon: Py<PyAny>,
    flush: Py<Flush>,
    promises: Mutex<Promises>,
}

/// Writes what was collected. An object of its own, so that the loop does not hold the driver.
#[pyclass(frozen, module = "standfast._native")]
pub(crate) struct Flush {
    queue: Queue,
}

#[pymethods]
impl Flush {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        boundary(py, || {
            self.queue.flush();
            Ok(())
        })
    }
}

/// The futures, found by the tags of their commands: the place in the list, and a count above it, so that the tag of a
/// promise that is gone is nobody else's.
#[derive(Default)]
struct Promises {
    list: Vec<Option<Promise>>,
    free: Vec<u32>,
    count: u32,
}

struct Promise {
    tag: u64,
    future: Py<PyAny>,
    decode: bool,
}

impl Promises {
    fn insert(&mut self, future: Py<PyAny>, decode: bool) -> u64 {
        self.count = self.count.wrapping_add(1);
        let place = self.free.pop().unwrap_or_else(|| {
            self.list.push(None);
            // More than 2^32 futures never wait at once.
            self.list.len() as u32 - 1
        });
        let tag = u64::from(self.count) << 32 | u64::from(place);
        self.list[place as usize] = Some(Promise { tag, future, decode });
        tag
    }

    fn remove(&mut self, tag: u64) -> Option<Promise> {
        let place = (tag & u64::from(u32::MAX)) as u32;
        let promise = self.list.get_mut(place as usize)?.take_if(|promise| promise.tag == tag)?;
        self.free.push(place);
        Some(promise)
    }
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
        let tag = unpoisoned(&self.promises).insert(future.clone().unbind(), decode);
        if let Err(error) = submit(tag) {
            drop(self.forget(tag));
            return Err(error).or_raise(py);
        }
        Ok((tag, future))
    }

    /// Sends a request, and sees to it that what was collected is written at the end of the loop's turn.
    fn submit<'py>(
        &self,
        py: Python<'py>,
        request: Request,
        timeout: Timeout,
        decode: bool,
    ) -> PyResult<(u64, Bound<'py, PyAny>)> {
        let mut flush = false;
        let submitted = self.promise(py, decode, |tag| {
            flush = self.queue.submit(request, timeout, tag)?;
            Ok(())
        })?;
        if flush {
            self.call_soon.bind(py).call1((&self.flush,))?;
        }
        Ok(submitted)
    }

    /// The promise of a tag. It is dropped by the caller, after the lock: dropping a future may run Python code.
    fn forget(&self, tag: u64) -> Option<Promise> {
        unpoisoned(&self.promises).remove(tag)
    }

    /// Takes a turn, and settles what came of it. `true`: there is more.
    fn settle_ready(&self, py: Python<'_>) -> PyResult<bool> {
        let turned = self.queue.turn();
        for Completion { tag, result, .. } in turned.completions {
            if let Some(promise) = self.forget(tag) {
                settle(py, &promise, result)?;
            }
        }
        Ok(turned.more)
    }
}

#[pymethods]
impl LoopDriver {
    /// A driver for a client; `create_future` and `call_soon` are the loop's.
    #[new]
    fn new(py: Python<'_>, client: &Client, create_future: Py<PyAny>, call_soon: Py<PyAny>) -> PyResult<LoopDriver> {
        boundary(py, || {
            let queue = Queue::open_for(client.core(), Host::Turns).or_raise(py)?;
            let flush = Py::new(py, Flush { queue: queue.clone() })?;
            Ok(LoopDriver { queue, create_future, call_soon, flush, promises: Mutex::default() })
        })
    }

    /// The descriptor to watch: readable while there is something for `turn` to do.
    fn descriptor(&self) -> i32 {
        self.queue.descriptor()
    }

    /// Sends a command; the future gets its reply.
    fn execute<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        timeout: Option<&Bound<'py, PyAny>>,
        decode: bool,
        idempotent: bool,
    ) -> PyResult<(u64, Bound<'py, PyAny>)> {
        boundary(py, || {
            let request = request(args)?;
            let request = if idempotent { request.idempotent() } else { request };
            self.submit(py, request, command_timeout(timeout)?, decode)
        })
    }

    /// Sends several commands; the future gets their outcomes.
    fn execute_unit<'py>(
        &self,
        py: Python<'py>,
        commands: &Bound<'py, PyList>,
        transaction: bool,
        timeout: Option<&Bound<'py, PyAny>>,
        decode: bool,
        idempotent: bool,
    ) -> PyResult<(u64, Bound<'py, PyAny>)> {
        boundary(py, || {
            let request = unit(commands, transaction, idempotent)?;
            self.submit(py, request, command_timeout(timeout)?, decode)
        })
    }

    /// Begins a round of a watched transaction.
    fn watch_begin<'py>(&self, py: Python<'py>, watched: &Watched) -> PyResult<(u64, Bound<'py, PyAny>)> {
        boundary(py, || {
            let watched = watched.shared(py)?;
            self.promise(py, false, |tag| self.queue.submit_watch_begin(&watched, tag))
        })
    }

    /// Executes a command at once, on the watching link.
    fn watch_execute<'py>(
        &self,
        py: Python<'py>,
        watched: &Watched,
        args: &Bound<'py, PyTuple>,
        decode: bool,
    ) -> PyResult<(u64, Bound<'py, PyAny>)> {
        boundary(py, || {
            let (watched, request) = (watched.shared(py)?, request(args)?);
            self.promise(py, decode, |tag| self.queue.submit_watch_command(&watched, request, tag))
        })
    }

    /// Executes the commands of a round; the future gets `None` when another round is needed.
    fn watch_commit<'py>(
        &self,
        py: Python<'py>,
        watched: &Watched,
        commands: &Bound<'py, PyList>,
        decode: bool,
    ) -> PyResult<(u64, Bound<'py, PyAny>)> {
        boundary(py, || {
            let (watched, commands) = (watched.shared(py)?, requests(commands)?);
            self.promise(py, decode, |tag| self.queue.submit_watch_commit(&watched, commands, tag))
        })
    }

    /// `execute` with a route of its own for what only reads.
    fn read<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        timeout: Option<&Bound<'py, PyAny>>,
        decode: bool,
        read_from: &str,
    ) -> PyResult<(u64, Bound<'py, PyAny>)> {
        boundary(py, || {
            let request = request(args)?.reading_from(read_from.parse().or_raise(py)?);
            let timeout = command_timeout(timeout)?;
            let mut flush = false;
            let submitted = self.promise(py, decode, |tag| {
                flush = self.queue.submit(request, timeout, tag)?;
                Ok(())
            })?;
            if flush {
                self.call_soon.bind(py).call1((&self.flush,))?;
            }
            Ok(submitted)
        })
    }

    /// The future is done when the client is connected, as far as its options ask for that.
    fn connected<'py>(&self, py: Python<'py>) -> PyResult<(u64, Bound<'py, PyAny>)> {
        boundary(py, || self.promise(py, false, |tag| self.queue.submit_connected(tag)))
    }

    /// New commands are refused; the future is done when those that were accepted are over.
    fn drain<'py>(&self, py: Python<'py>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<(u64, Bound<'py, PyAny>)> {
        boundary(py, || {
            let timeout = wait_timeout(timeout)?;
            self.promise(py, false, |tag| self.queue.submit_drain(timeout, tag))
        })
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

    /// Asks something of a lock; see `errands.rs`.
    fn lock<'py>(
        &self,
        py: Python<'py>,
        lock: &Lock,
        name: &str,
        seconds: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(u64, Bound<'py, PyAny>)> {
        boundary(py, || {
            let call = lock_call(py, name, seconds)?;
            self.promise(py, false, |tag| self.queue.submit_errand(lock.core().errand(call), tag))
        })
    }

    /// The next step of a scan: a list, or `None` at the end.
    fn scan<'py>(&self, py: Python<'py>, scan: &Scan) -> PyResult<(u64, Bound<'py, PyAny>)> {
        boundary(py, || {
            let submit = |tag| self.queue.submit_errand(scan.core().errand(), tag);
            self.promise(py, scan.decodes(), submit)
        })
    }

    /// Sends a command to one node.
    fn node<'py>(
        &self,
        py: Python<'py>,
        node: &Node,
        args: &Bound<'py, PyTuple>,
        timeout: Option<&Bound<'py, PyAny>>,
        decode: bool,
    ) -> PyResult<(u64, Bound<'py, PyAny>)> {
        boundary(py, || {
            let errand = node.core().errand(request(args)?, command_timeout(timeout)?).or_raise(py)?;
            self.promise(py, decode, |tag| self.queue.submit_errand(errand, tag))
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

    /// Reads and settles what has come. Called by the loop while the descriptor is readable.
    fn turn(slf: &Bound<'_, LoopDriver>) -> PyResult<()> {
        let py = slf.py();
        boundary(py, || {
            let driver = slf.get();
            if driver.settle_ready(py)? {
                driver.call_soon.bind(py).call1((slf.getattr(intern!(py, "turn"))?,))?;
            }
            Ok(())
        })
    }

    /// Ends the driver. With `settle`, every future that still waits gets its result or the error `Closed`; without, when
    /// the loop is gone, they are forgotten.
    fn close(&self, py: Python<'_>, settle: bool) -> PyResult<()> {
        boundary(py, || {
            if settle {
                while self.settle_ready(py)? {}
            }
            self.queue.close();
            let left = std::mem::take(&mut unpoisoned(&self.promises).list);
            if settle {
                for promise in left.iter().flatten() {
                    self::settle(py, promise, Err(Error::new(ErrorKind::Closed, "the client is closed")))?;
                }
            }
            Ok(())
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.create_future)?;
        visit.call(&self.call_soon)?;
        // Nobody holds the lock while Python code runs, so this fails only when there is nothing to collect anyway.
        if let Ok(promises) = self.promises.try_lock() {
            for promise in promises.list.iter().flatten() {
                visit.call(&promise.future)?;
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        drop(std::mem::take(&mut unpoisoned(&self.promises).list));
    }
}

/// Gives a future its result, unless it was cancelled.
fn settle(py: Python<'_>, promise: &Promise, result: standfast::Result<Answer>) -> PyResult<()> {
    let future = promise.future.bind(py);
    if future.call_method0(intern!(py, "done"))?.is_truthy()? {
        return Ok(());
    }
    match result {
        Ok(value) => match answer(py, value, promise.decode) {
            Ok(value) => future.call_method1(intern!(py, "set_result"), (value,))?,
            Err(failure) => future.call_method1(intern!(py, "set_exception"), (failure,))?,
        },
        Err(error) => future.call_method1(intern!(py, "set_exception"), (exception(py, &error)?,))?,
    };
    Ok(())
}
