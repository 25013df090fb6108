//! What a subscription hands out: messages, gaps and the count of what was dropped.

use std::sync::Arc;
use std::time::SystemTime;

use crate::config::HostPort;
use crate::tree::Tree;

/// One thing that a subscription has to say, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Item {
    /// A message.
    Message(Message),
    /// Messages may be missing here.
    Gap(Arc<Gap>),
    /// The queue was full and messages were forgotten here.
    Dropped(Dropped),
}

/// A message as it came from the server.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// The channel it was published on.
    pub channel: Vec<u8>,
    /// The pattern that matched, for pattern subscriptions.
    pub pattern: Option<Vec<u8>>,
    /// The payload.
    pub payload: Vec<u8>,
    /// The gap that came just before it, if one did.
    pub gap_before: Option<Arc<Gap>>,
    /// The generation of the master it came from.
    pub generation: u64,
    /// When it was received.
    pub received_at: SystemTime,
}

/// An interruption: messages published between `since` and `until` may be missing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Gap {
    /// The last moment when nothing was missing.
    pub since: SystemTime,
    /// The moment when the server confirmed the subscription again.
    pub until: SystemTime,
    /// Why: `switched`, `link_lost`, or `old_master_silent`: other clients may have gone on publishing at the master that
    /// was left, and it could not be heard any more.
    pub reason: &'static str,
    /// The master before, if there was one.
    pub old_master: Option<HostPort>,
    /// The master after.
    pub new_master: Option<HostPort>,
    /// The generation after.
    pub generation: u64,
}

/// Messages that a full queue forgot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// How many messages.
    pub count: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Item {
    /// The item as a report: a map with `type` (`message`, `gap`, `dropped`) and its fields.
    pub fn into_tree(self) -> Tree {
        match self {
            Item::Message(message) => message.into_tree(),
            Item::Gap(gap) => gap.to_tree(),
            Item::Dropped(Dropped { count, bytes }) => {
                Tree::Map(vec![("type", "dropped".into()), ("count", count.into()), ("bytes", bytes.into())])
            }
        }
    }
}

impl Message {
    fn into_tree(self) -> Tree {
        let Message { channel, pattern, payload, gap_before, generation, received_at } = self;
        Tree::Map(vec![
            ("type", "message".into()),
            ("channel", Tree::Bytes(channel)),
            ("pattern", pattern.map_or(Tree::Nil, Tree::Bytes)),
            ("payload", Tree::Bytes(payload)),
            ("gap_before", gap_before.map_or(Tree::Nil, |gap| gap.to_tree())),
            ("generation", generation.into()),
            ("received_at", received_at.into()),
        ])
    }
}

impl Gap {
    fn to_tree(&self) -> Tree {
        let Gap { since, until, reason, old_master, new_master, generation } = self;
        Tree::Map(vec![
            ("type", "gap".into()),
            ("since", (*since).into()),
            ("until", (*until).into()),
            ("reason", (*reason).into()),
            ("old_master", old_master.as_ref().map(ToString::to_string).into()),
            ("new_master", new_master.as_ref().map(ToString::to_string).into()),
            ("generation", (*generation).into()),
        ])
    }
}
