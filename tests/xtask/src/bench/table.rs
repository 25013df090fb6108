//! The measurements as a table for people, a block a fault, and as rows for tools.

use std::collections::BTreeMap;

use serde::Serialize;

use super::failover::{Measured, Measurements};
use crate::{faces::report::FaultKind, statistics::Spread};

/// One row: the columns that all benchmarks share, and this one's own.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    /// `failover/kill`, ...
    name: String,
    peer: &'a str,
    language: &'a str,
    tuned: bool,
    in_flight: u32,
    ops_per_s: f64,
    /// Not measured here.
    cpu_us: Option<f64>,
    p50_us: i64,
    p99_us: i64,
    /// Its median outage divided by ours; null when it never came back.
    ratio: Option<f64>,
    fault: FaultKind,
    outage_ms: Option<f64>,
    lag_after_writable_ms: Option<f64>,
    hold_ms: Option<f64>,
    acked: u64,
    lost: u64,
    errors: BTreeMap<String, u64>,
    never_back: usize,
    runs: Vec<&'a Measured>,
}

const KINDS: [FaultKind; 3] = [FaultKind::Kill, FaultKind::Planned, FaultKind::Stop];

/// The tables.
pub(super) fn text(all: &[Measurements], writable_ms: &[(FaultKind, f64)]) -> String {
    let mut text = "Each client writes one number every 5 ms; all of them at once, through the same faults. *Outage*: from the last write before the fault \
        that lasts to the first one after it that lasts; what was acknowledged and lost does not count. *Longest write*: of the acknowledged ones, how long the \
        slowest took. Milliseconds: median (least … most).\n"
        .to_owned();
    for kind in KINDS {
        let writable = Spread::text(writable_ms.iter().filter(|(of, _)| *of == kind).map(|(_, ms)| *ms));
        text += &format!("\n**{}**; the new master took writes after {writable} ms\n\n", kind.title());
        text += "| client | outage | after writable | longest write | acked | acked and lost | errors | never back |\n";
        text += "|---|---|---|---|---|---|---|---|\n";
        for Measurements { contender, runs } in all {
            let runs: Vec<&Measured> = runs.iter().filter(|run| run.fault == kind).collect();
            let back = || runs.iter().filter(|run| run.recovered);
            let tuned = if contender.tuned { ", tuned" } else { "" };
            text += &format!(
                "| {} ({}{tuned}) | {} | {} | {} | {} | {} | {} | {} of {} |\n",
                contender.peer,
                contender.language,
                Spread::text(back().map(|run| run.outage_ms)),
                Spread::text(back().filter_map(|run| run.lag_after_writable_ms)),
                Spread::text(runs.iter().map(|run| run.seen.hold_ms)),
                sum(&runs, |run| run.seen.acked),
                sum(&runs, |run| run.seen.lost),
                words(&errors(&runs)),
                runs.len() - back().count(),
                runs.len(),
            );
        }
    }
    for Measurements { contender, runs } in all {
        for problem in runs.iter().filter_map(|run| run.problem.as_ref()) {
            text += &format!("\n- {}: {}\n", contender.spec.name, problem.replace('\n', " "));
        }
    }
    text
}

/// The rows.
pub(super) fn rows(all: &[Measurements]) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for kind in KINDS {
        let of_kind = |m: &'_ Measurements| m.runs.iter().filter(|run| run.fault == kind).count();
        let outage = |runs: &[&Measured]| {
            Spread::of(runs.iter().filter(|run| run.recovered).map(|run| run.outage_ms)).map(|spread| spread.median)
        };
        let ours = all
            .first()
            .and_then(|first| outage(&first.runs.iter().filter(|run| run.fault == kind).collect::<Vec<_>>()));
        for measurements in all.iter().filter(|m| of_kind(m) > 0) {
            let contender = &measurements.contender;
            let runs: Vec<&Measured> = measurements.runs.iter().filter(|run| run.fault == kind).collect();
            let median =
                |of: fn(&Measured) -> Option<f64>| Spread::of(runs.iter().filter_map(|run| of(run))).map(|s| s.median);
            let middle = |of: fn(&Measured) -> i64| {
                let mut values: Vec<i64> = runs.iter().map(|run| of(run)).collect();
                values.sort_unstable();
                values[values.len() / 2]
            };
            let outage_ms = outage(&runs);
            rows.push(Row {
                name: format!(
                    "failover/{}",
                    serde_json::to_value(kind).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
                ),
                peer: contender.peer,
                language: contender.language,
                tuned: contender.tuned,
                in_flight: 1,
                ops_per_s: median(|run| Some(run.ops_per_s)).unwrap_or(0.0),
                cpu_us: None,
                p50_us: middle(|run| run.p50_us),
                p99_us: middle(|run| run.p99_us),
                ratio: outage_ms.zip(ours).map(|(theirs, ours)| theirs / ours),
                fault: kind,
                outage_ms,
                lag_after_writable_ms: median(|run| run.lag_after_writable_ms),
                hold_ms: median(|run| Some(run.seen.hold_ms)),
                acked: sum(&runs, |run| run.seen.acked),
                lost: sum(&runs, |run| run.seen.lost),
                errors: errors(&runs),
                never_back: runs.iter().filter(|run| !run.recovered).count(),
                runs,
            });
        }
    }
    rows
}

fn sum(runs: &[&Measured], of: fn(&Measured) -> u64) -> u64 {
    runs.iter().map(|run| of(run)).sum()
}

fn errors(runs: &[&Measured]) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for (name, count) in runs.iter().flat_map(|run| &run.seen.errors) {
        *all.entry(name.clone()).or_default() += *count;
    }
    all
}

fn words(errors: &BTreeMap<String, u64>) -> String {
    let words: Vec<String> = errors.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if words.is_empty() { "–".to_owned() } else { words.join(", ") }
}
