//! Back-off with full jitter: the first retry is immediate, later ones wait a random time up to a doubling limit.

use std::time::Duration;

use crate::config::Options;

/// The waiting times of one thing that is tried again and again.
#[derive(Debug)]
pub(crate) struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(options: &Options) -> Backoff {
        Backoff { base: options.retry_backoff_base, cap: options.retry_backoff_cap, failures: 0 }
    }

    /// It worked: the next retry is immediate again.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after one more failure; `random` is from 0 to 1.
    fn next(&mut self, random: f64) -> Duration {
        let failures = self.failures;
        self.failures = failures.saturating_add(1);
        if failures == 0 {
            return Duration::ZERO;
        }
        let limit = self.base.saturating_mul(1 << (failures - 1).min(16)).min(self.cap);
        // Full jitter, but never less than the base: no path may become a busy loop.
        self.base.max(limit.mul_f64(random)).min(self.cap)
    }

    /// Wait after a failure.
    pub(crate) async fn wait(&mut self) {
        let time = self.next(fastrand::f64());
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
    }

    /// How long to wait after a failure.
    pub(crate) fn pause(&mut self) -> Duration {
        self.next(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_retry_is_immediate_and_later_ones_are_bounded() {
        let mut backoff = Backoff::new(&Options::default());
        assert_eq!(backoff.next(1.0), Duration::ZERO);
        let limits: Vec<u128> = (0..10).map(|_| backoff.next(1.0).as_millis()).collect();
        assert_eq!(limits, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
        assert_eq!(backoff.next(0.0), Duration::from_millis(50));
        backoff.succeeded();
        assert_eq!(backoff.next(1.0), Duration::ZERO);
    }
}
