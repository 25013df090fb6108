//! Locks, scans and single nodes, as the Python layer sees them: threads wait in here, event loops through `loop_driver.rs`.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use standfast::{LockCall, ScanItem, ScanOptions, Value};

use crate::client::Client;
use crate::errors::{OrRaise, boundary, invalid_argument};
use crate::values::{command_timeout, contents, name_bytes, reply, request, wait_timeout};
use crate::waiting::wait;

/// A lock of the core.
#[pyclass(frozen, module = "standfast._native")]
pub(crate) struct Lock {
    inner: standfast::Lock,
}

/// What is asked of a lock, by its name in Python.
pub(crate) fn lock_call(py: Python<'_>, name: &str, seconds: Option<&Bound<'_, PyAny>>) -> PyResult<LockCall> {
    Ok(match name {
        "take" => LockCall::Take { wait: wait_timeout(seconds)?.unwrap_or(Duration::MAX) },
        "acquire" => LockCall::Acquire { wait: wait_timeout(seconds)?.unwrap_or(Duration::MAX) },
        "extend" => LockCall::Extend { ttl: seconds.map(|ttl| length(ttl, "ttl")).transpose()? },
        "release" => LockCall::Release,
        "query" => LockCall::Query,
        _ => return Err(invalid_argument(py, "a lock is taken, extended, released or queried")),
    })
}

fn length(seconds: &Bound<'_, PyAny>, what: &str) -> PyResult<Duration> {
    let length = seconds.extract::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    length.ok_or_else(|| invalid_argument(seconds.py(), format!("{what} must be a positive number of seconds")))
}

impl Lock {
    pub(crate) fn core(&self) -> &standfast::Lock {
        &self.inner
    }
}

#[pymethods]
impl Lock {
    #[new]
    fn new(
        py: Python<'_>,
        client: &Client,
        key: &Bound<'_, PyAny>,
        token: Option<&Bound<'_, PyAny>>,
        ttl: &Bound<'_, PyAny>,
        automatic: bool,
    ) -> PyResult<Lock> {
        boundary(py, || {
            let key = name_bytes(key, || "the key".to_owned())?;
            let token = token.map(|token| name_bytes(token, || "the token".to_owned())).transpose()?;
            let ttl = length(ttl, "ttl")?;
            Ok(Lock { inner: client.core().lock(key, token.as_deref(), ttl, automatic).or_raise(py)? })
        })
    }

    fn call<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        seconds: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        boundary(py, || {
            let call = lock_call(py, name, seconds)?;
            let value = wait(py, |interrupt| self.inner.call_blocking(call, interrupt))?;
            reply(py, value, false)
        })
    }

    #[getter]
    fn state(&self) -> &'static str {
        self.inner.state().as_str()
    }

    #[getter]
    fn time_left(&self) -> f64 {
        self.inner.time_left().as_secs_f64()
    }

    #[getter]
    fn fence(&self) -> Option<(u64, u64)> {
        self.inner.fence().map(|fence| (fence.epoch, fence.counter))
    }

    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.inner.key())
    }

    #[getter]
    fn token<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.inner.token())
    }

    /// The next change: the state and why.
    fn next_change(
        &self,
        py: Python<'_>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<(&'static str, String)>> {
        boundary(py, || {
            let timeout = wait_timeout(timeout)?;
            let change = wait(py, |interrupt| self.inner.next_change_blocking(timeout, interrupt))?;
            Ok(change.map(|change| (change.state.as_str(), change.why)))
        })
    }

    fn try_next_change(&self, py: Python<'_>) -> PyResult<Option<(&'static str, String)>> {
        boundary(py, || {
            // Looks only, and tells of a client that is closed.
            let change = self.inner.next_change_blocking(Some(Duration::ZERO), None).or_raise(py)?;
            Ok(change.map(|change| (change.state.as_str(), change.why)))
        })
    }

    fn descriptor(&self, py: Python<'_>) -> PyResult<i32> {
        boundary(py, || self.inner.bell().descriptor().or_raise(py))
    }
}

/// A scan of the core, and whether what it gives is text.
#[pyclass(frozen, module = "standfast._native")]
pub(crate) struct Scan {
    inner: standfast::Scan,
    decode: bool,
}

impl Scan {
    pub(crate) fn core(&self) -> &standfast::Scan {
        &self.inner
    }

    pub(crate) fn decodes(&self) -> bool {
        self.decode
    }
}

#[pymethods]
impl Scan {
    /// `what` is `keys`, `hash`, `set` or `sorted_set`; the options are those of the core by name.
    #[new]
    fn new(
        py: Python<'_>,
        client: &Client,
        what: &str,
        key: Option<&Bound<'_, PyAny>>,
        options: &Bound<'_, PyDict>,
        decode: bool,
    ) -> PyResult<Scan> {
        boundary(py, || {
            let key = key.map(|key| name_bytes(key, || "the key".to_owned())).transpose()?.unwrap_or_default();
            let mut wanted = match what {
                "hash" => ScanOptions::hash(key),
                "set" => ScanOptions::set(key),
                "sorted_set" => ScanOptions::sorted_set(key),
                _ => ScanOptions::keys(),
            };
            for (name, value) in options {
                let name: String = name.extract()?;
                wanted = match name.as_str() {
                    "match" => wanted.pattern(name_bytes(&value, || "match".to_owned())?),
                    "type" => wanted.kind(value.extract::<String>()?),
                    "count" => wanted.count(
                        value.extract::<u64>().map_err(|_| invalid_argument(py, "count must be a positive int"))?,
                    ),
                    "restart" => wanted.restarting(),
                    "master" => wanted.on_master(),
                    _ => return Err(invalid_argument(py, format!("a scan has no option {name}"))),
                };
            }
            Ok(Scan { inner: client.core().scan(wanted).or_raise(py)?, decode })
        })
    }

    /// What the next step brings, as a list; `None` at the end.
    fn next_batch<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        boundary(py, || {
            let batch = wait(py, |interrupt| self.inner.next_batch_blocking(interrupt))?;
            let value = batch.map(|items| items.into_iter().map(ScanItem::into_value).collect());
            reply(py, value.map_or(Value::Nil, Value::Array), self.decode)
        })
    }
}

/// One node or sentinel of the core.
#[pyclass(frozen, module = "standfast._native")]
pub(crate) struct Node {
    inner: standfast::NodeHandle,
}

impl Node {
    pub(crate) fn core(&self) -> &standfast::NodeHandle {
        &self.inner
    }
}

#[pymethods]
impl Node {
    #[new]
    fn new(py: Python<'_>, client: &Client, address: &str, sentinel: bool) -> PyResult<Node> {
        boundary(py, || {
            let core = client.core();
            let inner = if sentinel { core.sentinel(address) } else { core.node(address) };
            Ok(Node { inner: inner.or_raise(py)? })
        })
    }

    fn execute<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        timeout: Option<&Bound<'py, PyAny>>,
        decode: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        boundary(py, || {
            let request = request(args)?;
            let timeout = command_timeout(timeout)?;
            let value = wait(py, |interrupt| self.inner.execute_blocking(request, timeout, interrupt))?;
            reply(py, value, decode)
        })
    }

    #[getter]
    fn address(&self) -> String {
        self.inner.address().to_string()
    }

    #[getter]
    fn role(&self) -> &'static str {
        self.inner.role()
    }
}

/// The old and the new node of a change are text, whatever the client decodes.
#[pyfunction]
pub(crate) fn text_of<'py>(py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match value.cast::<PyBytes>() {
        Ok(bytes) => contents(py, bytes.as_bytes(), true),
        Err(_) => Ok(value.clone()),
    }
}
