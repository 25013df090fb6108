//! What drivers tell the supervisor: the master of a generation does not behave like one. Any number of drivers may say so
//! at once; it is heard once.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    /// The newest generation in doubt; 0 for none.
    generation: AtomicU64,
    raised: Notify,
}

impl Doubts {
    pub(crate) fn raise(&self, generation: u64) {
        self.generation.fetch_max(generation, Ordering::AcqRel);
        self.raised.notify_one();
    }

    /// The next generation in doubt.
    pub(crate) async fn role(&self) -> u64 {
        loop {
            match self.generation.swap(0, Ordering::AcqRel) {
                0 => self.raised.notified().await,
                generation => return generation,
            }
        }
    }
}
