//! Replies and reports as JavaScript values, JavaScript options as the core's. It knows types, never what a value means.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use napi::bindgen_prelude::{
    Array, BigInt, BufferSlice, FromNapiValue, JsObjectValue, Null, Object, ToNapiValue, Unknown,
};
use napi::{Env, JsValue, ValueType};
use standfast::{Config, Error, ErrorKind, OptionKind, OptionValue, Timeout, Tree, Value};

use crate::errors::{Failure, Maker, Makers, describe};

/// What bytes from the server become.
#[derive(Clone, Copy)]
pub(crate) enum Bytes {
    /// A string; what is not UTF-8 becomes U+FFFD.
    Text,
    /// A `Buffer`.
    Buffers,
}

/// Makes JavaScript values.
#[derive(Clone, Copy)]
pub(crate) struct Converter<'env, 'm> {
    pub(crate) env: &'env Env,
    pub(crate) makers: &'m Makers,
    pub(crate) bytes: Bytes,
}

/// The largest integer that a JavaScript number holds exactly.
const SAFE: i64 = (1 << 53) - 1;

impl<'env> Converter<'env, '_> {
    pub(crate) fn reply(&self, value: Value) -> napi::Result<Unknown<'env>> {
        match value {
            Value::Nil => self.put(Null),
            Value::Int(number) => self.integer(number),
            Value::BulkString(bytes) => self.bytes(&bytes),
            Value::SimpleString(text) => self.put(text),
            // A server that speaks RESP2 sends the same texts as bulk strings: the type must not depend on that.
            Value::VerbatimString { text, .. } => self.bytes(text.as_bytes()),
            Value::Okay => self.put("OK"),
            Value::Double(number) => self.put(number),
            Value::Boolean(yes) => self.put(yes),
            Value::BigNumber(digits) => {
                self.make(&self.makers.bigint, self.put(String::from_utf8_lossy(&digits).as_ref())?)
            }
            Value::Array(items) | Value::Push { data: items, .. } => Ok(self.list(items)?.to_unknown()),
            Value::Set(items) => self.make(&self.makers.set, self.list(items)?.to_unknown()),
            Value::Map(entries) => {
                let flat = entries.into_iter().flat_map(|(key, value)| [key, value]).collect();
                self.make(&self.makers.map, self.list(flat)?.to_unknown())
            }
            Value::Attribute { data, .. } => self.reply(*data),
            // An error inside an array is a value of it, not a failure of the command.
            Value::ServerError(error) => {
                self.make(&self.makers.error, describe(self.env, &Error::from_reply(&error))?.to_unknown())
            }
            // The enum may grow; a value that nobody knows here must not pass for another one.
            other => {
                Err(napi::Error::from_reason(format!("a reply of unknown type: {:?}", std::mem::discriminant(&other))))
            }
        }
    }

    pub(crate) fn report(&self, tree: Tree) -> napi::Result<Unknown<'env>> {
        match tree {
            Tree::Nil => self.put(Null),
            Tree::Bool(yes) => self.put(yes),
            Tree::Int(number) => self.integer(number),
            Tree::Double(number) => self.put(number),
            Tree::Text(text) => self.put(text),
            Tree::Bytes(bytes) => self.bytes(&bytes),
            Tree::Time(time) => self.put(unix_millis(time)),
            Tree::Duration(length) => self.put(length.as_secs_f64() * 1e3),
            Tree::List(items) => {
                let mut list = self.array(items.len())?;
                for (at, item) in (0..).zip(items) {
                    list.set(at, self.report(item)?)?;
                }
                Ok(list.to_unknown())
            }
            Tree::Map(fields) => {
                let mut object = Object::new(self.env)?;
                for (name, value) in fields {
                    object.set(camel_case(name), self.report(value)?)?;
                }
                Ok(object.to_unknown())
            }
            Tree::Table(fields) => {
                let mut object = Object::new(self.env)?;
                for (name, value) in fields {
                    object.set(name, self.report(value)?)?;
                }
                Ok(object.to_unknown())
            }
            // The enum may grow; see above.
            other => {
                Err(napi::Error::from_reason(format!("a report of unknown type: {:?}", std::mem::discriminant(&other))))
            }
        }
    }

    fn put(&self, value: impl ToNapiValue) -> napi::Result<Unknown<'env>> {
        value.into_unknown(self.env)
    }

    fn make(&self, maker: &Maker, of: Unknown<'env>) -> napi::Result<Unknown<'env>> {
        self.makers.make(self.env, maker, of)
    }

    fn integer(&self, number: i64) -> napi::Result<Unknown<'env>> {
        if (-SAFE..=SAFE).contains(&number) { self.put(number) } else { self.put(BigInt::from(number)) }
    }

    fn bytes(&self, bytes: &[u8]) -> napi::Result<Unknown<'env>> {
        match self.bytes {
            Bytes::Text => self.put(String::from_utf8_lossy(bytes).as_ref()),
            Bytes::Buffers => Ok(BufferSlice::copy_from(self.env, bytes)?.to_unknown()),
        }
    }

    fn array(&self, length: usize) -> napi::Result<Array<'env>> {
        let length =
            u32::try_from(length).map_err(|_| napi::Error::from_reason("a JavaScript array is not that long"))?;
        self.env.create_array(length)
    }

    fn list(&self, items: Vec<Value>) -> napi::Result<Array<'env>> {
        let mut list = self.array(items.len())?;
        for (at, item) in (0..).zip(items) {
            list.set(at, self.reply(item)?)?;
        }
        Ok(list)
    }
}

