//! What is wrong with the data nodes, judged from what was seen. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::facts::{Facts, Fields, Node, Seen, address, has_flag, number};
use super::finding::{Finding, Kind};
use super::sentinels::{table, words};
use crate::config::HostPort;
use crate::node::role::Role;
use crate::tree::Tree;

/// The findings.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for seen in &facts.nodes {
        match &seen.answer {
            Ok(node) => each(&seen.address, node, &mut found),
            Err(_) => unreachable(facts, seen, &mut found),
        }
    }
    replicas(facts, &mut found);
    roles(facts, &mut found);
    min_replicas(facts, &mut found);
    keyspace_events(facts, &mut found);
    hosts(facts, &mut found);
    found
}

fn unreachable(facts: &Facts, seen: &Seen<Node>, found: &mut Vec<Finding>) {
    let Err(cause) = &seen.answer else { return };
    let mut reason = format!("the node {cause}");
    let address = cause.resolved.map(|resolved| resolved.ip()).or_else(|| seen.address.host.parse().ok());
    let elsewhere = address.and_then(|address| told_from_elsewhere(facts, address));
    if let Some((kind, sentinel)) = elsewhere {
        reason += &format!(
            "; that is a {kind} address, while the sentinels are reached at {sentinel}: it may be valid only where they are"
        );
    }
    found.push(Finding::new(
        Kind::NodeUnreachable,
        reason,
        vec![
            ("node", seen.address.to_string().into()),
            ("step", cause.step.as_str().into()),
            ("error", cause.kind.name().into()),
            ("address_of_another_network", elsewhere.is_some().into()),
        ],
    ));
}

/// The address belongs to a network that is not the one through which the sentinels are reached: a container's, or the sentinel's own machine.
fn told_from_elsewhere(facts: &Facts, address: IpAddr) -> Option<(&'static str, IpAddr)> {
    let kind = network(address)?;
    let peers = || facts.answers().filter_map(|(_, sentinel)| Some(sentinel.peer?.ip()));
    let same = |peer: IpAddr| match (peer, address) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            one.octets()[..2] == other.octets()[..2] || network(peer) == Some("loopback") && kind == "loopback"
        }
        (one, other) => network(one) == network(other),
    };
    if peers().any(same) { None } else { Some((kind, peers().next()?)) }
}

fn network(address: IpAddr) -> Option<&'static str> {
    match address {
        address if address.is_loopback() => Some("loopback"),
        IpAddr::V4(address) if address.is_private() => Some("private"),
        IpAddr::V4(address) if address.is_link_local() => Some("link-local"),
        IpAddr::V6(address) if address.is_unique_local() => Some("private"),
        IpAddr::V6(address) if address.is_unicast_link_local() => Some("link-local"),
        _ => None,
    }
}

fn each(address: &HostPort, node: &Node, found: &mut Vec<Finding>) {
    let who = || ("node", Tree::from(address.to_string()));
    if !node.denied.is_empty() {
        let reason = format!("the user may not {} at the node {address}", node.denied.join(", "));
        found.push(Finding::new(Kind::NodeRights, reason, vec![who(), ("commands", words(&node.denied))]));
    }
    if !node.not_checked.is_empty() {
        let reason = format!("not looked at, at the node {address}: {}", node.not_checked.join(", "));
        found.push(Finding::new(Kind::NotChecked, reason, vec![who(), ("commands", words(&node.not_checked))]));
    }
}

/// Whether somebody could take over. Only sentinels know.
fn replicas(facts: &Facts, found: &mut Vec<Finding>) {
    let asked: Vec<_> = facts.answers().filter(|(_, said)| said.master.is_some() && said.denied.is_empty()).collect();
    if asked.is_empty() {
        return;
    }
    let mut known = BTreeSet::new();
    let mut fit = BTreeSet::new();
    for replica in asked.iter().flat_map(|(_, said)| &said.replicas) {
        let Some(address) = address(replica) else { continue };
        if is_fit(replica) {
            fit.insert(address.clone());
        }
        known.insert(address);
    }
    if known.is_empty() {
        found.push(Finding::new(Kind::NoReplica, "no sentinel knows a replica of this master".into(), Vec::new()));
    } else if fit.is_empty() {
        found.push(Finding::new(
            Kind::NoPromotableReplica,
            format!("none of {} replicas could be promoted", known.len()),
            vec![("replicas", Tree::List(known.iter().map(|replica| replica.to_string().into()).collect()))],
        ));
    }
}

