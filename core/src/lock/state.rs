//! What the holder of a lock knows about it: a pure machine. Time comes in, and nothing is asked here.
//!
//! The rule behind every transition: never claim more than is known. A failover makes a held lock uncertain until the new
//! master has extended it; the end of its own time makes it lost, whatever anybody says.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::tree::Tree;

/// How many changes are remembered for a holder who does not look.
const REMEMBERED: usize = 64;

/// What the holder of a lock may believe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockState {
    /// Not taken, or given back.
    Free,
    /// The master that is in use said so, and the time of the lock is not over.
    Held,
    /// The master was lost or replaced since: the new one may not know of the lock. Extending it tells.
    Uncertain,
    /// It is over: somebody else has it, the master does not know of it, or its time has ended.
    Lost,
}

impl LockState {
    /// The state as a word, the same in every language.
    pub const fn as_str(self) -> &'static str {
        match self {
            LockState::Free => "free",
            LockState::Held => "held",
            LockState::Uncertain => "uncertain",
            LockState::Lost => "lost",
        }
    }
}

/// A change of state, with its reason in words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockChange {
    /// What may be believed from here on.
    pub state: LockState,
    /// Why.
    pub why: String,
}

impl LockChange {
    /// The change as a report.
    pub fn to_tree(&self) -> Tree {
        let LockChange { state, why } = self;
        Tree::Map(vec![("state", state.as_str().into()), ("why", why.clone().into())])
    }
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Holding {
    state: LockState,
    /// When the time of the lock ends, by our own clock, counted from before the command was sent.
    until: Option<Instant>,
    /// Which taking this is: what was asked for an earlier one says nothing about it.
    term: u64,
    changes: VecDeque<LockChange>,
}

impl Default for Holding {
    fn default() -> Holding {
        Holding { state: LockState::Free, until: None, term: 0, changes: VecDeque::new() }
    }
}

impl Holding {
    /// What may be believed at this moment.
    pub(super) fn state(&mut self, now: Instant) -> LockState {
        if self.is_live() && self.until.is_some_and(|until| until <= now) {
            self.enter(LockState::Lost, "its time ended before it was extended");
        }
        self.state
    }

    /// Whether it is held, certainly or not.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.state, LockState::Held | LockState::Uncertain)
    }

    pub(super) fn term(&self) -> u64 {
        self.term
    }

    /// When the time of the lock ends, while it is held.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until.filter(|_| self.is_live())
    }

    /// The master gave it.
    pub(super) fn taken(&mut self, until: Instant) {
        self.term += 1;
        self.until = Some(until);
        self.changes.clear();
        self.enter(LockState::Held, "taken");
    }

    /// The master says that it is ours, for so long.
    pub(super) fn extended(&mut self, until: Instant) {
        self.until = Some(until);
        if self.state != LockState::Held {
            self.enter(LockState::Held, "the master extended it");
        }
    }

    /// The master was lost or replaced. `true` if this is news.
    pub(super) fn shaken(&mut self, now: Instant, why: &str) -> bool {
        if self.state(now) != LockState::Held {
            return false;
        }
        self.enter(LockState::Uncertain, why);
        true
    }

    /// The master says that it is not ours.
    pub(super) fn refuted(&mut self, why: &str) {
        if self.is_live() {
            self.enter(LockState::Lost, why);
        }
    }

    /// It was given back.
    pub(super) fn released(&mut self) {
        if self.state != LockState::Free {
            self.enter(LockState::Free, "released");
        }
    }

    pub(super) fn next_change(&mut self) -> Option<LockChange> {
        self.changes.pop_front()
    }

    pub(super) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Time that is left at this moment.
    pub(super) fn left(&mut self, now: Instant) -> Duration {
        match self.state(now) {
            LockState::Held | LockState::Uncertain => {
                self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
            }
            _ => Duration::ZERO,
        }
    }

    fn enter(&mut self, state: LockState, why: &str) {
        self.state = state;
        if self.changes.len() == REMEMBERED {
            self.changes.pop_front();
        }
        self.changes.push_back(LockChange { state, why: why.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(10);

    fn states(holding: &mut Holding) -> Vec<LockState> {
        std::iter::from_fn(|| holding.next_change()).map(|change| change.state).collect()
    }

    #[test]
    fn a_failover_makes_a_held_lock_uncertain_until_it_is_extended() {
        let now = Instant::now();
        let mut lock = Holding::default();
        lock.taken(now + TTL);
        assert!(lock.shaken(now, "the master switched"));
        assert!(!lock.shaken(now, "the master switched"), "told once");
        assert_eq!(lock.state(now), LockState::Uncertain);
        lock.extended(now + TTL);
        assert_eq!(states(&mut lock), [LockState::Held, LockState::Uncertain, LockState::Held]);
    }

    #[test]
    fn nobody_holds_a_lock_longer_than_its_time() {
        let now = Instant::now();
        let mut lock = Holding::default();
        lock.taken(now + TTL);
        assert_eq!(lock.state(now + TTL - Duration::from_millis(1)), LockState::Held);
        assert_eq!(lock.state(now + TTL), LockState::Lost);
        assert_eq!(lock.left(now + TTL), Duration::ZERO);
        assert!(!lock.shaken(now + TTL, "the master switched"), "what is lost cannot become uncertain");
    }

    #[test]
    fn what_is_lost_stays_lost_and_what_is_free_is_not_lost() {
        let now = Instant::now();
        let mut lock = Holding::default();
        lock.refuted("somebody else has it");
        assert_eq!(lock.state(now), LockState::Free);
        lock.taken(now + TTL);
        lock.refuted("somebody else has it");
        assert!(!lock.shaken(now, "the master switched"));
        assert_eq!(lock.state(now), LockState::Lost);
        lock.released();
        assert_eq!(states(&mut lock), [LockState::Held, LockState::Lost, LockState::Free]);
    }
}
