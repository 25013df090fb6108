//! Failovers of mixed kinds, one after another, against one client that writes 5 000 numbers a second and listens. This file tells the story of
//! one failover; what was seen of all of them is summed up in `summary`.
//!
//! A planned failover must lose no acknowledged write and report no error. After the other faults acknowledged writes may be gone, because Redis
//! replicates asynchronously: they are counted. Whatever happens, nothing hangs, nothing is executed twice, what was reported as certainly not
//! executed is not there, what was missed lies inside a marked gap, and the client holds no more than before.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use standfast_lab::{Lab, LabOptions, Published, now_us};

use super::{
    RESULTS, SoakArgs, plan,
    resources::Resources,
    seed,
    state::{Head, State},
    summary,
};
use crate::{
    build,
    count::Count,
    faces::{
        Face, FaceSpec,
        fault::inflict,
        key,
        measure::{Life, measure},
        records::Records,
        report::{FaultKind, FaultReport, ms},
        truth::{late, saw, survivors},
        wait_until_ready,
    },
    guard,
    repo::Repo,
    results::{self, Section},
};

const NAME: &str = "load";
const CLIENT_NAME: &str = "standfast-soak";
const CHANNEL: &str = "soak";
const WRITES_PER_SECOND: u32 = 5000;
const WRITERS: u32 = 10;
const PUBLISH_EVERY: Duration = Duration::from_millis(5);
const READY: Duration = Duration::from_secs(30);
/// Undisturbed work before a fault and after the healing.
const QUIET: Duration = Duration::from_millis(300);
/// A sentinel that distrusts its clock decides nothing for 30 seconds.
const WRITABLE: Duration = Duration::from_secs(60);
const WRITES_AGAIN: Duration = Duration::from_secs(20);
const REPLICATING: Duration = Duration::from_secs(60);
const SWITCHED: Duration = Duration::from_secs(30);
/// A planned failover is left to Sentinel alone if its number is a multiple of this: it takes ten seconds to demote the old master, which goes
/// on acknowledging all the time. All others are mended as soon as the new master is announced.
const PATIENCE: usize = 4;
/// `standfast-load` gives a write 20 s before it calls it hung.
const ROUND: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(40);
/// How many numbers are enough to recognise what they are about.
const EXAMPLES: usize = 10;
/// What a fault left behind, such as a connection that is being refused, may need this long to go.
const SETTLE: Duration = Duration::from_secs(10);

/// One failover that was lived through.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) number: usize,
    pub(super) kind: FaultKind,
    pub(super) at_us: i64,
    /// Which client this was: an interrupted soak goes on with another one.
    pub(super) session: usize,
    /// None when it could not be measured; the problems say why.
    pub(super) seen: Option<Seen>,
    pub(super) problems: Vec<String>,
}

/// The numbers of one failover.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) report: FaultReport,
    /// From the fault to the first write that the new master took.
    pub(super) writable_ms: f64,
    /// More than one when Sentinel went on by itself.
    pub(super) failovers: u64,
    /// While there was a master.
    pub(super) writes_per_second: f64,
    /// The servers' version.
    pub(super) redis: String,
    pub(super) resources: Resources,
}

