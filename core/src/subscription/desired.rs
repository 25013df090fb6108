//! What all subscriptions of a client want together, what the server has confirmed of it, and who gets which message.
//!
//! No I/O: the subscriber link asks what to send, tells what it received, and says when it was interrupted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use tokio::sync::watch;

use super::Target;
use super::item::{Gap, Message};
use super::queue::ItemQueue;
use crate::config::HostPort;
use crate::error::{Error, ErrorKind, Result};
use crate::sync::lock;

/// The subscriptions of one client.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    state: Mutex<State>,
    /// Counts changes of what is wanted. Every link hears of each: around a switch there are two.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    members: BTreeMap<u64, Member>,
    routes: HashMap<Target, BTreeSet<u64>>,
    /// What the server of the present link has confirmed.
    confirmed: BTreeSet<Target>,
    closed: bool,
}

#[derive(Debug)]
struct Member {
    targets: Vec<Target>,
    queue: Arc<ItemQueue>,
    ready: bool,
    /// Set from the interruption until everything is confirmed again.
    interrupted: Option<Interruption>,
}

/// When and why messages may have begun to be missed.
#[derive(Clone, Debug)]
pub(crate) struct Interruption {
    pub(crate) since: SystemTime,
    pub(crate) reason: &'static str,
    pub(crate) old_master: HostPort,
}

/// Something that the event stream should tell.
#[derive(Debug, PartialEq)]
pub(crate) enum News {
    Ready { subscription: u64 },
    Gap(Arc<Gap>),
}

