//! How many commands, and how many bytes of them, may wait at once; and, for a drain, when the last of them is over.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::bell::Bell;
use crate::config::Options;
use crate::error::{Error, ErrorKind, Result};

/// The count of what waits.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    commands: AtomicU64,
    bytes: AtomicU64,
    /// Nobody enters any more.
    draining: AtomicBool,
    /// Rings when nobody enters any more and everybody has left.
    drained: Bell,
}

/// A place among the waiting. Given back by being dropped, whatever became of the command.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    admission: &'a Admission,
    bytes: u64,
}

impl Admission {
    /// # Errors
    /// [`ErrorKind::QueueFull`], [`ErrorKind::Closed`]
    pub(crate) fn enter(&self, bytes: usize, options: &Options) -> Result<Place<'_>> {
        let bytes = bytes as u64;
        let place = Place { admission: self, bytes };
        // Counted before the look: the drain either sees this command or is seen by it.
        let commands = self.commands.fetch_add(1, Ordering::SeqCst) + 1;
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // From here on dropping `place` takes both back.
        if self.draining.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Closed, "the client is being drained"));
        }
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

    /// Give back a place that was kept.
    pub(crate) fn leave(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
        if self.commands.fetch_sub(1, Ordering::SeqCst) == 1 && self.draining.load(Ordering::SeqCst) {
            self.drained.ring();
        }
    }

    /// Let nobody in any more. Gives the bell that rings when everybody has left.
    pub(crate) fn drain(&self) -> &Bell {
        self.draining.store(true, Ordering::SeqCst);
        if self.commands.load(Ordering::SeqCst) == 0 {
            self.drained.ring();
        }
        &self.drained
    }

    pub(crate) fn commands(&self) -> u64 {
        self.commands.load(Ordering::Relaxed)
    }
}

impl Place<'_> {
    /// Keep the place beyond this value: [`Admission::leave`] gives it back.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.admission.leave(self.bytes as usize);
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

    #[test]
    fn a_drain_lets_nobody_in_and_rings_with_the_last_one_out() {
        use crate::bell::Waited;
        let (options, admission) = (Options::default(), Admission::default());
        let inside = admission.enter(1, &options).unwrap();
        let bell = admission.drain();
        assert_eq!(admission.enter(1, &options).unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(bell.wait(Some(std::time::Instant::now()), None), Waited::TimedOut);
        drop(inside);
        assert_eq!(bell.wait(Some(std::time::Instant::now()), None), Waited::Rang);
        assert_eq!((admission.commands(), admission.enter(1, &options).unwrap_err().kind()), (0, ErrorKind::Closed));
    }
}
