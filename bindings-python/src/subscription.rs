//! Streams that Python reads: subscriptions and events. Threads wait in here; event loops watch the descriptor and look.
//!
//! Items are instances of the classes in `standfast/_items.py`.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;
use standfast::{Dropped, Gap, Item, Message};

use crate::errors::{OrRaise, boundary};
use crate::values::{contents, report, text, unix_seconds, wait_timeout};
use crate::waiting::wait;

/// A subscription, and whether its payloads are text.
#[pyclass(frozen, module = "standfast._native")]
pub(crate) struct Subscription {
    inner: standfast::Subscription,
    decode: bool,
}

impl Subscription {
    pub(crate) fn new(inner: standfast::Subscription, decode: bool) -> Subscription {
        Subscription { inner, decode }
    }

    pub(crate) fn core(&self) -> &standfast::Subscription {
        &self.inner
    }
}

#[pymethods]
impl Subscription {
    fn ready(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        boundary(py, || {
            let timeout = wait_timeout(timeout)?;
            wait(py, |interrupt| self.inner.ready_blocking(timeout, interrupt))
        })
    }

    fn next<'py>(&self, py: Python<'py>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Option<Bound<'py, PyAny>>> {
        boundary(py, || {
            let timeout = wait_timeout(timeout)?;
            // Most items are there already; then nobody needs to leave the interpreter.
            let item = match self.inner.try_next().or_raise(py)? {
                None => wait(py, |interrupt| self.inner.next_blocking(timeout, interrupt))?,
                item => item,
            };
            item.map(|item| into_python(py, item, self.decode)).transpose()
        })
    }

    fn try_next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        boundary(py, || {
            let item = self.inner.try_next().or_raise(py)?;
            item.map(|item| into_python(py, item, self.decode)).transpose()
        })
    }

    fn descriptor(&self, py: Python<'_>) -> PyResult<i32> {
        boundary(py, || self.inner.bell().descriptor().or_raise(py))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        boundary(py, || {
            self.inner.close();
            Ok(())
        })
    }
}

/// A reader of a client's events.
#[pyclass(frozen, module = "standfast._native")]
pub(crate) struct Events {
    inner: standfast::Events,
}

impl Events {
    pub(crate) fn new(inner: standfast::Events) -> Events {
        Events { inner }
    }
}

#[pymethods]
impl Events {
    fn next<'py>(&self, py: Python<'py>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Option<Bound<'py, PyAny>>> {
        boundary(py, || {
            let timeout = wait_timeout(timeout)?;
            let event = wait(py, |interrupt| self.inner.next_blocking(timeout, interrupt))?;
            event.map(|event| report(py, event.to_tree())).transpose()
        })
    }

    fn try_next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        boundary(py, || {
            let event = self.inner.try_next().or_raise(py)?;
            event.map(|event| report(py, event.to_tree())).transpose()
        })
    }

    fn descriptor(&self, py: Python<'_>) -> PyResult<i32> {
        boundary(py, || self.inner.bell().descriptor().or_raise(py))
    }
}

/// An item as an instance of its Python class. Fields are given by position; the drift test compares their order.
fn into_python(py: Python<'_>, item: Item, decode: bool) -> PyResult<Bound<'_, PyAny>> {
    static MESSAGE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static DROPPED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    match item {
        Item::Message(Message { channel, pattern, payload, gap_before, generation, received_at, .. }) => {
            MESSAGE.import(py, "standfast._items", "Message")?.call1((
                text(py, &channel)?,
                pattern.map(|pattern| text(py, &pattern)).transpose()?,
                contents(py, &payload, decode)?,
                gap_before.map(|gap| gap_into_python(py, &gap)).transpose()?,
                generation,
                unix_seconds(received_at),
            ))
        }
        Item::Gap(gap) => gap_into_python(py, &gap),
        Item::Dropped(Dropped { count, bytes, .. }) => {
            DROPPED.import(py, "standfast._items", "Dropped")?.call1((count, bytes))
        }
        other => report(py, other.into_tree()),
    }
}

fn gap_into_python<'py>(py: Python<'py>, gap: &Arc<Gap>) -> PyResult<Bound<'py, PyAny>> {
    static GAP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let Gap { since, until, reason, old_master, new_master, generation, .. } = &**gap;
    GAP.import(py, "standfast._items", "Gap")?.call1((
        unix_seconds(*since),
        unix_seconds(*until),
        PyString::intern(py, reason),
        old_master.as_ref().map(ToString::to_string),
        new_master.as_ref().map(ToString::to_string),
        *generation,
    ))
}
