//! What a sentinel says, read from its replies and events. Pure.

use std::net::SocketAddr;

use redis::Value;

use crate::config::HostPort;
use crate::link::resp::text;

/// The channels that a watch subscribes to. The leader of a failover publishes its steps on them long before anybody
/// publishes `+switch-master`.
pub(crate) const CHANNELS: &[&str] = &[
    "+switch-master",
    "+selected-slave",
    "+failover-state-wait-promotion",
    "+promoted-slave",
    "+failover-state-reconf-slaves",
    "+failover-end",
    "+config-update-from",
    "-failover-abort-not-elected",
    "-failover-abort-no-good-slave",
    "-failover-abort-slave-timeout",
    "+sdown",
    "-sdown",
    "+odown",
    "-odown",
    "+reboot",
    "+slave",
    "+sentinel",
    "+tilt",
    "-tilt",
    "+reset-master",
    "+monitor",
    "-monitor",
];

/// One sentinel's answer about one master name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// `None`: it does not know the name.
    pub(crate) master: Option<HostPort>,
    pub(crate) epoch: u64,
    pub(crate) flags: String,
    pub(crate) replicas: Vec<ReplicaReport>,
    /// The other sentinels of this master.
    pub(crate) sentinels: Vec<PeerReport>,
    /// Who answers, if it says so.
    pub(crate) identity: Option<String>,
    /// The address of the sentinel that was really dialled.
    pub(crate) peer: Option<SocketAddr>,
}

impl Answer {
    /// The sentinel sees the master down, or a failover on its way.
    pub(crate) fn is_suspicious(&self) -> bool {
        self.flags.split(',').any(|flag| matches!(flag, "s_down" | "o_down" | "failover_in_progress" | "disconnected"))
    }
}

/// What a sentinel says about another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerReport {
    pub(crate) address: HostPort,
    /// Its run id, the same for as long as its configuration file lives.
    pub(crate) identity: String,
}

/// What a sentinel says about a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReplicaReport {
    pub(crate) address: HostPort,
    pub(crate) flags: String,
    pub(crate) link: String,
}

/// An event that matters to the master that is being watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SentinelEvent {
    /// The leader selected this replica.
    Selected { candidate: HostPort, master: HostPort },
    /// This node was promoted, or is the master from now on, instead of the old one.
    Promoted { node: HostPort, old: HostPort },
    /// The failover ended without a promotion.
    Aborted,
    /// The sentinel's clock jumped, or is trusted again.
    Tilt { on: bool },
    /// Something changed: ask.
    Changed,
}

/// The address in the reply to GET-MASTER-ADDR-BY-NAME. `None` for a null reply: the name is not known.
pub(crate) fn master_address(value: &Value) -> Option<HostPort> {
    let Value::Array(parts) = value else { return None };
    address(text(parts.first()?)?, text(parts.get(1)?)?)
}

/// `config-epoch` and flags in the reply to SENTINEL MASTER.
pub(crate) fn master_facts(value: &Value) -> Option<(u64, String)> {
    let epoch = field(value, "config-epoch")?.parse().ok()?;
    Some((epoch, field(value, "flags").unwrap_or_default().to_owned()))
}

/// The reply to SENTINEL REPLICAS.
pub(crate) fn replicas(value: &Value) -> Vec<ReplicaReport> {
    items(value)
        .iter()
        .filter_map(|item| {
            Some(ReplicaReport {
                address: address(field(item, "ip")?, field(item, "port")?)?,
                flags: field(item, "flags").unwrap_or_default().to_owned(),
                link: field(item, "master-link-status").unwrap_or_default().to_owned(),
            })
        })
        .collect()
}

/// The reply to SENTINEL SENTINELS.
pub(crate) fn sentinels(value: &Value) -> Vec<PeerReport> {
    items(value)
        .iter()
        .filter_map(|item| {
            Some(PeerReport {
                address: address(field(item, "ip")?, field(item, "port")?)?,
                identity: field(item, "runid")?.to_owned(),
            })
        })
        .collect()
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) | Value::Set(items) => items,
        _ => &[],
    }
}

