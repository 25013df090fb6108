//! A7: the connection ends at every single byte of a question and of its answer, and what the caller is told is true.

use std::collections::BTreeMap;
use std::time::Duration;

use standfast::{Answer, Channels, Client, Error, ErrorKind, Item, Request, Timeout, Value};
use standfast_behaviour::drivers::{DRIVERS, Driven};
use standfast_behaviour::{LIMIT, client, count, proxied, raw, run, until};
use standfast_lab::{Direction, Fault, Lab, Side};

/// Runs one command on a link that ends after so many bytes, as all others do.
fn cut(lab: &Lab, client: &Client, direction: Direction, after: u64, command: &str) -> Result<Value, standfast::Error> {
    let master = lab.master().unwrap();
    until("a command succeeds", || run(client, "SET warm 1").ok());
    lab.inject(master, Side::Clients, Fault::Cut { direction, after }).unwrap();
    let outcome = run(client, command);
    lab.heal_faults_of(master).unwrap();
    outcome
}

fn every_byte(request: &str, reply: u64) -> Vec<(Direction, u64)> {
    let words = request.split(' ');
    let length: usize = words.clone().map(|word| format!("${}\r\n{word}\r\n", word.len()).len()).sum();
    let request = (length + format!("*{}\r\n", words.count()).len()) as u64;
    let there = (0..=request).map(|after| (Direction::ToServer, after));
    there.chain((0..=reply).map(|after| (Direction::ToClient, after))).collect()
}

#[test]
fn a_write_that_is_cut_off_is_never_said_to_be_done_or_not_done_wrongly() {
    let lab = proxied();
    let client = client(&lab, "");
    let (mut done, mut unknown) = (0_i64, 0_i64);
    let pass = || every_byte("INCR counter", 4);
    for (direction, after) in (0..count(1)).flat_map(|_| pass()) {
        match cut(&lab, &client, direction, after, "INCR counter") {
            Ok(_) => done += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::MaybeExecuted, "{direction:?} {after}: {error}");
                unknown += 1;
            }
        }
    }
    let counter: i64 = raw(&lab, lab.master().unwrap()).command(&["GET", "counter"]).unwrap().text().parse().unwrap();
    assert!((done..=done + unknown).contains(&counter), "{done} done, {unknown} unknown, and it counts {counter}");
    assert!(unknown > 20, "{unknown}: cuts in the middle of the request, and before the answer");
}

#[test]
fn a_read_that_is_cut_off_is_asked_again() {
    let lab = proxied();
    let client = client(&lab, "");
    let master = lab.master().unwrap();
    run(&client, "SET key value").unwrap();
    let connections = || lab.traffic(master).unwrap().clients.total;
    let (before, cuts) = (connections(), every_byte("GET key", 11));
    for (direction, after) in &cuts {
        // The link for commands is the last that was made. Others are spared, so that the next one works.
        run(&client, "GET key").unwrap();
        let (direction, after) = (*direction, *after);
        lab.inject_newest(master, Side::Clients, Fault::Cut { direction, after }).unwrap();
        let answer = run(&client, "GET key");
        lab.heal_faults_of(master).unwrap();
        assert_eq!(answer.unwrap(), Value::BulkString(b"value".to_vec()), "{direction:?} {after}");
    }
    assert!(connections() - before >= cuts.len() as u64 - 2, "nearly every cut ended a link");
}

#[test]
fn a_subscription_that_is_cut_off_is_confirmed_in_the_end_and_hears_everything_once() {
    let lab = proxied();
    let client = client(&lab, "");
    let master = lab.master().unwrap();
    for after in (0..160).step_by(13) {
        for direction in [Direction::ToServer, Direction::ToClient] {
            lab.inject(master, Side::Clients, Fault::Cut { direction, after }).unwrap();
            let subscription = client.subscribe(Channels::new([format!("c{after}")])).unwrap();
            // It may be confirmed or not before the link ends; afterwards it must be.
            let _ = subscription.ready_blocking(Some(Duration::from_millis(20)), None);
            lab.heal_faults_of(master).unwrap();
            subscription.ready_blocking(Some(LIMIT), None).unwrap();
            let mut publisher = raw(&lab, master);
            until("the server has it", || {
                let reply = publisher.command(&["PUBSUB", "NUMSUB", &format!("c{after}")]).ok()?;
                (reply.items()[1].text() == "1").then_some(())
            });
            for n in 0..3 {
                publisher.command(&["PUBLISH", &format!("c{after}"), &n.to_string()]).unwrap();
            }
            let mut heard = Vec::new();
            while heard.len() < 3 {
                match subscription.next_blocking(Some(LIMIT), None).unwrap().expect("within the limit") {
                    Item::Message(message) => heard.push(String::from_utf8(message.payload).unwrap()),
                    Item::Gap(gap) => assert_eq!(gap.reason, "link_lost"),
                    other => panic!("unexpected {other:?}"),
                }
            }
            assert_eq!(heard, ["0", "1", "2"], "{direction:?} {after}");
            subscription.close();
        }
    }
}

/// What is cut.
#[derive(Clone, Copy, Debug)]
enum Work {
    Single,
    Pipeline,
    Transaction,
    Script,
}

