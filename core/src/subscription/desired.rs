//! What all subscriptions of a client want together, and what the server has confirmed of it.
//!
//! No I/O: the subscriber links ask what to send, and tell what they received and when they were interrupted. What becomes of an
//! interruption is in [`verdict`](super::verdict), who gets which message in [`post`](super::post).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use super::Target;
use super::item::{Gap, Message};
use super::pair::Pair;
use super::queue::ItemQueue;
use super::routes::Routes;
use super::verdict::{Change, Pause, Second};
use crate::error::{Error, ErrorKind, Result};
use crate::link::published::Kind;
use crate::sync::lock;

/// How often a mark is sent while somebody listens to two nodes: what is heard between two marks is kept in memory.
const MARK_EVERY: Duration = Duration::from_millis(100);

/// The subscriptions of one client.
#[derive(Debug)]
pub(crate) struct Hub {
    state: Mutex<State>,
    /// Counts changes of what is wanted. Every link hears of each: around a switch there are two.
    changes: watch::Sender<u64>,
    /// Counts decisions about interruptions.
    pub(super) decisions: watch::Sender<u64>,
    /// A channel that nobody else uses, for messages of our own.
    mark: Target,
    marks: AtomicU64,
}

#[derive(Debug, Default)]
pub(super) struct State {
    next: u64,
    pub(super) members: BTreeMap<u64, Member>,
    pub(super) routes: Routes,
    /// What the server of the present link has confirmed.
    pub(super) confirmed: BTreeSet<Target>,
    /// The generation of the present link, once it has begun.
    pub(super) generation: u64,
    /// The change of the master that is under way.
    pub(super) change: Option<Change>,
    /// While somebody listens to two nodes.
    pub(super) pair: Option<Pair>,
    /// What is known of the second link.
    pub(super) second: Second,
    /// Since when it has been in charge.
    pub(super) covered_since: Option<SystemTime>,
    pub(super) needs: Needs,
    closed: bool,
}

/// How many subscriptions want something special.
#[derive(Debug, Default)]
pub(super) struct Needs {
    pub(super) redundancy: usize,
    pulse: usize,
    silence: usize,
}

/// What a subscription wants beside its channels.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) redundant: bool,
    pub(crate) pulse: Option<Duration>,
    pub(crate) max_silence: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) targets: Vec<Target>,
    pub(super) queue: Arc<ItemQueue>,
    pub(super) wishes: Wishes,
    /// How many of the targets are not confirmed.
    pub(super) missing: usize,
    pub(super) ready: bool,
    /// Set from the interruption until everything is confirmed again.
    pub(super) pause: Option<Pause>,
    /// What this turn of the link has brought.
    pub(super) staged: Vec<Message>,
    /// When it last got a message, or began, or was proved to live.
    heard: Instant,
}

/// Something that the event stream should tell.
#[derive(Debug, PartialEq)]
pub(crate) enum News {
    Ready { subscription: u64 },
    Gap(Arc<Gap>),
}

/// What to ask the server for, and what to take back.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) more: BTreeSet<Target>,
    pub(crate) less: BTreeSet<Target>,
}

impl Default for Hub {
    fn default() -> Hub {
        let mark = format!("standfast:mark:{:016x}", fastrand::u64(..));
        Hub {
            state: Mutex::default(),
            changes: watch::Sender::default(),
            decisions: watch::Sender::default(),
            mark: Target { kind: Kind::Channel, name: mark.into_bytes().into() },
            marks: AtomicU64::new(1),
        }
    }
}

impl Hub {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// # Errors
    /// [`ErrorKind::Closed`]
    pub(crate) fn add(&self, targets: Vec<Target>, queue: Arc<ItemQueue>, wishes: Wishes) -> Result<u64> {
        let mut state = self.lock();
        if state.closed {
            return Err(Error::closed());
        }
        let id = state.next;
        state.next += 1;
        for target in &targets {
            state.routes.add(target, id, wishes.redundant);
        }
        // Others may have everything already.
        let missing = targets.iter().filter(|target| !state.confirmed.contains(*target)).count();
        let ready = missing == 0;
        queue.set_ready(ready);
        state.needs.count(&wishes, 1);
        state.pair_up();
        let heard = Instant::now();
        state
            .members
            .insert(id, Member { targets, queue, wishes, missing, ready, pause: None, staged: Vec::new(), heard });
        drop(state);
        self.changed();
        Ok(id)
    }

    pub(crate) fn remove(&self, id: u64) {
        let mut state = self.lock();
        let Some(member) = state.members.remove(&id) else { return };
        for target in &member.targets {
            state.routes.remove(target, id, member.wishes.redundant);
        }
        let gone = -1;
        state.needs.count(&member.wishes, gone);
        state.pair_up();
        drop(state);
        self.changed();
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for member in state.members.values() {
            member.queue.close(Error::new(ErrorKind::EndOfStream, "the client is closed"));
        }
    }

    /// A receiver that learns when somebody wants more, or less.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// A receiver that learns when something was decided about an interruption.
    pub(crate) fn decisions(&self) -> watch::Receiver<u64> {
        self.decisions.subscribe()
    }

    /// The channel of our own messages.
    pub(crate) fn mark(&self) -> &Target {
        &self.mark
    }

    /// The number of the next one: never the same twice.
    pub(crate) fn next_mark(&self) -> u64 {
        self.marks.fetch_add(1, Ordering::Relaxed)
    }

