//! Locks: only the owner extends and releases, a holder is told of every failover before the lock's own time ends, and the
//! fence of a taking is greater than those of all takings before it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use standfast::{Client, ErrorKind, EventKind, Fence, Lock, LockCall, LockState, Value};
use standfast_behaviour::{LIMIT, SWALLOW, client, count, event, has_left, lab, proxied, raw, since, until};
use standfast_lab::{Fault, Lab, LabOptions, Side};

const TTL: Duration = Duration::from_secs(60);

fn lock(client: &Client, key: &str, token: &str, ttl: Duration) -> Lock {
    client.lock(key, Some(token.as_bytes()), ttl, false).unwrap()
}

fn take(lock: &Lock) -> bool {
    lock.call_blocking(LockCall::Take { wait: Duration::ZERO }, None).unwrap() == Value::Boolean(true)
}

fn call(lock: &Lock, call: LockCall) -> Result<Value, ErrorKind> {
    lock.call_blocking(call, None).map_err(|error| error.kind())
}

fn extend(lock: &Lock) -> Result<Value, ErrorKind> {
    call(lock, LockCall::Extend { ttl: None })
}

/// The next change of state, and in which one the lock is from there on.
fn change(lock: &Lock) -> LockState {
    lock.next_change_blocking(Some(LIMIT), None).unwrap().expect("a change in time").state
}

/// Wait until the replicas have everything.
fn replicated(lab: &Lab) {
    let mut master = raw(lab, lab.master().unwrap());
    // WAIT waits for what its own connection has written.
    master.command(&["SET", "marker", "1"]).unwrap();
    until("the replicas have everything", || {
        let have = master.command(&["WAIT", "2", "1000"]).ok()?.text();
        (have == "2").then_some(())
    });
}

/// B-85.
#[test]
fn only_the_owner_extends_and_releases() {
    let lab = lab();
    let client = client(&lab, "");
    let (ours, theirs) = (lock(&client, "job", "a", TTL), lock(&client, "job", "b", TTL));
    assert!(take(&ours));
    assert!(!take(&theirs), "there is one owner");
    assert!(!take(&ours), "who has it does not get it again");
    assert_eq!(extend(&theirs), Err(ErrorKind::LockNotHeld));
    assert_eq!(call(&theirs, LockCall::Release), Err(ErrorKind::LockNotHeld));
    assert_eq!(call(&theirs, LockCall::Query), Ok(Value::BulkString(b"a".to_vec())));
    let mut master = raw(&lab, lab.master().unwrap());
    assert_eq!(master.command(&["GET", "job"]).unwrap().text(), "a", "as SET NX PX would leave it");
    assert_eq!(call(&ours, LockCall::Extend { ttl: Some(TTL * 2) }), Ok(Value::Okay));
    let left: i64 = master.command(&["PTTL", "job"]).unwrap().text().parse().unwrap();
    assert!(left > 60_000, "{left}");
    assert!(ours.state() == LockState::Held && ours.time_left() > TTL);
    // The holder of a token is the owner, whichever handle it has.
    assert_eq!(extend(&lock(&client, "job", "a", TTL)), Ok(Value::Okay));
    assert_eq!(call(&ours, LockCall::Release), Ok(Value::Okay));
    assert_eq!((ours.state(), ours.time_left()), (LockState::Free, Duration::ZERO));
    assert_eq!(call(&ours, LockCall::Release), Err(ErrorKind::LockNotHeld));
    assert!(take(&theirs));
    assert!(theirs.fence() > ours.fence(), "{:?} {:?}", theirs.fence(), ours.fence());
    let own = |client: &Client| client.lock("other", None, TTL, false).unwrap();
    assert_ne!(own(&client).token(), own(&client).token());
}

