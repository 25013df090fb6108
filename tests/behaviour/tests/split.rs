//! Sentinels that disagree: stale, lying, forgetful, unreachable, or no sentinels at all. What the majority knows and the node proves is true.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use standfast::{ClientState, ErrorKind, EventKind, Value};
use standfast_behaviour::load::Writer;
use standfast_behaviour::{
    LIMIT, client, connect, event, events_of, follows, proxied, raw, run, sentinel_url, since, threads_and_descriptors,
    until, with,
};
use standfast_lab::{Fault, Lab, LabOptions, Side};

/// Who is the master, as one sentinel says.
fn named_by(lab: &Lab, sentinel: SocketAddr) -> u16 {
    let reply = raw(lab, sentinel).command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"]).unwrap();
    reply.items()[1].text().parse().unwrap()
}

/// R27: {old master, one sentinel} against all others; the client reaches everybody, and the stale sentinel first.
#[test]
fn the_newer_epoch_wins_also_when_the_stale_sentinel_answers_first() {
    let lab = proxied();
    let old = lab.master().unwrap();
    let [stale, ref fresh @ ..] = *lab.sentinel_addrs() else { panic!("three sentinels") };
    let before = client(&lab, "");
    let others: Vec<_> = lab.node_addrs().iter().filter(|node| **node != old).chain(fresh).copied().collect();
    lab.partition(&[old, stale], &others).unwrap();
    let new = lab.wait_writable(LIMIT).unwrap().node;
    until("the majority knows", || fresh.iter().all(|s| named_by(&lab, *s) == new.port()).then_some(()));
    assert_eq!(named_by(&lab, stale), old.port());
    assert_eq!(raw(&lab, old).command(&["SET", "who", "old"]).unwrap().text(), "OK", "it still takes writes");
    follows(&before, new);
    for sentinel in fresh {
        lab.inject(*sentinel, Side::Clients, Fault::Delay { ms: 2 }).unwrap();
    }
    for turn in 0..10 {
        let client = client(&lab, "");
        let ready = event(&client.events(), EventKind::Ready);
        assert!(format!("{:?}", ready.details).contains(&new.to_string()), "turn {turn}: {ready:?}");
        run(&client, "SET who new").unwrap();
        assert_eq!(client.status().generation, 1);
    }
    assert_eq!(raw(&lab, old).command(&["GET", "who"]).unwrap().text(), "old", "nothing was written there");
    assert_eq!(events_of(&before, &[EventKind::MasterSwitched]).len(), 1, "and nobody went back");
}

/// A5: one sentinel names a node that proves to be a master, but somebody else's. It answers first, and one of the others last, so that for a
/// while there is one voice against one. Each of two masters is lied about, so that it cannot be decided by the order of their addresses.
#[test]
fn a_lying_sentinel_is_outvoted() {
    let other = "other".to_owned();
    let lab =
        Lab::start(LabOptions { proxied: true, more_masters: vec![other.clone()], ..LabOptions::default() }).unwrap();
    let [liar, second, last] = *lab.sentinel_addrs() else { panic!("three sentinels") };
    let masters = [("mymaster", lab.master().unwrap()), ("other", lab.master_of(&other).unwrap())];
    let [first, swapped] = [masters[0].1, masters[1].1];
    let before = client(&lab, "poll_interval=200ms");
    lab.remonitor_of("mymaster", liar, swapped).unwrap();
    lab.remonitor_of("other", liar, first).unwrap();
    assert_eq!(named_by(&lab, liar), swapped.port());
    lab.inject(second, Side::Clients, Fault::Delay { ms: 2 }).unwrap();
    lab.inject(last, Side::Clients, Fault::Delay { ms: 8 }).unwrap();
    for (name, master) in masters {
        for turn in 0..3 {
            let client = connect(&lab.url_of(name)).unwrap();
            let ready = event(&client.events(), EventKind::Ready);
            assert!(format!("{:?}", ready.details).contains(&master.to_string()), "{name}, turn {turn}: {ready:?}");
            run(&client, &format!("SET {name} v")).unwrap();
        }
    }
    until("the client has heard the lie", || {
        let status = before.status();
        let said = status.sentinels.iter().find(|s| s.address.port == liar.port())?.master.clone()?;
        (said.port == swapped.port()).then_some(())
    });
    run(&before, "SET mymaster v").unwrap();
    assert_eq!(raw(&lab, swapped).command(&["EXISTS", "mymaster"]).unwrap().text(), "0");
    assert_eq!(raw(&lab, first).command(&["EXISTS", "other"]).unwrap().text(), "0");
    assert_eq!(before.status().generation, 1);
}

