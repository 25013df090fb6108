//! The bounded queue between the subscriber link and one reader. A full queue forgets messages as its policy says, and says
//! so in the stream; gaps are never forgotten.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::item::{Dropped, Gap, Item, Message};
use crate::bell::Bell;
use crate::config::OverflowPolicy;
use crate::error::{Error, ErrorKind, Result};
use crate::sync::lock;

/// So many items a reader takes out at once, beyond the bounds of the queue.
const AHEAD: usize = 128;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct ItemQueue {
    max_items: usize,
    max_bytes: u64,
    policy: OverflowPolicy,
    /// What the reader takes next, taken out together: reader and link meet at the lock of `state` once for all of it.
    /// Locked before `state`.
    ahead: Mutex<VecDeque<Item>>,
    state: Mutex<State>,
    /// Rings while there is something to read.
    items: Bell,
    /// Rings while the server has confirmed everything, or never will.
    ready: Bell,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    bytes: u64,
    /// For the next message.
    gap: Option<Arc<Gap>>,
    /// Forgotten since the last mark; with `drop_newest` the mark follows when there is room again.
    dropped: Dropped,
    end: Option<Error>,
}

impl ItemQueue {
    pub(crate) fn new(max_items: u64, max_bytes: u64, policy: OverflowPolicy) -> ItemQueue {
        ItemQueue {
            max_items: usize::try_from(max_items).unwrap_or(usize::MAX),
            max_bytes,
            policy,
            ahead: Mutex::default(),
            state: Mutex::default(),
            items: Bell::default(),
            ready: Bell::default(),
        }
    }

    pub(crate) fn bell(&self) -> &Bell {
        &self.items
    }

    pub(crate) fn ready_bell(&self) -> &Bell {
        &self.ready
    }

    /// What the ready bell means when it rings.
    pub(crate) fn readiness(&self) -> Result<()> {
        match &lock(&self.state).end {
            Some(end) => Err(end.clone()),
            None => Ok(()),
        }
    }

    /// Everything is confirmed, or no longer is.
    pub(crate) fn set_ready(&self, ready: bool) {
        let state = lock(&self.state);
        if ready {
            self.ready.ring();
        } else if state.end.is_none() {
            self.ready.silence();
        }
    }

    /// Messages arrived. `true` if something was dropped that was not dropped before.
    pub(crate) fn push_messages(&self, messages: impl IntoIterator<Item = Message>) -> bool {
        let mut state = lock(&self.state);
        let mut dropped = false;
        for message in messages {
            if state.end.is_some() {
                break;
            }
            dropped |= self.push(&mut state, message);
        }
        if !state.items.is_empty() {
            self.items.ring();
        }
        dropped
    }

    fn push(&self, state: &mut State, mut message: Message) -> bool {
        let size = size_of(&message);
        let full = state.items.len() >= self.max_items || state.bytes + size > self.max_bytes;
        let mut dropped = false;
        if full {
            match self.policy {
                OverflowPolicy::DropNewest => {
                    let first = state.dropped.count == 0;
                    state.dropped.count += 1;
                    state.dropped.bytes += size;
                    return first;
                }
                OverflowPolicy::Close => {
                    state.end = Some(Error::new(
                        ErrorKind::Overflow,
                        "the subscription's queue is full and its policy is close",
                    ));
                    self.items.ring();
                    self.ready.ring();
                    return true;
                }
                OverflowPolicy::DropOldest => {
                    // What is told already is not told again until the reader has read of it.
                    let first = state.dropped.count == 0;
                    while (state.items.len() >= self.max_items || state.bytes + size > self.max_bytes)
                        && state.drop_oldest()
                    {
                        dropped = first;
                    }
                }
            }
        }
        if self.policy == OverflowPolicy::DropNewest && state.dropped.count > 0 {
            let mark = std::mem::take(&mut state.dropped);
            state.items.push_back(Item::Dropped(mark));
        }
        message.gap_before = state.gap.take();
        state.bytes += size;
        state.items.push_back(Item::Message(message));
        dropped
    }

    /// An interruption ended.
    pub(crate) fn push_gap(&self, gap: Arc<Gap>) {
        let mut state = lock(&self.state);
        if state.end.is_some() {
            return;
        }
        state.gap = Some(both(state.gap.take(), Arc::clone(&gap)));
        // Interruptions are rare, but a reader that sleeps through thousands of them must not cost memory either.
        if state.items.len() >= self.max_items.saturating_mul(2)
            && let Some(at) = state.items.iter().position(|item| matches!(item, Item::Gap(_)))
        {
            state.items.remove(at);
        }
        state.items.push_back(Item::Gap(gap));
        self.items.ring();
    }

