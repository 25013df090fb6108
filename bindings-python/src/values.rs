//! Python values become arguments and options; replies and reports become Python values.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMemoryView, PySet, PyString, PyTuple,
};
use standfast::{Error, ErrorKind, OptionKind, OptionValue, Request, Timeout, Tree, Value};

use crate::errors::{OrRaise, boundary, exception, invalid_argument, raised};

/// A command from its name and arguments.
pub(crate) fn request(args: &Bound<'_, PyTuple>) -> PyResult<Request> {
    let py = args.py();
    let args: Vec<Bound<'_, PyAny>> = args.iter().collect();
    let encoded = args
        .iter()
        .enumerate()
        .map(|(at, arg)| argument(arg, || format!("argument {at} of the command")))
        .collect::<PyResult<Vec<_>>>()?;
    Request::new(encoded).or_raise(py)
}

/// The bytes of an argument: text as UTF-8, numbers as Python prints them. Everything else is refused rather than guessed;
/// so is `bool`, which Python counts among the numbers and Redis does not.
pub(crate) fn argument<'a>(arg: &'a Bound<'_, PyAny>, what: impl Fn() -> String) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(bytes) = arg.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(bytes.as_bytes()));
    }
    if let Ok(text) = arg.cast::<PyString>() {
        return match text.to_str() {
            Ok(text) => Ok(Cow::Borrowed(text.as_bytes())),
            Err(_) => escaped(text, &what),
        };
    }
    if arg.is_instance_of::<PyInt>() && !arg.is_instance_of::<PyBool>() {
        return match arg.extract::<i64>() {
            Ok(number) => Ok(Cow::Owned(number.to_string().into_bytes())),
            // Larger than 64 bits: in Python's own digits, whatever a subclass prints.
            Err(_) => {
                let digits = arg.py().get_type::<PyInt>().call_method1("__repr__", (arg,))?;
                Ok(Cow::Owned(digits.extract::<String>()?.into_bytes()))
            }
        };
    }
    if let Ok(number) = arg.cast::<PyFloat>() {
        let digits = PyFloat::new(arg.py(), number.value()).repr()?;
        return Ok(Cow::Owned(digits.extract::<String>()?.into_bytes()));
    }
    if let Ok(bytes) = arg.cast::<PyByteArray>() {
        return Ok(Cow::Owned(bytes.to_vec()));
    }
    if arg.is_instance_of::<PyMemoryView>() {
        return Ok(Cow::Owned(arg.call_method0("tobytes")?.extract::<Vec<u8>>()?));
    }
    Err(invalid_argument(arg.py(), format!("{} must be str, bytes, int or float, not {}", what(), type_name(arg))))
}

/// Text with the escapes that [`text`] makes from bytes that are not UTF-8: they become those bytes again.
fn escaped<'a>(text: &Bound<'_, PyString>, what: &impl Fn() -> String) -> PyResult<Cow<'a, [u8]>> {
    match text.call_method1("encode", ("utf-8", "surrogateescape")) {
        Ok(bytes) => Ok(Cow::Owned(bytes.extract::<Vec<u8>>()?)),
        Err(_) => Err(invalid_argument(text.py(), format!("{} is a str that UTF-8 cannot encode", what()))),
    }
}

/// A name of channels: text or bytes.
pub(crate) fn names(names: &Bound<'_, PyTuple>, what: &str) -> PyResult<Vec<Vec<u8>>> {
    names.iter().enumerate().map(|(at, name)| name_bytes(&name, || format!("{what} {at}"))).collect()
}

/// Text or bytes, and no numbers.
pub(crate) fn name_bytes(name: &Bound<'_, PyAny>, what: impl Fn() -> String) -> PyResult<Vec<u8>> {
    if name.is_instance_of::<PyString>() || name.is_instance_of::<PyBytes>() {
        Ok(argument(name, what)?.into_owned())
    } else {
        Err(invalid_argument(name.py(), format!("{} must be str or bytes, not {}", what(), type_name(name))))
    }
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "this".to_owned(), |name| name.to_string())
}

