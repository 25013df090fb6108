//! Asks every sentinel and every node, all at once, on links of its own. Decides nothing.
//!
//! Whatever it asks changes nothing anywhere: it reads, and tries commands that have no effect to see whether they are allowed.

use std::collections::BTreeSet;
use std::sync::Arc;

use redis::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::facts::{Facts, Node, Seen, Sentinel, address, fields, info, list};
use crate::command::encode;
use crate::config::{Config, HostPort, Mode};
use crate::error::{Cause, Error, ErrorKind, Result, Step};
use crate::link::engine::Incoming;
use crate::link::handshake::Hop;
use crate::link::talk::{Greeting, Talk};
use crate::sentinel::reply::master_address;
use crate::shared::Shared;
use crate::status::ClientState;

/// What is looked at on a node. One question each: servers before 7.0 take one name at a time.
const SETTINGS: [&str; 2] = ["min-replicas-to-write", "notify-keyspace-events"];
/// More nodes than this are not looked at: a sentinel may lie about how many there are, and each costs a link.
const MOST_NODES: usize = 64;
/// Nobody publishes there, and nobody else listens.
const NOWHERE: &[u8] = b"standfast:doctor";

/// What can be seen now.
pub(super) async fn examine(shared: &Arc<Shared>) -> Facts {
    let status = shared.status();
    let (sentinels, name) = match &shared.config.mode {
        Mode::Sentinel { master, .. } => {
            (status.sentinels.iter().map(|sentinel| sentinel.address.clone()).collect(), master.clone())
        }
        Mode::Direct { .. } => (Vec::new(), String::new()),
    };
    let mut seen = JoinSet::new();
    for sentinel in sentinels {
        let (shared, name) = (Arc::clone(shared), name.clone());
        seen.spawn(async move { Seen { answer: ask_sentinel(&sentinel, &shared, &name).await, address: sentinel } });
    }
    let mut facts = Facts {
        by_sentinel: !name.is_empty(),
        no_master: (!matches!(status.state, ClientState::Ready | ClientState::Fenced))
            .then(|| shared.not_ready().message().to_owned()),
        used: status.master.clone(),
        sentinels: seen.join_all().await,
        nodes: Vec::new(),
    };
    let mut nodes: BTreeSet<HostPort> = status.nodes.into_iter().map(|node| node.address).collect();
    for (_, sentinel) in facts.answers() {
        nodes.extend(sentinel.master.clone());
        nodes.extend(sentinel.replicas.iter().filter_map(address).map(|node| shared.config.rewrite(&node)));
    }
    let master = facts.master().cloned();
    let mut seen = JoinSet::new();
    for node in nodes.into_iter().take(MOST_NODES) {
        let shared = Arc::clone(shared);
        let is_master = master.as_ref() == Some(&node);
        seen.spawn(async move { Seen { answer: ask_node(&node, &shared, is_master).await, address: node } });
    }
    facts.nodes = seen.join_all().await;
    // In the order of addresses: the report is the same whoever answers first.
    facts.sentinels.sort_by(|one, other| one.address.cmp(&other.address));
    facts.nodes.sort_by(|one, other| one.address.cmp(&other.address));
    facts
}

/// A link and the moment until which it may be asked.
struct Patient {
    address: HostPort,
    talk: Talk,
    until: Instant,
}

impl Patient {
    async fn ask(&mut self, questions: &[&[&[u8]]]) -> std::result::Result<Vec<Value>, Cause> {
        let bytes: Vec<u8> = questions.iter().flat_map(|words| encode(words)).collect();
        self.talk.ask(&bytes, questions.len(), self.until).await.map_err(|error| self.cause(Step::Query, &error))
    }

    /// Whether SUBSCRIBE is allowed. The link is of no more use afterwards.
    async fn may_subscribe(&mut self, channel: &[u8]) -> bool {
        let until = self.until;
        let attempt = async {
            self.talk.send_expecting(&encode(&[b"SUBSCRIBE".as_slice(), channel]), 1).await?;
            self.talk.incoming().await
        };
        let answer: std::result::Result<Result<Incoming>, _> = tokio::time::timeout_at(until, attempt).await;
        match answer {
            Ok(Ok(Incoming::Replies { values, .. })) => !values.iter().any(is_denied),
            // A push is the confirmation; a link that broke says nothing about rights.
            _ => true,
        }
    }

