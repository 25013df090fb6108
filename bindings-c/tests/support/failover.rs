//! A demo face in a planned failover and in the death of the master: it must record what was true. The face may be in any
//! language; what it prints is compared with what the servers have and with what the publisher did.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
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
    // Sentinel takes ten seconds and more until it tells the old master and ends our link to it. The lab's `heal` is quicker,
    // but leaves the link.
    lab.wait_replicating(3 * PATIENCE).expect("every node follows the new master");
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

/// Wait until every node that runs has this many more numbers of the face than it had: the face is alive and writes, and a
/// failover finds no replica that is behind. (Right after the start a replica may be online and yet have nothing.)
fn wait_for_writes(lab: &Lab, name: &str, more: usize) {
    let limit = std::time::Instant::now() + PATIENCE;
    let mut wanted: Vec<_> =
        lab.node_addrs().iter().filter_map(|node| Some((*node, count(lab, *node, name)? + more))).collect();
    assert!(!wanted.is_empty(), "no node runs");
    loop {
        wanted.retain(|(node, wanted)| count(lab, *node, name).is_some_and(|now| now < *wanted));
        if wanted.is_empty() {
            return;
        }
        assert!(std::time::Instant::now() < limit, "{name} does not write any more: {wanted:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How many numbers of the face this node has; none when it is dead.
fn count(lab: &Lab, node: SocketAddr, name: &str) -> Option<usize> {
    let reply = lab.connect(node).ok()?.command(&["SCARD", &format!("demo:{name}")]).ok()?;
    reply.text().parse().ok()
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
