//! The lab's diary: who said or did what, and when. Every thread of the lab writes into it; nobody ever removes a line.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::error::{LabError, Result};

/// How much of the past explains the present.
const WORDS: usize = 30;

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// CLOCK_REALTIME, microseconds since the Unix epoch.
    pub at_us: i64,
    /// `lab` for what was done to the servers, otherwise the address of the sentinel or node that spoke.
    pub source: String,
    /// A fault (`kill`, `stop`, `cont`, `planned`, `shutdown`, `restart`, …), `writable`, or the name of a sentinel's event (`+switch-master`).
    pub kind: String,
    /// The address the fault went to, or the text of the sentinel's event.
    pub detail: String,
}

/// A shared handle on the diary.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    entries: Mutex<Vec<Entry>>,
    grown: Condvar,
}

impl Timeline {
    pub(crate) fn record(&self, at_us: i64, source: impl ToString, kind: &str, detail: impl ToString) {
        let entry = Entry { at_us, source: source.to_string(), kind: kind.to_owned(), detail: detail.to_string() };
        self.entries().push(entry);
        self.shared.grown.notify_all();
    }

    /// All entries so far, by time.
    pub(crate) fn entries_by_time(&self) -> Vec<Entry> {
        let mut entries = self.entries().clone();
        entries.sort_by_key(|entry| entry.at_us);
        entries
    }

    /// The earliest entry that `wanted` accepts, as soon as there is one.
    pub(crate) fn wait_for(&self, what: &str, timeout: Duration, wanted: impl Fn(&Entry) -> bool) -> Result<Entry> {
        let deadline = Instant::now() + timeout;
        let mut entries = self.entries();
        loop {
            let found = entries.iter().filter(|e| wanted(e)).min_by_key(|e| e.at_us);
            if let Some(entry) = found {
                return Ok(entry.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(LabError::new(format!("{what}: not seen within {timeout:?}")));
            }
            entries = self.shared.grown.wait_timeout(entries, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The latest entries in short, for error messages.
    pub(crate) fn last_words(&self) -> String {
        let entries = self.entries_by_time();
        let last = &entries[entries.len().saturating_sub(WORDS)..];
        let begin = last.first().map_or(0, |entry| entry.at_us);
        let word = |e: &Entry| format!("+{} ms {} {} {}", (e.at_us - begin) / 1000, e.source, e.kind, e.detail);
        format!("before that: {}", last.iter().map(word).collect::<Vec<_>>().join(" | "))
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.shared.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
