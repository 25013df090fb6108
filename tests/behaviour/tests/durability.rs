//! R77, B-114: a durable write counts as done when replicas have it. Counted on the final master.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use standfast::{Client, ErrorKind, Queue, Request, Timeout, Value};
use standfast_behaviour::{client, count, lab, proxied, run, run_within, until};
use standfast_lab::{Fault, Lab, LabOptions, Side};

const ALL: &str = "durability=replicas(2)&command_timeout=3s";

fn number(lab: &Lab, node: std::net::SocketAddr, words: &[&str]) -> String {
    lab.connect(node).unwrap().command(words).unwrap().text()
}

#[test]
fn a_write_that_no_replica_confirms_says_so() {
    let lab = Lab::start(LabOptions { replicas: 1, sentinels: 3, ..LabOptions::default() }).unwrap();
    let client = client(&lab, "durability=replicas(1,300ms)&command_timeout=2s");
    run(&client, "SET a 1").unwrap();
    let replica = lab.node_addrs()[1];
    lab.stop(replica).unwrap();
    let started = Instant::now();
    let error = run(&client, "INCR a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReplicated, "{error}");
    assert!(error.message().contains("0 replicas have confirmed it instead of 1"), "{error}");
    assert!(started.elapsed() >= Duration::from_millis(300), "after its own time");
    // It was executed once, and the next one is not even sent: nobody could confirm it.
    assert_eq!(number(&lab, lab.node_addrs()[0], &["GET", "a"]), "2");
    let error = run(&client, "INCR a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(number(&lab, lab.node_addrs()[0], &["GET", "a"]), "2");
    assert_eq!(run(&client, "GET a").unwrap(), Value::BulkString(b"2".into()), "reads are not held");
    lab.cont(replica).unwrap();
    until("writes are confirmed again", || run(&client, "INCR a").ok());
    assert_eq!(number(&lab, replica, &["GET", "a"]), number(&lab, lab.node_addrs()[0], &["GET", "a"]));
}

#[test]
fn one_wait_confirms_many_writes() {
    let lab = lab();
    let client = client(&lab, "durability=replicas(2)");
    run(&client, "SET a 0").unwrap();
    let waits = || {
        let stats = number(&lab, lab.master().unwrap(), &["INFO", "commandstats"]);
        let line = stats.lines().find(|line| line.starts_with("cmdstat_wait:")).unwrap_or("calls=0,").to_owned();
        line.split("calls=").nth(1).unwrap().split(',').next().unwrap().parse::<u64>().unwrap()
    };
    let before = waits();
    let queue = Queue::open(&client).unwrap();
    for tag in 0..500 {
        queue.submit(Request::new(["INCR", "a"]).unwrap(), Timeout::Default, tag).unwrap();
    }
    for _ in 0..500 {
        queue.next_blocking(Some(Duration::from_secs(20)), None).unwrap().unwrap().result.unwrap();
    }
    assert_eq!(run(&client, "GET a").unwrap(), Value::BulkString(b"500".into()));
    let asked = waits() - before;
    assert!((1..250).contains(&asked), "{asked} times WAIT for 500 writes");
}

#[test]
fn a_queued_write_that_is_given_up_may_have_been_executed() {
    let lab = Lab::start(LabOptions { replicas: 0, sentinels: 1, ..LabOptions::default() }).unwrap();
    let client = client(&lab, "durability=replicas(1)");
    let queue = Queue::open(&client).unwrap();
    queue.submit(Request::new(["INCR", "a"]).unwrap(), Timeout::Default, 7).unwrap();
    assert_eq!(queue.cancel(7).unwrap().kind(), ErrorKind::MaybeExecuted);
    queue.submit(Request::new(["INCR", "a"]).unwrap(), Timeout::Never, 8).unwrap();
    client.close();
    let told = queue.next_blocking(Some(Duration::from_secs(10)), None).unwrap().unwrap();
    assert_eq!((told.tag, told.result.unwrap_err().kind()), (8, ErrorKind::Closed));
}

/// Writes numbers until it is told to stop; those that were confirmed.
fn write(client: &Client, first: u64, stop: &AtomicBool, confirmed: &Mutex<Vec<u64>>) {
    let mut n = first;
    while !stop.load(Ordering::Acquire) {
        if run_within(client, &format!("SADD durable {n}"), Timeout::Default).is_ok() {
            confirmed.lock().unwrap().push(n);
        }
        n += 4;
    }
}

/// `STANDFAST_COUNT` kills with the full count, in the soak.
#[test]
fn nothing_that_all_replicas_confirmed_is_lost_by_a_kill() {
    let (mut writes, mut lost, rounds) = (0, 0, count(2));
    let lab = proxied();
    let mut latencies = Vec::new();
    for round in 0..rounds {
        let client = client(&lab, ALL);
        let (stop, confirmed) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let writers: Vec<_> = (0..4)
            .map(|first| {
                let (client, stop, confirmed) = (client.clone(), Arc::clone(&stop), Arc::clone(&confirmed));
                std::thread::spawn(move || write(&client, round * 1_000_000 + first, &stop, &confirmed))
            })
            .collect();
        let enough = |more: usize| {
            let wanted = confirmed.lock().unwrap().len() + more;
            until("writes are confirmed", || (confirmed.lock().unwrap().len() >= wanted).then_some(()));
        };
        enough(50);
        let started = Instant::now();
        run(&client, "SET price 1").unwrap();
        latencies.push(started.elapsed());
        let master = lab.master().unwrap();
        if round % 2 == 1 {
            // One replica hears nothing any more: it lags behind, and nothing is confirmed from here on.
            let replica = *lab.node_addrs().iter().find(|node| **node != master).unwrap();
            lab.inject(master, Side::Server(replica), Fault::Swallow { direction: standfast_lab::Direction::Both })
                .unwrap();
        }
        lab.kill(master).unwrap();
        lab.wait_writable(Duration::from_secs(30)).unwrap();
        lab.heal().unwrap();
        enough(10);
        stop.store(true, Ordering::Release);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        let last = lab.master().unwrap();
        let there: HashSet<u64> = {
            let members = lab.connect(last).unwrap().command(&["SMEMBERS", "durable"]).unwrap();
            members.items().iter().map(|member| member.text().parse().unwrap()).collect()
        };
        let confirmed = confirmed.lock().unwrap();
        writes += confirmed.len();
        lost += confirmed.iter().filter(|n| !there.contains(n)).count();
    }
    latencies.sort();
    println!(
        "counted: runs {rounds}, writes {writes}, lost {lost}, price_us {}",
        latencies[latencies.len() / 2].as_micros()
    );
    assert_eq!(lost, 0, "of {writes} confirmed writes");
}
