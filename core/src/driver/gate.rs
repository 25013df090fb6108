//! The gate: state and generation in one atomic word, loaded by every driver before each write.
//!
//! The supervisor is the only writer, except that a close shuts the gate for good. Threads and tasks may wait for a change.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use tokio::sync::watch;

use crate::bell::{INTERRUPT_SLICE, Interrupt};
use crate::error::Phase;
use crate::status::ClientState;
use crate::sync::lock;

/// What the gate says at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GateWord {
    pub(crate) state: ClientState,
    pub(crate) generation: u64,
}

impl GateWord {
    /// Where a command waits while the gate says this.
    pub(crate) fn phase(self) -> Phase {
        match self.state {
            ClientState::Connecting => Phase::Discovering,
            ClientState::Fenced => Phase::Fenced,
            ClientState::NoMaster | ClientState::Closed => Phase::NoMaster,
            ClientState::Ready => Phase::Pending,
        }
    }

    fn pack(self) -> u64 {
        let state = match self.state {
            ClientState::Connecting => 0,
            ClientState::Ready => 1,
            ClientState::Fenced => 2,
            ClientState::NoMaster => 3,
            ClientState::Closed => 4,
        };
        self.generation << 3 | state
    }

    fn unpack(word: u64) -> GateWord {
        let state = match word & 7 {
            0 => ClientState::Connecting,
            1 => ClientState::Ready,
            2 => ClientState::Fenced,
            3 => ClientState::NoMaster,
            _ => ClientState::Closed,
        };
        GateWord { state, generation: word >> 3 }
    }
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Gate {
    word: AtomicU64,
    writer: Mutex<()>,
    changed: Condvar,
    tasks: watch::Sender<u64>,
}

impl Gate {
    pub(crate) fn new() -> Gate {
        Gate { word: AtomicU64::new(0), writer: Mutex::new(()), changed: Condvar::new(), tasks: watch::Sender::new(0) }
    }

    pub(crate) fn load(&self) -> GateWord {
        GateWord::unpack(self.word.load(Ordering::SeqCst))
    }

    /// Publish a new state. What is closed stays closed.
    pub(crate) fn publish(&self, next: GateWord) {
        let guard = lock(&self.writer);
        if self.load().state == ClientState::Closed {
            return;
        }
        self.word.store(next.pack(), Ordering::SeqCst);
        drop(guard);
        self.changed.notify_all();
        self.tasks.send_replace(next.pack());
    }

    /// Something beside the gate changed: let everybody who waits look again.
    pub(crate) fn nudge(&self) {
        self.changed.notify_all();
        self.tasks.send_modify(|_| {});
    }

    /// A receiver for tasks that wait for changes.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.tasks.subscribe()
    }

    /// Block until the gate says something else than `seen`, or the deadline passes, or the interrupt is due to be asked
    /// again.
    pub(crate) fn wait_change(&self, seen: GateWord, deadline: Option<Instant>, interrupt: Interrupt<'_>) {
        let guard = lock(&self.writer);
        if self.load() != seen {
            return;
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let slice = match (left, interrupt) {
            (Some(left), Some(_)) => Some(left.min(INTERRUPT_SLICE)),
            (None, Some(_)) => Some(INTERRUPT_SLICE),
            (left, None) => left,
        };
        // Spurious wake-ups do no harm: every caller looks again.
        match slice {
            Some(slice) => drop(self.changed.wait_timeout(guard, slice)),
            None => drop(self.changed.wait(guard)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_packing_and_closed_is_final() {
        let gate = Gate::new();
        for state in [ClientState::Ready, ClientState::Fenced, ClientState::NoMaster, ClientState::Connecting] {
            let word = GateWord { state, generation: 77 };
            gate.publish(word);
            assert_eq!(gate.load(), word);
        }
        gate.publish(GateWord { state: ClientState::Closed, generation: 77 });
        gate.publish(GateWord { state: ClientState::Ready, generation: 78 });
        assert_eq!(gate.load().state, ClientState::Closed);
    }
}