/// The time that a command may take: `None` means the client's `command_timeout`, infinity means for ever.
pub(crate) fn command_timeout(timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Timeout> {
    let Some(timeout) = timeout else { return Ok(Timeout::Default) };
    let seconds = seconds(timeout)?;
    if seconds == f64::INFINITY {
        return Ok(Timeout::Never);
    }
    match Duration::try_from_secs_f64(seconds) {
        Ok(length) if !length.is_zero() => Ok(Timeout::After(length)),
        _ => Err(invalid_argument(timeout.py(), "timeout must be a positive number of seconds, math.inf or None")),
    }
}

/// The time to wait for something: `None` and infinity mean for ever, 0 means look only.
pub(crate) fn wait_timeout(timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    let Some(timeout) = timeout else { return Ok(None) };
    let seconds = seconds(timeout)?;
    if seconds == f64::INFINITY {
        return Ok(None);
    }
    match Duration::try_from_secs_f64(seconds) {
        Ok(length) => Ok(Some(length)),
        Err(_) => Err(invalid_argument(timeout.py(), "timeout must be 0 or a positive number of seconds, or None")),
    }
}

/// The time to wait, checked, for event loops: seconds, or `None` for ever.
#[pyfunction]
pub(crate) fn wait_seconds(py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<f64>> {
    boundary(py, || Ok(wait_timeout(timeout)?.map(|length| length.as_secs_f64())))
}

fn seconds(timeout: &Bound<'_, PyAny>) -> PyResult<f64> {
    match timeout.extract::<f64>() {
        Ok(seconds) if !timeout.is_instance_of::<PyBool>() => Ok(seconds),
        _ => Err(invalid_argument(
            timeout.py(),
            format!("timeout must be a number of seconds or None, not {}", type_name(timeout)),
        )),
    }
}

/// An option's value for the core, which checks it. Lengths of time are seconds in Python.
pub(crate) fn option_value(name: &str, kind: OptionKind, value: &Bound<'_, PyAny>) -> PyResult<OptionValue> {
    let py = value.py();
    if value.is_instance_of::<PyBool>() {
        return Ok(OptionValue::Bool(value.extract()?));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return match text.to_str() {
            Ok(text) => Ok(OptionValue::Text(text.to_owned())),
            Err(_) => {
                Err(raised(py, &Error::new(ErrorKind::InvalidOption, format!("option {name}: not Unicode text"))))
            }
        };
    }
    if value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>() {
        if kind == OptionKind::Duration
            && let Ok(length) = Duration::try_from_secs_f64(value.extract()?)
        {
            return Ok(OptionValue::Duration(length));
        }
        // A number that does not fit (negative, too large, a fraction) goes to the core as text, which refuses it by name.
        return match value.extract::<i64>() {
            Ok(number) if kind != OptionKind::Duration => Ok(OptionValue::Int(number)),
            _ => Ok(OptionValue::Text(value.str()?.to_string())),
        };
    }
    let text = format!("option {name} must be a number, a str or a bool, not {}", type_name(value));
    Err(raised(py, &Error::new(ErrorKind::InvalidOption, text)))
}

/// Bytes as text. What is not UTF-8 becomes lone surrogates (Python's `surrogateescape`), so that nothing is lost and no
/// reply is thrown away after its command was executed.
pub(crate) fn text<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(PyString::new(py, text).into_any()),
        Err(_) => PyBytes::new(py, bytes).call_method1("decode", ("utf-8", "surrogateescape")),
    }
}

/// Contents: `bytes`, or text for those who asked for it.
pub(crate) fn contents<'py>(py: Python<'py>, bytes: &[u8], decode: bool) -> PyResult<Bound<'py, PyAny>> {
    if decode { text(py, bytes) } else { Ok(PyBytes::new(py, bytes).into_any()) }
}