/// B-85: what makes no sense is refused before anything is asked; what is no lock is told by the server.
#[test]
fn what_is_no_lock_is_refused() {
    let lab = lab();
    let client = client(&lab, "");
    for (key, token, ttl) in [("", "t", TTL), ("k", "", TTL), ("k", "t", Duration::ZERO), ("k", "t", Duration::MAX)] {
        let error = client.lock(key, Some(token.as_bytes()), ttl, false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
    raw(&lab, lab.master().unwrap()).command(&["LPUSH", "list", "1"]).unwrap();
    assert_eq!(
        call(&lock(&client, "list", "t", TTL), LockCall::Take { wait: Duration::ZERO }),
        Err(ErrorKind::ReplyError)
    );
    let closed = lock(&client, "k", "t", TTL);
    client.close();
    assert_eq!(call(&closed, LockCall::Query), Err(ErrorKind::Closed));
    assert_eq!(closed.next_change_blocking(None, None).unwrap_err().kind(), ErrorKind::Closed);
}

/// B-86: nobody is believed to hold a lock longer than its time, and whoever waits gets it then.
#[test]
fn a_lock_ends_with_its_time() {
    let lab = lab();
    let client = client(&lab, "");
    let short = lock(&client, "job", "a", Duration::from_millis(100));
    assert!(take(&short));
    let next = lock(&client, "job", "b", TTL);
    assert_eq!(call(&next, LockCall::Take { wait: LIMIT }), Ok(Value::Boolean(true)));
    assert_eq!([change(&short), change(&short)], [LockState::Held, LockState::Lost]);
    assert_eq!(short.time_left(), Duration::ZERO);
    assert_eq!(extend(&short), Err(ErrorKind::LockNotHeld));
}

/// B-86.
#[test]
fn a_lock_that_extends_itself_lasts_as_long_as_its_handle() {
    let lab = lab();
    let client = client(&lab, "");
    let ttl = Duration::from_secs(3);
    let own = client.lock("job", Some(b"a"), ttl, true).unwrap();
    assert!(take(&own));
    let mut master = raw(&lab, lab.master().unwrap());
    let mut left = || master.command(&["PTTL", "job"]).unwrap().text().parse::<i64>().unwrap();
    for _ in 0..2 {
        until("time passes", || (left() < 2500).then_some(()));
        until("it is extended", || (left() > 2500).then_some(()));
    }
    assert_eq!(own.state(), LockState::Held);
    drop(own);
    until("nobody extends it any more", || (left() == -2).then_some(()));
}

/// A failover of some kind.
fn fail(lab: &Lab, round: u64) -> &'static str {
    let master = lab.master().unwrap();
    match round % 3 {
        0 => lab.planned_failover().map(|_| "planned").unwrap(),
        1 => lab.kill(master).map(|_| "kill").unwrap(),
        _ => lab.stop(master).map(|_| "stop").unwrap(),
    }
}

/// R80, B-87: a holder is told before the lock's time ends, whatever becomes of the master; then the new master's word counts.
#[test]
fn every_holder_is_told_of_a_failover() {
    let rounds = count(3);
    let (mut told, mut kept, mut lost) = (0, 0, 0);
    for round in 0..rounds {
        let lab = lab();
        let client = client(&lab, "heartbeat_interval=500ms&heartbeat_timeout=500ms");
        let holders: Vec<Lock> = (0..8).map(|n| lock(&client, &format!("job{n}"), "a", TTL)).collect();
        for holder in &holders {
            assert!(take(holder));
            assert_eq!(change(holder), LockState::Held);
        }
        replicated(&lab);
        let old = lab.master().unwrap();
        let kind = fail(&lab, round);
        for holder in &holders {
            assert_eq!(change(holder), LockState::Uncertain, "{kind}");
            assert!(holder.time_left() > Duration::ZERO, "{kind}: told in time");
            told += 1;
        }
        has_left(&client, &lab, old);
        for holder in &holders {
            // It was replicated, but Sentinel may have taken another replica than the one that had it.
            match extend(holder) {
                Ok(_) => {
                    assert_eq!(holder.state(), LockState::Held, "{kind}");
                    kept += 1;
                }
                Err(error) => {
                    assert_eq!((error, holder.state()), (ErrorKind::LockNotHeld, LockState::Lost), "{kind}");
                    lost += 1;
                }
            }
        }
    }
    println!("counted: rounds {rounds}, holders told {told}, locks kept {kept}, lost {lost}");
    assert_eq!(told, rounds * 8);
}

/// R80, B-87: nobody has to ask to learn that somebody else has the lock at the new master.
#[test]
fn a_holder_is_told_that_the_new_master_gave_the_lock_away() {
    let lab = lab();
    let client = client(&lab, "");
    let (taken, gone) = (lock(&client, "taken", "a", TTL), lock(&client, "gone", "a", TTL));
    assert!(take(&taken) && take(&gone));
    let mut master = raw(&lab, lab.master().unwrap());
    // What a failover that lost them would leave.
    master.command(&["SET", "taken", "b"]).unwrap();
    master.command(&["DEL", "gone"]).unwrap();
    replicated(&lab);
    assert_eq!((taken.state(), gone.state()), (LockState::Held, LockState::Held), "nobody asked");
    lab.planned_failover().unwrap();
    for holder in [&taken, &gone] {
        assert_eq!(
            [change(holder), change(holder), change(holder)],
            [LockState::Held, LockState::Uncertain, LockState::Lost]
        );
    }
    assert_eq!(extend(&taken), Err(ErrorKind::LockNotHeld));
}

/// R80, B-88: the client sees no sentinel while the failover happens, and its back-off is longer than the test. The bound is
/// one second; a busy machine gets three.
#[test]
fn a_holder_is_told_as_soon_as_any_sentinel_can_be_reached() {
    let lab = proxied();
    let client =
        client(&lab, "retry_backoff_base=1s&retry_backoff_cap=1h&sentinel_timeout=100ms&heartbeat_interval=1h");
    let events = client.events();
    event(&events, EventKind::SwitchConfirmed);
    let held = lock(&client, "job", "a", TTL);
    assert!(take(&held));
    assert_eq!(change(&held), LockState::Held);
    replicated(&lab);
    for sentinel in lab.sentinel_addrs() {
        lab.inject(*sentinel, Side::Clients, Fault::Reset).unwrap();
        lab.inject(*sentinel, Side::Clients, SWALLOW).unwrap();
    }
    until("no sentinel answers", || {
        client.status().sentinels.iter().all(|sentinel| sentinel.error.is_some()).then_some(())
    });
    let old = lab.master().unwrap();
    lab.planned_failover().unwrap();
    lab.wait_writable(LIMIT).unwrap();
    until("the sentinels agree", || lab.master().ok().filter(|master| *master != old));
    // Sentinel has not demoted the old master yet, and this client cannot know.
    let unknowing = held.state() == LockState::Held;
    let reached = lab.heal_faults_of(lab.sentinel_addrs()[1]).unwrap();
    assert_eq!(change(&held), LockState::Uncertain);
    let after = since(reached);
    println!("counted: told {} ms after a sentinel could be reached, unknowing before: {unknowing}", after.as_millis());
    assert!(after < Duration::from_secs(3), "{after:?}");
}

/// B-89: takings of one lock by many, through failovers. Whoever began after another one had ended has the greater fence.
#[test]
fn fences_never_go_backwards() {
    let rounds = count(2);
    let mut takings = 0;
    for round in 0..rounds {
        let lab = lab();
        let client = client(&lab, "");
        let taken: Mutex<Vec<(Instant, Instant, Fence)>> = Mutex::default();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let lock = client.lock("job", None, Duration::from_secs(2), false).unwrap();
                        let begun = Instant::now();
                        // What becomes of a taking in a failover may be unknown; then its time ends it.
                        if call(&lock, LockCall::Take { wait: Duration::ZERO }) == Ok(Value::Boolean(true)) {
                            let fence = lock.fence().unwrap();
                            taken.lock().unwrap().push((begun, Instant::now(), fence));
                            let _ = lock.call_blocking(LockCall::Release, None);
                        }
                    }
                });
            }
            let old = lab.master().unwrap();
            until("some were taken", || (taken.lock().unwrap().len() > 20).then_some(()));
            fail(&lab, round);
            has_left(&client, &lab, old);
            let so_far = taken.lock().unwrap().len();
            until("some more were taken", || (taken.lock().unwrap().len() > so_far + 20).then_some(()));
            stop.store(true, Ordering::Relaxed);
        });
        let mut taken = taken.into_inner().unwrap();
        takings += taken.len();
        taken.sort_by_key(|(begun, ..)| *begun);
        for (at, (_, ended, fence)) in taken.iter().enumerate() {
            let later = taken[at..].iter().filter(|(begun, ..)| begun > ended);
            for (.., other) in later {
                assert!(other > fence, "{other:?} was taken after {fence:?}");
            }
        }
        let epochs = taken.iter().map(|(.., fence)| fence.epoch);
        assert!(epochs.clone().max() > epochs.min(), "the failover shows");
    }
    println!("counted: rounds {rounds}, takings {takings}, backwards 0");
}

/// B-89: without sentinels there is no epoch, and a lock is a lock.
#[test]
fn a_lock_needs_no_sentinel() {
    let lab = Lab::start(LabOptions { replicas: 0, ..LabOptions::default() }).unwrap();
    let client = standfast_behaviour::connect(&format!("redis://{}", lab.master().unwrap())).unwrap();
    let own = lock(&client, "job", "a", TTL);
    assert!(take(&own));
    assert_eq!(own.fence(), Some(Fence { epoch: 0, counter: 1 }));
}
