//! A7: the connection ends at every single byte of a question and of its answer, and what the caller is told is true.

use std::time::Duration;

use standfast::{Channels, Client, ErrorKind, Item, Value};
use standfast_behaviour::{LIMIT, client, proxied, raw, run, until};
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
    for (direction, after) in every_byte("INCR counter", 4) {
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
