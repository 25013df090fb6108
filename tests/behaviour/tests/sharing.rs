//! What the clients of a process share: one link to each sentinel; and what a client knows beyond its seeds.

use std::net::SocketAddr;

use standfast::{Client, EventKind, Events};
use standfast_behaviour::{client, connect, event, lab, raw, run, sentinel_url, until};
use standfast_lab::Lab;

/// How many connections with this name a sentinel has.
fn connections(lab: &Lab, sentinel: SocketAddr, name: &str) -> usize {
    let list = raw(lab, sentinel).command(&["CLIENT", "LIST"]).unwrap().text();
    list.lines().filter(|line| line.contains(&format!(" name={name} "))).count()
}

fn all_sentinels_answer(client: &Client, count: usize) {
    until("all sentinels answer", || {
        let sentinels = client.status().sentinels;
        let answering = sentinels.iter().filter(|sentinel| sentinel.state == "subscribed").count();
        (answering == count).then_some(())
    });
}

/// R47, B-40.
#[test]
fn fifty_clients_share_one_link_to_each_sentinel() {
    let lab = lab();
    let clients: Vec<Client> = (0..50).map(|_| client(&lab, "client_name=shared")).collect();
    clients.iter().for_each(|client| all_sentinels_answer(client, 3));
    for &sentinel in lab.sentinel_addrs() {
        assert_eq!(connections(&lab, sentinel, "shared"), 1, "at {sentinel}");
    }
    // Others with other manners have links of their own.
    let other = client(&lab, "client_name=shared&poll_interval=9s");
    all_sentinels_answer(&other, 3);
    assert_eq!(connections(&lab, lab.sentinel_addrs()[0], "shared"), 2);
    other.close();
    // The first one, which began the watches, leaves them to the others.
    clients[0].close();
    assert_eq!(connections(&lab, lab.sentinel_addrs()[0], "shared"), 1);
    lab.planned_failover().unwrap();
    for client in &clients[1..] {
        event(&client.events(), EventKind::MasterSwitched);
        run(client, "SET k v").unwrap();
    }
    drop(clients);
    let gone = || (connections(&lab, lab.sentinel_addrs()[0], "shared") == 0).then_some(());
    until("the last one has closed the link", gone);
}

/// R20, B-41: only the leader announces its steps, and it need not be a seed.
#[test]
fn a_single_seed_leads_to_all_sentinels_and_may_die() {
    let lab = lab();
    let [seed, ref others @ ..] = *lab.sentinel_addrs() else { panic!("three sentinels") };
    let client = connect(&sentinel_url(&[seed], "mymaster")).unwrap();
    all_sentinels_answer(&client, 3);
    let events: Events = client.events();
    let added: Vec<_> = others.iter().map(|_| event(&events, EventKind::SentinelAdded)).collect();
    assert_eq!(added.len(), 2);

    lab.kill(seed).unwrap();
    lab.kill(lab.master().unwrap()).unwrap();
    event(&events, EventKind::MasterSwitched);
    run(&client, "SET k v").unwrap();
    // The seed is still there, and is used again when it returns.
    assert_eq!(client.status().sentinels[0].address.port, seed.port());
    lab.restart(seed).unwrap();
    all_sentinels_answer(&client, 3);
}
