//! Peers that are neither alive nor dead: links on which nothing arrives any more, firewalls that drop packets, and servers that are only slow.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use standfast::{Channels, Client, ClientState, ErrorKind, EventKind, Item, Timeout, Value};
use standfast_behaviour::load::Writer;
use standfast_behaviour::{LIMIT, SWALLOW, client, event, events_of, proxied, raw, run, run_within, since, until};
use standfast_lab::{Fault, Lab, LabOptions, Side};

/// R8: heartbeats every 5 s that take 3 s at the most.
const FOUND: Duration = Duration::from_secs(10);

fn used(client: &Client) -> u16 {
    client.status().master.expect("there was a master").port
}

fn waits_on(lab: &Lab, node: SocketAddr, command: &str) {
    until("the command has arrived", || {
        let list = raw(lab, node).command(&["CLIENT", "LIST"]).ok()?.text();
        list.contains(&format!("cmd={command}")).then_some(())
    });
}

/// R8, on the links that carry commands: the sentinels see nothing wrong, so that there is no failover to be told of.
#[test]
fn a_master_that_is_silent_for_us_alone_is_found_and_every_call_ends() {
    let lab = proxied();
    let client = client(&lab, "");
    let events = client.events();
    let master = lab.master().unwrap();
    run(&client, "SET k v").unwrap();
    let at_us = lab.inject(master, Side::Clients, SWALLOW).unwrap();
    let asked = Instant::now();
    let error = run(&client, "INCR k2").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeExecuted, "{error}");
    assert!(asked.elapsed() < Duration::from_millis(5100), "command_timeout is 5 s: {:?}", asked.elapsed());
    event(&events, EventKind::LinkLost);
    until("there is no master", || (client.status().state == ClientState::NoMaster).then_some(()));
    assert!(since(at_us) < FOUND, "{:?}", since(at_us));
    lab.heal_faults().unwrap();
    // The next try may have to wait for the longest back-off.
    assert_eq!(run_within(&client, "SET k v", Timeout::After(LIMIT)).unwrap(), Value::Okay);
    assert_eq!(used(&client), master.port());
}

/// R8, on the subscriber link alone.
#[test]
fn a_silent_subscriber_link_is_found_and_marked() {
    let lab = proxied();
    let client = client(&lab, "");
    let master = lab.master().unwrap();
    let subscription = client.subscribe(Channels::new(["news"])).unwrap();
    let events = client.events();
    event(&events, EventKind::SubscriptionReady);
    // The link that is made again is the newest of all.
    raw(&lab, master).command(&["CLIENT", "KILL", "TYPE", "pubsub"]).unwrap();
    event(&events, EventKind::SubscriptionReady);
    let Some(Item::Gap(_)) = subscription.next_blocking(Some(LIMIT), None).unwrap() else { panic!("a gap") };
    let at_us = lab.inject_newest(master, Side::Clients, SWALLOW).unwrap();
    // Nothing else is wrong.
    run(&client, "SET k v").unwrap();
    client.blocking().publish(b"news", b"lost", None).unwrap();
    let Some(Item::Gap(gap)) = subscription.next_blocking(Some(LIMIT), None).unwrap() else { panic!("a gap") };
    assert_eq!(gap.reason, "link_lost");
    assert!(since(at_us) < FOUND, "{:?}", since(at_us));
    client.blocking().publish(b"news", b"heard", None).unwrap();
    let Some(Item::Message(message)) = subscription.next_blocking(Some(LIMIT), None).unwrap() else {
        panic!("a message")
    };
    assert_eq!(message.payload, b"heard");
    assert_eq!(events_of(&client, &[EventKind::LinkLost]).len(), 0, "the others live");
}

