//! How many commands, and how many bytes of them, may wait at once.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::Options;
use crate::error::{Error, ErrorKind, Result};

/// The count of what waits.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    commands: AtomicU64,
    bytes: AtomicU64,
}

/// A place among the waiting. Given back by being dropped, whatever became of the command.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    admission: &'a Admission,
    bytes: u64,
}

impl Admission {
    /// # Errors
    /// [`ErrorKind::QueueFull`]
    pub(crate) fn enter(&self, bytes: usize, options: &Options) -> Result<Place<'_>> {
        let bytes = bytes as u64;
        let place = Place { admission: self, bytes };
        let commands = self.commands.fetch_add(1, Ordering::Relaxed) + 1;
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // From here on dropping `place` takes both back.
        if commands > options.max_pending {
            return Err(Error::new(
                ErrorKind::QueueFull,
                format!("{} commands are waiting (max_pending)", options.max_pending),
            ));
        }
        if total > options.max_pending_bytes {
            return Err(Error::new(
                ErrorKind::QueueFull,
                format!("{} bytes of commands are waiting (max_pending_bytes)", options.max_pending_bytes),
            ));
        }
        Ok(place)
    }

    pub(crate) fn commands(&self) -> u64 {
        self.commands.load(Ordering::Relaxed)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.admission.commands.fetch_sub(1, Ordering::Relaxed);
        self.admission.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let options = Options { max_pending: 2, max_pending_bytes: 100, ..Options::default() };
        let admission = Admission::default();
        let first = admission.enter(10, &options).unwrap();
        let _second = admission.enter(10, &options).unwrap();
        assert_eq!(admission.enter(10, &options).unwrap_err().kind(), ErrorKind::QueueFull);
        drop(first);
        assert_eq!(admission.enter(91, &options).unwrap_err().kind(), ErrorKind::QueueFull);
        assert!(admission.enter(90, &options).is_ok());
        assert_eq!(admission.commands(), 1);
    }
}