/// What an event on a channel means for the master of this name; `None` if it is about somebody else.
pub(crate) fn event(name: &str, channel: &str, payload: &str) -> Option<SentinelEvent> {
    use SentinelEvent::{Aborted, Changed, Promoted, Selected, Tilt};
    let words: Vec<&str> = payload.split(' ').collect();
    match channel {
        "+tilt" => return Some(Tilt { on: true }),
        "-tilt" => return Some(Tilt { on: false }),
        "+switch-master" => {
            // <name> <old ip> <old port> <new ip> <new port>
            let [about, old_ip, old_port, ip, port] = words[..] else { return None };
            if about != name {
                return None;
            }
            return Some(Promoted { node: address(ip, port)?, old: address(old_ip, old_port)? });
        }
        _ => {}
    }
    // <type> <name> <ip> <port> [@ <master> <ip> <port>]
    let subject = words.get(1)?;
    let of_master = match words.iter().position(|word| *word == "@") {
        Some(at) => Some((*words.get(at + 1)?, *words.get(at + 2)?, *words.get(at + 3)?)),
        None => None,
    };
    let about = match of_master {
        Some((master, _, _)) => master,
        None => subject,
    };
    if about != name {
        return None;
    }
    match channel {
        "+selected-slave" => {
            let candidate = address(words.get(2)?, words.get(3)?)?;
            let (_, ip, port) = of_master?;
            Some(Selected { candidate, master: address(ip, port)? })
        }
        "+promoted-slave" => {
            let (_, ip, port) = of_master?;
            Some(Promoted { node: address(words.get(2)?, words.get(3)?)?, old: address(ip, port)? })
        }
        "-failover-abort-not-elected" | "-failover-abort-no-good-slave" | "-failover-abort-slave-timeout" => {
            Some(Aborted)
        }
        _ => Some(Changed),
    }
}

fn address(host: &str, port: &str) -> Option<HostPort> {
    let port = port.parse().ok().filter(|port| *port != 0)?;
    (!host.is_empty()).then(|| HostPort::new(host, port))
}

/// A field of a map, or of a flat list of names and values.
fn field<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    match value {
        Value::Map(fields) => fields.iter().find(|(key, _)| text(key) == Some(name)).and_then(|(_, value)| text(value)),
        Value::Array(items) => {
            items.chunks_exact(2).find(|pair| text(&pair[0]) == Some(name)).and_then(|pair| text(&pair[1]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(port: u16) -> HostPort {
        HostPort::new("127.0.0.1", port)
    }

    #[test]
    fn events_of_the_leader_are_understood() {
        let name = "mymaster";
        let slave = "slave 127.0.0.1:7002 127.0.0.1 7002 @ mymaster 127.0.0.1 7001";
        assert_eq!(
            event(name, "+selected-slave", slave),
            Some(SentinelEvent::Selected { candidate: node(7002), master: node(7001) })
        );
        assert_eq!(
            event(name, "+promoted-slave", slave),
            Some(SentinelEvent::Promoted { node: node(7002), old: node(7001) })
        );
        assert_eq!(
            event(name, "+switch-master", "mymaster 127.0.0.1 7001 127.0.0.1 7002"),
            Some(SentinelEvent::Promoted { node: node(7002), old: node(7001) })
        );
        assert_eq!(
            event(name, "-failover-abort-no-good-slave", "master mymaster 127.0.0.1 7001"),
            Some(SentinelEvent::Aborted)
        );
        assert_eq!(event(name, "+sdown", "master mymaster 127.0.0.1 7001"), Some(SentinelEvent::Changed));
        assert_eq!(event(name, "+tilt", "#tilt mode entered"), Some(SentinelEvent::Tilt { on: true }));
    }

    #[test]
    fn events_of_other_masters_and_nonsense_are_ignored() {
        for (channel, payload) in [
            ("+switch-master", "other 127.0.0.1 7001 127.0.0.1 7002"),
            ("+switch-master", "mymaster 127.0.0.1 7001 127.0.0.1 99999"),
            ("+switch-master", ""),
            ("+selected-slave", "slave 127.0.0.1:7002 127.0.0.1 7002 @ other 127.0.0.1 7001"),
            ("+selected-slave", "slave 127.0.0.1:7002 127.0.0.1 7002 @"),
            ("+sdown", "master other 127.0.0.1 7001"),
            ("+sdown", "sentinel"),
        ] {
            assert_eq!(event("mymaster", channel, payload), None, "{channel} {payload}");
        }
    }
}
