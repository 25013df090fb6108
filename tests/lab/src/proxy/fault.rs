//! What can be wrong with a connection, for whom, and what follows from that for its next bytes. Pure: no socket is touched here.

use std::{net::SocketAddr, time::Duration};

use serde::Deserialize;

/// Whose connections a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Side {
    /// Whoever is no server of this lab.
    Clients,
    /// The other servers of this lab: replicas at their master, sentinels everywhere.
    Peers,
    /// Everybody.
    All,
    /// One server of this lab, by its address.
    Server(SocketAddr),
}

impl TryFrom<String> for Side {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "clients" => Ok(Side::Clients),
            "peers" => Ok(Side::Peers),
            "all" => Ok(Side::All),
            other => {
                let server = other.parse().map_err(|_| "side: clients, peers, all, or the address of a server")?;
                Ok(Side::Server(server))
            }
        }
    }
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Both ways.
    #[default]
    Both,
    /// From whoever connected to the server.
    ToServer,
    /// From the server to whoever connected.
    ToClient,
}

impl Direction {
    pub(crate) fn covers(self, one_way: Direction) -> bool {
        self == Direction::Both || self == one_way
    }
}

/// What is wrong with the connections to one server.
///
/// All faults but `Reset` and `HalfOpen` last until they are healed, for present and for new connections.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Bytes are acknowledged by TCP and forgotten: the other side seems frozen. With one direction only, a question arrives and its answer
    /// does not, or the reverse. Healing resets the connections that have lost bytes: no network gives back a stream with a hole.
    Swallow {
        /// Which bytes.
        #[serde(default)]
        direction: Direction,
    },
    /// Packets are dropped as by a firewall: nothing is acknowledged, connecting hangs, TCP's own timers are the only ones that run.
    /// After healing TCP delivers what it still holds.
    BlackHole,
    /// Each connection ends in an orderly way when it has passed so many bytes, counted from now or from its start. With 0 it ends
    /// when the next byte arrives.
    Cut {
        /// Which bytes are counted: not `both`.
        direction: Direction,
        /// How many still pass.
        after: u64,
    },
    /// Every byte, in both directions, arrives so much later. Nothing is reordered or slowed down otherwise.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The present connections end at once with RST, on both sides.
    Reset,
    /// The server's ends of the present connections are closed and the others are not told; what they send next is answered by RST.
    HalfOpen,
    /// New connections are refused. For `all` by the kernel; for one side it accepts before we can know who it is, so that RST follows.
    Refuse,
    /// Messages whose channel matches never arrive: RESP3 pushes, and RESP2 arrays that look like a message. Confirmations do.
    /// A `*` in the pattern stands for anything.
    DropPushes {
        /// A pattern of channel names.
        channel: String,
    },
    /// A wrong program behind the address: whatever is sent to it, this is its answer. Healing resets the connections that it has answered.
    Answer {
        /// Sent once for each piece that arrives.
        text: String,
    },
    /// Another server behind the address, for new connections.
    Reroute {
        /// A server of this lab, or any address.
        to: SocketAddr,
    },
}

impl Fault {
    /// Acts once, on what is there.
    pub(crate) fn is_momentary(&self) -> bool {
        matches!(self, Fault::Reset | Fault::HalfOpen)
    }

    /// Can be limited to some of the connections to come. The others act before there is a connection.
    pub(crate) fn can_be_limited(&self) -> bool {
        !self.is_momentary() && !matches!(self, Fault::Refuse | Fault::BlackHole)
    }
}

/// Who opened a connection, as its source address tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Client,
    /// The last part of its source address.
    Peer(u8),
}

/// A [`Side`] whose server is given by its source address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Clients,
    Peers,
    All,
    Peer(u8),
}

impl Scope {
    pub(crate) fn holds(self, origin: Origin) -> bool {
        match (self, origin) {
            (Scope::All, _) | (Scope::Clients, Origin::Client) | (Scope::Peers, Origin::Peer(_)) => true,
            (Scope::Peer(mine), Origin::Peer(peer)) => mine == peer,
            _ => false,
        }
    }
}

