//! R1: five signals say that the master has changed, and each of them is enough. Here four are suppressed in turn: events by the proxies, which
//! drop them; the poll by its interval; error replies by asking nothing, or by a master that gives none yet; the loss of the master's links
//! by a planned failover, whose old master lives on for ten seconds; connections to a sentinel by leaving them alone.

use std::time::Duration;

use standfast::{Client, Value};
use standfast_behaviour::{LIMIT, client, follows, proxied, raw, run, since, until};
use standfast_lab::{Fault, Lab, Side, Writable};

const NEVER: &str = "poll_interval=1h";

/// From now on no sentinel's event on these channels reaches the client.
fn drop_events(lab: &Lab, channels: &[&str]) {
    for sentinel in lab.sentinel_addrs() {
        for channel in channels {
            lab.inject(*sentinel, Side::Clients, Fault::DropPushes { channel: (*channel).to_owned() }).unwrap();
        }
    }
}

/// A client with a link to every sentinel, so that no link is made later.
fn settled_client(lab: &Lab, options: &str) -> Client {
    let client = client(lab, options);
    until("every sentinel has answered", || {
        client.status().sentinels.iter().all(|sentinel| sentinel.answered_at.is_some()).then_some(())
    });
    client
}

/// A planned failover that has happened and is known to all sentinels, while the old master lives on and says that it is a master.
fn failed_over(lab: &Lab) -> Writable {
    lab.planned_failover().unwrap();
    let writable = lab.wait_writable(LIMIT).unwrap();
    until("all sentinels name the new master", || (named(lab) == [writable.node.port(); 3]).then_some(()));
    writable
}

fn named(lab: &Lab) -> Vec<u16> {
    let ask = |sentinel: &std::net::SocketAddr| {
        let reply = raw(lab, *sentinel).command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"]).unwrap();
        reply.items()[1].text().parse().unwrap()
    };
    lab.sentinel_addrs().iter().map(ask).collect()
}

fn role(lab: &Lab, node: std::net::SocketAddr) -> String {
    raw(lab, node).command(&["ROLE"]).unwrap().items()[0].text()
}

/// (a): `+switch-master` without anything that comes before it. The first sentinel publishes it up to a second after the promotion.
#[test]
fn the_event_alone_is_enough() {
    let lab = proxied();
    let client = settled_client(&lab, NEVER);
    let old = lab.master().unwrap();
    let silenced = [
        "+sel*",
        "+failover*",
        "-failover*",
        "+promoted*",
        "+config*",
        "+try*",
        "+elected*",
        "+vote*",
        "+slave*",
        "*down",
    ];
    drop_events(&lab, &silenced);
    lab.planned_failover().unwrap();
    let writable = lab.wait_writable(LIMIT).unwrap();
    follows(&client, writable.node);
    let published = lab.wait_entry("+switch-master", writable.at_us, LIMIT).unwrap().at_us;
    assert!(since(published) < Duration::from_secs(1), "{:?} after the event", since(published));
    assert_eq!(role(&lab, old), "master", "no link was lost, no command refused");
}

/// (b): the poll.
#[test]
fn the_poll_alone_is_enough() {
    let lab = proxied();
    let client = settled_client(&lab, "poll_interval=2s");
    let old = lab.master().unwrap();
    drop_events(&lab, &["*"]);
    let writable = failed_over(&lab);
    // The interval has 20 % of jitter, and the sentinels need up to a second to agree.
    follows(&client, writable.node);
    assert!(since(writable.at_us) < Duration::from_millis(2400 + 1000 + 1000), "{:?}", since(writable.at_us));
    assert_eq!(role(&lab, old), "master", "no link was lost, no command refused");
}

/// (c): an error reply. The old master is demoted by hand, which leaves its links open.
#[test]
fn an_error_reply_alone_is_enough() {
    let lab = proxied();
    let client = settled_client(&lab, &format!("{NEVER}&heartbeat_interval=1h"));
    let old = lab.master().unwrap();
    run(&client, "SET k v").unwrap();
    drop_events(&lab, &["*"]);
    let new = failed_over(&lab).node;
    let (host, port) = (new.ip().to_string(), new.port().to_string());
    raw(&lab, old).command(&["REPLICAOF", &host, &port]).unwrap().into_result().unwrap();
    assert_eq!(client.status().master.unwrap().port, old.port(), "it cannot know yet");
    let demoted = standfast_lab::now_us();
    assert_eq!(run(&client, "SET k v").unwrap(), Value::Okay, "READONLY is never the caller's problem");
    follows(&client, new);
    assert!(since(demoted) < Duration::from_secs(1), "{:?}", since(demoted));
}

/// (d): the loss of the master's links. Nobody says what came of it, so that the sentinels have to be asked again and again.
#[test]
fn the_loss_of_the_master_alone_is_enough() {
    let lab = proxied();
    let client = settled_client(&lab, NEVER);
    drop_events(&lab, &["*"]);
    lab.kill(lab.master().unwrap()).unwrap();
    let writable = lab.wait_writable(LIMIT).unwrap();
    follows(&client, writable.node);
    // Sentinels know it up to a second later, and are asked every second while there is no master.
    assert!(since(writable.at_us) < Duration::from_millis(1000 + 1200 + 500), "{:?}", since(writable.at_us));
}

/// (e): a connection to any sentinel.
#[test]
fn a_connection_to_a_sentinel_alone_is_enough() {
    let lab = proxied();
    let client = settled_client(&lab, NEVER);
    let old = lab.master().unwrap();
    drop_events(&lab, &["*"]);
    let new = failed_over(&lab).node;
    assert_eq!(client.status().master.unwrap().port, old.port(), "it cannot know yet");
    let at_us = lab.inject(lab.sentinel_addrs()[1], Side::Clients, Fault::Reset).unwrap();
    follows(&client, new);
    assert!(since(at_us) < Duration::from_secs(1), "{:?}", since(at_us));
    assert_eq!(role(&lab, old), "master", "no link was lost, no command refused");
}

/// R2: whoever could have told of the death died with the master.
#[test]
fn the_master_and_the_sentinel_beside_it_may_die_together() {
    let lab = proxied();
    let client = settled_client(&lab, NEVER);
    for beside in [0, 1] {
        let beside = lab.sentinel_addrs()[beside];
        let master = lab.master().unwrap();
        lab.kill(beside).unwrap();
        lab.kill(master).unwrap();
        let writable = lab.wait_writable(LIMIT).unwrap();
        follows(&client, writable.node);
        assert!(since(writable.at_us) < Duration::from_secs(3), "{:?}", since(writable.at_us));
        lab.heal().unwrap();
    }
}
