//! A demo face in a planned failover and in the death of the master: it must record what was true. The face may be in any
//! language; what it prints is compared with what the servers have and with what the publisher did.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value as Json;
use standfast_lab::{Lab, LabOptions, Published, now_us};

const PATIENCE: Duration = Duration::from_secs(30);
const CHANNEL: &str = "test:failover";

/// What a face recorded.
#[derive(Debug, Default)]
struct Records {
    /// Number, start, end, outcome.
    written: Vec<(u64, i64, i64, String)>,
    received: BTreeSet<u64>,
    /// Since, until.
    gaps: Vec<(i64, i64)>,
    dropped: u64,
    done: bool,
}

/// Run a face (`command` with the URL, the name and the channel still to come) and break its master twice.
pub(crate) fn follow(name: &str, mut command: Command) {
    let lab = Lab::start(LabOptions::default()).expect("the lab starts");
    let mut face = command
        .args([&lab.url(), name, CHANNEL])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut output = BufReader::new(face.stdout.take().expect("piped"));
    let mut line = String::new();
    output.read_line(&mut line).expect("the face speaks");
    assert_eq!(line.trim(), r#"{"ready":true}"#);

    let publisher = lab.publisher(CHANNEL, Duration::from_millis(5));
    wait_for_writes(&lab, name, 50);
    let planned_at = lab.planned_failover().expect("a planned failover");
    let planned = lab.wait_writable(PATIENCE).expect("the failover ends");
    // Sentinel takes ten seconds and more to tell the old master; what the face does meanwhile is the same all the time.
    lab.heal().expect("every node follows the new master");
    wait_for_writes(&lab, name, 50);
    let killed_at = lab.kill(lab.master().expect("a master")).expect("a kill");
    let killed = lab.wait_writable(PATIENCE).expect("the failover ends");
    lab.wait_entry("+switch-master", killed_at, PATIENCE).expect("the sentinels agree");
    wait_for_writes(&lab, name, 50);
    let log = publisher.stop();

    let mut input = face.stdin.take().expect("piped");
    writeln!(input, "stop").expect("the face listens");
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("the face speaks UTF-8");
    let status = face.wait().expect("the face ends");
    assert!(status.success(), "{name}: {status}");

    let records = Records::read(&rest);
    println!(
        "{name}: planned failover: writable after {} ms, {}; kill: writable after {} ms, {}",
        (planned.at_us - planned_at) / 1000,
        records.outage(planned_at, killed_at),
        (killed.at_us - killed_at) / 1000,
        records.outage(killed_at, now_us()),
    );
    records.check_writes(&lab, name, killed_at, killed.at_us);
    records.check_messages(&log, killed.at_us);
}

/// Wait until the master has this many more numbers of the face than now: the face is alive and writes.
fn wait_for_writes(lab: &Lab, name: &str, more: usize) {
    let limit = std::time::Instant::now() + PATIENCE;
    let count = || {
        lab.master()
            .and_then(|master| lab.connect(master))
            .ok()
            .and_then(|mut raw| raw.command(&["SCARD", &format!("demo:{name}")]).ok())
            .and_then(|reply| reply.text().parse::<usize>().ok())
    };
    let mut wanted = None;
    loop {
        if let Some(now) = count() {
            let wanted = *wanted.get_or_insert(now + more);
            if now >= wanted {
                return;
            }
        }
        assert!(std::time::Instant::now() < limit, "{name} does not write any more");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Records {
    fn read(text: &str) -> Records {
        let mut records = Records::default();
        for line in text.lines() {
            let json: Json = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            if json.get("done").is_some() {
                records.done = true;
                continue;
            }
            assert!(!records.done, "a record after the last line: {line}");
            let number = |at: usize| json[at].as_i64().unwrap_or_else(|| panic!("{line}: no number at {at}"));
            match json[0].as_str() {
                Some("w") => {
                    let outcome = json[4].as_str().unwrap_or_else(|| panic!("{line}: no outcome")).to_owned();
                    records.written.push((number(1) as u64, number(2), number(3), outcome));
                }
                Some("m") => {
                    assert!(records.received.insert(number(1) as u64), "message {} came twice", number(1));
                }
                Some("g") => records.gaps.push((number(1), number(2))),
                Some("d") => records.dropped += number(1) as u64,
                _ => panic!("an unknown record: {line}"),
            }
        }
        assert!(records.done, "the face did not finish its records");
        records
    }

    /// The longest time between two acknowledged writes after this moment.
    fn outage(&self, from: i64, to: i64) -> String {
        let ends: Vec<i64> =
            self.written.iter().filter(|write| write.3 == "ok").map(|write| write.2).filter(|end| *end < to).collect();
        let longest = ends.windows(2).filter(|pair| pair[1] > from).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        let errors: Vec<&str> = self
            .written
            .iter()
            .filter(|write| write.3 != "ok" && write.2 > from && write.2 < to)
            .map(|write| write.3.as_str())
            .collect();
        format!("outage {} ms, errors {errors:?}", longest / 1000)
    }

    fn check_writes(&self, lab: &Lab, name: &str, killed_at: i64, writable_at: i64) {
        for (at, write) in self.written.iter().enumerate() {
            assert_eq!(write.0, at as u64, "numbers are written one after the other");
        }
        let acknowledged = || self.written.iter().filter(|write| write.3 == "ok");
        assert!(acknowledged().any(|write| write.1 > writable_at), "{name} never wrote to the last master");

        let master = lab.master().expect("a master");
        let reply = lab.connect(master).expect("a connection").command(&["SMEMBERS", &format!("demo:{name}")]);
        let present: BTreeSet<u64> =
            reply.expect("the master answers").items().iter().filter_map(|item| item.text().parse().ok()).collect();
        // Replication is asynchronous: what the master acknowledged in its last moments died with it. Nothing else may be
        // missing, and in particular nothing around the planned failover.
        let lost: Vec<_> = acknowledged().filter(|write| !present.contains(&write.0)).collect();
        let unexplained: Vec<_> =
            lost.iter().filter(|write| write.2 < killed_at - 1_000_000 || write.1 > killed_at).collect();
        assert!(
            unexplained.is_empty(),
            "{name}: acknowledged and lost, not in the master's last second: {unexplained:?}"
        );
        println!("{name}: {} acknowledged, {} lost with the killed master", acknowledged().count(), lost.len());
    }

    fn check_messages(&self, log: &[Published], writable_at: i64) {
        let last = self.received.last().copied().expect("messages came");
        assert!(
            log.iter().any(|message| message.at_us > writable_at && self.received.contains(&message.n)),
            "no message came from the last master"
        );
        let first = self.received.first().copied().expect("messages came");
        let missed: Vec<&Published> = log
            .iter()
            .filter(|message| message.receivers.is_some() && (first..=last).contains(&message.n))
            .filter(|message| !self.received.contains(&message.n))
            .collect();
        let silent: Vec<_> = missed
            .iter()
            .filter(|message| {
                !self.gaps.iter().any(|(since, until)| message.done_us >= *since && message.at_us <= *until)
            })
            .collect();
        println!("missed {} messages in gaps {:?}, dropped {}", missed.len(), self.gaps, self.dropped);
        assert!(silent.is_empty(), "missed outside of every gap {:?}: {silent:?}", self.gaps);
        assert_eq!(self.dropped, 0);
    }
}
