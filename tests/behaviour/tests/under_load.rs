//! A1: every way in which a master can go, while numbers are written, messages are heard and a blocking command waits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use standfast::{Channels, Client, ErrorKind, Gap, Item, Subscription};
use standfast_behaviour::load::{Writer, Written};
use standfast_behaviour::{LIMIT, client, follows, proxied, raw, run, since, until};
use standfast_lab::{Fault, Lab, Published, Result, Side, Writable};

/// What a subscriber heard up to a message of the new master: numbers, and the gaps that were marked.
struct Heard {
    numbers: Vec<u64>,
    gaps: Vec<Arc<Gap>>,
}

/// What came of one fault.
struct Story {
    lab: Lab,
    client: Client,
    old: SocketAddr,
    writable: Writable,
    written: Written,
    /// How long after the first write that the new master took, the client wrote there.
    late: Duration,
}

/// A master that fell silent may go on taking messages from others: that it could not be heard is told a little later.
fn hear(subscription: &Subscription, silent: bool) -> Heard {
    let mut heard = Heard { numbers: Vec::new(), gaps: Vec::new() };
    let is_told = |gaps: &[Arc<Gap>]| gaps.iter().any(|gap| gap.reason == "old_master_silent");
    loop {
        match subscription.next_blocking(Some(LIMIT), None).unwrap().expect("an item within the limit") {
            Item::Message(message) => {
                heard.numbers.push(String::from_utf8(message.payload).unwrap().parse().unwrap());
                if message.generation >= 2 && (!silent || is_told(&heard.gaps)) {
                    return heard;
                }
            }
            Item::Gap(gap) => heard.gaps.push(gap),
            other => panic!("unexpected {other:?}"),
        }
    }
}

/// Every message that was published between the first and the last that were heard was heard, or lies in a marked gap.
fn nothing_is_missing_outside_the_gaps(heard: &Heard, published: &[Published]) {
    let (first, last) = (heard.numbers[0], *heard.numbers.last().unwrap());
    assert!(heard.numbers.is_sorted_by(|one, next| one < next), "in order, and nothing twice: {:?}", heard.numbers);
    // Publishing and receiving are two processes' views of one moment.
    let inside = |at_us: i64| {
        heard.gaps.iter().any(|gap| {
            at_us >= standfast::unix_micros(gap.since) - 2_000 && at_us <= standfast::unix_micros(gap.until) + 2_000
        })
    };
    let delivered = published.iter().filter(|message| message.receivers.is_some());
    for message in delivered.filter(|message| (first..=last).contains(&message.n)) {
        assert!(
            heard.numbers.contains(&message.n) || inside(message.at_us),
            "{message:?} is missing outside the gaps {:?}",
            heard.gaps
        );
    }
}

fn goes(silent: bool, how: impl Fn(&Lab) -> Result<i64>) -> Story {
    let lab = proxied();
    let client = client(&lab, "");
    let old = lab.master().unwrap();
    let subscription = client.subscribe(Channels::new(["numbers"])).unwrap();
    subscription.ready_blocking(Some(LIMIT), None).unwrap();
    let publisher = lab.publisher("numbers", Duration::from_millis(2));
    let blocked = {
        let client = client.clone();
        std::thread::spawn(move || (run(&client, "BLPOP nothing 0"), standfast_lab::now_us()))
    };
    until("the blocking command has arrived", || {
        raw(&lab, old).command(&["CLIENT", "LIST"]).ok()?.text().contains("cmd=blpop").then_some(())
    });
    let writer = Writer::start(&client);
    until("messages and writes are on their way", || {
        (publisher.sent() > 50 && lab.traffic(old).unwrap().clients.to_server > 10_000).then_some(())
    });
    how(&lab).unwrap();
    let writable = lab.wait_writable(LIMIT).unwrap();
    follows(&client, writable.node);
    let late = since(writable.at_us);
    let (ended, at_us) = blocked.join().unwrap();
    let error = ended.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeExecuted, "{error}");
    assert!(
        at_us < writable.at_us + 2_000_000 + i64::try_from(late.as_micros()).unwrap(),
        "R12: within 2 s of the switch"
    );
    let heard = hear(&subscription, silent);
    nothing_is_missing_outside_the_gaps(&heard, &publisher.stop());
    let written = writer.stop();
    assert!(written.errors.iter().all(|name| *name == "MaybeExecuted"), "{:?}", written.errors);
    // More than one switch if Sentinel went on by itself, as it does on a busy machine.
    let switches = usize::try_from(client.status().generation - 1).unwrap();
    assert!(written.errors.len() <= switches, "at each switch the one that was on its way: {:?}", written.errors);
    run(&client, "LPUSH something 1").unwrap();
    assert!(run(&client, "BLPOP something 1").is_ok(), "the next one works");
    println!("{late:?} after writable, {} acknowledged, {} errors", written.acknowledged.len(), written.errors.len());
    Story { lab, client, old, writable, written, late }
}

#[test]
fn killed() {
    let story = goes(false, |lab| lab.kill(lab.master()?));
    assert!(story.late < Duration::from_millis(500), "{:?}", story.late);
}

#[test]
fn shut_down() {
    let story = goes(false, |lab| lab.shutdown(lab.master()?));
    assert!(story.late < Duration::from_millis(500), "{:?}", story.late);
}

#[test]
fn switched_on_purpose() {
    let story = goes(false, Lab::planned_failover);
    assert!(story.late < Duration::from_millis(500), "{:?}", story.late);
    assert_eq!(story.written.errors, [] as [&str; 0]);
    assert_eq!(story.lab.heal().unwrap(), story.writable.node);
    assert_eq!(story.written.lost(&story.lab), [] as [u64; 0], "acknowledged and lost");
}

#[test]
fn frozen() {
    let story = goes(true, |lab| lab.stop(lab.master()?));
    assert!(story.late < Duration::from_millis(500), "{:?}", story.late);
    // It wakes, and for a moment still believes that it is the master.
    let master = story.lab.heal().unwrap();
    assert_ne!(story.old, master);
    follows(&story.client, master);
}

#[test]
fn behind_a_firewall() {
    let story = goes(true, |lab| lab.inject(lab.master()?, Side::All, Fault::BlackHole));
    assert!(story.late < Duration::from_millis(500), "{:?}", story.late);
}

/// Everything that was said to it is acknowledged by TCP and forgotten.
#[test]
fn swallowed() {
    let story = goes(true, |lab| lab.inject(lab.master()?, Side::All, standfast_behaviour::SWALLOW));
    assert!(story.late < Duration::from_millis(500), "{:?}", story.late);
}
