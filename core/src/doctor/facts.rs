//! What was seen, before anybody judges it. Pure data.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use redis::Value;

use crate::config::HostPort;
use crate::error::Cause;
use crate::link::resp::text;
use crate::node::role::Role;

/// A server's own names and values.
pub(super) type Fields = BTreeMap<String, String>;

/// Everything that was seen.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Sentinels were asked; otherwise the nodes were given directly.
    pub(super) by_sentinel: bool,
    /// Why the client has no master, if it has none.
    pub(super) no_master: Option<String>,
    /// The master that the client uses, or used last.
    pub(super) used: Option<HostPort>,
    pub(super) sentinels: Vec<Seen<Sentinel>>,
    pub(super) nodes: Vec<Seen<Node>>,
}

/// A server, and what it said or why it said nothing.
#[derive(Debug)]
pub(super) struct Seen<T> {
    pub(super) address: HostPort,
    pub(super) answer: Result<T, Cause>,
}

/// What a sentinel said.
#[derive(Clone, Debug, Default)]
pub(super) struct Sentinel {
    /// The address that was dialled.
    pub(super) peer: Option<SocketAddr>,
    /// `None`: it does not know the name.
    pub(super) master: Option<HostPort>,
    /// SENTINEL MASTER.
    pub(super) about: Fields,
    pub(super) replicas: Vec<Fields>,
    /// The other sentinels.
    pub(super) others: Vec<Fields>,
    pub(super) tilt: bool,
    /// What SENTINEL CKQUORUM complains about.
    pub(super) no_quorum: Option<String>,
    /// SENTINEL CONFIG GET.
    pub(super) config: Fields,
    pub(super) denied: Vec<&'static str>,
    pub(super) not_checked: Vec<&'static str>,
}

/// What a data node said.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) role: Role,
    /// INFO replication.
    pub(super) replication: Fields,
    pub(super) config: Fields,
    pub(super) denied: Vec<&'static str>,
    pub(super) not_checked: Vec<&'static str>,
}

impl Facts {
    /// The sentinels that answered.
    pub(super) fn answers(&self) -> impl Iterator<Item = (&HostPort, &Sentinel)> {
        self.sentinels.iter().filter_map(|seen| Some((&seen.address, seen.answer.as_ref().ok()?)))
    }

    /// The nodes that answered.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (&HostPort, &Node)> {
        self.nodes.iter().filter_map(|seen| Some((&seen.address, seen.answer.as_ref().ok()?)))
    }

    /// The node that most sentinels call the master; in direct mode, the one that is used.
    pub(super) fn master(&self) -> Option<&HostPort> {
        let mut votes: BTreeMap<&HostPort, usize> = BTreeMap::new();
        for (_, sentinel) in self.answers() {
            if let Some(master) = &sentinel.master {
                *votes.entry(master).or_default() += 1;
            }
        }
        votes.into_iter().max_by_key(|(_, count)| *count).map(|(master, _)| master).or(self.used.as_ref())
    }

    /// A sentinel sees a failover going on, or the master down: what differs now is not yet a mistake.
    pub(super) fn is_in_motion(&self) -> bool {
        let moving = ["s_down", "o_down", "failover_in_progress"];
        self.answers().any(|(_, sentinel)| moving.iter().any(|flag| has_flag(&sentinel.about, flag)))
    }
}

/// A number among the fields.
pub(super) fn number(fields: &Fields, name: &str) -> Option<u64> {
    fields.get(name)?.parse().ok()
}

/// A word in the list `flags`.
pub(super) fn has_flag(fields: &Fields, flag: &str) -> bool {
    fields.get("flags").is_some_and(|flags| flags.split(',').any(|word| word == flag))
}

/// The address of a replica or sentinel in its fields.
pub(super) fn address(fields: &Fields) -> Option<HostPort> {
    let port = fields.get("port")?.parse().ok().filter(|port| *port != 0)?;
    Some(HostPort::new(fields.get("ip").filter(|host| !host.is_empty())?, port))
}

/// A map, or a flat list of names and values.
pub(super) fn fields(value: &Value) -> Fields {
    let pair = |name: &Value, value: &Value| Some((words(name)?, words(value)?));
    match value {
        Value::Map(pairs) => pairs.iter().filter_map(|(name, value)| pair(name, value)).collect(),
        Value::Array(items) => items.chunks_exact(2).filter_map(|two| pair(&two[0], &two[1])).collect(),
        _ => Fields::new(),
    }
}

/// A list of such maps.
pub(super) fn list(value: &Value) -> Vec<Fields> {
    match value {
        Value::Array(items) | Value::Set(items) => items.iter().map(fields).collect(),
        _ => Vec::new(),
    }
}

/// The lines of INFO.
pub(super) fn info(value: &Value) -> Fields {
    let told = words(value).unwrap_or_default();
    told.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name.into(), value.into())).collect()
}

fn words(value: &Value) -> Option<String> {
    match value {
        Value::VerbatimString { text, .. } => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        value => text(value).map(ToOwned::to_owned),
    }
}
