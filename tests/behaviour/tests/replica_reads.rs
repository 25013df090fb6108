//! Reads from replicas: only reads, only healthy nodes, and through every failover.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use standfast::{Client, ErrorKind, ReadFrom, Request, Timeout, Value};
use standfast_behaviour::{LIMIT, client, count, has_left, lab, raw, run, run_within, until};
use standfast_lab::{Lab, LabOptions};

/// How many commands of this name a node has executed.
fn calls(lab: &Lab, node: SocketAddr, name: &str) -> u64 {
    let stats = raw(lab, node).command(&["INFO", "commandstats"]).unwrap().text();
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls="))).unwrap_or("0");
    line.split(',').next().unwrap().parse().unwrap()
}

fn replicas(lab: &Lab) -> Vec<SocketAddr> {
    let master = lab.master().unwrap();
    lab.node_addrs().iter().copied().filter(|node| *node != master).collect()
}

/// A client that knows both replicas to be healthy.
fn reader(lab: &Lab, options: &str) -> Client {
    let client = client(lab, options);
    until("the sentinels see both replicas follow", || {
        let healthy = |node: &standfast::Node| node.opinions.iter().all(|said| said.link.as_deref() != Some("err"));
        let nodes = client.nodes();
        (nodes.iter().filter(|node| node.role == "replica" && healthy(node)).count() == 2).then_some(())
    });
    client
}

/// B-114.
#[test]
fn reads_go_to_replicas_and_nothing_else_does() {
    let lab = lab();
    let client = reader(&lab, "read_from=replica");
    let master = lab.master().unwrap();
    run(&client, "SET k v").unwrap();
    until("the replicas have it", || {
        let has = |node: &SocketAddr| raw(&lab, *node).command(&["EXISTS", "k"]).is_ok_and(|reply| reply.text() == "1");
        replicas(&lab).iter().all(has).then_some(())
    });
    for _ in 0..200 {
        assert_eq!(run(&client, "GET k").unwrap(), Value::BulkString(b"v".to_vec()));
    }
    assert_eq!((calls(&lab, master, "get"), calls(&lab, master, "set")), (0, 1));
    let shares: Vec<u64> = replicas(&lab).into_iter().map(|node| calls(&lab, node, "get")).collect();
    assert_eq!(shares.iter().sum::<u64>(), 200);
    assert!(shares.iter().all(|share| *share > 0), "both replicas are used: {shares:?}");
    // A call goes before the client, and what writes goes to the master whatever is said.
    let call = |words: &[&str], from| {
        let request = Request::new(words).unwrap().reading_from(from);
        client.blocking().command(request, Timeout::Default, None)
    };
    call(&["GET", "k"], ReadFrom::Master).unwrap();
    assert_eq!(calls(&lab, master, "get"), 1);
    call(&["SET", "k", "w"], ReadFrom::Replica).unwrap();
    assert_eq!(calls(&lab, master, "set"), 2);
    assert_eq!(run(&client, "GET list x").unwrap_err().kind(), ErrorKind::ReplyError);
}

/// B-115.
#[test]
fn without_a_replica_it_is_as_configured() {
    let lab = Lab::start(LabOptions { replicas: 0, ..LabOptions::default() }).unwrap();
    let of = |options: &str| run_within(&client(&lab, options), "GET k", Timeout::After(Duration::from_millis(300)));
    assert_eq!(of("read_from=replica").unwrap_err().kind(), ErrorKind::NoReplica);
    assert_eq!(of("read_from=replica&when_unavailable=fail").unwrap_err().kind(), ErrorKind::NoReplica);
    assert_eq!(of("read_from=prefer_replica").unwrap(), Value::Nil);
    assert_eq!(of("read_from=any").unwrap(), Value::Nil);
}

/// B-115: a replica that lost its master is left, however healthy it looks to the sentinels.
#[test]
fn a_replica_that_does_not_follow_is_not_read_from() {
    let lab = lab();
    let client = reader(&lab, "read_from=replica");
    run(&client, "GET k").unwrap();
    let [lost, other] = replicas(&lab)[..] else { panic!("two replicas") };
    let nowhere = standfast_behaviour::nowhere().port().to_string();
    raw(&lab, lost).command(&["REPLICAOF", "127.0.0.1", &nowhere]).unwrap();
    // Within a second it is asked again; from then on it gets nothing.
    until("the reads go to the other one alone", || {
        let before = (calls(&lab, lost, "get"), calls(&lab, other, "get"));
        for _ in 0..20 {
            run(&client, "GET k").ok()?;
        }
        (calls(&lab, lost, "get") == before.0 && calls(&lab, other, "get") == before.1 + 20).then_some(())
    });
}

/// B-116: reads go on through failovers of every kind, none fails that could fall back, and no write goes astray.
#[test]
fn reads_are_followed_through_failovers() {
    let rounds = count(3);
    let (mut read, mut failed) = (0, 0);
    for round in 0..rounds {
        let lab = lab();
        let client = reader(&lab, "read_from=prefer_replica&heartbeat_interval=500ms&heartbeat_timeout=500ms");
        run(&client, "SET k v").unwrap();
        let (stop, reads, errors) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        match run_within(&client, "GET k", Timeout::After(LIMIT)) {
                            Ok(_) => reads.fetch_add(1, Ordering::Relaxed),
                            Err(_) => errors.fetch_add(1, Ordering::Relaxed),
                        };
                    }
                });
            }
            let old = lab.master().unwrap();
            match round % 3 {
                0 => lab.planned_failover().unwrap(),
                1 => lab.kill(old).unwrap(),
                _ => lab.stop(old).unwrap(),
            };
            has_left(&client, &lab, old);
            let so_far = reads.load(Ordering::Relaxed);
            until("reads go on", || (reads.load(Ordering::Relaxed) > so_far + 100).then_some(()));
            stop.store(true, Ordering::Relaxed);
        });
        read += reads.into_inner();
        failed += errors.into_inner();
        // What the new master does not report as its replica gets no reads.
        until("the reads are off the new master", || {
            let master = lab.master().ok()?;
            let before = calls(&lab, master, "get");
            for _ in 0..20 {
                run(&client, "GET k").ok()?;
            }
            (calls(&lab, master, "get") == before).then_some(())
        });
    }
    println!("counted: rounds {rounds}, reads {read}, failed {failed}");
    assert_eq!(failed, 0);
}

/// B-114: the same from tasks, and through a completion queue.
#[test]
fn every_driver_reads_from_replicas() {
    let lab = lab();
    let client = reader(&lab, "read_from=replica");
    let master = lab.master().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let task = client.clone();
    runtime.block_on(async move {
        for _ in 0..20 {
            task.command(redis::cmd("GET").arg("k")).await.unwrap();
        }
    });
    let queue = Arc::new(standfast::Queue::open(&client).unwrap());
    for tag in 1..=20 {
        queue.submit(Request::new(["GET", "k"]).unwrap(), Timeout::Default, tag).unwrap();
    }
    for _ in 0..20 {
        queue.next_blocking(Some(LIMIT), None).unwrap().unwrap().result.unwrap();
    }
    assert_eq!(calls(&lab, master, "get"), 0);
    assert_eq!(replicas(&lab).into_iter().map(|node| calls(&lab, node, "get")).sum::<u64>(), 40);
}