/// R8, on the links to sentinels; not because they happen to be polled.
#[test]
fn a_silent_sentinel_is_found_and_used_again_afterwards() {
    let lab = proxied();
    let client = client(&lab, "poll_interval=1h");
    let silent = lab.sentinel_addrs()[1];
    let answers =
        |client: &Client| client.status().sentinels.iter().all(|s| s.error.is_none() && s.answered_at.is_some());
    until("all sentinels answer", || answers(&client).then_some(()));
    let at_us = lab.inject(silent, Side::Clients, SWALLOW).unwrap();
    let down = event(&client.events(), EventKind::SentinelDown);
    assert!(since(at_us) < FOUND, "{:?}", since(at_us));
    assert!(format!("{:?}", down.details).contains(&silent.to_string()), "{down:?}");
    let status = client.status();
    let of = |port| status.sentinels.iter().find(|s| s.address.port == port).unwrap().error.clone();
    assert!(of(silent.port()).is_some() && of(lab.sentinel_addrs()[0].port()).is_none(), "{status:?}");
    lab.heal_faults().unwrap();
    until("all sentinels answer", || answers(&client).then_some(()));
}

/// R10: a blocking command cannot be asked whether its link lives; TCP and the watch over the master must tell.
#[test]
fn a_blocking_command_ends_when_packets_are_dropped() {
    let lab = proxied();
    let client = client(&lab, "");
    let master = lab.master().unwrap();
    let waiting = {
        let client = client.clone();
        std::thread::spawn(move || run(&client, "BLPOP nothing 0"))
    };
    waits_on(&lab, master, "blpop");
    let at_us = lab.inject(master, Side::Clients, Fault::BlackHole).unwrap();
    let error = waiting.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeExecuted, "{error}");
    assert!(since(at_us) < Duration::from_secs(15), "{:?}", since(at_us));
    lab.heal_faults().unwrap();
    assert_eq!(run_within(&client, "SET k v", Timeout::After(LIMIT)).unwrap(), Value::Okay);
}

/// R9: what answers late is not dead, as long as it answers within the limits.
#[test]
fn a_slow_master_keeps_all_its_links() {
    let lab =
        Lab::start(LabOptions { proxied: true, down_after: Duration::from_secs(20), ..LabOptions::default() }).unwrap();
    let client = client(&lab, "");
    let master = lab.master().unwrap();
    let subscription = client.subscribe(Channels::new(["news"])).unwrap();
    subscription.ready_blocking(Some(LIMIT), None).unwrap();
    let writer = Writer::start(&client);
    until("it writes", || (lab.traffic(master).unwrap().clients.to_server > 10_000).then_some(()));
    let before = lab.traffic(master).unwrap().clients;
    let asked = Instant::now();
    let mut sleeper = raw(&lab, master);
    sleeper.set_read_timeout(LIMIT).unwrap();
    sleeper.command(&["DEBUG", "SLEEP", "2"]).unwrap();
    assert!(asked.elapsed() >= Duration::from_secs(2), "DEBUG is allowed");
    // Two seconds of silence and what follows from them, such as heartbeats that come late.
    let after = lab.traffic(master).unwrap().clients;
    run(&client, "SET k v").unwrap();
    let written = writer.stop();
    assert_eq!(written.errors, [] as [&str; 0]);
    assert_eq!(written.lost(&lab), [] as [u64; 0]);
    assert_eq!((after.total, after.open), (before.total, before.open), "0 reconnects");
    let wrong = [EventKind::LinkLost, EventKind::NotReady, EventKind::MasterSwitched, EventKind::SubscriptionGap];
    assert_eq!(events_of(&client, &wrong).len(), 0);
}

/// A firewall in front of the master that drops everybody's packets: there is a failover, and no FIN ever says so.
#[test]
fn a_master_behind_a_firewall_is_replaced_and_left() {
    let lab = proxied();
    let client = client(&lab, "");
    let master = lab.master().unwrap();
    run(&client, "SET k v").unwrap();
    lab.inject(master, Side::All, Fault::BlackHole).unwrap();
    let writable = lab.wait_writable(LIMIT).unwrap();
    until("the client uses the new master", || (used(&client) == writable.node.port()).then_some(()));
    assert_eq!(run(&client, "SET k v").unwrap(), Value::Okay);
    assert!(since(writable.at_us) < Duration::from_millis(500), "{:?}", since(writable.at_us));
    assert!(client.status().links.iter().all(|link| link.address.port != master.port() || link.kind == "subscriber"));
}
