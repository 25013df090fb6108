//! Errors of the core become Python exceptions, and so do panics.
//!
//! The exception classes live in `standfast/_errors.py`, because classes written in Python can be pickled and subclassed from
//! built-in exceptions; this file calls the one function there that makes an exception out of the parts. Which class it is
//! is decided there, by the code.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;
use standfast::{Cause, Error, ErrorKind};

/// The exception for an error of the core, as an object.
pub(crate) fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    static FROM_NATIVE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let from_native = FROM_NATIVE.import(py, "standfast._errors", "from_native")?;
    let causes = PyList::empty(py);
    for Cause { address, resolved, step, kind, text, .. } in error.causes() {
        let resolved = resolved.map(|address| address.to_string());
        causes.append((address, resolved, step.as_str(), kind.code(), kind.name(), text))?;
    }
    from_native.call1((
        error.code(),
        error.name(),
        error.category(),
        error.retry().as_str(),
        error.message(),
        error.phase().map(|phase| phase.as_str()),
        causes,
        error.server_reply(),
        error.to_string(),
    ))
}

/// The same, ready to be raised. Whatever goes wrong on the way is raised instead.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    match exception(py, error) {
        Ok(exception) => PyErr::from_value(exception),
        Err(failure) => failure,
    }
}

/// An argument that a call does not take: the text says which and why, never its value.
pub(crate) fn invalid_argument(py: Python<'_>, text: impl Into<String>) -> PyErr {
    raised(py, &Error::new(ErrorKind::InvalidArgument, text))
}

/// Turns the core's results into Python's.
pub(crate) trait OrRaise<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for standfast::Result<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| raised(py, &error))
    }
}

/// Runs the body of an export. A panic becomes error 901: PyO3's own `PanicException` is a `BaseException`, which ends
/// programs that catch every `Exception`.
pub(crate) fn boundary<T>(py: Python<'_>, body: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| Err(raised(py, &panicked(&*payload))))
}

/// The error for a caught panic. Only literal panic texts are repeated: a formatted one may contain anything.
pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Error {
    let text = payload.downcast_ref::<&'static str>().copied().unwrap_or("the text of the panic is on stderr");
    Error::new(ErrorKind::Panic, format!("a bug in Standfast: {text}"))
}

/// Every error of the core: code, name, category and retry advice. The drift test compares it with `_errors.py`.
#[pyfunction]
pub(crate) fn error_table() -> Vec<(i32, &'static str, &'static str, &'static str)> {
    ErrorKind::ALL
        .iter()
        .map(|&kind| {
            let retry = Error::new(kind, "").retry();
            (kind.code(), kind.name(), kind.category(), retry.as_str())
        })
        .collect()
}

/// Panics on purpose, inside the boundary.
#[pyfunction]
pub(crate) fn panic_for_test(py: Python<'_>) -> PyResult<()> {
    boundary(py, || panic!("a panic for a test"))
}
