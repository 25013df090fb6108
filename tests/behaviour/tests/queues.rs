//! The queue of a host with an event loop: the host's own thread drives the links, by the rules for drivers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use standfast::{
    Answer, Client, ClientState, Completion, Error, ErrorKind, EventKind, Host, Queue, Request, Timeout, Value,
};
use standfast_behaviour::{
    LIMIT, SWALLOW, client, count, event, follows, lab, memory, proxied, raw, run, threads_and_descriptors, until,
};
use standfast_lab::{Lab, Side};

/// What one test counts, threads and descriptors of the process, all others change.
static COUNTING: RwLock<()> = RwLock::new(());

fn beside_others() -> RwLockReadGuard<'static, ()> {
    COUNTING.read().unwrap_or_else(PoisonError::into_inner)
}

fn submit(queue: &Queue, line: &str, timeout: Timeout, tag: u64) -> bool {
    queue.submit(Request::new(line.split(' ')).unwrap(), timeout, tag).unwrap()
}

/// The next completion, by taking turns on this thread.
fn next(queue: &Queue) -> Completion {
    queue.next_blocking(Some(LIMIT), None).unwrap().expect("a completion")
}

fn value(completion: Completion) -> Result<Value, Error> {
    match completion.result? {
        Answer::One(value) => Ok(value),
        other => panic!("{other:?}"),
    }
}

fn ask(queue: &Queue, line: &str, tag: u64) -> Result<Value, Error> {
    submit(queue, line, Timeout::Default, tag);
    queue.flush();
    let completion = next(queue);
    assert_eq!(completion.tag, tag);
    value(completion)
}

fn links(client: &Client, kind: &str) -> usize {
    client.status().links.iter().filter(|link| link.kind == kind).count()
}

fn waits_on(lab: &Lab, node: SocketAddr, command: &str, times: usize) {
    until("the commands have arrived", || {
        let list = raw(lab, node).command(&["CLIENT", "LIST"]).ok()?.text();
        (list.matches(&format!("cmd={command}")).count() >= times).then_some(())
    });
}

#[test]
fn commands_of_a_queue_share_one_link_and_are_answered_in_order() {
    let _counted = beside_others();
    let lab = lab();
    let client = client(&lab, "");
    for host in [Host::Polls, Host::Turns] {
        let queue = Queue::open_for(&client, host).unwrap();
        run(&client, "DEL counter").unwrap();
        let mut wanted = 0;
        for tag in 1..=3000 {
            wanted += u64::from(submit(&queue, "INCR counter", Timeout::Default, tag));
        }
        queue.flush();
        for tag in 1..=3000 {
            let completion = next(&queue);
            assert_eq!((completion.tag, value(completion).unwrap()), (tag, Value::Int(tag as i64)));
        }
        assert_eq!(links(&client, "hosted"), 1, "{host:?}");
        assert!(host == Host::Turns || wanted == 0, "who polls is told by the descriptor");
        // Everything came in the first link's own time: from now on a batch is asked to be flushed once.
        let wanted = (1..=100).filter(|tag| submit(&queue, "INCR counter", Timeout::Default, *tag)).count();
        assert_eq!(wanted, usize::from(host == Host::Turns), "{host:?}");
        queue.flush();
        (1..=100).for_each(|_| drop(next(&queue)));
        queue.close();
    }
}

