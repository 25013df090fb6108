//! What becomes of an interruption: a mark in the stream, or nothing, if it is certain that nothing is missing. No I/O.
//!
//! *A change of the master* misses nothing if both are certain:
//! the old link goes on, or ended because its node is no master any more; and the new link began before anything was published at
//! the new master. Published messages travel in the replication stream, so a new master whose stream stands where its
//! promotion left it has published nothing.
//!
//! *A lost link* has missed something, unless a second link took over.

use std::sync::Arc;
use std::time::SystemTime;

use super::desired::{Hub, News, State};
use super::item::Gap;
use super::pair::Side;
use crate::config::HostPort;
use crate::node::offsets::Position;

/// When and why messages may have begun to be missed.
#[derive(Clone, Debug)]
pub(crate) struct Interruption {
    pub(crate) since: SystemTime,
    pub(crate) reason: &'static str,
    pub(crate) old_master: HostPort,
}

/// An interruption of one subscription.
#[derive(Debug)]
pub(super) struct Pause {
    what: Interruption,
    /// Something may be missing, whatever else turns out.
    broken: bool,
    /// The second link is in charge.
    covered: bool,
}

/// A change of the master, and what is known of it.
#[derive(Debug)]
pub(super) struct Change {
    from: u64,
    to: u64,
    new_master: Option<HostPort>,
    /// Whether the old link goes on, or ended in order.
    old: Option<bool>,
    /// Whether the new link began before anything was published.
    new: Option<bool>,
    /// Whether the second link had everything up to the promotion.
    cover: Option<bool>,
    /// The node of the second link, if it ended in order, and how far it had come.
    second: Second,
}

/// What is known of the second link's end.
#[derive(Clone, Debug, Default)]
pub(super) struct Second {
    node: Option<HostPort>,
    ended_in_order: bool,
    position: Option<Position>,
}

/// The beginning of a link to a master.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) node: HostPort,
    pub(crate) generation: u64,
    /// How far its stream is; `None` if that cannot be known.
    pub(crate) position: Option<Position>,
}

impl Hub {
    /// Commands go to another master from here on. Comes before the new generation is published.
    pub(crate) fn cross(&self, from: u64, to: u64, new_master: &HostPort, interruption: &Interruption) {
        let mut state = self.lock();
        state.confirmed.clear();
        let second = state.second.clone();
        let (old, new, cover) = (None, None, None);
        state.change = Some(Change { from, to, new_master: Some(new_master.clone()), old, new, cover, second });
        state.pause(interruption, |_, _| false);
    }

    /// The present link of this generation is lost. If a second link takes over, those who wanted it miss nothing.
    pub(crate) fn lost(&self, generation: u64, interruption: &Interruption) {
        let mut post = self.post(Side::First, generation);
        let covered = post.cover();
        let state = post.state();
        state.confirmed.clear();
        if state.change.as_ref().is_some_and(|change| change.to == generation) {
            state.change = None;
        }
        state.pause(interruption, |redundant, before| !(covered && redundant && before));
        post.finish();
    }

    /// The old link of a change goes on, or ended because its node is no master any more; or it did not.
    pub(crate) fn old_link(&self, from: u64, goes_on: bool) -> Vec<News> {
        let mut post = self.post(Side::First, from);
        match &mut post.state().change {
            Some(change) if change.from == from && change.old.is_none() => change.old = Some(goes_on),
            _ => return Vec::new(),
        }
        if !goes_on && post.cover() {
            for member in post.state().members.values_mut().filter(|member| member.wishes.redundant) {
                if let Some(pause) = &mut member.pause {
                    pause.covered = true;
                }
            }
        }
        post.finish();
        let mut state = self.lock();
        let all = state.members.keys().copied().collect();
        self.settle(&mut state, all)
    }

    /// The new link waited long enough for the word of the old one.
    pub(crate) fn old_link_is_late(&self, to: u64) -> Vec<News> {
        let from = self.lock().change.as_ref().filter(|change| change.to == to).map(|change| change.from);
        from.map_or_else(Vec::new, |from| self.old_link(from, false))
    }

