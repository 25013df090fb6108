//! Reports as data: what `status()`, `nodes()`, events and items look like in every language.
//!
//! The core builds one [`Tree`] for each of them, with the field names of the contract; a binding turns it into a dict, an
//! object or a C reply tree without knowing what it says.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::Value;

/// A value of a report. Bindings convert `Time` and `Duration` into what is natural in their language.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Tree {
    /// Nothing, or not known.
    Nil,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// Text.
    Text(String),
    /// Bytes as they came from the server.
    Bytes(Vec<u8>),
    /// A point in time, of the system's clock.
    Time(SystemTime),
    /// A length of time.
    Duration(Duration),
    /// Values in order.
    List(Vec<Tree>),
    /// Named values, in the order of the contract.
    Map(Vec<(&'static str, Tree)>),
    /// Named values whose names are data (counters).
    Table(Vec<(String, Tree)>),
}

impl Tree {
    /// The value of this name, of a map.
    pub fn get(&self, name: &str) -> Option<&Tree> {
        match self {
            Tree::Map(fields) => fields.iter().find(|(key, _)| *key == name).map(|(_, value)| value),
            Tree::Table(fields) => fields.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The same as a reply, for languages that read reports with the accessors of replies: times are microseconds since
    /// 1970-01-01 UTC, durations are microseconds, both as integers.
    pub fn into_value(self) -> Value {
        match self {
            Tree::Nil => Value::Nil,
            Tree::Bool(yes) => Value::Boolean(yes),
            Tree::Int(number) => Value::Int(number),
            Tree::Double(number) => Value::Double(number),
            Tree::Text(text) => Value::BulkString(text.into_bytes()),
            Tree::Bytes(bytes) => Value::BulkString(bytes),
            Tree::Time(time) => Value::Int(unix_micros(time)),
            Tree::Duration(length) => Value::Int(i64::try_from(length.as_micros()).unwrap_or(i64::MAX)),
            Tree::List(items) => Value::Array(items.into_iter().map(Tree::into_value).collect()),
            Tree::Map(fields) => Value::Map(
                fields
                    .into_iter()
                    .map(|(name, value)| (Value::BulkString(name.as_bytes().to_vec()), value.into_value()))
                    .collect(),
            ),
            Tree::Table(fields) => Value::Map(
                fields
                    .into_iter()
                    .map(|(name, value)| (Value::BulkString(name.into_bytes()), value.into_value()))
                    .collect(),
            ),
        }
    }
}

/// Microseconds since 1970-01-01 UTC; negative before.
pub fn unix_micros(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
    }
}

impl From<&str> for Tree {
    fn from(text: &str) -> Tree {
        Tree::Text(text.to_owned())
    }
}

impl From<String> for Tree {
    fn from(text: String) -> Tree {
        Tree::Text(text)
    }
}

impl From<bool> for Tree {
    fn from(yes: bool) -> Tree {
        Tree::Bool(yes)
    }
}

impl From<u64> for Tree {
    fn from(number: u64) -> Tree {
        Tree::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Tree {
    fn from(number: usize) -> Tree {
        Tree::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<SystemTime> for Tree {
    fn from(time: SystemTime) -> Tree {
        Tree::Time(time)
    }
}

impl From<Duration> for Tree {
    fn from(length: Duration) -> Tree {
        Tree::Duration(length)
    }
}

impl<T: Into<Tree>> From<Option<T>> for Tree {
    fn from(maybe: Option<T>) -> Tree {
        maybe.map_or(Tree::Nil, Into::into)
    }
}