pub(super) fn run(repo: &Repo, args: &SoakArgs) -> Result<Count> {
    let seed = seed(args);
    let load = build::load(repo, !args.brief)?;
    let folder = repo.output("soak")?;
    let (amount, file) = if args.brief { (plan::BRIEF.len(), "brief.jsonl") } else { (args.count, "failover.jsonl") };
    let head = Head { seed, amount: amount as u64, commit: results::commit(repo) };
    let mut state = State::<Run>::open(folder.join(file), head, args.seed.is_some(), args.fresh || args.brief)?;
    let plan = if args.brief { plan::BRIEF.to_vec() } else { plan::mixed(state.head.seed, amount) };
    println!("seed {} ({} of {amount} failovers are done)", state.head.seed, state.done.len());

    let mut session = None;
    let mut sessions = state.done.last().map_or(0, |run| run.session + 1);
    for (number, kind) in plan.into_iter().enumerate().skip(state.done.len()) {
        let mut this = match session.take() {
            Some(session) => session,
            None => {
                sessions += 1;
                Session::start(&load, &folder, sessions - 1)?
            }
        };
        let run = this.failover(number + 1, kind);
        // An interruption kills everything under our hands; what we then see is no result.
        guard::stop_if_leaving();
        println!("{}", summary::line(&run));
        // A client that was lost sight of cannot go on.
        if run.seen.is_some() {
            session = Some(this);
        }
        state.add(run)?;
    }
    if let Some(session) = session {
        session.stop()?;
    }
    let against = state.done.iter().rev().find_map(|run| Some(format!("Redis {}", run.seen.as_ref()?.redis)));
    let summary = summary::of(&state.done, state.head.seed, args.brief);
    println!("{}", summary.text);
    if !args.brief && !args.discard {
        let command = format!("soak failover --count {amount}");
        let section = Section { command, commit: state.head.commit.clone(), against, body: summary.text };
        println!("{}", results::keep(repo, RESULTS, &section)?.display());
    }
    println!("{}", state.close()?.display());
    Ok(summary.count)
}

/// A lab, and one client that lives as long.
struct Session {
    number: usize,
    lab: Lab,
    load: Face,
    folder: PathBuf,
    /// What the client writes to now.
    key: String,
    round_since_us: i64,
    /// What it held when it was warm.
    start: Option<Resources>,
}

/// What was seen of one failover, before it is measured.
struct Story {
    kind: FaultKind,
    fault_us: i64,
    writable_us: Option<i64>,
    since_us: i64,
    until_us: i64,
    records: Records,
    published: Vec<Published>,
    survivors: BTreeSet<u64>,
}

impl Session {
    fn start(load: &FaceSpec, folder: &Path, number: usize) -> Result<Self> {
        let lab = Lab::start(LabOptions { proxied: true, ..LabOptions::default() })?;
        let events = folder.join(format!("events-{number}.log"));
        let mut spec = load.clone();
        spec.command.extend([
            format!("--writes-per-second={WRITES_PER_SECOND}"),
            format!("--writers={WRITERS}"),
            format!("--events={}", events.display()),
        ]);
        let url = format!("{}?client_name={CLIENT_NAME}", lab.url());
        let mut faces = vec![Face::start(&spec, &url, CHANNEL)?];
        let ready = wait_until_ready(&mut faces, READY)?;
        let load = faces.remove(0);
        Ok(Self { number, lab, load, folder: folder.to_owned(), key: key(NAME), round_since_us: ready[0], start: None })
    }

    fn stop(mut self) -> Result<()> {
        let stop_us = self.load.ask_to_stop();
        let ended = self.load.collect(stop_us, Instant::now() + STOP);
        ended.problem.map_or(Ok(()), |problem| bail!("the client, when it was stopped: {problem}"))
    }

    /// One fault, and everything that follows from it.
    fn failover(&mut self, number: usize, kind: FaultKind) -> Run {
        let mut run = Run { number, kind, at_us: now_us(), session: self.number, seen: None, problems: Vec::new() };
        match self.live_through(number, kind) {
            Ok((story, mut problems)) => {
                run.at_us = story.fault_us;
                match self.judge(&story) {
                    Ok((seen, more)) => {
                        problems.extend(more);
                        run.seen = Some(seen);
                    }
                    Err(error) => problems.push(format!("{error:#}")),
                }
                if !problems.is_empty() {
                    problems.push(match self.keep_evidence(&run, &story) {
                        Ok(folder) => format!("evidence: target/soak/{folder}"),
                        Err(error) => format!("no evidence could be kept: {error:#}"),
                    });
                }
                run.problems = problems;
            }
            Err(error) => run.problems.push(format!("it could not be followed to its end: {error:#}")),
        }
        run
    }

