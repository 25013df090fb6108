//! The write probe: what it writes, and what it does when writing does not work. The polls and heartbeats that would notice,
//! too, are switched off.

use std::sync::Arc;
use std::time::Duration;

use standfast::{Client, Event, EventKind, Events, Tree};
use standfast_behaviour::{client, event, lab, raw, until};
use standfast_lab::{Lab, LabOptions};

const ALONE: &str = "write_probe_interval=50ms&write_probe_timeout=300ms&poll_interval=1h&heartbeat_interval=1h";

fn detail<'a>(event: &'a Event, name: &str) -> &'a Tree {
    event.details.iter().find(|(key, _)| *key == name).map(|(_, value)| value).expect(name)
}

/// The next result that is good, or bad.
fn result(events: &Events, ok: bool) -> Arc<Event> {
    loop {
        let probe = event(events, EventKind::WriteProbe);
        if detail(&probe, "ok") == &Tree::Bool(ok) {
            return probe;
        }
    }
}

/// When each sentinel answered last.
fn answers(client: &Client) -> Vec<Option<std::time::SystemTime>> {
    client.status().sentinels.iter().map(|sentinel| sentinel.answered_at).collect()
}

/// A lab whose sentinels do not mind.
fn patient() -> Lab {
    Lab::start(LabOptions { down_after: Duration::from_secs(60), ..LabOptions::default() }).unwrap()
}

/// B-94.
#[test]
fn a_write_probe_writes_and_tells() {
    let lab = lab();
    let client = client(&lab, ALONE);
    let events = client.events();
    let probe = result(&events, true);
    assert_eq!(detail(&probe, "master"), &Tree::Text(lab.master().unwrap().to_string()));
    assert_eq!(detail(&probe, "error"), &Tree::Nil);
    let shown = client.status().write_probe.expect("it is shown");
    assert!(shown.ok && shown.error.is_none());
    let mut master = raw(&lab, lab.master().unwrap());
    let keys = master.command(&["KEYS", "standfast:probe:*"]).unwrap();
    let [key] = keys.items() else { panic!("one key: {keys:?}") };
    let (key, host) = (key.text(), std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap());
    assert!(key.contains(host.trim()), "{key}");
    let field = key.rsplit(':').next().unwrap();
    assert!(field.starts_with(&std::process::id().to_string()), "{key}");
    let written = || master.command(&["HGET", &key, field]).unwrap().text().parse::<u64>().unwrap();
    let mut written = written;
    let first = written();
    until("it is written again", || (written() > first).then_some(()));
    assert!(raw(&lab, lab.master().unwrap()).command(&["PTTL", &key]).unwrap().text().parse::<i64>().unwrap() > 0);
    assert!(self::client(&lab, "").status().write_probe.is_none(), "off unless it is asked for");
}

/// B-94: an error that has nothing to do with the role.
#[test]
fn a_write_that_fails_forces_rediscovery() {
    let lab = patient();
    let client = client(&lab, &format!("{ALONE}&write_probe_key=mine"));
    let events = client.events();
    result(&events, true);
    let before = answers(&client);
    let mut master = raw(&lab, lab.master().unwrap());
    assert_eq!(master.command(&["EXISTS", "mine"]).unwrap().text(), "1");
    master.command(&["CONFIG", "SET", "min-replicas-to-write", "5"]).unwrap();
    let probe = result(&events, false);
    assert_eq!(detail(&probe, "error"), &Tree::Text("Unavailable".to_owned()), "{probe:?}");
    until("every sentinel was asked", || {
        answers(&client).iter().zip(&before).all(|(after, before)| after > before).then_some(())
    });
    master.command(&["CONFIG", "SET", "min-replicas-to-write", "0"]).unwrap();
    result(&events, true);
    assert!(client.status().write_probe.unwrap().ok);
}

/// B-94: a master that was demoted behind everybody's back.
#[test]
fn a_write_that_meets_a_replica_ends_its_use() {
    let lab = patient();
    let client = client(&lab, ALONE);
    let events = client.events();
    result(&events, true);
    let master = lab.master().unwrap();
    let other = lab.node_addrs().iter().copied().find(|node| *node != master).unwrap();
    let port = other.port().to_string();
    raw(&lab, master).command(&["REPLICAOF", "127.0.0.1", &port]).unwrap();
    event(&events, EventKind::NotReady);
    raw(&lab, master).command(&["REPLICAOF", "NO", "ONE"]).unwrap();
    result(&events, true);
}

/// B-94: SIGSTOP, which nothing else notices here.
#[test]
fn a_write_that_is_not_answered_forces_rediscovery() {
    let lab = patient();
    let client = client(&lab, ALONE);
    let events = client.events();
    result(&events, true);
    let before = answers(&client);
    let master = lab.master().unwrap();
    lab.stop(master).unwrap();
    let probe = result(&events, false);
    assert_eq!(detail(&probe, "error"), &Tree::Text("Timeout".to_owned()), "{probe:?}");
    until("every sentinel was asked", || {
        answers(&client).iter().zip(&before).all(|(after, before)| after > before).then_some(())
    });
    lab.cont(master).unwrap();
    result(&events, true);
}