/// R3: all sentinels were deployed anew, so that their epochs begin at 0 again: below what the client has seen.
#[test]
fn sentinels_without_a_memory_are_followed() {
    let lab = proxied();
    let client = client(&lab, "poll_interval=1s");
    for _ in 0..2 {
        lab.planned_failover().unwrap();
        follows(&client, lab.wait_writable(LIMIT).unwrap().node);
        lab.heal().unwrap();
    }
    until("the epoch is known", || (client.status().epoch == Some(2)).then_some(()));
    lab.redeploy(lab.sentinel_addrs()).unwrap();
    lab.heal().unwrap();
    // The first failover of the new sentinels has epoch 1 again.
    lab.kill(lab.master().unwrap()).unwrap();
    let writable = lab.wait_writable(LIMIT).unwrap();
    follows(&client, writable.node);
    until("the epoch is theirs", || client.status().epoch.filter(|epoch| *epoch < 2));
    assert!(!events_of(&client, &[EventKind::EpochReset]).is_empty(), "it is said");
}

/// R3: an operator moves the master by hand, with REMOVE and MONITOR: no event ever says so, and the epoch is 0.
#[test]
fn a_master_that_was_moved_by_hand_is_followed() {
    let lab = proxied();
    let client = client(&lab, "poll_interval=1s");
    lab.planned_failover().unwrap();
    follows(&client, lab.wait_writable(LIMIT).unwrap().node);
    let old = lab.heal().unwrap();
    let new = *lab.node_addrs().iter().find(|node| **node != old).unwrap();
    let follow = |node: SocketAddr, words: &[&str]| raw(&lab, node).command(words).unwrap().into_result().unwrap();
    follow(new, &["REPLICAOF", "NO", "ONE"]);
    for sentinel in lab.sentinel_addrs() {
        lab.remonitor(*sentinel, new).unwrap();
    }
    let (host, port) = (new.ip().to_string(), new.port().to_string());
    for node in lab.node_addrs().iter().filter(|node| **node != new) {
        follow(*node, &["REPLICAOF", &host, &port]);
    }
    let moved = standfast_lab::now_us();
    follows(&client, new);
    assert!(since(moved) < Duration::from_millis(1200 + 1000), "{:?}", since(moved));
}

/// R30: the first two sentinels in the list swallow every packet.
#[test]
fn two_black_holes_of_three_delay_nothing_and_leave_nothing() {
    let lab = proxied();
    let dark = &lab.sentinel_addrs()[..2];
    for sentinel in dark {
        lab.inject(*sentinel, Side::Clients, Fault::BlackHole).unwrap();
    }
    // The runtime's thread and what else is made once.
    client(&lab, "").close();
    let settled = || lab.traffic(lab.sentinel_addrs()[2]).unwrap().clients.open == 0;
    until("the proxies have noticed the close", || settled().then_some(()));
    let before = threads_and_descriptors();
    for turn in 0..5 {
        let asked = Instant::now();
        let client = client(&lab, "");
        assert!(asked.elapsed() < Duration::from_millis(500), "turn {turn}: {:?}", asked.elapsed());
        run(&client, "SET k v").unwrap();
        client.close();
    }
    until("nothing is left", || {
        let now = threads_and_descriptors();
        (now.0 <= before.0 && now.1 <= before.1).then_some(())
    });
}

