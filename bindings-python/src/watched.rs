//! Transactions over watched keys: each step of a round, for threads that wait. What is done between the steps, and that the
//! function is run again, stands in `standfast/_unit.py`.

use std::sync::{Mutex, MutexGuard, TryLockError};

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use standfast::{Answer, SharedWatched};

use crate::errors::{boundary, invalid_argument};
use crate::values::{answer, reply, request, requests};
use crate::waiting::wait;

/// A transaction over watched keys, of one thread or of one task.
#[pyclass(frozen, module = "standfast._native")]
pub(crate) struct Watched {
    state: Mutex<State>,
}

enum State {
    /// Not begun yet, or that of a thread.
    Waiting(Option<Box<standfast::Watched>>),
    /// That of a task.
    Shared(SharedWatched),
}

impl Watched {
    pub(crate) fn new(watched: standfast::Watched) -> Watched {
        Watched { state: Mutex::new(State::Waiting(Some(Box::new(watched)))) }
    }

    fn lock(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, State>> {
        match self.state.try_lock() {
            Ok(state) => Ok(state),
            Err(TryLockError::Poisoned(poison)) => Ok(poison.into_inner()),
            Err(TryLockError::WouldBlock) => {
                Err(invalid_argument(py, "another step of this transaction is under way, on another thread"))
            }
        }
    }

    /// For the driver of an event loop.
    pub(crate) fn shared(&self, py: Python<'_>) -> PyResult<SharedWatched> {
        let mut state = self.lock(py)?;
        if let State::Waiting(watched) = &mut *state
            && let Some(watched) = watched.take()
        {
            *state = State::Shared((*watched).into());
        }
        match &*state {
            State::Shared(shared) => Ok(shared.clone()),
            State::Waiting(_) => Err(invalid_argument(py, "this transaction belongs to a thread")),
        }
    }

    fn step<T: Send>(
        &self,
        py: Python<'_>,
        step: impl FnOnce(&mut standfast::Watched, standfast::Interrupt<'_>) -> standfast::Result<T> + Send,
    ) -> PyResult<T> {
        // Taken out: no lock is held while the interpreter is released.
        let taken = match &mut *self.lock(py)? {
            State::Waiting(watched) => watched.take(),
            State::Shared(_) => None,
        };
        let Some(mut watched) = taken else {
            return Err(invalid_argument(py, "this transaction belongs to a task, or is in use on another thread"));
        };
        let result = wait(py, |interrupt| step(&mut watched, interrupt));
        *self.lock(py)? = State::Waiting(Some(watched));
        result
    }
}

#[pymethods]
impl Watched {
    /// Begins a round.
    fn begin(&self, py: Python<'_>) -> PyResult<()> {
        boundary(py, || self.step(py, |watched, interrupt| watched.begin_blocking(interrupt)))
    }

    /// Executes a command at once, on the watching link.
    fn execute<'py>(&self, py: Python<'py>, args: &Bound<'py, PyTuple>, decode: bool) -> PyResult<Bound<'py, PyAny>> {
        boundary(py, || {
            let request = request(args)?;
            let value = self.step(py, |watched, interrupt| watched.command_blocking(request, interrupt))?;
            reply(py, value, decode)
        })
    }

    /// Executes the commands; `None` when another round is needed.
    fn commit<'py>(
        &self,
        py: Python<'py>,
        commands: &Bound<'py, PyList>,
        decode: bool,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        boundary(py, || {
            let commands = requests(commands)?;
            let outcomes = self.step(py, |watched, interrupt| watched.commit_blocking(commands, interrupt))?;
            outcomes.map(|outcomes| answer(py, Answer::Each(outcomes), decode)).transpose()
        })
    }

    /// Whether another round is needed, whatever the function says.
    #[getter]
    fn lost(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(match &*self.lock(py)? {
            State::Waiting(watched) => watched.as_ref().is_some_and(|watched| watched.is_lost()),
            State::Shared(shared) => shared.is_lost(),
        })
    }
}
