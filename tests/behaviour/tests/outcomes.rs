//! The table of outcomes (`design.md` section 4), row by row with every driver. The rows of a lost link are in `cuts.rs`, those of a
//! switch in `failover.rs` and `watched.rs`.

use std::time::Duration;

use standfast::{Answer, ClientState, ErrorKind, Request, Timeout, Value};
use standfast_behaviour::drivers::{DRIVERS, Driven};
use standfast_behaviour::{client, lab, raw, run, until};
use standfast_lab::{Lab, LabOptions};

fn request(line: &str) -> Request {
    Request::new(line.split(' ')).unwrap()
}

/// A command, a pipeline and a transaction.
fn units(lines: [&str; 2]) -> [Request; 3] {
    let both = || lines.map(request);
    [request(lines[0]), Request::pipeline(both()).unwrap(), Request::transaction(both()).unwrap()]
}

fn set(lab: &Lab, name: &str, value: &str) {
    raw(lab, lab.master().unwrap()).command(&["CONFIG", "SET", name, value]).unwrap();
}

fn succeeded(answer: Answer) -> bool {
    match answer {
        Answer::One(_) => true,
        Answer::Each(outcomes) => outcomes.iter().all(Result::is_ok),
    }
}

/// Of the whole, or of each of its commands.
fn kinds(outcome: &Result<Answer, standfast::Error>) -> Vec<ErrorKind> {
    match outcome {
        Err(error) => vec![error.kind()],
        Ok(Answer::Each(outcomes)) => outcomes.iter().map(|outcome| outcome.as_ref().unwrap_err().kind()).collect(),
        Ok(other) => panic!("{other:?}"),
    }
}

#[test]
fn what_the_server_refuses_waits_inside_its_deadline() {
    let lab = lab();
    for driver in DRIVERS {
        let driven = Driven::new(driver, client(&lab, ""));
        for unit in units(["SET k v", "SET l v"]) {
            set(&lab, "min-replicas-to-write", "5");
            let late = until("it is refused until its deadline", || {
                let late = driven.answer(unit.clone(), Timeout::After(Duration::from_millis(300)));
                let kinds = kinds(&late);
                // The deadline may also come while it is on its way once more.
                let on_its_way = kinds.iter().all(|kind| *kind == ErrorKind::MaybeExecuted);
                assert!(on_its_way || kinds == [ErrorKind::Unavailable], "{driver:?} {late:?}");
                late.err().filter(|_| !on_its_way)
            });
            assert_eq!(late.server_reply().unwrap().0, "NOREPLICAS", "{driver:?}");
            let retries = || driven.client.status().counters.iter().find(|(name, _)| name == "retries").unwrap().1;
            let before = retries();
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| driven.answer(unit.clone(), Timeout::After(Duration::from_secs(20))));
                until("it was refused", || (retries() > before).then_some(()));
                set(&lab, "min-replicas-to-write", "0");
                assert!(succeeded(waiting.join().unwrap().unwrap()), "{driver:?}");
            });
        }
    }
}

#[test]
fn a_deadline_says_what_is_known() {
    // No replica: whatever the sentinel thinks of the silence, this stays the master.
    let options = LabOptions { replicas: 0, sentinels: 1, quorum: Some(1), ..LabOptions::default() };
    let lab = Lab::start(options).unwrap();
    let master = lab.master().unwrap();
    for driver in DRIVERS {
        let driven = Driven::new(driver, client(&lab, ""));
        let writes = units(["SET k v", "SET l v"]).map(|unit| (unit, ErrorKind::MaybeExecuted));
        let reads = units(["GET k", "GET l"]).map(|unit| (unit, ErrorKind::Timeout));
        for (unit, expected) in writes.into_iter().chain(reads) {
            driven.answer(request("PING"), Timeout::Default).unwrap();
            lab.stop(master).unwrap();
            let outcome = driven.answer(unit, Timeout::After(Duration::from_millis(150)));
            assert!(kinds(&outcome).iter().all(|kind| *kind == expected), "{driver:?} {expected:?} {outcome:?}");
            lab.cont(master).unwrap();
            // The late reply goes to nobody.
            let echo = driven.answer(request("ECHO mine"), Timeout::Default).unwrap();
            assert!(matches!(echo, Answer::One(Value::BulkString(text)) if text == b"mine"), "{driver:?}");
        }
    }
}

#[test]
fn what_was_not_sent_goes_to_the_next_master() {
    let lab = lab();
    let driven = DRIVERS.map(|driver| Driven::new(driver, client(&lab, "")));
    let dead = lab.master().unwrap();
    lab.kill(dead).unwrap();
    for driven in &driven {
        until("the master is lost", || (driven.client.status().state != ClientState::Ready).then_some(()));
    }
    std::thread::scope(|scope| {
        for driven in &driven {
            scope.spawn(|| {
                for unit in units(["INCR k", "INCR l"]) {
                    let answer = driven.answer(unit, Timeout::After(Duration::from_secs(25))).unwrap();
                    assert!(succeeded(answer), "{:?}", driven.driver);
                }
            });
        }
    });
    let counted = run(&driven[0].client, "MGET k l").unwrap();
    let number = |text: &str| Value::BulkString(text.as_bytes().to_vec());
    assert_eq!(counted, Value::Array(vec![number("9"), number("6")]), "each once");
}
