//! Who gets which message. A turn of a link hands out everything that has arrived with one lock of the hub, one of each queue,
//! and one look at the clock.

use std::sync::{Arc, MutexGuard};
use std::time::{Instant, SystemTime};

use super::Target;
use super::desired::{Hub, Member, State};
use super::item::{Gap, Message};
use super::pair::{Heard, Kept, Side};
use crate::link::published::{Kind, Published};

/// One turn of a link.
pub(crate) struct Post<'a> {
    hub: &'a Hub,
    state: MutexGuard<'a, State>,
    side: Side,
    pub(super) generation: u64,
    received_at: SystemTime,
    /// The subscriptions that got something.
    touched: Vec<u64>,
    mark: Option<u64>,
    gap: Option<Arc<Gap>>,
}

/// What a turn brought beside the messages.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    /// How many queues began to drop.
    pub(crate) overflowed: usize,
    /// The last message of our own.
    pub(crate) mark: Option<u64>,
    /// What two links said differed, and a gap was marked.
    pub(crate) gap: Option<Arc<Gap>>,
}

impl Hub {
    /// Begin to hand out what this link of this generation has received.
    pub(crate) fn post(&self, side: Side, generation: u64) -> Post<'_> {
        Post {
            state: self.lock(),
            hub: self,
            side,
            generation,
            received_at: SystemTime::now(),
            touched: Vec::new(),
            mark: None,
            gap: None,
        }
    }
}

impl Post<'_> {
    pub(crate) fn deliver(&mut self, message: Published<'_>) {
        let Published { kind, name, channel, payload } = message;
        let mark = self.hub.mark();
        if kind == Kind::Channel && *name == *mark.name {
            self.marked(payload);
            return;
        }
        let state = &mut *self.state;
        let Some(route) = state.routes.get_mut(kind, name) else { return };
        let channel = route.channel(channel);
        // Others than the link to the master of this generation hear for those only who want two.
        let mut to_redundant = self.side == Side::First;
        let mut doubted = false;
        if route.redundant > 0
            && state.generation == self.generation
            && let Some(pair) = &mut state.pair
        {
            match pair.heard(self.side, &route.target, &channel, payload) {
                Heard::Deliver => to_redundant = true,
                Heard::Keep => to_redundant = false,
                Heard::Doubt => {
                    doubted = true;
                    to_redundant = true;
                }
            }
        }
        if doubted {
            let now = Instant::now();
            for member in state.members.values_mut().filter(|member| member.wishes.redundant) {
                member.hand_over(now);
            }
            self.gap = super::verdict::uncertain(state, self.generation, self.received_at).or(self.gap.take());
        }
        let Some(route) = state.routes.get(kind, name) else { return };
        for id in &route.members {
            let Some(member) = state.members.get_mut(id) else { continue };
            let wanted = if member.wishes.redundant { to_redundant } else { self.side == Side::First };
            if wanted {
                let pattern = (kind == Kind::Pattern).then(|| Arc::clone(&route.target.name));
                stage(
                    member,
                    *id,
                    &mut self.touched,
                    Message {
                        channel: Arc::clone(&channel),
                        pattern,
                        payload: payload.to_vec(),
                        gap_before: None,
                        generation: self.generation,
                        received_at: self.received_at,
                    },
                );
            }
        }
    }

    /// What one of two links had kept is handed out after all.
    pub(super) fn deliver_kept(&mut self, kept: Vec<Kept>) {
        let state = &mut *self.state;
        for Kept { target, channel, payload } in kept {
            let Some(route) = state.routes.get(target.kind, &target.name) else { continue };
            for id in &route.members {
                let Some(member) = state.members.get_mut(id).filter(|member| member.wishes.redundant) else { continue };
                stage(
                    member,
                    *id,
                    &mut self.touched,
                    Message {
                        channel: Arc::clone(&channel),
                        pattern: pattern_of(&target),
                        payload: payload.clone(),
                        gap_before: None,
                        generation: self.generation,
                        received_at: self.received_at,
                    },
                );
            }
        }
    }

    pub(super) fn state(&mut self) -> &mut State {
        &mut self.state
    }

    fn marked(&mut self, payload: &[u8]) {
        let Some(number) = std::str::from_utf8(payload).ok().and_then(|text| text.parse().ok()) else { return };
        self.mark = Some(number);
        if self.state.generation == self.generation
            && let Some(kept) = self.state.pair.as_mut().and_then(|pair| pair.mark(self.side, number))
        {
            self.deliver_kept(kept);
        }
    }

    /// Give the queues what is theirs.
    pub(crate) fn finish(mut self) -> Brought {
        let now = Instant::now();
        let mut overflowed = 0;
        for id in &self.touched {
            if let Some(member) = self.state.members.get_mut(id) {
                overflowed += usize::from(member.hand_over(now));
            }
        }
        Brought { overflowed, mark: self.mark, gap: self.gap.take() }
    }
}

fn stage(member: &mut Member, id: u64, touched: &mut Vec<u64>, message: Message) {
    if member.staged.is_empty() {
        touched.push(id);
    }
    member.staged.push(message);
}

fn pattern_of(target: &Target) -> Option<Arc<[u8]>> {
    (target.kind == Kind::Pattern).then(|| Arc::clone(&target.name))
}
