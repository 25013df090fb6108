//! The same on Valkey 8, nodes and sentinels alike.

use std::time::Duration;

use standfast::Client;
use standfast_behaviour::load::{Writer, Written};
use standfast_behaviour::{LIMIT, client, connect, follows, raw, run, since};
use standfast_lab::{Lab, LabOptions, Result, Writable};

fn goes(how: impl Fn(&Lab) -> Result<i64>) -> (Lab, Client, Writable, Written) {
    let lab = Lab::start(LabOptions::valkey().unwrap()).unwrap();
    let client = client(&lab, "");
    let old = lab.master().unwrap();
    assert!(raw(&lab, old).command(&["INFO", "server"]).unwrap().text().contains("server_name:valkey"));
    let writer = Writer::start(&client);
    how(&lab).unwrap();
    let writable = lab.wait_writable(LIMIT).unwrap();
    follows(&client, writable.node);
    assert!(since(writable.at_us) < Duration::from_millis(500), "{:?}", since(writable.at_us));
    let written = writer.stop();
    (lab, client, writable, written)
}

#[test]
fn a_planned_failover_loses_nothing_and_reports_no_error() {
    let (lab, client, writable, written) = goes(Lab::planned_failover);
    assert_eq!(written.errors, [] as [&str; 0]);
    assert_eq!(lab.heal().unwrap(), writable.node);
    assert_eq!(written.lost(&lab), [] as [u64; 0], "acknowledged and lost");
    follows(&client, writable.node);
}

#[test]
fn the_death_of_the_master_is_followed() {
    let (lab, client, _, written) = goes(|lab| lab.kill(lab.master()?));
    assert!(written.errors.iter().all(|name| *name == "MaybeExecuted"), "{:?}", written.errors);
    let switches = usize::try_from(client.status().generation - 1).unwrap();
    assert!(written.errors.len() <= switches, "at each switch the one that was on its way: {:?}", written.errors);
    follows(&client, lab.heal().unwrap());
}

/// R79: a node that was demoted by hand, with all its connections left open, refuses reads, too, and says where to go. That
/// is a hint; who is used is decided by the node's own word.
#[test]
fn a_demoted_node_redirects_even_reads() {
    let lab = Lab::start(LabOptions { replicas: 1, sentinels: 1, ..LabOptions::valkey().unwrap() }).unwrap();
    let old = lab.master().unwrap();
    let new = *lab.node_addrs().iter().find(|node| **node != old).unwrap();
    lab.kill(lab.sentinel_addrs()[0]).unwrap();
    let client = connect(&format!("redis://{old},{new}?heartbeat_interval=1h")).unwrap();
    run(&client, "SET k v").unwrap();

    raw(&lab, new).command(&["REPLICAOF", "NO", "ONE"]).unwrap();
    raw(&lab, old).command(&["REPLICAOF", "127.0.0.1", &new.port().to_string()]).unwrap();
    run(&client, "GET k").unwrap();
    assert_eq!(client.status().master.unwrap().port, new.port());
    run(&client, "SET k w").unwrap();
}
