//! The lab's own error: one sentence that says what failed and where. It carries no codes; tests do not branch on it.

use std::{fmt, io};

/// What the lab's operations return.
pub type Result<T> = std::result::Result<T, LabError>;

/// Why the lab could not do what it was asked, in one line.
#[derive(Debug)]
pub struct LabError {
    message: String,
}

impl LabError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// An I/O error together with what was being tried.
    pub(crate) fn io(what: impl fmt::Display, source: io::Error) -> Self {
        Self::new(format!("{what}: {source}"))
    }
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for LabError {}