/// R20: no trouble makes a seed disappear, and a seed that returns is found by its old address.
#[test]
fn seeds_survive_every_kind_of_trouble() {
    let lab = proxied();
    let client = client(&lab, "poll_interval=500ms");
    let subscribed = || {
        let status = client.status();
        let listed: Vec<u16> = status.sentinels.iter().map(|s| s.address.port).collect();
        let all = lab.sentinel_addrs().iter().all(|s| listed.contains(&s.port()));
        assert!(all, "a seed is missing in {listed:?}");
        status.sentinels.iter().filter(|s| s.state == "subscribed" && s.error.is_none()).count()
    };
    until("all are subscribed", || (subscribed() == 3).then_some(()));
    for fault in [Fault::Reset, Fault::Refuse, Fault::Answer { text: "-NOAUTH Authentication required.\r\n".into() }] {
        for sentinel in lab.sentinel_addrs() {
            lab.inject(*sentinel, Side::Clients, fault.clone()).unwrap();
            if fault != Fault::Reset {
                lab.inject(*sentinel, Side::Clients, Fault::Reset).unwrap();
            }
        }
        if fault != Fault::Reset {
            until("nobody is left", || (subscribed() == 0).then_some(()));
        }
        lab.heal_faults().unwrap();
        until("all are subscribed", || (subscribed() == 3).then_some(()));
    }
    lab.kill(lab.master().unwrap()).unwrap();
    follows(&client, lab.wait_writable(LIMIT).unwrap().node);
}

/// R23: without any sentinel the master goes on being used, and their return is noticed.
#[test]
fn while_all_sentinels_are_away_the_master_serves() {
    let lab = proxied();
    let client = client(&lab, "poll_interval=200ms");
    for sentinel in lab.sentinel_addrs() {
        lab.inject(*sentinel, Side::Clients, Fault::BlackHole).unwrap();
    }
    until("every sentinel is missed", || client.status().sentinels.iter().all(|s| s.error.is_some()).then_some(()));
    for n in 0..300 {
        assert_eq!(run(&client, &format!("SET k {n}")).unwrap(), Value::Okay);
    }
    assert_eq!(events_of(&client, &[EventKind::NotReady, EventKind::LinkLost]).len(), 0);
    // Even a new link can be made, to the master that is known.
    lab.inject(lab.master().unwrap(), Side::Clients, Fault::Reset).unwrap();
    until("a write succeeds", || run(&client, "SET k again").ok());
    lab.heal_faults().unwrap();
    lab.kill(lab.master().unwrap()).unwrap();
    follows(&client, lab.wait_writable(LIMIT).unwrap().node);
}

/// R24: behind an address that was a sentinel's or a master's there is another program, or another server.
#[test]
fn a_wrong_program_behind_an_address_is_named_and_harms_nothing() {
    let lab = proxied();
    let master = lab.master().unwrap();
    let wrong = lab.sentinel_addrs()[0];
    lab.inject(wrong, Side::Clients, Fault::Answer { text: "HTTP/1.1 400 Bad Request\r\n\r\n".into() }).unwrap();
    let asked = Instant::now();
    let fine = client(&lab, "");
    assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
    fine.close();
    let error = connect(&with(&sentinel_url(&[wrong], "mymaster"), "connect_deadline=2s")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotASentinel, "{error}");
    assert!(
        error.to_string().contains(&wrong.to_string()) || format!("{error:?}").contains(&wrong.to_string()),
        "{error:?}"
    );
    lab.heal_faults().unwrap();

    // What Postgres says to somebody who wants to talk first.
    let behind = [
        Fault::Answer { text: "N".into() },
        Fault::Answer { text: "HTTP/1.1 400 Bad Request\r\n\r\n".into() },
        Fault::Reroute { to: lab.sentinel_addrs()[1] },
        Fault::Reroute { to: lab.node_addrs()[1] },
    ];
    for fault in behind {
        lab.inject(master, Side::Clients, fault.clone()).unwrap();
        let asked = Instant::now();
        let error = connect(&with(&lab.url(), "connect_deadline=1500ms&connect_timeout=500ms")).unwrap_err();
        assert!(asked.elapsed() < Duration::from_secs(2), "{fault:?}: {:?}", asked.elapsed());
        assert!(format!("{error:?}").contains(&master.to_string()), "{fault:?}: {error:?}");
        let named = [ErrorKind::NotMaster, ErrorKind::Protocol, ErrorKind::Timeout, ErrorKind::ConnectFailed];
        assert!(named.contains(&error.kind()), "{fault:?}: {error:?}");
        lab.heal_faults().unwrap();
    }
    follows(&client(&lab, ""), master);
}

