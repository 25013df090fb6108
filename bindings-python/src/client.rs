//! The client, as the Python layer sees it: options in, waiting calls, reports out.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use standfast::{Channels, Config, OptionKind, VERSION, blocking};

use crate::errors::{OrRaise, boundary, invalid_argument};
use crate::subscription::{Events, Subscription};
use crate::values::{command_timeout, names, option_value, reply, report, request, wait_timeout};
use crate::waiting::{close, refuse_at_exit, remember, wait};

/// A client. Only `at_exit` and event loops hold others of it, so when Python drops it, it closes.
#[pyclass(frozen, module = "standfast._native")]
pub(crate) struct Client {
    inner: Arc<standfast::Client>,
}

impl Client {
    fn new(client: standfast::Client) -> Client {
        let inner = Arc::new(client);
        remember(&inner);
        Client { inner }
    }

    pub(crate) fn core(&self) -> &standfast::Client {
        &self.inner
    }
}

#[pymethods]
impl Client {
    /// Connects and waits as the options say.
    #[staticmethod]
    fn connect(py: Python<'_>, url: &Bound<'_, PyAny>, options: &Bound<'_, PyDict>) -> PyResult<Client> {
        boundary(py, || {
            let config = configure(url, options)?;
            Ok(Client::new(wait(py, |interrupt| blocking::connect(config, interrupt))?))
        })
    }

    /// Returns at once and connects in the background.
    #[staticmethod]
    fn open(py: Python<'_>, url: &Bound<'_, PyAny>, options: &Bound<'_, PyDict>) -> PyResult<Client> {
        boundary(py, || {
            refuse_at_exit(py)?;
            let config = configure(url, options)?;
            Ok(Client::new(standfast::Client::open(config).or_raise(py)?))
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
            let value = wait(py, |interrupt| self.inner.blocking().command(request, timeout, interrupt))?;
            reply(py, value, decode)
        })
    }

    fn subscribe(
        &self,
        py: Python<'_>,
        channels: &Bound<'_, PyTuple>,
        patterns: &Bound<'_, PyTuple>,
        options: &Bound<'_, PyDict>,
        decode: bool,
    ) -> PyResult<Subscription> {
        boundary(py, || {
            let mut wanted = Channels::new(names(channels, "channel")?);
            for pattern in names(patterns, "pattern")? {
                wanted = wanted.pattern(pattern);
            }
            for (name, value) in options {
                let name: String = name.extract()?;
                let kind = Config::option_kind(&name).or_raise(py)?;
                wanted.set(&name, option_value(&name, kind, &value)?).or_raise(py)?;
            }
            Ok(Subscription::new(self.inner.subscribe(wanted).or_raise(py)?, decode))
        })
    }

    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        boundary(py, || report(py, self.inner.status().to_tree()))
    }

    fn nodes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        boundary(py, || report(py, self.inner.nodes_tree()))
    }

    /// The next event of the client's own position.
    fn next_event<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        boundary(py, || {
            let timeout = wait_timeout(timeout)?;
            let event = wait(py, |interrupt| self.inner.blocking().event_next(timeout, interrupt))?;
            event.map(|event| report(py, event.to_tree())).transpose()
        })
    }

    /// A reader of events with a position of its own.
    fn events(&self, py: Python<'_>) -> PyResult<Events> {
        boundary(py, || Ok(Events::new(self.inner.events())))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        boundary(py, || close(py, &self.inner))
    }

    #[getter]
    fn closed(&self) -> bool {
        self.inner.is_closed()
    }
}

/// A URL and options, checked by the core.
fn configure(url: &Bound<'_, PyAny>, options: &Bound<'_, PyDict>) -> PyResult<Config> {
    let py = url.py();
    let text = url.cast::<PyString>().map_err(|_| invalid_argument(py, "the URL must be a str"))?;
    let text = text.to_str().map_err(|_| invalid_argument(py, "the URL is not Unicode text"))?;
    let mut config = Config::from_url(text).or_raise(py)?;
    apply(&mut config, options)?;
    if config.options().client_name.is_empty() {
        config.set("client_name", format!("standfast:python:{VERSION}")).or_raise(py)?;
    }
    config.check().or_raise(py)?;
    Ok(config)
}

/// What a URL and options say, without connecting.
#[pyfunction]
pub(crate) fn parse_url<'py>(
    py: Python<'py>,
    url: &Bound<'py, PyAny>,
    options: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    boundary(py, || report(py, configure(url, options)?.describe()))
}

/// Sets options by name. `None` leaves an option as it is, but its name must exist.
fn apply(config: &mut Config, options: &Bound<'_, PyDict>) -> PyResult<()> {
    let py = options.py();
    for (name, value) in options {
        let name: String = name.extract()?;
        let kind = Config::option_kind(&name).or_raise(py)?;
        if !value.is_none() {
            config.set(&name, option_value(&name, kind, &value)?).or_raise(py)?;
        }
    }
    Ok(())
}

/// Every option of the core: name, kind of value, default and one line of text. The drift test compares it with `_options.py`.
#[pyfunction]
pub(crate) fn option_table() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    Config::option_specs()
        .map(|spec| {
            let kind = match spec.kind {
                OptionKind::Duration => "duration",
                OptionKind::Count => "count",
                OptionKind::Switch => "switch",
                OptionKind::Choice(_) => "choice",
                OptionKind::Text => "text",
                OptionKind::Secret => "secret",
                _ => "other",
            };
            (spec.name, kind, spec.default, spec.help)
        })
        .collect()
}
