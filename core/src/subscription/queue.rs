//! The bounded queue between the subscriber link and one reader. A full queue forgets messages as its policy says, and says
//! so in the stream; gaps are never forgotten.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::item::{Dropped, Gap, Item, Message};
use crate::bell::Bell;
use crate::config::OverflowPolicy;
use crate::error::{Error, ErrorKind, Result};
use crate::sync::lock;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct ItemQueue {
    max_items: usize,
    max_bytes: u64,
    policy: OverflowPolicy,
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

    /// A message arrived. `true` if something was dropped that was not dropped before.
    pub(crate) fn push_message(&self, mut message: Message) -> bool {
        let mut state = lock(&self.state);
        if state.end.is_some() {
            return false;
        }
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
                    while (state.items.len() >= self.max_items || state.bytes + size > self.max_bytes)
                        && state.drop_oldest()
                    {
                        dropped = true;
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
        self.items.ring();
        dropped
    }

    /// An interruption ended.
    pub(crate) fn push_gap(&self, gap: Arc<Gap>) {
        let mut state = lock(&self.state);
        if state.end.is_some() {
            return;
        }
        state.gap = Some(Arc::clone(&gap));
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
        let mut state = lock(&self.state);
        if self.policy == OverflowPolicy::DropOldest && state.dropped.count > 0 {
            let mark = std::mem::take(&mut state.dropped);
            return Ok(Some(Item::Dropped(mark)));
        }
        let item = state.items.pop_front();
        if let Some(Item::Message(message)) = &item {
            state.bytes = state.bytes.saturating_sub(size_of(message));
        }
        if state.items.is_empty() {
            // What was dropped last must be told even if no message follows.
            if item.is_none() && state.dropped.count > 0 {
                let mark = std::mem::take(&mut state.dropped);
                return Ok(Some(Item::Dropped(mark)));
            }
            if state.end.is_none() && state.dropped.count == 0 {
                self.items.silence();
            }
        }
        match (item, &state.end) {
            (Some(item), _) => Ok(Some(item)),
            (None, Some(end)) => Err(end.clone()),
            (None, None) => Ok(None),
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
    fn drop_oldest(&mut self) -> bool {
        let Some(at) = self.items.iter().position(|item| matches!(item, Item::Message(_))) else { return false };
        if let Some(Item::Message(message)) = self.items.remove(at) {
            let size = size_of(&message);
            self.bytes = self.bytes.saturating_sub(size);
            self.dropped.count += 1;
            self.dropped.bytes += size;
        }
        true
    }
}

/// What a message counts for the byte bound: its texts, and a little for keeping it.
fn size_of(message: &Message) -> u64 {
    let pattern = message.pattern.as_ref().map_or(0, Vec::len);
    (message.channel.len() + message.payload.len() + pattern + 64) as u64
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn message(payload: &str) -> Message {
        Message {
            channel: b"c".to_vec(),
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
            queue.push_message(message(&n.to_string()));
        }
        assert_eq!(drain(&queue), ["dropped 3", "3", "4"]);
    }

    #[test]
    fn drop_newest_tells_where_it_happened() {
        let queue = ItemQueue::new(2, 1 << 20, OverflowPolicy::DropNewest);
        for n in 0..4 {
            queue.push_message(message(&n.to_string()));
        }
        assert_eq!(drain(&queue), ["0", "1", "dropped 2"]);
        queue.push_message(message("5"));
        assert_eq!(drain(&queue), ["5"]);
    }

    #[test]
    fn close_ends_with_overflow_after_what_waits() {
        let queue = ItemQueue::new(1, 1 << 20, OverflowPolicy::Close);
        queue.push_message(message("0"));
        queue.push_message(message("1"));
        assert!(queue.pop().unwrap().is_some());
        assert_eq!(queue.pop().unwrap_err().kind(), ErrorKind::Overflow);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let queue = ItemQueue::new(100, 300, OverflowPolicy::DropOldest);
        for n in 0..10 {
            queue.push_message(message(&format!("{n:050}")));
        }
        assert!(drain(&queue).len() <= 4);
    }

    #[test]
    fn a_gap_stands_in_the_stream_and_on_the_next_message() {
        let queue = ItemQueue::new(10, 1 << 20, OverflowPolicy::DropOldest);
        queue.push_message(message("0"));
        queue.push_gap(gap());
        queue.push_message(message("1"));
        queue.push_message(message("2"));
        assert_eq!(drain(&queue), ["0", "gap", "!1", "2"]);
    }
}