/// R28: who reaches a minority of the sentinels may be talking to the wrong side of a partition; the option says what to do then.
#[test]
fn a_minority_of_sentinels_is_believed_or_refused_as_configured() {
    let lab = proxied();
    for sentinel in &lab.sentinel_addrs()[1..] {
        lab.inject(*sentinel, Side::Clients, Fault::BlackHole).unwrap();
    }
    let asked = Instant::now();
    let error = connect(&with(&lab.url(), "minority=refuse&connect_deadline=1500ms")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoQuorum, "{error}");
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    let accepting = client(&lab, "minority=accept");
    run(&accepting, "SET k v").unwrap();
    lab.heal_faults().unwrap();
    let refusing = client(&lab, "minority=refuse");
    run(&refusing, "SET k v").unwrap();
}

/// A5, R30: only one sentinel can be reached, and it need not be the one that leads the failover.
#[test]
fn one_reachable_sentinel_is_enough_to_follow() {
    let lab = proxied();
    let client = client(&lab, "");
    for sentinel in &lab.sentinel_addrs()[..2] {
        lab.inject(*sentinel, Side::Clients, Fault::BlackHole).unwrap();
    }
    lab.kill(lab.master().unwrap()).unwrap();
    let writable = lab.wait_writable(LIMIT).unwrap();
    follows(&client, writable.node);
    // Whoever does not lead learns of it when the leader looks at the replicas, a second later at the most.
    assert!(since(writable.at_us) < Duration::from_millis(1000 + 500), "{:?}", since(writable.at_us));
}

/// The new master can be reached by everybody but us: what we would go on writing to the old one is going to be thrown away.
#[test]
fn nothing_is_written_to_an_old_master_because_the_new_one_cannot_be_reached() {
    let lab = Lab::start(LabOptions { replicas: 1, proxied: true, ..LabOptions::default() }).unwrap();
    let client = client(&lab, "");
    let (old, new) = (lab.node_addrs()[0], lab.node_addrs()[1]);
    lab.inject(new, Side::Clients, Fault::BlackHole).unwrap();
    let writer = Writer::start(&client);
    until("it writes", || (lab.traffic(old).unwrap().clients.to_server > 10_000).then_some(()));
    lab.planned_failover().unwrap();
    let sentinels = lab.sentinel_addrs();
    until("all sentinels name the new master", || {
        sentinels.iter().all(|s| named_by(&lab, *s) == new.port()).then_some(())
    });
    until("the client has left the old master", || {
        let status = client.status();
        (status.state == ClientState::NoMaster || status.state == ClientState::Fenced).then_some(())
    });
    let size = || raw(&lab, old).command(&["SCARD", "numbers"]).unwrap().text();
    let before = size();
    // Longer than any fence, shorter than the old master's life as a master.
    let asked = Instant::now();
    until("five seconds have passed", || (asked.elapsed() > Duration::from_secs(5)).then_some(()));
    assert_eq!(raw(&lab, old).command(&["ROLE"]).unwrap().items()[0].text(), "master", "it would have taken writes");
    assert_eq!(size(), before);
    lab.heal_faults().unwrap();
    follows(&client, new);
    let written = writer.stop();
    assert_eq!(lab.heal().unwrap(), new);
    assert_eq!(written.lost(&lab), [] as [u64; 0], "acknowledged and lost");
}
