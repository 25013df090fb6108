//! R82, B-84: the doctor finds what is wrong with a deployment. Each finding of `core/docs/doctor.md` is brought about here on real servers; `tests/drift` checks
//! that none is missing. What loopback cannot show is in `core/src/doctor/tests.rs`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use standfast::{Client, ErrorKind, Finding, Severity, Tree};
use standfast_behaviour::{client, connect, lab, proxied, raw, run, sentinel_url, until};
use standfast_lab::{Fault, Lab, LabOptions, Side};

/// What is wrong with every lab: it runs on one machine.
const ALWAYS: [&str; 3] = ["sentinels_on_one_host", "nodes_on_one_host", "min_replicas_unset"];

fn doctor(client: &Client) -> Vec<Finding> {
    let found = client.blocking().doctor(None).unwrap();
    assert!(found.is_sorted_by_key(|finding| finding.severity), "{found:?}");
    found
}

fn ids(client: &Client) -> BTreeSet<&'static str> {
    doctor(client).into_iter().map(|finding| finding.id).collect()
}

/// The finding, as soon as it is there: sentinels learn of some things only when they ask next.
fn finds(client: &Client, id: &str) -> Finding {
    until(id, || doctor(client).into_iter().find(|finding| finding.id == id))
}

/// Wait until nothing is found but what is wrong with every lab.
fn is_well(client: &Client) {
    let always = BTreeSet::from(ALWAYS);
    let mut found = BTreeSet::new();
    let deadline = std::time::Instant::now() + standfast_behaviour::LIMIT;
    while found != always {
        assert!(std::time::Instant::now() < deadline, "still: {found:?}");
        found = ids(client);
    }
}

fn detail<'a>(finding: &'a Finding, name: &str) -> &'a Tree {
    let found = finding.details.iter().find(|(known, _)| *known == name);
    &found.unwrap_or_else(|| panic!("no {name} in {finding:?}")).1
}

fn text(address: SocketAddr) -> Tree {
    Tree::Text(address.to_string())
}

/// A command past the client, which must succeed.
fn say(lab: &Lab, server: SocketAddr, line: &str) {
    let words: Vec<_> = line.split(' ').collect();
    raw(lab, server).command(&words).unwrap().into_result().unwrap_or_else(|error| panic!("{line}: {error}"));
}

/// A sentinel's word on one setting of this master.
fn set(lab: &Lab, sentinels: &[SocketAddr], name: &str, value: &str) {
    for sentinel in sentinels {
        say(lab, *sentinel, &format!("SENTINEL SET mymaster {name} {value}"));
    }
}

fn replica(lab: &Lab) -> SocketAddr {
    let master = lab.master().unwrap();
    *lab.node_addrs().iter().find(|node| **node != master).unwrap()
}

#[test]
fn settings_of_sentinels_are_judged() {
    let lab = lab();
    let client = client(&lab, "");
    let (all, one) = (lab.sentinel_addrs(), &lab.sentinel_addrs()[..1]);
    is_well(&client);

    set(&lab, one, "parallel-syncs", "2"); // Nothing to complain about.
    assert_eq!(ids(&client), BTreeSet::from(ALWAYS));
    for (id, sentinels, name, bad, good) in [
        ("settings_differ", one, "down-after-milliseconds", "1500", "1000"),
        ("down_after_long", all, "down-after-milliseconds", "30000", "1000"),
        ("down_after_short", all, "down-after-milliseconds", "499", "1000"),
        ("failover_timeout_long", all, "failover-timeout", "180000", "5000"),
        ("failover_timeout_short", all, "failover-timeout", "2999", "5000"),
        ("quorum_too_high", all, "quorum", "3", "2"),
        ("quorum_too_low", all, "quorum", "1", "2"),
    ] {
        set(&lab, sentinels, name, bad);
        let found = finds(&client, id);
        assert!(found.reason.contains(bad), "{found:?}");
        let others: Vec<_> = ids(&client).into_iter().filter(|other| *other != id && !ALWAYS.contains(other)).collect();
        assert_eq!(others, [""; 0], "beside {id}");
        set(&lab, sentinels, name, good);
    }
    say(&lab, one[0], "SENTINEL CONFIG SET resolve-hostnames yes");
    let found = finds(&client, "host_names_differ");
    assert_eq!(*detail(&found, "setting"), Tree::Text("resolve-hostnames".into()));
    say(&lab, one[0], "SENTINEL CONFIG SET resolve-hostnames no");
    is_well(&client);
}