const SCRIPT: &str = "-- long enough to be sent by its digest, as every script of more than a few words\nreturn redis.call('INCR', KEYS[1])";

impl Work {
    /// The commands, and the two keys that they count in.
    fn request(self) -> Request {
        let command = |line: &str| Request::new(line.split(' ')).unwrap();
        match self {
            Work::Single => command("INCR single"),
            Work::Pipeline => Request::pipeline(["INCR pipe1", "GET pipe1", "INCR pipe2"].map(command)).unwrap(),
            Work::Transaction => Request::transaction(["INCR multi1", "INCR multi2"].map(command)).unwrap(),
            Work::Script => Request::new(["EVAL", SCRIPT, "1", "script"]).unwrap(),
        }
    }

    /// Which keys the outcomes are about.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Work::Single => &["single"],
            Work::Pipeline => &["pipe1", "", "pipe2"],
            Work::Transaction => &["multi1", "multi2"],
            Work::Script => &["script"],
        }
    }

    /// At least as many bytes as there are in the request and in the reply.
    fn bytes(self) -> (u64, u64) {
        match self {
            Work::Single => (27, 5),
            Work::Pipeline => (78, 16),
            Work::Transaction => (83, 40),
            Work::Script => (96, 5),
        }
    }
}

/// Of one key: how often it was certainly counted up, and how often that is unknown.
#[derive(Default)]
struct Count {
    done: i64,
    unknown: i64,
}

#[test]
fn whatever_is_cut_off_what_was_acknowledged_is_there_and_nothing_is_there_twice() {
    let works = [Work::Single, Work::Pipeline, Work::Transaction, Work::Script];
    let all: Vec<(Work, Direction, u64)> = works
        .into_iter()
        .flat_map(|work| {
            let (there, back) = work.bytes();
            let there = (0..=there).map(move |after| (work, Direction::ToServer, after));
            there.chain((0..=back).map(move |after| (work, Direction::ToClient, after)))
        })
        .collect();
    // As many as there are, and a place to begin at, so that a full round meets each of them with each driver.
    let runs = usize::try_from(standfast_behaviour::count(100)).unwrap();
    let begin = usize::try_from(std::process::id()).unwrap();
    let lab = proxied();
    let master = lab.master().unwrap();
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    for driver in DRIVERS {
        let driven = Driven::new(driver, client(&lab, ""));
        for run in 0..runs.div_ceil(DRIVERS.len()) {
            // Neighbours in the list are far apart in time: a short run meets all kinds.
            let (work, direction, after) = all[(begin + run * 101) % all.len()];
            until("the script is known and the link stands", || {
                driven.answer(Request::new(["EVAL", SCRIPT, "1", "warm"]).unwrap(), Timeout::Default).ok()
            });
            // The link for commands is the newest one. Others are spared, so that the next one works.
            lab.inject_newest(master, Side::Clients, Fault::Cut { direction, after }).unwrap();
            let answer = driven.answer(work.request(), Timeout::Default);
            lab.heal_faults_of(master).unwrap();
            let outcomes: Vec<Result<(), Error>> = match answer {
                Ok(Answer::One(_)) => vec![Ok(())],
                Ok(Answer::Each(outcomes)) => outcomes.into_iter().map(|outcome| outcome.map(|_| ())).collect(),
                Err(error) => work.keys().iter().map(|_| Err(error.clone())).collect(),
            };
            for (key, outcome) in work.keys().iter().zip(outcomes).filter(|(key, _)| !key.is_empty()) {
                let count = counts.entry(key).or_default();
                match outcome.map_err(|error| error.kind()) {
                    Ok(()) => count.done += 1,
                    Err(ErrorKind::MaybeExecuted) => count.unknown += 1,
                    // Certainly not executed.
                    Err(ErrorKind::Disconnected) if matches!(work, Work::Pipeline) => {}
                    Err(kind) => panic!("{driver:?} {work:?} {direction:?} {after}: {kind:?}"),
                }
            }
            let mut raw = raw(&lab, master);
            let mut value = |key: &str| -> i64 { raw.command(&["GET", key]).unwrap().text().parse().unwrap_or(0) };
            for (key, Count { done, unknown }) in &counts {
                let counter = value(key);
                assert!(
                    (*done..=done + unknown).contains(&counter),
                    "{driver:?} {work:?} {direction:?} {after}: {key} {done} done, {unknown} unknown, and it counts {counter}"
                );
            }
            assert_eq!(value("multi1"), value("multi2"), "{driver:?} {direction:?} {after}: all or nothing");
        }
    }
    let stats = raw(&lab, master).command(&["INFO", "commandstats"]).unwrap().text().to_owned();
    let exec = stats.lines().find(|line| line.starts_with("cmdstat_exec:")).expect("EXEC was called");
    assert!(exec.contains("rejected_calls=0") && exec.contains("failed_calls=0"), "EXEC without MULTI: {exec}");
    let (done, unknown) =
        counts.values().fold((0, 0), |(done, unknown), count| (done + count.done, unknown + count.unknown));
    assert!(done > 0 && unknown > 0, "{done} done, {unknown} unknown");
    println!("counted: runs {runs}, done {done}, unknown {unknown}, lost 0, doubled 0");
}
