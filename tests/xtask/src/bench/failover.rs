//! One fault, every client at once: all write one number every five milliseconds through the same lab, so that none has an easier failover than
//! another. This file tells the story of a run; what is installed and how it is shown, its siblings know.

use std::{
    fs,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde::Serialize;
use standfast_lab::{Lab, LabOptions, now_us};

use super::{
    BenchArgs, RESULTS,
    peers::{self, Contender},
    table,
};
use crate::{
    build,
    faces::{
        Face,
        fault::inflict,
        key,
        measure::{Life, measure},
        records::Records,
        report::{FaultKind, FaultReport, ms},
        truth::{saw, survivors},
        wait_until_ready,
    },
    guard,
    repo::Repo,
    results::{self, Section},
};

const CHANNEL: &str = "bench";
const READY: Duration = Duration::from_secs(60);
/// Undisturbed work before a fault.
const QUIET: Duration = Duration::from_secs(2);
const WRITABLE: Duration = Duration::from_secs(60);
const REPLICATING: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(20);

/// The faults, and how long after each one the clients are watched. After a planned failover Sentinel leaves the old master alone for ten seconds,
/// and a client that has not come back from a frozen master by then has its reasons.
const FAULTS: [(FaultKind, Duration); 3] = [
    (FaultKind::Kill, Duration::from_secs(12)),
    (FaultKind::Planned, Duration::from_secs(15)),
    (FaultKind::Stop, Duration::from_secs(20)),
];

/// One client and one fault.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measured {
    pub(super) fault: FaultKind,
    /// As the application saw it: an acknowledgement is an acknowledgement.
    pub(super) seen: FaultReport,
    /// From the last write before the fault that lasts to the first after it that lasts. What was acknowledged and lost is no write.
    pub(super) outage_ms: f64,
    pub(super) lag_after_writable_ms: Option<f64>,
    pub(super) recovered: bool,
    /// How long an acknowledged write took, in microseconds.
    pub(super) p50_us: i64,
    pub(super) p99_us: i64,
    /// Acknowledged writes a second, over the whole run.
    pub(super) ops_per_s: f64,
    /// Why its process ended by itself, if it did.
    pub(super) problem: Option<String>,
}

/// A client with all its measurements.
pub(super) struct Measurements {
    pub(super) contender: Contender,
    pub(super) runs: Vec<Measured>,
}

pub(super) fn run(repo: &Repo, args: &BenchArgs) -> Result<ExitCode> {
    let commit = results::commit(repo);
    let mut all: Vec<Measurements> =
        contenders(repo, args)?.into_iter().map(|contender| Measurements { contender, runs: Vec::new() }).collect();
    let lab = Lab::start(LabOptions::default())?;
    let mut writable_ms = Vec::new();
    for run in 0..args.runs {
        for (kind, watched) in FAULTS {
            println!("run {} of {}: {}", run + 1, args.runs, kind.title());
            let at_ms = once(&lab, &mut all, kind, watched, run)?;
            guard::stop_if_leaving();
            println!("  the new master took writes {at_ms:.0} ms after the fault");
            writable_ms.push((kind, at_ms));
        }
    }
    let text = table::text(&all, &writable_ms);
    println!("\n{text}");
    if let Some(path) = &args.json {
        let rows = table::rows(&all);
        let context = || path.display().to_string();
        fs::write(path, serde_json::to_string_pretty(&rows)? + "\n").with_context(context)?;
    }
    if !args.discard {
        let mut command = format!("bench failover --runs {}", args.runs);
        for (flag, given) in [(" --peers", args.peers), (" --faces", args.faces)] {
            command += if given { flag } else { "" };
        }
        let section = Section { command, commit, against: Some(format!("Redis {}", lab.version()?)), body: text };
        println!("{}", results::keep(repo, RESULTS, &section)?.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn contenders(repo: &Repo, args: &BenchArgs) -> Result<Vec<Contender>> {
    let mut spec = build::load(repo, true)?;
    spec.name = "standfast".into();
    let mut all = vec![Contender { peer: "Standfast", language: "rust", tuned: false, spec }];
    if args.faces {
        for spec in build::faces(repo, false)? {
            let language = match spec.name.as_str() {
                "python" => "python",
                "asyncio" => "python (asyncio)",
                "node" => "node",
                _ => continue,
            };
            all.push(Contender { peer: "Standfast", language, tuned: false, spec });
        }
    }
    if args.peers {
        all.extend(peers::all(repo)?);
    }
    Ok(all)
}

/// One fault for everybody; gives the milliseconds until the new master took a write.
fn once(lab: &Lab, all: &mut [Measurements], kind: FaultKind, watched: Duration, run: usize) -> Result<f64> {
    let master = lab.wait_replicating(REPLICATING)?;
    let mut faces = Vec::new();
    for Measurements { contender, .. } in &*all {
        let mut spec = contender.spec.clone();
        spec.name = format!("{}:{run}:{kind:?}", spec.name);
        faces.push(Face::start(&spec, &lab.url(), CHANNEL)?);
    }
    let ready = wait_until_ready(&mut faces, READY)?;
    thread::sleep(QUIET);
    let fault_us = inflict(lab, kind, master)?;
    let over = Instant::now() + watched;
    let writable = lab.wait_writable(WRITABLE)?;
    thread::sleep(over.saturating_duration_since(Instant::now()));

    let names: Vec<String> = faces.iter().map(|face| face.name().to_owned()).collect();
    let stopped: Vec<i64> = faces.iter_mut().map(Face::ask_to_stop).collect();
    let deadline = Instant::now() + STOP;
    let ended: Vec<_> = faces.into_iter().zip(stopped).map(|(face, us)| face.collect(us, deadline)).collect();
    let final_master = lab.heal()?;
    let fault = saw(kind, fault_us..now_us(), Some(writable.at_us), &lab.timeline());
    for (((measurements, name), ended), ready_us) in all.iter_mut().zip(names).zip(ended).zip(ready) {
        let there = survivors(lab, final_master, &key(&name))?;
        lab.connect(final_master)?.command(&["UNLINK", &key(&name)]).context("forgetting a run's numbers")?;
        let measured = |records: &Records| {
            let life = Life { ready_us, stop_us: ended.stop_us, records, survivors: &there };
            measure(&life, std::slice::from_ref(&fault), &[]).remove(0).report
        };
        let seen = measured(&ended.records);
        let mut lasting = ended.records.clone();
        lasting.writes.retain(|write| write.error.is_none() && there.contains(&write.n));
        let lasted = measured(&lasting);
        let mut took: Vec<i64> =
            ended.records.writes.iter().filter(|w| w.error.is_none()).map(|w| w.end_us - w.start_us).collect();
        took.sort_unstable();
        let quantile =
            |of: usize| took.get((took.len() * of / 100).min(took.len().saturating_sub(1))).copied().unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "nobody writes 2^52 numbers")]
        let ops_per_s = took.len() as f64 / ms(ended.stop_us - ready_us) * 1000.0;
        measurements.runs.push(Measured {
            fault: kind,
            outage_ms: lasted.outage_ms,
            lag_after_writable_ms: lasted.lag_after_writable_ms,
            recovered: lasted.recovered,
            seen,
            p50_us: quantile(50),
            p99_us: quantile(99),
            ops_per_s,
            problem: ended.problem.clone(),
        });
    }
    Ok(ms(writable.at_us - fault_us))
}