    /// The link of this generation has begun to hear.
    pub(crate) fn joined(&self, joined: Joined) -> Vec<News> {
        let Joined { node, generation, position } = joined;
        let mut state = self.lock();
        let state = &mut *state;
        if let Some(change) = state.change.as_mut().filter(|change| change.to == generation && change.new.is_none()) {
            let unmoved = position.as_ref().is_some_and(Position::is_unmoved);
            change.new = Some(unmoved);
            let second = &change.second;
            let to_the_end = second.ended_in_order && second.node.as_ref() == Some(&node);
            let far_enough = match (&second.position, &position) {
                (Some(second), Some(new)) => new.was_reached_by(second),
                _ => false,
            };
            change.cover = Some(unmoved && (to_the_end || far_enough));
        }
        if state.generation != generation {
            state.generation = generation;
            state.pair = None;
            state.second = Second::default();
        }
        match &mut state.pair {
            Some(pair) => pair.began(Side::First),
            None => state.pair_up(),
        }
        let all = state.members.keys().copied().collect();
        self.settle(state, all)
    }

    /// Whether the new link must wait, because it is not known yet whether a gap comes first.
    pub(crate) fn is_undecided(&self, generation: u64) -> bool {
        let state = self.lock();
        let Some(change) = state.change.as_ref().filter(|change| change.to == generation) else { return false };
        change.new.is_some()
            && state.members.values().any(|member| {
                member.missing == 0 && member.pause.as_ref().is_some_and(|pause| change.verdict(pause).is_none())
            })
    }

    /// Who has everything confirmed, and of whose interruption everything is known, is ready.
    pub(super) fn settle(&self, state: &mut State, ids: Vec<u64>) -> Vec<News> {
        let mut news = Vec::new();
        let State { members, change, generation, pair, .. } = state;
        let covered = pair.as_ref().is_some_and(|pair| pair.in_charge() == Side::Second);
        for id in ids {
            let Some(member) = members.get_mut(&id).filter(|member| !member.ready && member.missing == 0) else {
                continue;
            };
            if let Some(pause) = &member.pause {
                let nothing_missing = match change {
                    Some(change) => change.verdict(pause),
                    None => Some(covered && pause.covered && !pause.broken),
                };
                let Some(nothing_missing) = nothing_missing else { continue };
                if !nothing_missing {
                    let generation = change.as_ref().map_or(*generation, |change| change.to);
                    let until = SystemTime::now();
                    let same = Some(&pause.what.old_master);
                    let gap = Arc::new(Gap {
                        since: pause.what.since.min(until),
                        until,
                        reason: pause.what.reason,
                        old_master: Some(pause.what.old_master.clone()),
                        new_master: change.as_ref().map_or(same, |change| change.new_master.as_ref()).cloned(),
                        generation,
                    });
                    member.queue.push_gap(Arc::clone(&gap));
                    news.push(News::Gap(gap));
                }
            }
            member.pause = None;
            member.ready = true;
            member.queue.set_ready(true);
            news.push(News::Ready { subscription: id });
        }
        self.decisions.send_modify(|count| *count += 1);
        news
    }

    /// The master that was left fell silent: what others still publish there reaches nobody here. Tells the subscriptions
    /// that had been opened before it was left.
    pub(crate) fn left_in_silence(&self, gap: Gap, opened: u64) -> Option<Arc<Gap>> {
        let mut state = self.lock();
        let gap = Arc::new(gap);
        let mut told = None;
        for (_, member) in state.members.range_mut(..opened) {
            match &mut member.pause {
                Some(earlier) => {
                    earlier.what.since = earlier.what.since.min(gap.since);
                    earlier.broken = true;
                }
                None if member.ready => {
                    member.queue.push_gap(Arc::clone(&gap));
                    told = Some(Arc::clone(&gap));
                }
                None => {}
            }
        }
        told
    }

    /// Whether the second link of this generation should be there.
    pub(crate) fn wants_second(&self, generation: u64) -> bool {
        let state = self.lock();
        state.generation == generation && state.needs.redundancy > 0
    }

    /// The second link of this generation has begun to hear. `false`: it is of no use.
    pub(crate) fn second_began(&self, generation: u64, node: &HostPort) -> bool {
        let mut state = self.lock();
        let state = &mut *state;
        state.second = Second { node: Some(node.clone()), ..Second::default() };
        match &mut state.pair {
            Some(pair) if state.generation == generation => {
                pair.began(Side::Second);
                true
            }
            _ => false,
        }
    }

    /// How far the second link has come in the master's stream.
    pub(crate) fn second_reached(&self, generation: u64, position: Position) {
        let mut state = self.lock();
        if state.generation == generation {
            state.second.position = Some(position);
            let second = state.second.clone();
            if let Some(change) = state.change.as_mut().filter(|change| change.from == generation) {
                change.second = second;
            }
        }
    }

