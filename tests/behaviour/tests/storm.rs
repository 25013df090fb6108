//! Trouble that does not stop at one thing: failovers one after the other, sentinels that answer nonsense, other masters' failovers, and that our
//! own retries are no storm.

use std::net::SocketAddr;
use std::time::Duration;

use standfast::{Client, EventKind, Value};
use standfast_behaviour::load::Writer;
use standfast_behaviour::{
    LIMIT, client, connect, event, events_of, follows, has_left, lab, proxied, run, until, with,
};
use standfast_lab::{Fault, Lab, LabOptions, Side};

/// R3, A3: always between the same two nodes, so that nothing but the role is ever new.
#[test]
fn ten_failovers_back_and_forth_are_followed_without_a_loss() {
    let lab = Lab::start(LabOptions { replicas: 1, ..LabOptions::default() }).unwrap();
    let client = client(&lab, "");
    let events = client.events();
    let writer = Writer::start(&client);
    for turn in 1..=10 {
        let old = lab.master().unwrap();
        lab.planned_failover().unwrap();
        let writable = lab.wait_writable(LIMIT).unwrap();
        assert_ne!(writable.node, old, "turn {turn}");
        follows(&client, writable.node);
        event(&events, EventKind::SwitchConfirmed);
        assert_eq!(lab.heal().unwrap(), writable.node);
    }
    let written = writer.stop();
    assert_eq!(written.errors, [] as [&str; 0]);
    assert_eq!(written.lost(&lab), [] as [u64; 0], "acknowledged and lost");
    assert_eq!(client.status().generation, 11);
}

/// The new master dies as soon as the third node can take its place: no sentinel has come to rest since the first death.
#[test]
fn a_second_failover_right_after_the_first_is_followed() {
    let lab = lab();
    let client = client(&lab, "");
    for death in 1..=2 {
        let dead = lab.master().unwrap();
        lab.kill(dead).unwrap();
        has_left(&client, &lab, dead);
        if death == 1 {
            lab.wait_replicating(LIMIT).unwrap();
        }
    }
}

/// R6: two masters under the same sentinels; every event of the other one is heard by our watch, and none is ours.
#[test]
fn failovers_of_another_master_are_not_ours() {
    let lab = Lab::start(LabOptions { more_masters: vec!["mymaster2".into()], ..LabOptions::default() }).unwrap();
    let ours = client(&lab, "");
    let theirs = connect(&lab.url_of("mymaster2")).unwrap();
    let writer = Writer::start(&ours);
    let (master, generation) = (lab.master().unwrap(), ours.status().generation);
    lab.planned_failover_of("mymaster2").unwrap();
    follows(&theirs, lab.wait_writable(LIMIT).unwrap().node);
    event(&theirs.events(), EventKind::SwitchConfirmed);
    lab.heal().unwrap();
    lab.kill(lab.master_of("mymaster2").unwrap()).unwrap();
    follows(&theirs, lab.wait_writable(LIMIT).unwrap().node);
    let written = writer.stop();
    assert_eq!(written.errors, [] as [&str; 0]);
    follows(&ours, master);
    assert_eq!(ours.status().generation, generation);
    let none = [EventKind::FailoverStarted, EventKind::Fenced, EventKind::MasterSwitched, EventKind::NotReady];
    let wrong: Vec<_> = events_of(&ours, &none);
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn connections(lab: &Lab, sentinel: SocketAddr) -> u64 {
    lab.traffic(sentinel).unwrap().clients.total
}

fn all_subscribed(client: &Client) {
    until("all sentinels are subscribed", || {
        client.status().sentinels.iter().all(|s| s.state == "subscribed" && s.error.is_none()).then_some(())
    });
}

/// R4, R65: whatever the sentinels answer, they are asked again, less and less often; and when they are well, a failover is followed.
#[test]
fn no_nonsense_ends_the_watch() {
    let lab = proxied();
    // Retries are quick, so that several of them are seen.
    let client = connect(&with(&lab.url(), "retry_backoff_cap=200ms&poll_interval=300ms")).unwrap();
    let nonsense = [
        "-ERR max number of clients reached\r\n",
        "-NOAUTH Authentication required.\r\n",
        "-IDONTKNOW No such master with that name\r\n",
        "-LOADING Redis is loading the dataset in memory\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "*-1\r\n",
        "$-7\r\n",
        "*1\r\n*1\r\n*1\r\n:0\r\n",
        ">3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$8\r\nmymaster\r\n",
        "%1\r\n+role\r\n+master\r\n",
        "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n99999\r\n",
        "+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n",
        "\r\n\0\u{1}\u{2}",
    ];
    let sentinels = lab.sentinel_addrs();
    for text in nonsense {
        all_subscribed(&client);
        let before: Vec<u64> = sentinels.iter().map(|s| connections(&lab, *s)).collect();
        for sentinel in sentinels {
            lab.inject(*sentinel, Side::Clients, Fault::Answer { text: text.into() }).unwrap();
            lab.inject(*sentinel, Side::Clients, Fault::Reset).unwrap();
        }
        until(&format!("every sentinel is tried again after {text:?}"), || {
            let again = sentinels.iter().zip(&before).all(|(s, before)| connections(&lab, *s) >= before + 3);
            again.then_some(())
        });
        assert_eq!(run(&client, "SET k v").unwrap(), Value::Okay, "the master is well");
        lab.heal_faults().unwrap();
    }
    all_subscribed(&client);
    lab.kill(lab.master().unwrap()).unwrap();
    follows(&client, lab.wait_writable(LIMIT).unwrap().node);
}

/// R65, with the default back-off: at most 25 attempts at each target in 10 s, of which these are the first 5.
#[test]
fn retries_are_no_storm() {
    const SECONDS: u64 = 5;
    let lab = proxied();
    let client = client(&lab, "when_unavailable=fail");
    let [refuses, resets, silent] = *lab.sentinel_addrs() else { panic!("three sentinels") };
    let master = lab.master().unwrap();
    lab.inject(refuses, Side::Clients, Fault::Answer { text: "-ERR max number of clients reached\r\n".into() })
        .unwrap();
    lab.inject(resets, Side::Clients, Fault::Refuse).unwrap();
    lab.inject(silent, Side::Clients, Fault::Swallow { direction: standfast_lab::Direction::Both }).unwrap();
    lab.inject(master, Side::Clients, Fault::Refuse).unwrap();
    let all = [refuses, resets, silent, master];
    let before = all.map(|server| connections(&lab, server));
    for server in all {
        lab.inject(server, Side::Clients, Fault::Reset).unwrap();
    }
    // It is the length of time that is tested.
    let until = std::time::Instant::now() + Duration::from_secs(SECONDS);
    let mut refused = 0_u64;
    while std::time::Instant::now() < until {
        refused += u64::from(run(&client, "SET k v").is_err());
        std::thread::park_timeout(Duration::from_millis(5));
    }
    assert!(refused > 100, "commands come all the time: {refused}");
    for (server, before) in all.into_iter().zip(before) {
        let attempts = connections(&lab, server) - before;
        assert!((2..=25).contains(&attempts), "{server}: {attempts} attempts of {all:?}");
    }
}
