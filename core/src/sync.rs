//! Locks whose poison is recovered deliberately.
//!
//! A panic is caught at the boundary of each binding and becomes an error; the data behind our locks is kept valid at every
//! step, so the next caller may go on.

use std::sync::{Mutex, MutexGuard};

/// Lock, whether or not somebody panicked while holding the lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poison| poison.into_inner())
}