/// A reply as Python's natural value.
pub(crate) fn reply<'py>(py: Python<'py>, value: Value, decode: bool) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Nil => py.None().into_bound(py),
        Value::Int(number) => number.into_pyobject(py)?.into_any(),
        Value::BulkString(bytes) => contents(py, &bytes, decode)?,
        Value::SimpleString(text) => PyString::new(py, &text).into_any(),
        Value::Okay => PyString::intern(py, "OK").into_any(),
        Value::Double(number) => PyFloat::new(py, number).into_any(),
        Value::Boolean(yes) => PyBool::new(py, yes).to_owned().into_any(),
        // A server that speaks RESP2 sends the same texts as bulk strings: the type must not depend on that.
        Value::VerbatimString { text, .. } => contents(py, text.as_bytes(), decode)?,
        Value::BigNumber(digits) => py.get_type::<PyInt>().call1((text(py, digits.as_ref())?,))?,
        Value::Array(values) | Value::Push { data: values, .. } => list(py, values, decode)?.into_any(),
        Value::Attribute { data, .. } => reply(py, *data, decode)?,
        Value::Map(pairs) => {
            let dict = PyDict::new(py);
            for (key, value) in pairs {
                dict.set_item(hashable(py, key, decode)?, reply(py, value, decode)?)?;
            }
            dict.into_any()
        }
        Value::Set(values) => {
            let set = PySet::empty(py)?;
            for value in values {
                set.add(hashable(py, value, decode)?)?;
            }
            set.into_any()
        }
        Value::ServerError(error) => exception(py, &Error::from_reply(&error))?,
        _ => {
            return Err(raised(
                py,
                &Error::new(ErrorKind::Internal, "a kind of reply that this binding does not know"),
            ));
        }
    })
}

fn list<'py>(py: Python<'py>, values: Vec<Value>, decode: bool) -> PyResult<Bound<'py, PyList>> {
    let values = values.into_iter().map(|value| reply(py, value, decode)).collect::<PyResult<Vec<_>>>()?;
    PyList::new(py, values)
}

/// Keys of dicts and members of sets must be hashable, so aggregates among them become tuples.
fn hashable<'py>(py: Python<'py>, value: Value, decode: bool) -> PyResult<Bound<'py, PyAny>> {
    let values: Vec<Value> = match value {
        Value::Array(values) | Value::Set(values) => values,
        Value::Map(pairs) => pairs.into_iter().map(|(key, value)| Value::Array(vec![key, value])).collect(),
        scalar => return reply(py, scalar, decode),
    };
    let values = values.into_iter().map(|value| hashable(py, value, decode)).collect::<PyResult<Vec<_>>>()?;
    Ok(PyTuple::new(py, values)?.into_any())
}

/// A report as dicts and lists. Times are seconds since 1970-01-01 UTC, as `time.time()` counts them.
pub(crate) fn report<'py>(py: Python<'py>, tree: Tree) -> PyResult<Bound<'py, PyAny>> {
    Ok(match tree {
        Tree::Nil => py.None().into_bound(py),
        Tree::Bool(yes) => PyBool::new(py, yes).to_owned().into_any(),
        Tree::Int(number) => number.into_pyobject(py)?.into_any(),
        Tree::Double(number) => PyFloat::new(py, number).into_any(),
        Tree::Text(text) => PyString::new(py, &text).into_any(),
        Tree::Bytes(bytes) => PyBytes::new(py, &bytes).into_any(),
        Tree::Time(time) => PyFloat::new(py, unix_seconds(time)).into_any(),
        Tree::Duration(length) => PyFloat::new(py, length.as_secs_f64()).into_any(),
        Tree::List(items) => {
            let items = items.into_iter().map(|item| report(py, item)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, items)?.into_any()
        }
        Tree::Map(fields) => {
            let dict = PyDict::new(py);
            for (name, value) in fields {
                dict.set_item(PyString::intern(py, name), report(py, value)?)?;
            }
            dict.into_any()
        }
        Tree::Table(fields) => {
            let dict = PyDict::new(py);
            for (name, value) in fields {
                dict.set_item(name, report(py, value)?)?;
            }
            dict.into_any()
        }
        _ => {
            return Err(raised(
                py,
                &Error::new(ErrorKind::Internal, "a kind of report that this binding does not know"),
            ));
        }
    })
}

/// Seconds since 1970-01-01 UTC, to the microsecond.
pub(crate) fn unix_seconds(time: std::time::SystemTime) -> f64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}
