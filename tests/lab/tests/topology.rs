//! The lab's topology with real servers: it starts whole, its faults are recorded with their times, and it heals.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use standfast_lab::{Lab, LabOptions, Value, now_us};

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn start_returns_when_everybody_agrees() {
    let started = Instant::now();
    let lab = Lab::start(LabOptions::default()).unwrap();
    // It takes little more than a second. Sentinels that are not introduced to each other need twelve, however idle the machine.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!((lab.node_addrs().len(), lab.sentinel_addrs().len()), (3, 3));
    let master = lab.node_addrs()[0];
    for sentinel in lab.sentinel_addrs() {
        let mut raw = lab.connect(*sentinel).unwrap();
        let view = raw.command(&["SENTINEL", "MASTER", "mymaster"]).unwrap();
        assert_eq!(view.field("port"), Some(master.port().to_string()));
        assert_eq!(view.field("flags").as_deref(), Some("master"));
        for (what, flags) in [("REPLICAS", "slave"), ("SENTINELS", "sentinel")] {
            let others = raw.command(&["SENTINEL", what, "mymaster"]).unwrap();
            let seen: Vec<_> = others.items().iter().map(|o| o.field("flags").unwrap()).collect();
            assert_eq!(seen, [flags, flags], "{what} as {sentinel} sees them");
        }
    }
    // What the master takes, the replicas have.
    let mut raw = lab.connect(master).unwrap();
    assert_eq!(raw.command(&["SET", "a", "1"]).unwrap(), Value::Simple("OK".into()));
    assert_eq!(raw.command(&["WAIT", "2", "5000"]).unwrap(), Value::Int(2));
}

#[test]
fn passwords_guard_both_kinds_of_server_and_are_in_the_url() {
    let lab = Lab::start(LabOptions {
        replicas: 1,
        sentinels: 1,
        password: Some("data/1".into()),
        sentinel_password: Some("watch".into()),
        ..LabOptions::default()
    })
    .unwrap();
    let sentinel = lab.sentinel_addrs()[0];
    assert_eq!(lab.url(), format!("redis+sentinel://:data%2F1@{sentinel}/mymaster?sentinel_password=watch"));
    for addr in [lab.node_addrs()[0], sentinel] {
        let mut stranger = standfast_lab::Raw::connect(addr, PATIENCE).unwrap();
        let reply = stranger.command(&["PING"]).unwrap();
        assert!(reply.text().starts_with("NOAUTH"), "{addr}: {reply:?}");
        let mut friend = lab.connect(addr).unwrap();
        assert_eq!(friend.command(&["PING"]).unwrap(), Value::Simple("PONG".into()));
    }
}

#[test]
fn after_a_kill_another_node_becomes_writable_and_the_timeline_tells_when() {
    let lab = Lab::start(LabOptions::default()).unwrap();
    let old = lab.master().unwrap();
    let killed_at = lab.kill(old).unwrap();
    let writable = lab.wait_writable(PATIENCE).unwrap();
    let switch = lab.wait_entry("+switch-master", killed_at, PATIENCE).unwrap();
    assert_ne!(writable.node, old);
    assert!(writable.at_us > killed_at && writable.at_us <= now_us());
    assert!(switch.detail.ends_with(&format!("{} {}", writable.node.ip(), writable.node.port())), "{switch:?}");

    // It takes writes now, not only at that one moment.
    let mut raw = lab.connect(writable.node).unwrap();
    assert_eq!(raw.command(&["SET", "a", "1"]).unwrap(), Value::Simple("OK".into()));

    let timeline = lab.timeline();
    let times: Vec<_> = ["kill", "+sdown", "+odown", "+selected-slave", "writable", "+switch-master"]
        .into_iter()
        .map(|kind| {
            let entry = timeline.iter().find(|e| e.at_us >= killed_at && e.kind == kind);
            entry.unwrap_or_else(|| panic!("no {kind} in {timeline:#?}")).at_us
        })
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    let witnesses: BTreeSet<_> = timeline.iter().map(|e| &e.source).filter(|s| *s != "lab").collect();
    assert!(lab.sentinel_addrs().iter().all(|s| witnesses.contains(&s.to_string())), "{witnesses:?}");

    assert_eq!(lab.heal().unwrap(), writable.node);
    lab.wait_healthy(Duration::ZERO).unwrap();
}

#[test]
fn a_stopped_master_is_replaced_and_comes_back_as_a_replica() {
    let lab = Lab::start(LabOptions::default()).unwrap();
    let old = lab.master().unwrap();
    let stopped_at = lab.stop(old).unwrap();
    let writable = lab.wait_writable(PATIENCE).unwrap();
    assert_ne!(writable.node, old);
    lab.wait_entry("+switch-master", stopped_at, PATIENCE).unwrap();
    assert!(lab.wait_healthy(Duration::ZERO).is_err());
    assert_eq!(lab.heal().unwrap(), writable.node);
    let role = lab.connect(old).unwrap().command(&["ROLE"]).unwrap();
    assert_eq!(role.items()[0].text(), "slave");
}

#[test]
fn a_planned_failover_is_recorded_and_every_published_message_has_its_fate() {
    let lab = Lab::start(LabOptions::default()).unwrap();
    let publisher = lab.publisher("news", Duration::from_millis(2));
    let old = lab.master().unwrap();
    let asked_at = lab.planned_failover().unwrap();
    let writable = lab.wait_writable(PATIENCE).unwrap();
    assert_ne!(writable.node, old);
    lab.wait_entry("+switch-master", asked_at, PATIENCE).unwrap();
    assert_eq!(lab.heal().unwrap(), writable.node);
    let log = publisher.stop();
    assert!(log.iter().enumerate().all(|(i, p)| p.n == i as u64 && p.done_us >= p.at_us));
    assert!(log.iter().all(|p| p.receivers.is_some() != p.error.is_some()));
    let last = log.last().unwrap();
    assert_eq!((log[0].node, last.node), (Some(old), Some(writable.node)));
    assert_eq!(last.receivers, Some(0));
}

#[test]
fn sentinels_can_die_hang_and_return() {
    let lab = Lab::start(LabOptions { replicas: 0, ..LabOptions::default() }).unwrap();
    let (dead, frozen) = (lab.sentinel_addrs()[0], lab.sentinel_addrs()[1]);
    let at_us = lab.kill(dead).unwrap();
    lab.stop(frozen).unwrap();
    assert_eq!(lab.wait_entry("kill_sentinel", at_us, PATIENCE).unwrap().detail, dead.to_string());
    assert_eq!(lab.master().unwrap(), lab.node_addrs()[0]);
    assert!(lab.kill(dead).is_err(), "it is dead already");
    assert!(lab.restart(frozen).is_err(), "it still exists");
    lab.heal().unwrap();
}

#[test]
fn impossible_labs_are_refused() {
    let refused = |options: LabOptions| Lab::start(options).unwrap_err().to_string();
    let too_many = LabOptions { replicas: 6, ..LabOptions::default() };
    assert!(refused(too_many).contains("replicas"));
    let no_program = LabOptions { server: "/nonexistent/redis".into(), ..LabOptions::default() };
    assert!(refused(no_program).contains("/nonexistent/redis"));
    let bad_argument = LabOptions { server_args: vec!["--no-such-option".into(), "1".into()], ..LabOptions::default() };
    assert!(refused(bad_argument).contains("ended at once"));
}
