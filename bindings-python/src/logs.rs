//! The log records of the process as Python reads them: threads wait in here; event loops watch the descriptor and look.
//! Forwarding them to `logging` is Python's (`standfast/_logs.py`).

use std::sync::Arc;

use pyo3::prelude::*;
use standfast::LogLevel;

use crate::errors::{OrRaise, boundary};
use crate::values::{report, wait_timeout};
use crate::waiting::{refuse_at_exit, remember_logs, wait};

/// A reader of the log records of this process. Only `at_exit` holds others of it.
#[pyclass(frozen, module = "standfast._native")]
pub(crate) struct Logs {
    inner: Arc<standfast::Logs>,
}

#[pymethods]
impl Logs {
    /// Records everything up to this level from now on.
    #[staticmethod]
    fn open(py: Python<'_>, level: &str) -> PyResult<Logs> {
        boundary(py, || {
            refuse_at_exit(py)?;
            let level: LogLevel = level.parse().or_raise(py)?;
            let inner = Arc::new(standfast::Logs::open(level).or_raise(py)?);
            remember_logs(&inner);
            Ok(Logs { inner })
        })
    }

    fn next<'py>(&self, py: Python<'py>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Option<Bound<'py, PyAny>>> {
        boundary(py, || {
            let timeout = wait_timeout(timeout)?;
            // What is there can be read even at exit, when nobody waits any more.
            let record = match self.inner.try_next().or_raise(py)? {
                None => wait(py, |interrupt| self.inner.next_blocking(timeout, interrupt))?,
                record => record,
            };
            record.map(|record| report(py, record.to_tree())).transpose()
        })
    }

    fn try_next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        boundary(py, || {
            let record = self.inner.try_next().or_raise(py)?;
            record.map(|record| report(py, record.to_tree())).transpose()
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