/// Sentinel would promote it.
fn is_fit(replica: &Fields) -> bool {
    !["s_down", "o_down", "disconnected"].iter().any(|flag| has_flag(replica, flag))
        && replica.get("slave-priority").is_none_or(|priority| priority != "0")
        && replica.get("master-link-status").is_none_or(|status| status == "ok")
}

/// Whether the nodes are what the sentinels call them.
fn roles(facts: &Facts, found: &mut Vec<Finding>) {
    let master = facts.master();
    for (node, said) in facts.nodes() {
        let who = || ("node", Tree::from(node.to_string()));
        if said.role == Role::Master {
            if facts.by_sentinel && master.is_some_and(|master| master != node) && !facts.is_in_motion() {
                let reason = format!("{node} says that it is a master, and {} is", text(master));
                found.push(Finding::new(Kind::SecondMaster, reason, vec![who(), ("master", text(master).into())]));
            }
            continue;
        }
        let link = said.replication.get("master_link_status").map(String::as_str);
        let follows = followed(&said.replication);
        let strays = facts.by_sentinel && master.is_some() && follows.is_some() && follows.as_ref() != master;
        if link == Some("down") || strays {
            found.push(Finding::new(
                Kind::ReplicaLinkDown,
                format!(
                    "the replica {node} follows {}, and its link is {}",
                    text(follows.as_ref()),
                    link.unwrap_or("unknown")
                ),
                vec![who(), ("follows", text(follows.as_ref()).into()), ("link", link.unwrap_or("unknown").into())],
            ));
        }
    }
}

fn followed(replication: &Fields) -> Option<HostPort> {
    let port = replication.get("master_port")?.parse().ok()?;
    Some(HostPort::new(replication.get("master_host")?, port))
}

fn text(address: Option<&HostPort>) -> String {
    address.map_or_else(|| "nobody".to_owned(), ToString::to_string)
}

fn min_replicas(facts: &Facts, found: &mut Vec<Finding>) {
    for (node, said) in facts.nodes().filter(|(_, said)| said.role == Role::Master) {
        let replicas = number(&said.replication, "connected_slaves").unwrap_or(0);
        let Some(wanted) = number(&said.config, "min-replicas-to-write") else { continue };
        let details = || {
            vec![
                ("node", node.to_string().into()),
                ("min_replicas_to_write", wanted.into()),
                ("connected_replicas", replicas.into()),
            ]
        };
        // Known only where it is more than 0.
        let good = number(&said.replication, "min_slaves_good_slaves").unwrap_or(replicas);
        if wanted > good {
            let reason = format!("min-replicas-to-write is {wanted} at {node}, and {good} replicas are in good order");
            found.push(Finding::new(Kind::MinReplicasTooMany, reason, details()));
        } else if wanted == 0 && replicas > 0 {
            let reason = format!("min-replicas-to-write is 0 at {node}, which has {replicas} replicas");
            found.push(Finding::new(Kind::MinReplicasUnset, reason, details()));
        }
    }
}

fn keyspace_events(facts: &Facts, found: &mut Vec<Finding>) {
    let told: Vec<_> = facts
        .nodes()
        .filter_map(|(node, said)| Some((node.to_string(), said.config.get("notify-keyspace-events")?.clone())))
        .collect();
    if told.iter().any(|(_, flags)| letters(flags) != letters(&told[0].1)) {
        let words: Vec<_> = told.iter().map(|(node, flags)| format!("{flags:?} at {node}")).collect();
        found.push(Finding::new(
            Kind::KeyspaceEventsDiffer,
            format!("notify-keyspace-events is not the same everywhere: {}", words.join(", ")),
            vec![("values", table(told.into_iter().map(|(node, flags)| (node, flags.into()))))],
        ));
    }
}

/// The order of the letters says nothing.
fn letters(flags: &str) -> BTreeSet<char> {
    flags.chars().collect()
}

fn hosts(facts: &Facts, found: &mut Vec<Finding>) {
    let mut hosts: BTreeMap<&str, usize> = BTreeMap::new();
    for seen in &facts.nodes {
        *hosts.entry(seen.address.host.as_str()).or_default() += 1;
    }
    if let (1, Some((host, count))) = (hosts.len(), hosts.first_key_value())
        && *count > 1
    {
        found.push(Finding::new(
            Kind::NodesOnOneHost,
            format!("all {count} data nodes run on {host}"),
            vec![("host", (*host).into()), ("nodes", (*count).into())],
        ));
    }
}