    fn live_through(&mut self, number: usize, kind: FaultKind) -> Result<(Story, Vec<String>)> {
        let mut problems = Vec::new();
        let master = self.lab.wait_replicating(REPLICATING)?;
        let publisher = self.lab.publisher(CHANNEL, PUBLISH_EVERY);
        thread::sleep(QUIET);
        let fault_us = inflict(&self.lab, kind, master)?;
        let writable = self.lab.wait_writable(WRITABLE)?;
        let sets = vec![("the client".to_owned(), self.key.clone())];
        if !late(&self.lab, writable.node, sets, WRITES_AGAIN).is_empty() {
            problems.push(format!("the client did not write to the new master within {WRITES_AGAIN:?}"));
        }
        // The sentinels must know the new master before they can accept the old one back.
        self.lab.wait_entry("+switch-master", fault_us, SWITCHED)?;
        if kind == FaultKind::Planned && number.is_multiple_of(PATIENCE) {
            self.lab.wait_replicating(REPLICATING)?;
        }
        self.lab.heal()?;
        thread::sleep(QUIET);
        let published = publisher.stop();
        let last = published.iter().rev().find(|message| message.receivers.is_some()).map_or(0, |message| message.n);
        let (until_us, next) = (now_us(), format!("{}:{number}", key(NAME)));
        let records = match self.load.round(&next, last, ROUND) {
            Ok(records) => records,
            Err(what) => bail!("the client {what}"),
        };
        let old = std::mem::replace(&mut self.key, next);
        let since_us = std::mem::replace(&mut self.round_since_us, until_us);
        // A second failover may follow by itself; whoever counts before it is over counts on the wrong master.
        let final_master = self.lab.wait_replicating(REPLICATING)?;
        let survivors = survivors(&self.lab, final_master, &old)?;
        self.lab.connect(final_master)?.command(&["UNLINK", &old]).context("forgetting a round's numbers")?;
        let writable_us = Some(writable.at_us);
        Ok((Story { kind, fault_us, writable_us, since_us, until_us, records, published, survivors }, problems))
    }

    /// The numbers, and what in them must not be.
    fn judge(&mut self, story: &Story) -> Result<(Seen, Vec<String>)> {
        let Story { kind, fault_us, writable_us, since_us, until_us, records, published, survivors } = story;
        let fault = saw(*kind, *fault_us..*until_us, *writable_us, &self.lab.timeline());
        let life = Life { ready_us: *since_us, stop_us: *until_us, records, survivors };
        let [measured] = &measure(&life, std::slice::from_ref(&fault), published)[..] else {
            bail!("one fault is measured once");
        };
        let report = measured.report.clone();
        let mut problems = Vec::new();
        // What Sentinel does by itself after a planned failover is an unplanned one.
        if *kind == FaultKind::Planned && fault.failovers <= 1 {
            if report.lost > 0 {
                problems.push(format!(
                    "LOST {} acknowledged writes, such as {:?}",
                    report.lost,
                    lost(records, survivors)
                ));
            }
            if !report.errors.is_empty() {
                problems.push(format!("errors in a planned failover: {:?}", report.errors));
            }
        }
        if !report.recovered {
            problems.push("never wrote again".to_owned());
        }
        for (name, what) in
            [("Hung", "hung"), ("ExecutedTwice", "were executed twice"), ("WrongReply", "got a wrong reply")]
        {
            if let Some(count) = report.errors.get(name) {
                problems.push(format!("{count} writes {what}"));
            }
        }
        let executed = executed_all_the_same(records, survivors);
        if !executed.is_empty() {
            problems.push(format!("reported as certainly not executed, and executed: {executed:?}"));
        }
        if report.missed > report.missed_in_gaps {
            problems.push(format!("{} messages missed outside a marked gap", report.missed - report.missed_in_gaps));
        }
        let resources = match &self.start {
            Some(start) => Resources::settle(&self.lab, self.load.id(), CLIENT_NAME, start, SETTLE)?,
            None => Resources::look(&self.lab, self.load.id(), CLIENT_NAME)?,
        };
        // The memory is judged over the whole session, when chance has evened out.
        problems.extend(self.start.iter().flat_map(|start| resources.grown_over(start, f64::INFINITY)));
        self.start.get_or_insert_with(|| resources.clone());
        #[expect(clippy::cast_precision_loss, reason = "nobody writes 2^52 numbers")]
        let writes_per_second = report.acked as f64 / (ms(until_us - since_us) - report.outage_ms) * 1000.0;
        let seen = Seen {
            writes_per_second,
            writable_ms: writable_us.map_or(f64::NAN, |us| ms(us - fault_us)),
            failovers: fault.failovers,
            redis: self.lab.version()?,
            report,
            resources,
        };
        Ok((seen, problems))
    }