#[test]
fn settings_of_nodes_are_judged() {
    let lab = lab();
    let client = client(&lab, "");
    let (master, replica) = (lab.master().unwrap(), replica(&lab));
    is_well(&client);

    say(&lab, master, "CONFIG SET notify-keyspace-events KEA");
    let found = finds(&client, "keyspace_events_differ");
    assert!(found.reason.contains(&replica.to_string()), "{found:?}");
    for node in lab.node_addrs() {
        say(&lab, *node, "CONFIG SET notify-keyspace-events AKE");
    }
    say(&lab, master, "CONFIG SET min-replicas-to-write 3");
    let found = finds(&client, "min_replicas_too_many");
    assert_eq!(*detail(&found, "min_replicas_to_write"), Tree::Int(3));
    say(&lab, master, "CONFIG SET min-replicas-to-write 1");
    until("min-replicas-to-write is right", || (ids(&client) == BTreeSet::from([ALWAYS[0], ALWAYS[1]])).then_some(()));

    say(&lab, replica, "REPLICAOF 127.0.0.1 1");
    let found = finds(&client, "replica_link_down");
    assert_eq!(*detail(&found, "node"), text(replica));
    say(&lab, replica, "REPLICAOF NO ONE");
    let found = finds(&client, "second_master");
    assert_eq!((detail(&found, "node"), detail(&found, "master")), (&text(replica), &text(master)));
    assert_eq!(found.severity, Severity::Error);
    lab.heal().unwrap();

    for sentinel in lab.sentinel_addrs() {
        say(&lab, *sentinel, "SENTINEL DEBUG INFO-PERIOD 200");
    }
    for node in lab.node_addrs() {
        say(&lab, *node, "CONFIG SET replica-priority 0");
    }
    finds(&client, "no_promotable_replica");
}

#[test]
fn servers_that_are_out_of_reach_are_named() {
    let lab = proxied();
    let client = client(&lab, "connect_timeout=1s");
    is_well(&client);
    let (node, sentinel) = (replica(&lab), lab.sentinel_addrs()[0]);
    lab.inject(node, Side::Clients, Fault::Refuse).unwrap();
    let found = finds(&client, "node_unreachable");
    assert_eq!(*detail(&found, "node"), text(node));
    assert_eq!(*detail(&found, "address_of_another_network"), Tree::Bool(false));
    lab.inject(sentinel, Side::Clients, standfast_behaviour::SWALLOW).unwrap();
    let found = finds(&client, "sentinel_unreachable");
    assert_eq!(*detail(&found, "sentinel"), text(sentinel));
    lab.heal_faults().unwrap();
    is_well(&client);

    lab.kill(sentinel).unwrap();
    let found = finds(&client, "dead_sentinels");
    assert_eq!(*detail(&found, "dead"), Tree::List(vec![text(sentinel)]));
    lab.kill(lab.sentinel_addrs()[1]).unwrap();
    let found = finds(&client, "failover_impossible");
    assert_eq!(*detail(&found, "sentinel"), text(lab.sentinel_addrs()[2]));
    for node in lab.node_addrs() {
        lab.kill(*node).unwrap();
    }
    assert!(finds(&client, "no_master").reason.contains("no master"));
}

