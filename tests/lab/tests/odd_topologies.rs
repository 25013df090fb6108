//! Labs that are not three and three, or not of Redis: they start, agree, fail over where they can, and heal.

use std::time::Duration;

use standfast_lab::{Lab, LabOptions};

const PATIENCE: Duration = Duration::from_secs(30);

fn lab(replicas: usize, sentinels: usize) -> Lab {
    Lab::start(LabOptions { replicas, sentinels, proxied: true, ..LabOptions::default() }).unwrap()
}

#[test]
fn one_sentinel_and_no_replica() {
    let lab = lab(0, 1);
    assert_eq!(lab.master().unwrap(), lab.node_addrs()[0]);
    lab.kill(lab.node_addrs()[0]).unwrap();
    lab.heal().unwrap();
}

#[test]
fn two_sentinels_and_one_replica() {
    let lab = lab(1, 2);
    lab.kill(lab.master().unwrap()).unwrap();
    assert_eq!(lab.wait_writable(PATIENCE).unwrap().node, lab.node_addrs()[1]);
    lab.heal().unwrap();
}

#[test]
fn five_sentinels_and_five_replicas() {
    let lab = lab(5, 5);
    let old = lab.master().unwrap();
    lab.planned_failover().unwrap();
    let writable = lab.wait_writable(PATIENCE).unwrap();
    assert_ne!(writable.node, old);
    assert_eq!(lab.heal().unwrap(), writable.node);
}

#[test]
fn two_masters_under_the_same_sentinels_fail_over_apart() {
    let lab = Lab::start(LabOptions { more_masters: vec!["other".into()], ..LabOptions::default() }).unwrap();
    let first = lab.master().unwrap();
    let old = lab.master_of("other").unwrap();
    assert_eq!(lab.nodes_of("other").unwrap().len(), 2);
    assert!(lab.url_of("other").ends_with("/other"));
    let at_us = lab.kill(old).unwrap();
    assert_eq!(lab.wait_writable(PATIENCE).unwrap().node, lab.nodes_of("other").unwrap()[1]);
    assert!(lab.wait_entry("+switch-master", at_us, PATIENCE).unwrap().detail.starts_with("other "));
    lab.heal().unwrap();
    assert_eq!((lab.master().unwrap(), lab.master_of("other").unwrap()), (first, lab.nodes_of("other").unwrap()[1]));
    lab.planned_failover_of("other").unwrap();
    assert_eq!(lab.wait_writable(PATIENCE).unwrap().node, old);
}

#[test]
fn valkey_instead_of_redis() {
    let lab = Lab::start(LabOptions { proxied: true, ..LabOptions::valkey().unwrap() }).unwrap();
    let old = lab.master().unwrap();
    let info = lab.connect(old).unwrap().command(&["INFO", "server"]).unwrap().text();
    assert!(info.contains("server_name:valkey"), "{info}");
    lab.planned_failover().unwrap();
    let writable = lab.wait_writable(PATIENCE).unwrap();
    assert_ne!(writable.node, old);
    assert_eq!(lab.heal().unwrap(), writable.node);
}