    /// Everything that may explain what went wrong.
    fn keep_evidence(&self, run: &Run, story: &Story) -> Result<String> {
        let name = format!("evidence/{}-run-{}", run.at_us, run.number);
        let folder = self.folder.join(&name);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let file = |name: &str| File::create(folder.join(name)).map(BufWriter::new);
        let mut timeline = file("timeline.jsonl")?;
        for entry in self.lab.timeline().iter().filter(|entry| entry.at_us >= story.since_us) {
            writeln!(timeline, "{}", serde_json::to_string(entry)?)?;
        }
        let mut writes = file("writes.txt")?;
        for write in &story.records.writes {
            let there = if story.survivors.contains(&write.n) { "there" } else { "NOT there" };
            let outcome = write.error.as_deref().unwrap_or("ok");
            writeln!(writes, "{} {} {} {outcome} {there}", write.n, write.start_us, write.end_us)?;
        }
        let mut gaps = file("subscription.txt")?;
        writeln!(gaps, "{:#?}\ndropped {}", story.records.gaps, story.records.dropped)?;
        let arrived: BTreeSet<u64> = story.records.messages.iter().map(|(n, _)| *n).collect();
        for message in story.published.iter().filter(|message| !arrived.contains(&message.n)) {
            writeln!(gaps, "missed {message:?}")?;
        }
        fs::write(folder.join("run.json"), serde_json::to_string_pretty(run)?)?;
        fs::copy(self.folder.join(format!("events-{}.log", self.number)), folder.join("events.log"))?;
        Ok(name)
    }
}

/// The first of them: all are in the evidence.
fn lost(records: &Records, survivors: &BTreeSet<u64>) -> Vec<u64> {
    let acked = records.writes.iter().filter(|write| write.error.is_none());
    acked.filter(|write| !survivors.contains(&write.n)).map(|write| write.n).take(EXAMPLES).collect()
}

/// Only `MaybeExecuted` leaves it open; every other error promises that nothing was done.
fn executed_all_the_same(records: &Records, survivors: &BTreeSet<u64>) -> Vec<(u64, String)> {
    let promised = |name: &str| !["MaybeExecuted", "Hung", "ExecutedTwice", "WrongReply"].contains(&name);
    let writes = records.writes.iter().filter(|write| survivors.contains(&write.n));
    writes.filter_map(|w| Some((w.n, w.error.clone().filter(|name| promised(name))?))).take(EXAMPLES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faces::records::Write;

    #[test]
    fn an_error_that_promises_that_nothing_was_done_is_held_to_it() {
        let write = |n, error: Option<&str>| Write { n, start_us: 0, end_us: 1, error: error.map(str::to_owned) };
        let errors = [None, Some("MaybeExecuted"), Some("Timeout"), Some("Disconnected"), None];
        let writes = (0..).zip(errors).map(|(n, error)| write(n, error)).collect();
        let records = Records { writes, ..Records::default() };
        let there = BTreeSet::from([0, 1, 2]);
        assert_eq!(executed_all_the_same(&records, &there), [(2, "Timeout".to_owned())]);
        assert_eq!(lost(&records, &there), [4]);
    }
}
