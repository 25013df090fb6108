//! Waiting for a moment that may not be set.

use tokio::time::{Instant, sleep_until};

/// Wait until then; without a moment, for ever. Cancel-safe.
pub(crate) async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}