    /// What the link to the master should have.
    pub(crate) fn wanted(&self) -> BTreeSet<Target> {
        self.wanted_by(&self.lock())
    }

    fn wanted_by(&self, state: &State) -> BTreeSet<Target> {
        let mut all = state.routes.targets(false);
        if state.needs.marks() {
            all.insert(self.mark.clone());
        }
        all
    }

    /// What the second link should have: nothing, while nobody wants two.
    pub(crate) fn wanted_twice(&self) -> BTreeSet<Target> {
        let mut all = self.lock().routes.targets(true);
        if !all.is_empty() {
            all.insert(self.mark.clone());
        }
        all
    }

    /// From what the server was asked for to what is wanted. What is taken back counts as unconfirmed from here on, so that
    /// whoever wants it again in the meantime waits for its new confirmation.
    pub(crate) fn plan(&self, requested: &BTreeSet<Target>) -> Plan {
        let mut state = self.lock();
        let wanted = self.wanted_by(&state);
        let less: BTreeSet<Target> = requested.difference(&wanted).cloned().collect();
        for target in &less {
            state.confirmed.remove(target);
        }
        Plan { more: wanted.difference(requested).cloned().collect(), less }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().routes.is_empty()
    }

    /// How often a message of our own goes through the server; `None`: nobody needs it.
    pub(crate) fn mark_interval(&self) -> Option<Duration> {
        let state = self.lock();
        let redundancy = (state.needs.redundancy > 0).then_some(MARK_EVERY);
        let pulse = state.pulse();
        redundancy.into_iter().chain(pulse).min()
    }

    /// Whether somebody wants to know if our own messages come back.
    pub(crate) fn wants_pulse(&self) -> bool {
        self.lock().needs.pulse > 0
    }

    /// The server lets us not send, or not hear, our own messages.
    pub(crate) fn refuse_marks(&self, why: &str) {
        let state = self.lock();
        let ids: Vec<u64> =
            state.members.iter().filter(|(_, member)| member.wishes.pulse.is_some()).map(|(id, _)| *id).collect();
        drop(state);
        self.end(&ids, &format!("the server refuses the pulse: {why}"));
    }

    /// When the first subscription will have been silent for as long as it may be.
    pub(crate) fn silent_at(&self) -> Option<Instant> {
        let state = self.lock();
        if state.needs.silence == 0 {
            return None;
        }
        let ready = state.members.values().filter(|member| member.ready);
        ready.filter_map(|member| member.heard.checked_add(member.wishes.max_silence?)).min()
    }

    /// The link lives, although nothing comes: silence counts from now on.
    pub(crate) fn proved_alive(&self) {
        let now = Instant::now();
        self.lock().members.values_mut().for_each(|member| member.heard = now);
    }

    /// The server confirmed this on the present link.
    pub(crate) fn confirm(&self, target: &Target) -> Vec<News> {
        let mut state = self.lock();
        if !state.confirmed.insert(target.clone()) {
            return Vec::new();
        }
        let ids = state.routes.members(target).to_vec();
        for id in &ids {
            if let Some(member) = state.members.get_mut(id) {
                member.missing = member.missing.saturating_sub(1);
            }
        }
        self.settle(&mut state, ids)
    }

    /// The server refuses this for good.
    pub(crate) fn refuse(&self, targets: &BTreeSet<Target>, why: &str) {
        let state = self.lock();
        let refused: BTreeSet<u64> = targets.iter().flat_map(|target| state.routes.members(target)).copied().collect();
        drop(state);
        self.end(&refused.into_iter().collect::<Vec<_>>(), &format!("the server refuses the subscription: {why}"));
    }

    fn end(&self, ids: &[u64], why: &str) {
        for id in ids {
            let queue = self.lock().members.get(id).map(|member| Arc::clone(&member.queue));
            if let Some(queue) = queue {
                queue.close(Error::new(ErrorKind::SubscribeFailed, why));
            }
            self.remove(*id);
        }
    }

    /// How many subscriptions there have been: those from here on know nothing of what was before.
    pub(crate) fn opened(&self) -> u64 {
        self.lock().next
    }
}

impl State {
    /// Two links are compared while somebody wants two.
    pub(super) fn pair_up(&mut self) {
        match (&self.pair, self.needs.redundancy > 0) {
            (None, true) if self.generation > 0 => {
                let mut pair = Pair::new();
                pair.began(super::pair::Side::First);
                self.pair = Some(pair);
            }
            (Some(_), false) => self.pair = None,
            _ => {}
        }
    }

    fn pulse(&self) -> Option<Duration> {
        if self.needs.pulse == 0 {
            return None;
        }
        self.members.values().filter_map(|member| member.wishes.pulse).min()
    }
}

impl Needs {
    fn count(&mut self, wishes: &Wishes, by: isize) {
        let add = |count: &mut usize, yes: bool| {
            if yes {
                *count = count.saturating_add_signed(by);
            }
        };
        add(&mut self.redundancy, wishes.redundant);
        add(&mut self.pulse, wishes.pulse.is_some());
        add(&mut self.silence, wishes.max_silence.is_some());
    }

    fn marks(&self) -> bool {
        self.redundancy > 0 || self.pulse > 0
    }
}

impl Member {
    pub(super) fn hand_over(&mut self, now: Instant) -> bool {
        self.heard = now;
        self.queue.push_messages(self.staged.drain(..))
    }
}