impl Hub {
    /// # Errors
    /// [`ErrorKind::Closed`]
    pub(crate) fn add(&self, targets: Vec<Target>, queue: Arc<ItemQueue>) -> Result<u64> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(Error::closed());
        }
        let id = state.next;
        state.next += 1;
        for target in &targets {
            state.routes.entry(target.clone()).or_default().insert(id);
        }
        // Others may have everything already.
        let ready = targets.iter().all(|target| state.confirmed.contains(target));
        queue.set_ready(ready);
        state.members.insert(id, Member { targets, queue, ready, interrupted: None });
        drop(state);
        self.changes.send_modify(|count| *count += 1);
        Ok(id)
    }

    pub(crate) fn remove(&self, id: u64) {
        let mut state = lock(&self.state);
        let Some(member) = state.members.remove(&id) else { return };
        for target in member.targets {
            if let Some(ids) = state.routes.get_mut(&target) {
                ids.remove(&id);
                if ids.is_empty() {
                    state.routes.remove(&target);
                }
            }
        }
        drop(state);
        self.changes.send_modify(|count| *count += 1);
    }

    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        for member in state.members.values() {
            member.queue.close(Error::new(ErrorKind::EndOfStream, "the client is closed"));
        }
    }

    /// A receiver that learns when somebody wants more, or less.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn wanted(&self) -> BTreeSet<Target> {
        lock(&self.state).routes.keys().cloned().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.state).routes.is_empty()
    }

    /// A message came from the master of this generation. The number of queues that began to drop because of it.
    pub(crate) fn deliver(&self, target: &Target, channel: &[u8], payload: &[u8], generation: u64) -> usize {
        let state = lock(&self.state);
        let Some(ids) = state.routes.get(target) else { return 0 };
        let received_at = SystemTime::now();
        let pattern = match target {
            Target::Pattern(pattern) => Some(pattern.clone()),
            Target::Channel(_) => None,
        };
        let members = ids.iter().filter_map(|id| state.members.get(id));
        members
            .filter(|member| {
                member.queue.push_message(Message {
                    channel: channel.to_vec(),
                    pattern: pattern.clone(),
                    payload: payload.to_vec(),
                    gap_before: None,
                    generation,
                    received_at,
                })
            })
            .count()
    }

    /// The server confirmed this on the present link.
    pub(crate) fn confirm(&self, target: &Target, master: &HostPort, generation: u64) -> Vec<News> {
        let mut state = lock(&self.state);
        let State { members, routes, confirmed, .. } = &mut *state;
        confirmed.insert(target.clone());
        let mut news = Vec::new();
        for id in routes.get(target).into_iter().flatten() {
            let Some(member) = members.get_mut(id) else { continue };
            if member.ready || !member.targets.iter().all(|target| confirmed.contains(target)) {
                continue;
            }
            member.ready = true;
            if let Some(Interruption { since, reason, old_master }) = member.interrupted.take() {
                let until = SystemTime::now();
                let gap = Arc::new(Gap {
                    since: since.min(until),
                    until,
                    reason,
                    old_master: Some(old_master),
                    new_master: Some(master.clone()),
                    generation,
                });
                member.queue.push_gap(Arc::clone(&gap));
                news.push(News::Gap(gap));
            }
            member.queue.set_ready(true);
            news.push(News::Ready { subscription: *id });
        }
        news
    }

    /// How many subscriptions there have been: those from here on know nothing of what was before.
    pub(crate) fn opened(&self) -> u64 {
        lock(&self.state).next
    }

    /// The master that was left fell silent: what others still publish there reaches nobody here. Tells the subscriptions
    /// that had been opened before it was left.
    pub(crate) fn left_in_silence(&self, gap: Gap, opened: u64) -> Option<Arc<Gap>> {
        let mut state = lock(&self.state);
        let gap = Arc::new(gap);
        let mut told = None;
        for (_, member) in state.members.range_mut(..opened) {
            match &mut member.interrupted {
                Some(earlier) => earlier.since = earlier.since.min(gap.since),
                None if member.ready => {
                    member.queue.push_gap(Arc::clone(&gap));
                    told = Some(Arc::clone(&gap));
                }
                None => {}
            }
        }
        told
    }

    /// The server confirmed that it will send this no longer.
    pub(crate) fn unconfirm(&self, target: &Target) {
        lock(&self.state).confirmed.remove(target);
    }

    /// The server refuses these for good.
    pub(crate) fn refuse(&self, targets: &[Target], why: &str) {
        let mut state = lock(&self.state);
        let refused: BTreeSet<u64> =
            targets.iter().filter_map(|target| state.routes.get(target)).flatten().copied().collect();
        for id in &refused {
            if let Some(member) = state.members.get_mut(id) {
                member.queue.close(Error::new(
                    ErrorKind::SubscribeFailed,
                    format!("the server refuses the subscription: {why}"),
                ));
            }
        }
        drop(state);
        refused.into_iter().for_each(|id| self.remove(id));
    }

    /// The present link is no longer complete: nothing is confirmed any more. An interruption that is under way already keeps
    /// its beginning; a switch is the better reason.
    pub(crate) fn interrupt(&self, interruption: &Interruption) {
        let mut state = lock(&self.state);
        state.confirmed.clear();
        for member in state.members.values_mut() {
            match &mut member.interrupted {
                Some(earlier) => {
                    earlier.since = earlier.since.min(interruption.since);
                    if interruption.reason == "switched" {
                        earlier.reason = interruption.reason;
                    }
                }
                None if member.ready => member.interrupted = Some(interruption.clone()),
                // It was never confirmed, so nothing was promised yet.
                None => {}
            }
            member.ready = false;
            member.queue.set_ready(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OverflowPolicy;
    use crate::subscription::Item;

    fn queue() -> Arc<ItemQueue> {
        Arc::new(ItemQueue::new(10, 1 << 20, OverflowPolicy::DropOldest))
    }

    fn channel(name: &str) -> Target {
        Target::Channel(name.as_bytes().to_vec())
    }

    fn node(port: u16) -> HostPort {
        HostPort::new("n", port)
    }

    fn interruption(reason: &'static str) -> Interruption {
        Interruption { since: SystemTime::now(), reason, old_master: node(1) }
    }

    #[test]
    fn ready_only_when_everything_is_confirmed_and_a_gap_after_an_interruption() {
        let hub = Hub::default();
        let queue = queue();
        hub.add(vec![channel("a"), channel("b")], Arc::clone(&queue)).unwrap();
        assert!(hub.confirm(&channel("a"), &node(1), 1).is_empty());
        assert_eq!(hub.confirm(&channel("b"), &node(1), 1), [News::Ready { subscription: 0 }]);
        hub.interrupt(&interruption("link_lost"));
        hub.interrupt(&interruption("switched"));
        assert!(hub.confirm(&channel("b"), &node(2), 2).is_empty());
        let news = hub.confirm(&channel("a"), &node(2), 2);
        assert!(
            matches!(&news[0], News::Gap(gap) if gap.reason == "switched" && gap.new_master == Some(node(2))),
            "{news:?}"
        );
        assert!(matches!(queue.pop(), Ok(Some(Item::Gap(_)))));
    }

    /// The old link of a switch must not swallow the news for the new one.
    #[test]
    fn every_link_hears_of_a_change() {
        let hub = Hub::default();
        let links = [hub.changes(), hub.changes()];
        let id = hub.add(vec![channel("a")], queue()).unwrap();
        assert!(links.iter().all(|link| link.has_changed().unwrap()));
        let links = [hub.changes(), hub.changes()];
        hub.remove(id);
        assert!(links.iter().all(|link| link.has_changed().unwrap()));
    }

    #[test]
    fn no_gap_for_a_subscription_that_was_never_confirmed() {
        let hub = Hub::default();
        let queue = queue();
        hub.add(vec![channel("a")], Arc::clone(&queue)).unwrap();
        hub.interrupt(&interruption("switched"));
        assert_eq!(hub.confirm(&channel("a"), &node(2), 2), [News::Ready { subscription: 0 }]);
        assert!(matches!(queue.pop(), Ok(None)));
    }

    #[test]
    fn handles_on_the_same_channel_share_it_and_the_last_one_lets_go() {
        let hub = Hub::default();
        let (one, two) = (queue(), queue());
        let first = hub.add(vec![channel("a")], Arc::clone(&one)).unwrap();
        hub.confirm(&channel("a"), &node(1), 1);
        let second = hub.add(vec![channel("a")], Arc::clone(&two)).unwrap();
        assert!(two.readiness().is_ok());
        hub.deliver(&channel("a"), b"a", b"x", 1);
        assert!(matches!(one.pop(), Ok(Some(Item::Message(_)))) && matches!(two.pop(), Ok(Some(Item::Message(_)))));
        hub.remove(first);
        assert_eq!(hub.wanted().len(), 1);
        hub.remove(second);
        assert!(hub.is_empty());
    }
}
