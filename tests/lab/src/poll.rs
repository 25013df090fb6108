//! Waiting for a condition that sends no event: asked again at a short interval, with a hard deadline.
//! What the condition is, its owner says.

use std::time::{Duration, Instant};

use crate::error::{LabError, Result};

/// Asks `condition` every `interval` until it answers `Ok`. At the deadline its last reason becomes the error.
pub(crate) fn until<T>(
    what: &str,
    interval: Duration,
    timeout: Duration,
    mut condition: impl FnMut() -> std::result::Result<T, String>,
) -> Result<T> {
    let deadline = Instant::now() + timeout;
    loop {
        let reason = match condition() {
            Ok(value) => return Ok(value),
            Err(reason) => reason,
        };
        if Instant::now() >= deadline {
            return Err(LabError::new(format!("{what}: not within {timeout:?}: {reason}")));
        }
        std::thread::sleep(interval);
    }
}
