//! What a client knows about itself and its servers, as a snapshot.

use std::time::SystemTime;

use crate::config::{HostPort, MinorityPolicy};
use crate::tree::Tree;

/// The state of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientState {
    /// No master was found yet.
    #[default]
    Connecting,
    /// Commands go to a verified master.
    Ready,
    /// Commands are held during a planned failover.
    Fenced,
    /// There was a master; there is none just now.
    NoMaster,
    /// Closed by the user.
    Closed,
}

impl ClientState {
    /// The state as a word, the same in every language.
    pub const fn as_str(self) -> &'static str {
        match self {
            ClientState::Connecting => "connecting",
            ClientState::Ready => "ready",
            ClientState::Fenced => "fenced",
            ClientState::NoMaster => "no_master",
            ClientState::Closed => "closed",
        }
    }
}

/// A snapshot of a client.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Status {
    /// The state.
    pub state: ClientState,
    /// The master that commands go to, or went to last.
    pub master: Option<HostPort>,
    /// Counts the masters of this client: 1 is the first.
    pub generation: u64,
    /// The `config-epoch` of the master, when a sentinel confirmed it.
    pub epoch: Option<u64>,
    /// The sentinels whose last answer names this master.
    pub confirmed_by: Vec<HostPort>,
    /// Since when the client is in this state.
    pub since: Option<SystemTime>,
    /// The nodes that the sentinels report.
    pub nodes: Vec<Node>,
    /// The sentinels, with their last answers.
    pub sentinels: Vec<SentinelStatus>,
    /// The links that are open at this moment.
    pub links: Vec<LinkStatus>,
    /// What is believed when fewer than a majority of the known sentinels answer.
    pub minority: MinorityPolicy,
    /// Commands that are being waited for.
    pub pending: u64,
    /// Counters since the client was opened.
    pub counters: Vec<(String, u64)>,
}

/// What is known about a sentinel.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SentinelStatus {
    /// The address.
    pub address: HostPort,
    /// `subscribed`, `polling` (it refuses subscriptions), `connecting`.
    pub state: &'static str,
    /// The master that it named last.
    pub master: Option<HostPort>,
    /// The epoch that it named last.
    pub epoch: Option<u64>,
    /// When it answered last.
    pub answered_at: Option<SystemTime>,
    /// Why it does not answer.
    pub error: Option<String>,
    /// Whether it is in TILT mode: its opinion has no weight.
    pub tilt: bool,
}

/// A data node, and what each sentinel thinks of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Node {
    /// The address.
    pub address: HostPort,
    /// `master` or `replica`, as the sentinels say.
    pub role: &'static str,
    /// Whether it is the master that this client uses.
    pub used: bool,
    /// What each sentinel thinks.
    pub opinions: Vec<Opinion>,
}

/// What one sentinel thinks of one node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Opinion {
    /// The sentinel.
    pub sentinel: HostPort,
    /// `master` or `replica`.
    pub role: &'static str,
    /// The flags that it reports, such as `s_down`.
    pub flags: String,
    /// The epoch, for masters.
    pub epoch: Option<u64>,
    /// The replication link of a replica, as the sentinel reports it: `ok` or `err`.
    pub link: Option<String>,
}

/// A link that is open.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LinkStatus {
    /// What it is for: `control`, `subscriber`, `waiting`, `multiplexed`.
    pub kind: &'static str,
    /// The address.
    pub address: HostPort,
    /// The generation of the master it was made for.
    pub generation: u64,
}

fn texts<'a>(addresses: impl IntoIterator<Item = &'a HostPort>) -> Tree {
    Tree::List(addresses.into_iter().map(|address| address.to_string().into()).collect())
}

fn text(address: Option<&HostPort>) -> Tree {
    address.map(ToString::to_string).into()
}

impl Status {
    /// The status as a report.
    pub fn to_tree(&self) -> Tree {
        let Status {
            state,
            master,
            generation,
            epoch,
            confirmed_by,
            since,
            nodes,
            sentinels,
            links,
            minority,
            pending,
            counters,
        } = self;
        Tree::Map(vec![
            ("state", state.as_str().into()),
            ("master", text(master.as_ref())),
            ("generation", (*generation).into()),
            ("epoch", (*epoch).into()),
            ("confirmed_by", texts(confirmed_by)),
            ("since", (*since).into()),
            ("nodes", Tree::List(nodes.iter().map(Node::to_tree).collect())),
            ("sentinels", Tree::List(sentinels.iter().map(SentinelStatus::to_tree).collect())),
            ("links", Tree::List(links.iter().map(LinkStatus::to_tree).collect())),
            ("minority", minority.to_string().into()),
            ("pending", (*pending).into()),
            ("counters", Tree::Table(counters.iter().map(|(name, n)| (name.clone(), (*n).into())).collect())),
        ])
    }
}

impl SentinelStatus {
    fn to_tree(&self) -> Tree {
        let SentinelStatus { address, state, master, epoch, answered_at, error, tilt } = self;
        Tree::Map(vec![
            ("address", address.to_string().into()),
            ("state", (*state).into()),
            ("master", text(master.as_ref())),
            ("epoch", (*epoch).into()),
            ("answered_at", (*answered_at).into()),
            ("error", error.clone().into()),
            ("tilt", (*tilt).into()),
        ])
    }
}

impl Node {
    /// The node as a report.
    pub fn to_tree(&self) -> Tree {
        let Node { address, role, used, opinions } = self;
        Tree::Map(vec![
            ("address", address.to_string().into()),
            ("role", (*role).into()),
            ("used", (*used).into()),
            ("opinions", Tree::List(opinions.iter().map(Opinion::to_tree).collect())),
        ])
    }
}

impl Opinion {
    fn to_tree(&self) -> Tree {
        let Opinion { sentinel, role, flags, epoch, link } = self;
        Tree::Map(vec![
            ("sentinel", sentinel.to_string().into()),
            ("role", (*role).into()),
            ("flags", flags.clone().into()),
            ("epoch", (*epoch).into()),
            ("link", link.clone().into()),
        ])
    }
}

impl LinkStatus {
    fn to_tree(&self) -> Tree {
        let LinkStatus { kind, address, generation } = self;
        Tree::Map(vec![
            ("kind", (*kind).into()),
            ("address", address.to_string().into()),
            ("generation", (*generation).into()),
        ])
    }
}