    /// The second link of this generation is lost. If it was in charge of subscriptions whose first link is back, they have a
    /// gap.
    pub(crate) fn second_lost(&self, generation: u64, in_order: bool) -> Option<Arc<Gap>> {
        let mut state = self.lock();
        let state = &mut *state;
        if state.generation != generation {
            return None;
        }
        state.second.ended_in_order = in_order;
        if let Some(change) = state.change.as_mut().filter(|change| change.from == generation) {
            change.second = state.second.clone();
        }
        let pair = state.pair.as_mut()?;
        let was_in_charge = pair.in_charge() == Side::Second;
        pair.lost(Side::Second);
        if was_in_charge { uncertain(state, generation, SystemTime::now()) } else { None }
    }

    /// Whether the second link of this generation is in charge.
    pub(crate) fn second_in_charge(&self, generation: u64) -> bool {
        let state = self.lock();
        state.generation == generation && state.pair.as_ref().is_some_and(|pair| pair.in_charge() == Side::Second)
    }

    /// The link to the master is back, but the second one does not hear the same: the first is in charge again.
    pub(crate) fn give_up_second(&self, generation: u64) -> Option<Arc<Gap>> {
        let mut state = self.lock();
        state.pair.as_mut()?.give_up();
        uncertain(&mut state, generation, SystemTime::now())
    }
}

/// What the two links say does not fit together: whoever wanted two has a gap, at once if he is ready, and otherwise when he is.
pub(super) fn uncertain(state: &mut State, generation: u64, until: SystemTime) -> Option<Arc<Gap>> {
    let since = state.covered_since.take().unwrap_or(until);
    let gap = Arc::new(Gap { since, until, reason: "redundancy_lost", old_master: None, new_master: None, generation });
    let mut told = None;
    for member in state.members.values_mut().filter(|member| member.wishes.redundant) {
        match &mut member.pause {
            // Where the end of the second link is in order and nothing more is to come, the change of the master decides.
            Some(pause) => pause.what.since = pause.what.since.min(since),
            None if member.ready => {
                member.queue.push_gap(Arc::clone(&gap));
                told = Some(Arc::clone(&gap));
            }
            None => {}
        }
    }
    told
}

impl super::post::Post<'_> {
    /// Let the second link take over from the first, if it can.
    fn cover(&mut self) -> bool {
        let generation = self.generation;
        let State { pair, covered_since, generation: present, .. } = self.state();
        if *present != generation {
            return false;
        }
        let Some(pair) = pair else { return false };
        if pair.in_charge() == Side::Second {
            pair.lost(Side::First);
            return true;
        }
        let Some(kept) = pair.lost(Side::First) else { return false };
        *covered_since = Some(SystemTime::now());
        self.deliver_kept(kept);
        true
    }
}

impl State {
    /// Nothing is confirmed any more. An interruption that is under way already keeps its beginning; a switch is the better
    /// reason. `broken` says for a subscription, by whether it wants two links and whether it was in order or covered until now,
    /// if something is missing for certain.
    fn pause(&mut self, interruption: &Interruption, broken: impl Fn(bool, bool) -> bool) {
        for member in self.members.values_mut() {
            let redundant = member.wishes.redundant;
            match &mut member.pause {
                Some(earlier) => {
                    earlier.what.since = earlier.what.since.min(interruption.since);
                    earlier.broken |= broken(redundant, earlier.covered);
                    if interruption.reason == "switched" {
                        earlier.what.reason = interruption.reason;
                    }
                }
                None if member.ready => {
                    let broken = broken(redundant, true);
                    // A switch breaks nothing by itself, and asks nobody to take over.
                    let covered = !broken && interruption.reason != "switched";
                    member.pause = Some(Pause { what: interruption.clone(), broken, covered });
                }
                // It was never confirmed, so nothing was promised yet.
                None => {}
            }
            member.ready = false;
            member.missing = member.targets.len();
            member.queue.set_ready(false);
        }
    }
}

impl Change {
    /// Whether nothing is missing; `None`: not known yet.
    fn verdict(&self, pause: &Pause) -> Option<bool> {
        if pause.broken {
            return Some(false);
        }
        if pause.covered {
            return self.cover;
        }
        match (self.old, self.new) {
            (Some(true), Some(true)) => Some(true),
            (Some(false), _) | (_, Some(false)) => Some(false),
            _ => None,
        }
    }
}