/// A fault in force.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) id: u64,
    pub(crate) scope: Scope,
    pub(crate) fault: Fault,
    /// For this many more connections; without a number for all, present ones included.
    pub(crate) left: Option<u32>,
}

/// What happens to the next bytes of one connection in one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) hole: bool,
    pub(crate) swallow: bool,
    pub(crate) delay: Duration,
    /// Rules that end the connection, each with the number of bytes that still pass.
    pub(crate) cuts: Vec<(u64, u64)>,
    pub(crate) drop_pushes: Vec<String>,
    pub(crate) answer: Option<String>,
}

impl Plan {
    /// Puts the rules together that hold for one connection. Where two contradict each other the harsher one wins.
    pub(crate) fn of<'a>(rules: impl Iterator<Item = &'a Rule>, way: Direction) -> Plan {
        let mut plan = Plan::default();
        for rule in rules {
            match &rule.fault {
                Fault::Swallow { direction } => plan.swallow |= direction.covers(way),
                Fault::BlackHole => plan.hole = true,
                Fault::Cut { direction, after } if direction.covers(way) => plan.cuts.push((rule.id, *after)),
                Fault::Delay { ms } => plan.delay = plan.delay.max(Duration::from_millis(*ms)),
                Fault::DropPushes { channel } if way == Direction::ToClient => plan.drop_pushes.push(channel.clone()),
                Fault::Answer { text } => {
                    plan.swallow = true;
                    plan.answer = Some(text.clone()).filter(|_| way == Direction::ToServer);
                }
                Fault::Cut { .. }
                | Fault::DropPushes { .. }
                | Fault::Reset
                | Fault::HalfOpen
                | Fault::Refuse
                | Fault::Reroute { .. } => {}
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(fault: Fault) -> Rule {
        Rule { id: 7, scope: Scope::All, fault, left: None }
    }

    #[test]
    fn a_side_is_told_by_its_source() {
        assert!(Scope::All.holds(Origin::Client) && Scope::All.holds(Origin::Peer(1)));
        assert!(Scope::Clients.holds(Origin::Client) && !Scope::Clients.holds(Origin::Peer(1)));
        assert!(!Scope::Peers.holds(Origin::Client) && Scope::Peers.holds(Origin::Peer(1)));
        assert!(Scope::Peer(1).holds(Origin::Peer(1)) && !Scope::Peer(1).holds(Origin::Peer(2)));
    }

    #[test]
    fn one_direction_spares_the_other() {
        let rules = [rule(Fault::Swallow { direction: Direction::ToClient }), rule(Fault::Delay { ms: 5 })];
        let there = Plan::of(rules.iter(), Direction::ToServer);
        let back = Plan::of(rules.iter(), Direction::ToClient);
        assert_eq!((there.swallow, back.swallow), (false, true));
        assert_eq!((there.delay, back.delay), (Duration::from_millis(5), Duration::from_millis(5)));
    }

    #[test]
    fn an_answer_is_given_to_what_goes_to_the_server_and_hides_what_the_server_says() {
        let rules = [rule(Fault::Answer { text: "no\n".into() })];
        assert_eq!(Plan::of(rules.iter(), Direction::ToServer).answer.as_deref(), Some("no\n"));
        let back = Plan::of(rules.iter(), Direction::ToClient);
        assert!(back.swallow && back.answer.is_none());
    }

    #[test]
    fn faults_and_sides_are_read_from_json() {
        let read = |text: &str| serde_json::from_str::<Fault>(text);
        assert_eq!(read(r#"{"kind":"swallow"}"#).unwrap(), Fault::Swallow { direction: Direction::Both });
        assert_eq!(
            read(r#"{"kind":"cut","direction":"to_client","after":3}"#).unwrap(),
            Fault::Cut { direction: Direction::ToClient, after: 3 }
        );
        assert!(read(r#"{"kind":"swallow","direction":"up"}"#).is_err());
        assert_eq!(serde_json::from_str::<Side>(r#""peers""#).unwrap(), Side::Peers);
        let server = SocketAddr::from(([127, 0, 0, 1], 7));
        assert_eq!(serde_json::from_str::<Side>(r#""127.0.0.1:7""#).unwrap(), Side::Server(server));
    }
}