/// What is alone is written by the call itself: no turn is needed before the answer is there.
#[test]
fn a_single_command_is_written_at_once_and_its_answer_makes_the_descriptor_readable() {
    let _counted = beside_others();
    let lab = lab();
    let client = client(&lab, "");
    let queue = Queue::open_for(&client, Host::Turns).unwrap();
    let ready = Arc::new(AtomicU64::new(0));
    let calls = Arc::clone(&ready);
    queue.on_ready(move || _ = calls.fetch_add(1, Ordering::AcqRel)).unwrap();
    ask(&queue, "PING", 1).unwrap();
    ask(&queue, "PING", 2).unwrap();
    ready.store(0, Ordering::Release);
    assert!(!submit(&queue, "ECHO alone", Timeout::Default, 3), "no flush is asked for");
    until("the answer calls the host", || (ready.load(Ordering::Acquire) > 0).then_some(()));
    let turned = queue.turn();
    assert_eq!(turned.completions.len(), 1);
    assert!(!turned.more);
    // Whatever is large comes in more than one turn, and nothing of it waits for another call.
    let large = "x".repeat(1 << 20);
    run(&client, &format!("SET large {large}")).unwrap();
    submit(&queue, "GET large", Timeout::Default, 4);
    queue.flush();
    let mut seen = 0;
    until("the large answer has come", || {
        if ready.load(Ordering::Acquire) == seen {
            return None;
        }
        seen = ready.load(Ordering::Acquire);
        loop {
            let mut turned = queue.turn();
            if let Some(completion) = turned.completions.pop_front() {
                assert_eq!(value(completion).unwrap(), Value::BulkString(large.clone().into_bytes()));
                return Some(());
            }
            if !turned.more {
                return None;
            }
        }
    });
}

#[test]
fn what_was_not_sent_goes_to_the_new_master_and_what_was_sent_may_have_been_executed() {
    let _counted = beside_others();
    let lab = lab();
    let client = client(&lab, "command_timeout=20s");
    let queue = Queue::open(&client).unwrap();
    let old = lab.master().unwrap();
    ask(&queue, "SET k v", 1).unwrap();
    // The server has it, and does not answer.
    raw(&lab, old).command(&["CLIENT", "PAUSE", "60000", "ALL"]).unwrap();
    submit(&queue, "INCR sent", Timeout::Default, 2);
    submit(&queue, "GET k", Timeout::Default, 3);
    queue.flush();
    lab.kill(old).unwrap();
    let mut seen = Vec::new();
    submit(&queue, "INCR unsent", Timeout::After(LIMIT), 4);
    while seen.len() < 3 {
        let completion = next(&queue);
        seen.push((completion.tag, value(completion)));
    }
    seen.sort_by_key(|(tag, _)| *tag);
    assert_eq!(seen[0].1.as_ref().unwrap_err().kind(), ErrorKind::MaybeExecuted, "{seen:?}");
    assert!(seen[1].1.is_ok(), "a read is asked again: {seen:?}");
    assert_eq!(*seen[2].1.as_ref().unwrap(), Value::Int(1), "{seen:?}");
}

/// Rule 2, and 3: during a fence nothing is written, and afterwards it goes to the new master.
#[test]
fn a_planned_failover_loses_and_repeats_nothing() {
    let _counted = beside_others();
    let lab = lab();
    let client = client(&lab, "command_timeout=20s");
    let queue = Queue::open(&client).unwrap();
    let events = client.events();
    ask(&queue, "SET counter 0", 1).unwrap();
    lab.planned_failover().unwrap();
    let (mut tag, mut answered) = (1, 0);
    let mut switched = false;
    while !switched {
        tag += 1;
        assert_eq!(ask(&queue, "INCR counter", tag).unwrap(), Value::Int(answered + 1));
        answered += 1;
        while let Some(event) = events.try_next().unwrap() {
            switched |= event.kind == EventKind::MasterSwitched;
        }
    }
    assert_eq!(ask(&queue, "INCR counter", tag + 1).unwrap(), Value::Int(answered + 1));
}

/// Rule 4: what is sent to a link that died during its rest is not sent to it at all.
#[test]
fn a_link_that_died_during_its_rest_is_found_before_a_command_is_sent() {
    let _counted = beside_others();
    let lab = proxied();
    let client = client(&lab, "heartbeat_interval=300ms&heartbeat_timeout=300ms&command_timeout=20s");
    let queue = Queue::open(&client).unwrap();
    let master = lab.master().unwrap();
    ask(&queue, "SET counter 0", 1).unwrap();
    lab.inject_newest(master, Side::Clients, SWALLOW).unwrap();
    let rested = Instant::now();
    until("it has rested", || (rested.elapsed() > Duration::from_millis(400)).then_some(()));
    assert_eq!(ask(&queue, "INCR counter", 2).unwrap(), Value::Int(1), "certainly not executed before");
    lab.heal_faults().unwrap();
}