/// Milliseconds since 1970-01-01 UTC, as `Date.now()` counts them; the fraction keeps the microseconds.
fn unix_millis(time: SystemTime) -> f64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_micros() as f64 / 1e3,
        Err(before) => before.duration().as_micros() as f64 / -1e3,
    }
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// A length of time that a user wrote as milliseconds.
fn duration(millis: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(millis / 1e3).ok()
}

/// The time-out of a command. Zero is no time at all, and infinity is what `Never` is for.
pub(crate) fn command_timeout(millis: Option<f64>) -> Result<Timeout, Error> {
    match millis {
        None => Ok(Timeout::Default),
        Some(f64::INFINITY) => Ok(Timeout::Never),
        Some(millis) => match duration(millis) {
            Some(length) if !length.is_zero() => Ok(Timeout::After(length)),
            _ => Err(invalid("a timeout is a positive number of milliseconds, or Infinity")),
        },
    }
}

/// The time-out of a wait: zero looks only, none and infinity wait for ever.
pub(crate) fn wait_timeout(millis: Option<f64>) -> Result<Option<Duration>, Error> {
    match millis {
        None | Some(f64::INFINITY) => Ok(None),
        Some(millis) => match duration(millis) {
            Some(length) => Ok(Some(length)),
            None => Err(invalid("a timeout is a number of milliseconds, 0 or more")),
        },
    }
}

fn invalid(text: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, text)
}

/// Hand every option of a JavaScript object to the core, `commandTimeout` as `command_timeout`. What is `undefined` was not
/// given.
pub(crate) fn each_option(
    options: &Object<'_>,
    mut set: impl FnMut(&str, OptionValue) -> Result<(), Error>,
) -> Result<(), Failure> {
    for name in Object::keys(options)? {
        let value: Unknown<'_> = options.get_named_property_unchecked(&name)?;
        if value.get_type()? != ValueType::Undefined {
            let name = snake_case(&name);
            set(&name, option_value(&name, value)?)?;
        }
    }
    Ok(())
}

/// One option's value as the core takes it. Types only: ranges and words are the core's.
fn option_value(name: &str, value: Unknown<'_>) -> Result<OptionValue, Failure> {
    let kind = Config::option_kind(name)?;
    let refused =
        |takes: &str| Failure::from(Error::new(ErrorKind::InvalidOption, format!("option {name} takes {takes}")));
    Ok(match (value.get_type()?, kind) {
        (ValueType::String, _) => OptionValue::Text(String::from_unknown(value)?),
        (ValueType::Boolean, _) => OptionValue::Bool(bool::from_unknown(value)?),
        (ValueType::Number, OptionKind::Duration) => OptionValue::Duration(
            duration(f64::from_unknown(value)?).ok_or_else(|| refused("a number of milliseconds, 0 or more"))?,
        ),
        (ValueType::Number, _) => {
            let number = f64::from_unknown(value)?;
            if number.fract() != 0.0 || number.abs() > SAFE as f64 {
                return Err(refused("a whole number"));
            }
            OptionValue::Int(number as i64)
        }
        _ => return Err(refused("a string, a number or a boolean")),
    })
}
