//! The rules that real servers on loopback cannot show, and that a healthy deployment has no finding. The others are in `tests/behaviour/tests/doctor.rs`.

use std::net::SocketAddr;

use super::facts::{Fields, Node, Seen, Sentinel};
use super::*;
use crate::config::HostPort;
use crate::error::{Cause, Step};
use crate::node::role::Role;

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn at(host: &str, port: u16) -> HostPort {
    HostPort::new(host, port)
}

fn sentinel(host: &str, master: &HostPort) -> Seen<Sentinel> {
    let replica = fields(&[("ip", "10.0.0.2"), ("port", "6379"), ("flags", "slave"), ("slave-priority", "100")]);
    let about =
        [("quorum", "2"), ("down-after-milliseconds", "5000"), ("failover-timeout", "20000"), ("config-epoch", "7")];
    let said = Sentinel {
        peer: Some(SocketAddr::new(host.parse().unwrap(), 26379)),
        master: Some(master.clone()),
        about: fields(&about),
        replicas: vec![replica],
        ..Sentinel::default()
    };
    Seen { address: at(host, 26379), answer: Ok(said) }
}

fn node(host: &str, role: Role, replication: &[(&str, &str)]) -> Seen<Node> {
    let said = Node {
        role,
        replication: fields(replication),
        config: fields(&[("min-replicas-to-write", "1"), ("notify-keyspace-events", "Kx")]),
        denied: Vec::new(),
        not_checked: Vec::new(),
    };
    Seen { address: at(host, 6379), answer: Ok(said) }
}

fn healthy() -> Facts {
    let master = at("10.0.0.1", 6379);
    let replica = [("master_host", "10.0.0.1"), ("master_port", "6379"), ("master_link_status", "up")];
    Facts {
        by_sentinel: true,
        no_master: None,
        used: Some(master.clone()),
        sentinels: ["10.0.1.1", "10.0.1.2", "10.0.1.3"].map(|host| sentinel(host, &master)).into(),
        nodes: vec![
            node("10.0.0.1", Role::Master, &[("connected_slaves", "1"), ("min_slaves_good_slaves", "1")]),
            node("10.0.0.2", Role::Replica, &replica),
        ],
    }
}

fn ids(facts: &Facts) -> Vec<&'static str> {
    judge(facts).into_iter().map(|finding| finding.id).collect()
}

fn said(facts: &mut Facts, index: usize) -> &mut Sentinel {
    facts.sentinels[index].answer.as_mut().unwrap()
}

fn lost(facts: &mut Facts, index: usize, resolved: &str) {
    facts.nodes[index].answer = Err(Cause {
        address: facts.nodes[index].address.to_string(),
        resolved: Some(resolved.parse().unwrap()),
        step: Step::Connect,
        kind: crate::error::ErrorKind::ConnectFailed,
        text: "no answer".into(),
    });
}

#[test]
fn a_healthy_deployment_has_no_finding() {
    assert_eq!(judge(&healthy()), []);
}

#[test]
fn the_worst_comes_first() {
    let mut facts = healthy();
    facts.no_master = Some("gone".into());
    said(&mut facts, 0).tilt = true;
    said(&mut facts, 1).about.insert("failover-timeout".into(), "180000".into());
    let found: Vec<_> = judge(&facts).iter().map(|finding| finding.severity).collect();
    assert!(found.is_sorted(), "{found:?}");
    assert_eq!(ids(&facts)[0], "no_master");
}

#[test]
fn what_differs_during_a_failover_is_no_finding() {
    let mut facts = healthy();
    said(&mut facts, 0).master = Some(at("10.0.0.2", 6379));
    said(&mut facts, 0).about.insert("config-epoch".into(), "8".into());
    assert_eq!(ids(&facts), ["masters_differ", "epochs_differ"]);
    said(&mut facts, 0).about.insert("flags".into(), "master,failover_in_progress".into());
    assert_eq!(ids(&facts), [""; 0]);
}

#[test]
fn an_address_of_another_network_is_explained() {
    let mut facts = healthy();
    lost(&mut facts, 1, "172.17.0.2:6379");
    let found = judge(&facts);
    assert_eq!(found[0].id, "node_unreachable");
    assert!(found[0].reason.contains("private address"), "{}", found[0].reason);
    assert!(found[0].reason.contains("10.0.1.1"), "{}", found[0].reason);
    // The same network: the address is not to blame.
    lost(&mut facts, 1, "10.0.0.2:6379");
    assert!(!judge(&facts)[0].reason.contains("private"));
    // A sentinel that calls its own machine by the name that it has there.
    lost(&mut facts, 1, "127.0.0.1:6379");
    assert!(judge(&facts)[0].reason.contains("loopback address"));
}

#[test]
fn the_order_of_the_letters_of_keyspace_events_says_nothing() {
    let mut facts = healthy();
    facts.nodes[1].answer.as_mut().unwrap().config = fields(&[("notify-keyspace-events", "xK")]);
    assert_eq!(ids(&facts), [""; 0]);
}

#[test]
fn a_report_has_the_names_of_the_documentation() {
    let mut facts = healthy();
    said(&mut facts, 0).tilt = true;
    let report = tree(&judge(&facts));
    let Tree::List(findings) = &report else { panic!("{report:?}") };
    for name in ["id", "severity", "reason", "remedy", "details"] {
        assert!(findings[0].get(name).is_some(), "{name}");
    }
}