/// The same for tasks and for waiting threads.
#[test]
fn every_driver_asks_a_rested_link_before_it_uses_it() {
    let _counted = beside_others();
    let lab = proxied();
    let client = client(&lab, "heartbeat_interval=300ms&heartbeat_timeout=300ms&command_timeout=20s");
    let master = lab.master().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let task = |line: &str| runtime.block_on(client.command(Request::new(line.split(' ')).unwrap()));
    let thread = |line: &str| run(&client, line);
    type Run<'a> = &'a dyn Fn(&str) -> Result<Value, Error>;
    let drivers: [(&str, Run<'_>); 2] = [("tokio", &task), ("waiting", &thread)];
    for (name, execute) in drivers {
        execute("SET counter 0").unwrap();
        lab.inject_newest(master, Side::Clients, SWALLOW).unwrap();
        let rested = Instant::now();
        until("it has rested", || (rested.elapsed() > Duration::from_millis(400)).then_some(()));
        assert_eq!(execute("INCR counter").unwrap(), Value::Int(1), "{name}");
        lab.heal_faults().unwrap();
    }
}

/// Rules 5 and 6.
#[test]
fn a_black_holed_master_costs_bounded_memory_and_is_used_again_at_once() {
    let _counted = beside_others();
    let lab = proxied();
    let client = client(&lab, "max_pending=5000");
    let queue = Queue::open(&client).unwrap();
    let master = lab.master().unwrap();
    ask(&queue, "SET k v", u64::MAX).unwrap();
    lab.inject(master, Side::Clients, SWALLOW).unwrap();
    let seconds = count(1);
    let (mut tag, mut told, mut refused, mut warm) = (0_u64, 0_u64, 0_u64, 0);
    let begun = Instant::now();
    let patience = Timeout::After(Duration::from_millis(100));
    while begun.elapsed() < Duration::from_secs(seconds) {
        // 20 000 calls a second.
        while tag < begun.elapsed().as_millis() as u64 * 20 {
            tag += 1;
            match queue.submit(Request::new(["SET", "k", "v"]).unwrap(), patience, tag) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::QueueFull => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        while let Some(completion) = queue.next_blocking(Some(Duration::from_millis(1)), None).unwrap() {
            let error = value(completion).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::MaybeExecuted), "{error}");
            told += 1;
        }
        if warm == 0 && begun.elapsed() > Duration::from_millis(500) {
            warm = memory();
        }
    }
    let grown = memory().saturating_sub(warm);
    until("every call has ended", || {
        while queue.next_blocking(Some(Duration::ZERO), None).unwrap().is_some() {
            told += 1;
        }
        (told + refused == tag).then_some(())
    });
    assert!(grown < 8 << 10, "{grown} KiB in {seconds} s");
    lab.heal_faults().unwrap();
    let healed = Instant::now();
    submit(&queue, "SET k v", Timeout::After(LIMIT), tag + 1);
    value(next(&queue)).unwrap();
    println!(
        "counted: {{\"calls\": {tag}, \"refused\": {refused}, \"grown_kib\": {grown}, \"first_ms\": {}}}",
        healed.elapsed().as_millis()
    );
}

#[test]
fn a_command_that_was_given_up_is_forgotten_and_its_reply_goes_to_nobody() {
    let _counted = beside_others();
    let lab = lab();
    let client = client(&lab, "");
    let queue = Queue::open(&client).unwrap();
    ask(&queue, "SET k v", 1).unwrap();
    raw(&lab, lab.master().unwrap()).command(&["CLIENT", "PAUSE", "300", "ALL"]).unwrap();
    submit(&queue, "ECHO late", Timeout::Default, 2);
    submit(&queue, "ECHO too", Timeout::Default, 3);
    assert_eq!(
        queue.submit(Request::new(["PING"]).unwrap(), Timeout::Default, 3).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    assert_eq!(client.status().pending, 2);
    assert_eq!(queue.cancel(2).unwrap().kind(), ErrorKind::Cancelled, "a read");
    assert!(queue.cancel(2).is_none());
    assert_eq!(client.status().pending, 1, "its place is free at once");
    submit(&queue, "INCR gone", Timeout::After(Duration::from_millis(1)), 4);
    let completion = next(&queue);
    assert_eq!(completion.tag, 4);
    assert!(matches!(value(completion).unwrap_err().kind(), ErrorKind::Timeout | ErrorKind::MaybeExecuted));
    let completion = next(&queue);
    assert_eq!((completion.tag, value(completion).unwrap()), (3, Value::BulkString(b"too".to_vec())));
    assert_eq!(ask(&queue, "ECHO next", 5).unwrap(), Value::BulkString(b"next".to_vec()));
}

#[test]
fn more_than_max_pending_is_refused_at_once_by_a_queue() {
    let _counted = beside_others();
    let lab = lab();
    let client = client(&lab, "max_pending=100");
    let queue = Queue::open(&client).unwrap();
    ask(&queue, "PING", u64::MAX).unwrap();
    raw(&lab, lab.master().unwrap()).command(&["CLIENT", "PAUSE", "200", "ALL"]).unwrap();
    for tag in 0..100 {
        submit(&queue, "PING", Timeout::Default, tag);
    }
    let refused = queue.submit(Request::new(["PING"]).unwrap(), Timeout::Default, 100).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::QueueFull);
    (0..100).for_each(|_| drop(value(next(&queue)).unwrap()));
    ask(&queue, "PING", 101).unwrap();
}

/// Rule 10.
#[test]
fn closing_with_commands_under_way_leaves_nothing() {
    let _alone = COUNTING.write().unwrap_or_else(PoisonError::into_inner);
    let lab = lab();
    drop(client(&lab, ""));
    let before = until("the first client is gone", || {
        let now = threads_and_descriptors();
        (now == threads_and_descriptors()).then_some(now)
    });
    for round in 0..20 {
        let client = client(&lab, "");
        let queue = Queue::open_for(&client, if round % 2 == 0 { Host::Polls } else { Host::Turns }).unwrap();
        queue.on_ready(|| {}).unwrap();
        ask(&queue, "PING", 1).unwrap();
        for tag in 2..22 {
            submit(&queue, "BLPOP never 0", Timeout::Never, tag);
        }
        queue.submit_wait_ready(None, 22).unwrap();
        submit(&queue, "INCR pending", Timeout::Default, 23);
        if round % 4 < 2 {
            until("the links are made", || {
                let turned = queue.turn();
                assert!(turned.completions.iter().all(|completion| completion.tag > 21));
                (links(&client, "blocking") == 20).then_some(())
            });
            client.close();
            assert_eq!(links(&client, "blocking") + links(&client, "hosted"), 0, "closed by whoever closes");
            let mut told = 0;
            while told < 20 {
                let completion = next(&queue);
                if completion.tag < 22 {
                    let error = value(completion).unwrap_err();
                    assert!(matches!(error.kind(), ErrorKind::Closed | ErrorKind::MaybeExecuted), "{error}");
                    told += 1;
                }
            }
            assert_eq!(
                queue.submit(Request::new(["PING"]).unwrap(), Timeout::Default, 99).unwrap_err().kind(),
                ErrorKind::Closed
            );
        } else {
            queue.close();
            assert_eq!(client.status().pending, 0);
            client.close();
        }
        drop((queue, client));
    }
    until("nothing is left", || (threads_and_descriptors() == before).then_some(()));
}

/// Four ways to lose the master, with blocking commands under way.
#[test]
fn a_blocking_command_of_a_queue_ends_soon_after_its_master() {
    let _counted = beside_others();
    let lab = lab();
    let client = client(&lab, "");
    let queue = Queue::open(&client).unwrap();
    let events = client.events();
    let pop = |tag| {
        submit(&queue, "BLPOP never 0", Timeout::Never, tag);
        until("it waits", || {
            assert!(queue.turn().completions.is_empty());
            let list = raw(&lab, lab.master().unwrap()).command(&["CLIENT", "LIST"]).ok()?.text();
            list.contains("cmd=blpop").then_some(())
        });
    };
    let told = |what: &str, since: Instant| {
        let error = value(next(&queue)).unwrap_err();
        let expected = matches!(error.kind(), ErrorKind::MaybeExecuted | ErrorKind::ReplyError);
        assert!(expected, "{what}: {error}");
        assert!(since.elapsed() < Duration::from_secs(2), "{what}: {:?} after the client knew", since.elapsed());
        println!("{what}: told after {:?}", since.elapsed());
    };
    pop(1);
    raw(&lab, lab.master().unwrap()).command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).unwrap();
    told("CLIENT KILL", Instant::now());
    follows(&client, lab.master().unwrap());

    pop(2);
    lab.planned_failover().unwrap();
    event(&events, EventKind::MasterSwitched);
    told("planned", Instant::now());
    lab.heal().unwrap();
    follows(&client, lab.master().unwrap());

    pop(3);
    lab.kill(lab.master().unwrap()).unwrap();
    told("kill -9", Instant::now());
    event(&events, EventKind::MasterSwitched);
    lab.heal().unwrap();
    follows(&client, lab.master().unwrap());

    pop(4);
    lab.stop(lab.master().unwrap()).unwrap();
    until("the client knows", || (client.status().state != ClientState::Ready).then_some(()));
    told("SIGSTOP", Instant::now());
    lab.heal().unwrap();
}