    fn cause(&self, step: Step, error: &Error) -> Cause {
        Cause {
            address: self.address.to_string(),
            resolved: Some(self.talk.peer),
            step,
            kind: error.kind(),
            text: error.message().to_owned(),
        }
    }
}

async fn open(
    server: &HostPort,
    shared: &Shared,
    hop: Hop,
) -> std::result::Result<(Patient, crate::node::role::Role), Cause> {
    let config: &Config = &shared.config;
    let within = config.options.connect_timeout;
    let greeting = Greeting { door: &shared.access.door(hop), name: &shared.client_name, within, first: None };
    let (talk, hello) = Talk::open(server, config, greeting).await?;
    Ok((Patient { address: server.clone(), talk, until: Instant::now() + within }, hello.role))
}

async fn ask_sentinel(server: &HostPort, shared: &Shared, name: &str) -> std::result::Result<Sentinel, Cause> {
    let (mut patient, _) = open(server, shared, Hop::Sentinel).await?;
    let name = name.as_bytes();
    let values = patient
        .ask(&[
            &[b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", name],
            &[b"SENTINEL", b"MASTER", name],
            &[b"SENTINEL", b"REPLICAS", name],
            &[b"SENTINEL", b"SENTINELS", name],
            &[b"INFO", b"sentinel"],
            &[b"SENTINEL", b"CKQUORUM", name],
            &[b"SENTINEL", b"CONFIG", b"GET", b"*hostnames"],
        ])
        .await?;
    let [master, about, replicas, others, told, quorum, config] = &values[..] else {
        let error = Error::new(ErrorKind::Internal, "a question has seven replies");
        return Err(patient.cause(Step::Query, &error));
    };
    let used = [
        ("SENTINEL GET-MASTER-ADDR-BY-NAME", master),
        ("SENTINEL MASTER", about),
        ("SENTINEL REPLICAS", replicas),
        ("SENTINEL SENTINELS", others),
    ];
    let mut denied = denied(&used);
    if !patient.may_subscribe(b"+switch-master").await {
        denied.push("SUBSCRIBE");
    }
    Ok(Sentinel {
        peer: Some(patient.talk.peer),
        master: master_address(master).map(|node| shared.config.rewrite(&node)),
        about: fields(about),
        replicas: list(replicas),
        others: list(others),
        tilt: info(told).get("sentinel_tilt").is_some_and(|tilt| tilt != "0"),
        no_quorum: match quorum {
            Value::ServerError(error) if error.code() == "NOQUORUM" => {
                Some(error.details().unwrap_or("no quorum").to_owned())
            }
            _ => None,
        },
        config: fields(config),
        denied,
        not_checked: self::denied(&[("INFO", told), ("SENTINEL CKQUORUM", quorum), ("SENTINEL CONFIG GET", config)]),
    })
}

async fn ask_node(server: &HostPort, shared: &Shared, is_master: bool) -> std::result::Result<Node, Cause> {
    let (mut patient, role) = open(server, shared, Hop::Data).await?;
    let [min_replicas, events] = SETTINGS.map(str::as_bytes);
    let mut values = patient
        .ask(&[
            &[b"INFO", b"replication"],
            &[b"CONFIG", b"GET", min_replicas],
            &[b"CONFIG", b"GET", events],
            &[b"DBSIZE"],
        ])
        .await?;
    let mut denied = denied(&[("INFO", &values[0]), ("DBSIZE", &values[3])]);
    if is_master {
        values.extend(patient.ask(&[&[b"WAIT", b"0", b"1"], &[b"EVAL", b"return 1", b"0"]]).await?);
        denied.extend(self::denied(&[("WAIT", &values[4]), ("EVAL", &values[5])]));
        if !patient.may_subscribe(NOWHERE).await {
            denied.push("SUBSCRIBE");
        }
    }
    let mut config = fields(&values[1]);
    config.extend(fields(&values[2]));
    Ok(Node {
        role,
        replication: info(&values[0]),
        config,
        denied,
        not_checked: self::denied(&[("CONFIG GET", &values[1])]),
    })
}

/// The commands that were refused for lack of rights.
fn denied(replies: &[(&'static str, &Value)]) -> Vec<&'static str> {
    replies.iter().filter(|(_, reply)| is_denied(reply)).map(|(command, _)| *command).collect()
}

fn is_denied(reply: &Value) -> bool {
    matches!(reply, Value::ServerError(error) if error.code() == "NOPERM")
}