    pub(crate) fn pop(&self) -> Result<Option<Item>> {
        let mut ahead = lock(&self.ahead);
        if ahead.len() > 1 {
            return Ok(ahead.pop_front());
        }
        // The last one is taken together with the look for more, so that the bell is right.
        let mut state = lock(&self.state);
        let item = match ahead.pop_front() {
            Some(item) => Ok(Some(item)),
            None => state.take(self.policy),
        };
        while ahead.len() < AHEAD
            && let Some(item) = state.take(self.policy).ok().flatten()
        {
            ahead.push_back(item);
        }
        self.hush(&ahead, &state);
        item
    }

    /// As many items as are there, up to `max`, or until their payloads are `bytes` together. An end that follows items is left
    /// for the next call, which meets it again.
    pub(crate) fn pop_many(&self, max: usize, bytes: usize, into: &mut Vec<Item>) -> Result<()> {
        let mut ahead = lock(&self.ahead);
        let mut state = lock(&self.state);
        let (mut size, before) = (0, into.len());
        let mut end = None;
        while into.len() - before < max && size < bytes {
            let next = match ahead.pop_front() {
                Some(item) => Ok(Some(item)),
                None => state.take(self.policy),
            };
            match next {
                Ok(Some(item)) => {
                    if let Item::Message(message) = &item {
                        size += message.payload.len();
                    }
                    into.push(item);
                }
                Ok(None) => break,
                Err(error) => {
                    end = Some(error);
                    break;
                }
            }
        }
        self.hush(&ahead, &state);
        match end {
            Some(end) if into.len() == before => Err(end),
            _ => Ok(()),
        }
    }

    /// Nothing more to read: the bell falls silent.
    fn hush(&self, ahead: &VecDeque<Item>, state: &State) {
        if ahead.is_empty() && state.items.is_empty() && state.end.is_none() && state.dropped.count == 0 {
            self.items.silence();
        }
    }

    /// No more items. What waits can still be read; after that the reader is told why it ended.
    pub(crate) fn close(&self, why: Error) {
        let mut state = lock(&self.state);
        state.end.get_or_insert(why);
        self.items.ring();
        self.ready.ring();
    }
}

impl State {
    fn take(&mut self, policy: OverflowPolicy) -> Result<Option<Item>> {
        if policy == OverflowPolicy::DropOldest && self.dropped.count > 0 {
            return Ok(Some(Item::Dropped(std::mem::take(&mut self.dropped))));
        }
        match self.items.pop_front() {
            Some(item) => {
                if let Item::Message(message) = &item {
                    self.bytes = self.bytes.saturating_sub(size_of(message));
                }
                Ok(Some(item))
            }
            // What was dropped last must be told even if no message follows.
            None if self.dropped.count > 0 => Ok(Some(Item::Dropped(std::mem::take(&mut self.dropped)))),
            None => match &self.end {
                Some(end) => Err(end.clone()),
                None => Ok(None),
            },
        }
    }

    fn drop_oldest(&mut self) -> bool {
        let Some(at) = self.items.iter().position(|item| matches!(item, Item::Message(_))) else { return false };
        if let Some(Item::Message(message)) = self.items.remove(at) {
            let size = size_of(&message);
            self.bytes = self.bytes.saturating_sub(size);
            self.dropped.count += 1;
            self.dropped.bytes += size;
            if let Some(gap) = message.gap_before {
                self.pass_on(at, gap);
            }
        }
        true
    }

    /// Whoever reads messages only must learn of the gap by the next one that is left.
    fn pass_on(&mut self, from: usize, gap: Arc<Gap>) {
        let next = self.items.iter_mut().skip(from).find_map(|item| match item {
            Item::Message(message) => Some(message),
            _ => None,
        });
        let of = match next {
            Some(message) => &mut message.gap_before,
            None => &mut self.gap,
        };
        *of = Some(match of.take() {
            Some(later) => both(Some(gap), later),
            None => gap,
        });
    }
}

/// Two gaps in a row are one for who reads messages only.
fn both(earlier: Option<Arc<Gap>>, later: Arc<Gap>) -> Arc<Gap> {
    match earlier {
        Some(earlier) => {
            let (since, old_master) = (earlier.since.min(later.since), earlier.old_master.clone());
            Arc::new(Gap { since, old_master, until: earlier.until.max(later.until), ..(*later).clone() })
        }
        None => later,
    }
}

/// What keeping a message costs beside its texts: the item, and the allocation of the payload.
const KEEPING: usize = size_of_item() + 16;

const fn size_of_item() -> usize {
    std::mem::size_of::<Item>()
}

