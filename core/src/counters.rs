//! What a client counts since it was opened, for `status()`. Every counter is always there, zero or not.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $name:literal; )*) => {
        /// Something that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Counter { $( $(#[doc = $doc])+ $variant, )* }

        impl Counter {
            const NAMES: &'static [&'static str] = &[$($name),*];
        }
    };
}

counters! {
    /// Changes of the master.
    Switches = "switches";
    /// Eager switches that the sentinels corrected.
    Corrections = "corrections";
    /// Planned failovers in which commands were held.
    Fences = "fences";
    /// Times that the master was lost.
    Losses = "losses";
    /// Lower epochs that were accepted.
    EpochResets = "epoch_resets";
    /// Commands that were tried once more, because they certainly had not been executed, or only read.
    Retries = "retries";
    /// Commands that ended as `MaybeExecuted`.
    MaybeExecuted = "maybe_executed";
    /// Commands that ended as `Timeout`.
    Timeouts = "timeouts";
    /// Commands that were refused, because too many waited.
    QueueFull = "queue_full";
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Counters {
    counts: Vec<AtomicU64>,
}

impl Default for Counters {
    fn default() -> Counters {
        Counters { counts: Counter::NAMES.iter().map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Counters {
    /// Count, and give the new count.
    pub(crate) fn count(&self, counter: Counter) -> u64 {
        self.counts[counter as usize].fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn get(&self, counter: Counter) -> u64 {
        self.counts[counter as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn all(&self) -> Vec<(String, u64)> {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        Counter::NAMES.iter().map(|name| (*name).to_owned()).zip(counts).collect()
    }
}
