//! Scans: everything once, on a replica where there is one, and a stream that says so when its node changes.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use standfast::{Client, ErrorKind, Scan, ScanItem, ScanOptions};
use standfast_behaviour::{client, count, lab, raw, run, until};
use standfast_lab::{Lab, LabOptions};

/// Write this many keys, and wait until the replicas have them.
fn fill(lab: &Lab, keys: usize) -> BTreeSet<Vec<u8>> {
    let mut master = raw(lab, lab.master().unwrap());
    let names: Vec<String> = (0..keys).map(|n| format!("key:{n}")).collect();
    for some in names.chunks(500) {
        let mut words = vec!["MSET"];
        words.extend(some.iter().flat_map(|name| [name.as_str(), "v"]));
        master.command(&words).unwrap();
    }
    let replicas = lab.options().replicas.to_string();
    until("the replicas have them", || {
        (master.command(&["WAIT", &replicas, "1000"]).ok()?.text() == replicas).then_some(())
    });
    names.into_iter().map(String::into_bytes).collect()
}

fn batch(scan: &Scan) -> Option<Vec<ScanItem>> {
    scan.next_batch_blocking(None).unwrap()
}

fn keys(items: Vec<ScanItem>) -> impl Iterator<Item = Vec<u8>> {
    items.into_iter().filter_map(|item| match item {
        ScanItem::Key(key) => Some(key),
        _ => None,
    })
}

fn all(scan: &Scan) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| batch(scan)).flat_map(keys).collect()
}

/// The node that a scan is on.
fn node_of_scan(client: &Client) -> u16 {
    let status = client.status();
    status.links.iter().find(|link| link.kind == "scan").expect("the scan has a link").address.port
}

fn addr(lab: &Lab, port: u16) -> SocketAddr {
    lab.node_addrs().iter().copied().find(|node| node.port() == port).unwrap()
}

/// R81, B-90.
#[test]
fn a_scan_gives_everything_from_a_replica() {
    let lab = lab();
    let client = client(&lab, "");
    let wanted = fill(&lab, 3000);
    let scan = client.scan(ScanOptions::keys().count(100)).unwrap();
    let mut found: Vec<Vec<u8>> = keys(batch(&scan).unwrap()).collect();
    assert_ne!(node_of_scan(&client), lab.master().unwrap().port(), "a replica does the work");
    found.extend(all(&scan));
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), wanted);
    assert_eq!(batch(&scan), None, "the end stays the end");
    until("its link is closed", || (!client.status().links.iter().any(|link| link.kind == "scan")).then_some(()));

    run(&client, "LPUSH list 1").unwrap();
    let on_master = |options: ScanOptions| all(&client.scan(options.on_master()).unwrap());
    assert_eq!(on_master(ScanOptions::keys().kind("list")), [b"list".to_vec()]);
    assert_eq!(on_master(ScanOptions::keys().pattern("key:7")), [b"key:7".to_vec()]);
}

/// B-90.
#[test]
fn a_scan_goes_into_hashes_and_sets() {
    let lab = Lab::start(LabOptions { replicas: 0, ..LabOptions::default() }).unwrap();
    let client = client(&lab, "");
    for line in ["HSET h f v", "SADD s m", "ZADD z 1.5 m", "SET k v"] {
        run(&client, line).unwrap();
    }
    let bytes = |text: &str| text.as_bytes().to_vec();
    for (options, item) in [
        (ScanOptions::hash("h"), ScanItem::Field(bytes("f"), bytes("v"))),
        (ScanOptions::set("s"), ScanItem::Member(bytes("m"))),
        (ScanOptions::sorted_set("z"), ScanItem::Score(bytes("m"), 1.5)),
    ] {
        let scan = client.scan(options).unwrap();
        assert_eq!(batch(&scan), Some(vec![item]), "without a replica the master does the work");
        assert_eq!(batch(&scan), None);
    }
    let wrong = client.scan(ScanOptions::hash("k")).unwrap();
    assert_eq!(wrong.next_batch_blocking(None).unwrap_err().kind(), ErrorKind::ReplyError);
    assert_eq!(batch(&wrong), None);
    let unread = client.scan(ScanOptions::keys()).unwrap();
    client.close();
    assert_eq!(unread.next_batch_blocking(None).unwrap_err().kind(), ErrorKind::Closed);
}

/// R81, B-91: a lost link is no lost node.
#[test]
fn a_scan_goes_on_when_only_its_link_is_lost() {
    let lab = lab();
    let client = client(&lab, "");
    let wanted = fill(&lab, 1000);
    let scan = client.scan(ScanOptions::keys().count(10)).unwrap();
    let mut found: Vec<Vec<u8>> = keys(batch(&scan).unwrap()).collect();
    let node = addr(&lab, node_of_scan(&client));
    raw(&lab, node).command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).unwrap();
    found.extend(all(&scan));
    assert_eq!(found.len(), 1000, "no key twice: nothing began again");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), wanted);
}

/// R81, B-92: a cursor means nothing to another node.
#[test]
fn a_scan_says_when_its_node_changed() {
    let lab = lab();
    let client = client(&lab, "");
    fill(&lab, 1000);
    let scan = client.scan(ScanOptions::keys().count(10)).unwrap();
    batch(&scan).unwrap();
    let node = addr(&lab, node_of_scan(&client));
    lab.kill(node).unwrap();
    let error = std::iter::from_fn(|| scan.next_batch_blocking(None).transpose()).find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(error.message().contains(&node.to_string()), "{error}");
    assert_eq!(batch(&scan), None, "it has ended");
}

/// R81, B-92: by kill -9 of the node, and by a failover of the master that is scanned.
#[test]
fn a_scan_that_begins_again_gives_nothing_twice() {
    let rounds = count(2);
    let mut doubled = 0;
    for round in 0..rounds {
        let lab = lab();
        let client = client(&lab, "");
        let wanted = fill(&lab, 2000);
        // The lab leaves keys of its own.
        let options = ScanOptions::keys().pattern("key:*").count(10).restarting();
        let scan = client.scan(if round % 2 == 0 { options } else { options.on_master() }).unwrap();
        let mut found: Vec<Vec<u8>> = keys(batch(&scan).unwrap()).collect();
        let node = addr(&lab, node_of_scan(&client));
        lab.kill(node).unwrap();
        let mut changes = Vec::new();
        while let Some(items) = until("the scan goes on", || scan.next_batch_blocking(None).ok()) {
            changes.extend(items.iter().filter_map(|item| match item {
                ScanItem::NodeChanged(change) => Some(change.clone()),
                _ => None,
            }));
            found.extend(keys(items));
        }
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert!(changes[0].old_node == node.to_string() && changes[0].new_node != changes[0].old_node, "{changes:?}");
        let once: BTreeSet<_> = found.iter().cloned().collect();
        doubled += found.len() - once.len();
        assert_eq!(once, wanted, "round {round}");
    }
    println!("counted: rounds {rounds}, doubled {doubled}, missed 0");
    assert_eq!(doubled, 0);
}