#[test]
fn sentinels_that_disagree_are_told_apart() {
    let lab = lab();
    let client = client(&lab, "");
    // Epochs begin at 0, and so does a sentinel that is told anew whom to watch.
    lab.planned_failover().unwrap();
    lab.heal().unwrap();
    let (stale, other) = (lab.sentinel_addrs()[0], replica(&lab));
    // The others correct it within two seconds.
    until("masters and epochs differ", || {
        lab.remonitor(stale, other).unwrap();
        let found = ids(&client);
        (found.contains("masters_differ") && found.contains("epochs_differ")).then_some(())
    });
    say(&lab, stale, "SENTINEL REMOVE mymaster");
    let found = finds(&client, "master_unknown");
    assert_eq!(*detail(&found, "sentinel"), text(stale));
}

#[test]
fn a_sentinel_in_tilt_is_told() {
    let lab = lab();
    let client = client(&lab, "");
    let sentinel = lab.sentinel_addrs()[0];
    // Sentinel distrusts its clock when two seconds have passed between two looks at it.
    lab.stop(sentinel).unwrap();
    std::thread::park_timeout(Duration::from_millis(2500));
    lab.cont(sentinel).unwrap();
    let found = finds(&client, "tilt");
    assert_eq!(*detail(&found, "sentinel"), text(sentinel));
}

#[test]
fn too_few_servers_are_too_few() {
    let lab = Lab::start(LabOptions { replicas: 0, sentinels: 1, ..LabOptions::default() }).unwrap();
    let found = ids(&client(&lab, ""));
    assert_eq!(found, BTreeSet::from(["no_replica", "sentinels_too_few"]));
}

#[test]
fn missing_rights_are_named() {
    let lab = lab();
    for node in lab.node_addrs() {
        say(&lab, *node, "ACL SETUSER app on >app-secret ~* &* +@read +@write");
    }
    for sentinel in lab.sentinel_addrs() {
        say(
            &lab,
            *sentinel,
            "ACL SETUSER app on >app-secret +sentinel|get-master-addr-by-name +sentinel|master +sentinel|replicas",
        );
    }
    let hosts: Vec<_> = lab.sentinel_addrs().to_vec();
    let url = sentinel_url(&hosts, "mymaster?sentinel_auth=same").replace("://", "://app:app-secret@");
    let client = connect(&url).unwrap();
    let found = doctor(&client);
    let of = |id: &str| found.iter().find(|finding| finding.id == id).unwrap_or_else(|| panic!("no {id} in {found:?}"));
    let words = |words: &[&str]| Tree::List(words.iter().map(|word| (*word).into()).collect());
    assert_eq!(*detail(of("sentinel_rights"), "commands"), words(&["SENTINEL SENTINELS", "SUBSCRIBE"]));
    let node = found.iter().find(|finding| finding.id == "node_rights" && finding.details[1].1 != words(&["INFO"]));
    assert_eq!(*detail(node.unwrap(), "commands"), words(&["INFO", "WAIT", "EVAL", "SUBSCRIBE"]));
    assert!(of("not_checked").reason.contains("CONFIG GET") || of("not_checked").reason.contains("SENTINEL CONFIG"));
    assert!(!format!("{found:?}").contains("app-secret"));
    run(&client, "SET doctor done").unwrap();
}

#[test]
fn closing_ends_the_examination() {
    let lab = proxied();
    let client = client(&lab, "connect_timeout=10s");
    lab.inject(lab.sentinel_addrs()[0], Side::Clients, standfast_behaviour::SWALLOW).unwrap();
    let waiting = client.clone();
    let patient = std::thread::spawn(move || waiting.blocking().doctor(None));
    until("the examination has come to the silent sentinel", || {
        (lab.traffic(lab.sentinel_addrs()[0]).unwrap().clients.open > 1).then_some(())
    });
    let started = std::time::Instant::now();
    client.close();
    assert_eq!(patient.join().unwrap().unwrap_err().kind(), ErrorKind::Closed);
    assert!(started.elapsed() < Duration::from_secs(5), "the silent sentinel was waited for");
    assert_eq!(client.blocking().doctor(None).unwrap_err().kind(), ErrorKind::Closed);
}