/// What a message counts for the byte bound: its texts, and what keeping it costs.
fn size_of(message: &Message) -> u64 {
    let pattern = message.pattern.as_ref().map_or(0, |pattern| pattern.len());
    (message.channel.len() + message.payload.len() + pattern + KEEPING) as u64
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn message(payload: &str) -> Message {
        Message {
            channel: b"c"[..].into(),
            pattern: None,
            payload: payload.as_bytes().to_vec(),
            gap_before: None,
            generation: 1,
            received_at: SystemTime::now(),
        }
    }

    fn gap() -> Arc<Gap> {
        let now = SystemTime::now();
        Arc::new(Gap { since: now, until: now, reason: "switched", old_master: None, new_master: None, generation: 2 })
    }

    fn drain(queue: &ItemQueue) -> Vec<String> {
        std::iter::from_fn(|| queue.pop().ok().flatten())
            .map(|item| match item {
                Item::Message(message) => {
                    let mark = if message.gap_before.is_some() { "!" } else { "" };
                    format!("{mark}{}", String::from_utf8_lossy(&message.payload))
                }
                Item::Gap(_) => "gap".to_owned(),
                Item::Dropped(dropped) => format!("dropped {}", dropped.count),
            })
            .collect()
    }

    #[test]
    fn drop_oldest_tells_before_what_is_left() {
        let queue = ItemQueue::new(2, 1 << 20, OverflowPolicy::DropOldest);
        for n in 0..5 {
            queue.push_messages([message(&n.to_string())]);
        }
        assert_eq!(drain(&queue), ["dropped 3", "3", "4"]);
    }

    #[test]
    fn drop_newest_tells_where_it_happened() {
        let queue = ItemQueue::new(2, 1 << 20, OverflowPolicy::DropNewest);
        for n in 0..4 {
            queue.push_messages([message(&n.to_string())]);
        }
        assert_eq!(drain(&queue), ["0", "1", "dropped 2"]);
        queue.push_messages([message("5")]);
        assert_eq!(drain(&queue), ["5"]);
    }

    #[test]
    fn close_ends_with_overflow_after_what_waits() {
        let queue = ItemQueue::new(1, 1 << 20, OverflowPolicy::Close);
        queue.push_messages([message("0")]);
        queue.push_messages([message("1")]);
        assert!(queue.pop().unwrap().is_some());
        assert_eq!(queue.pop().unwrap_err().kind(), ErrorKind::Overflow);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let queue = ItemQueue::new(100, 300, OverflowPolicy::DropOldest);
        for n in 0..10 {
            queue.push_messages([message(&format!("{n:050}"))]);
        }
        assert!(drain(&queue).len() <= 4);
    }

    #[test]
    fn a_gap_is_not_forgotten_with_the_message_that_carried_it() {
        let queue = ItemQueue::new(2, 1 << 20, OverflowPolicy::DropOldest);
        queue.push_gap(gap());
        for n in 0..4 {
            queue.push_messages([message(&n.to_string())]);
        }
        assert_eq!(drain(&queue), ["dropped 3", "gap", "!3"]);
    }

    #[test]
    fn two_gaps_in_a_row_are_one_for_the_next_message() {
        let queue = ItemQueue::new(10, 1 << 20, OverflowPolicy::DropOldest);
        let (first, second) = (gap(), gap());
        queue.push_gap(Arc::clone(&first));
        queue.push_gap(Arc::clone(&second));
        queue.push_messages([message("0")]);
        let Some(Item::Message(message)) = std::iter::from_fn(|| queue.pop().unwrap()).last() else {
            panic!("a message")
        };
        let gap = message.gap_before.unwrap();
        assert_eq!((gap.since, gap.until), (first.since, second.until));
    }

    #[test]
    fn many_are_taken_at_once_and_the_end_comes_after_them() {
        let queue = ItemQueue::new(10, 1 << 20, OverflowPolicy::DropOldest);
        queue.push_messages((0..5).map(|n| message(&n.to_string())));
        queue.close(Error::new(ErrorKind::EndOfStream, "over"));
        let mut taken = Vec::new();
        queue.pop_many(3, 1 << 20, &mut taken).unwrap();
        assert_eq!(taken.len(), 3);
        taken.clear();
        queue.pop_many(9, 1, &mut taken).unwrap();
        assert_eq!(taken.len(), 1, "as many bytes as were asked for");
        taken.clear();
        queue.pop_many(9, 1 << 20, &mut taken).unwrap();
        assert_eq!(taken.len(), 1);
        taken.clear();
        assert_eq!(queue.pop_many(9, 1 << 20, &mut taken).unwrap_err().kind(), ErrorKind::EndOfStream);
    }

    #[test]
    fn a_gap_stands_in_the_stream_and_on_the_next_message() {
        let queue = ItemQueue::new(10, 1 << 20, OverflowPolicy::DropOldest);
        queue.push_messages([message("0")]);
        queue.push_gap(gap());
        queue.push_messages([message("1")]);
        queue.push_messages([message("2")]);
        assert_eq!(drain(&queue), ["0", "gap", "!1", "2"]);
    }
}