#[test]
fn pending_blocking_commands_do_not_stand_in_the_way() {
    let _counted = beside_others();
    let lab = lab();
    let client = client(&lab, "");
    let queue = Queue::open(&client).unwrap();
    ask(&queue, "SET k v", 1000).unwrap();
    for tag in 0..50 {
        submit(&queue, "BLPOP never 0", Timeout::Never, tag);
    }
    until("they wait", || {
        assert!(queue.turn().completions.is_empty());
        (links(&client, "blocking") == 50).then_some(())
    });
    for tag in 1001..2000 {
        assert_eq!(ask(&queue, "GET k", tag).unwrap(), Value::BulkString(b"v".to_vec()));
    }
    waits_on(&lab, lab.master().unwrap(), "blpop", 50);
    for _ in 0..50 {
        run(&client, "RPUSH never x").unwrap();
    }
    for _ in 0..50 {
        assert!(matches!(value(next(&queue)).unwrap(), Value::Array(_)));
    }
    until("their links are closed", || (links(&client, "blocking") == 0).then_some(()));
}

#[test]
fn a_drain_finishes_what_was_accepted_in_every_driver() {
    let _counted = beside_others();
    let lab = lab();
    let client = client(&lab, "");
    let queue = Queue::open(&client).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for tag in 0..100 {
        submit(&queue, "INCR queue", Timeout::Default, tag);
    }
    let task = client.clone();
    let task = runtime.spawn(async move { task.command(Request::new(["BLPOP", "drain", "30"]).unwrap()).await });
    let thread = client.clone();
    let thread = std::thread::spawn(move || run(&thread, "BLPOP drain 30"));
    waits_on(&lab, lab.master().unwrap(), "blpop", 2);
    queue.submit_drain(Some(LIMIT), 100).unwrap();
    assert_eq!(run(&client, "PING").unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(
        queue.submit(Request::new(["PING"]).unwrap(), Timeout::Default, 101).unwrap_err().kind(),
        ErrorKind::Closed
    );
    for _ in 0..2 {
        raw(&lab, lab.master().unwrap()).command(&["RPUSH", "drain", "x"]).unwrap();
    }
    let tags: Vec<u64> = (0..=100).map(|_| next(&queue)).map(|done| (done.tag, value(done).unwrap()).0).collect();
    assert_eq!(tags, (0..=100).collect::<Vec<_>>());
    assert!(runtime.block_on(task).unwrap().is_ok() && thread.join().unwrap().is_ok());
    client.blocking().drain(None, None).unwrap();
    assert!(client.is_closed());
}
