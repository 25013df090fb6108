//! The links for waiting threads: a bounded number, kept for the next thread while the master stays the same.

use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use super::waiting::WaitingLink;
use crate::bell::{INTERRUPT_SLICE, Interrupt};
use crate::sync::lock;

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<WaitingLink>,
    /// Links that threads use at this moment.
    out: u64,
}

/// The right to use one link. Given back by being dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pool: &'a Pool,
}

impl Pool {
    /// Wait for a turn; `None` when the deadline passed or the interrupt gave up.
    pub(crate) fn turn(&self, size: u64, deadline: Option<Instant>, interrupt: Interrupt<'_>) -> Option<Turn<'_>> {
        let mut state = lock(&self.state);
        while state.out >= size {
            let left = deadline.map_or(INTERRUPT_SLICE, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() || interrupt.is_some_and(|interrupt| interrupt()) {
                return None;
            }
            let waited = self.returned.wait_timeout(state, left.min(INTERRUPT_SLICE));
            state = waited.unwrap_or_else(|poison| poison.into_inner()).0;
        }
        state.out += 1;
        Some(Turn { pool: self })
    }

    /// An idle link of this generation that is still good.
    pub(crate) fn take(&self, generation: u64, max_idle: Duration) -> Option<WaitingLink> {
        let mut doomed = Vec::new();
        let mut state = lock(&self.state);
        let found = loop {
            match state.idle.pop() {
                None => break None,
                Some(link) if link.is_reusable(generation, max_idle) => break Some(link),
                Some(link) => doomed.push(link),
            }
        };
        // Closing sockets needs no lock.
        drop(state);
        drop(doomed);
        found
    }

    pub(crate) fn put(&self, link: WaitingLink) {
        lock(&self.state).idle.push(link);
    }

    /// Close what nobody uses: all of it, or what was not used for this long.
    pub(crate) fn sweep(&self, generation: u64, max_idle: Duration) {
        let mut state = lock(&self.state);
        let (keep, doomed) = std::mem::take(&mut state.idle)
            .into_iter()
            .partition(|link: &WaitingLink| link.is_reusable(generation, max_idle));
        state.idle = keep;
        drop(state);
        drop::<Vec<_>>(doomed);
    }

    pub(crate) fn clear(&self) {
        let doomed = std::mem::take(&mut lock(&self.state).idle);
        drop(doomed);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.pool.state).out -= 1;
        self.pool.returned.notify_one();
    }
}
