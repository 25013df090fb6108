//! What a soak of failovers came to: a line for each while it runs, a table by kind of fault at the end, and what the client held.

use std::collections::BTreeMap;

use super::{
    failover::{Run, Seen},
    resources::Resources,
};
use crate::{count::Count, faces::report::FaultKind, statistics::Spread};

/// The first failovers of a session touch code and fill buffers for the first time, such as the ring of 1 024 events: what the client holds is
/// compared from here on, or in a short session from its tenth part on.
const WARM: usize = 100;
/// Fewer failovers say nothing about memory.
const ENOUGH: usize = 20;
/// How much more memory may be resident at the end than when the client was warm.
const MEMORY: f64 = 1.05;

/// The whole soak, told and counted.
pub(super) struct Summary {
    pub(super) text: String,
    pub(super) count: Count,
}

/// One run, for people who watch.
pub(super) fn line(run: &Run) -> String {
    let head = format!("{:>5} {:<8}", run.number, word(run.kind));
    let mut text = match &run.seen {
        None => head,
        Some(Seen { report, writable_ms, failovers, resources, .. }) => format!(
            "{head} writable {writable_ms:>5.0} ms, we {:>+5.0} ms, outage {:>5.0}, hold {:>5.0}; acked {:>6}, lost {}, errors {}, missed {} in {} gaps; \
             {} fds, {} threads, {} KiB{}",
            report.lag_after_writable_ms.unwrap_or(f64::NAN),
            report.outage_ms,
            report.hold_ms,
            report.acked,
            report.lost,
            errors(&report.errors),
            report.missed,
            report.gaps,
            resources.descriptors,
            resources.threads,
            resources.rss_kib,
            if *failovers > 1 { format!("; {failovers} failovers, Sentinel went on by itself") } else { String::new() },
        ),
    };
    for problem in &run.problems {
        text += &format!("\n      FAILED run {} ({}): {problem}", run.number, word(run.kind));
    }
    text
}

/// All runs. Each counts as passed or failed, and so does what each session's client held at its end, unless there were too few runs to say.
pub(super) fn of(runs: &[Run], seed: u64, brief: bool) -> Summary {
    let failed: Vec<&Run> = runs.iter().filter(|run| !run.problems.is_empty()).collect();
    let mut count = Count { passed: (runs.len() - failed.len()) as u64, failed: failed.len() as u64 };
    let mut text = format!("{} failovers, seed {seed}.\n\n", runs.len());
    text += "| fault | runs | writable after ms | we write after writable ms | outage ms | longest write ms | acked | writes/s | lost (runs) | errors | missed (outside gaps) | went on by itself |\n";
    text += "|---|---|---|---|---|---|---|---|---|---|---|---|\n";
    for kind in [FaultKind::Planned, FaultKind::Kill, FaultKind::Stop, FaultKind::Swallow] {
        let seen: Vec<&Seen> = runs.iter().filter(|run| run.kind == kind).filter_map(|run| run.seen.as_ref()).collect();
        if !seen.is_empty() {
            text += &row(kind, &seen);
        }
    }
    text += "\nMilliseconds: median (least … most).\n";
    if !brief {
        let sessions: BTreeMap<usize, Vec<&Seen>> = runs.iter().fold(BTreeMap::new(), |mut all, run| {
            all.entry(run.session).or_default().extend(&run.seen);
            all
        });
        for (number, seen) in sessions {
            if let [.., last] = &seen[..]
                && let warm_at = WARM.min(seen.len() / 10)
                && seen.len() >= ENOUGH
            {
                let warm = seen[warm_at];
                let grown = last.resources.grown_over(&warm.resources, MEMORY);
                count += Count { passed: u64::from(grown.is_empty()), failed: u64::from(!grown.is_empty()) };
                text += &held(number, [warm_at + 1, seen.len()], &warm.resources, &last.resources, &grown);
            }
        }
    }
    for run in failed {
        text += &format!("\n- FAILED run {} ({}): {}", run.number, word(run.kind), run.problems.join("; "));
    }
    Summary { text, count }
}

fn row(kind: FaultKind, seen: &[&Seen]) -> String {
    let spread = |of: fn(&Seen) -> Option<f64>| Spread::text(seen.iter().filter_map(|seen| of(seen)));
    let sum = |of: fn(&Seen) -> u64| seen.iter().map(|seen| of(seen)).sum::<u64>();
    let mut all_errors = BTreeMap::new();
    for (name, count) in seen.iter().flat_map(|seen| &seen.report.errors) {
        *all_errors.entry(name.clone()).or_default() += *count;
    }
    let losing = seen.iter().filter(|seen| seen.report.lost > 0).count();
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} ({losing}) | {} | {} ({}) | {} |\n",
        word(kind),
        seen.len(),
        spread(|seen| Some(seen.writable_ms)),
        spread(|seen| seen.report.lag_after_writable_ms),
        spread(|seen| Some(seen.report.outage_ms)),
        spread(|seen| Some(seen.report.hold_ms)),
        sum(|seen| seen.report.acked),
        spread(|seen| Some(seen.writes_per_second)),
        sum(|seen| seen.report.lost),
        errors(&all_errors),
        sum(|seen| seen.report.missed),
        sum(|seen| seen.report.missed - seen.report.missed_in_gaps),
        seen.iter().filter(|seen| seen.failovers > 1).count(),
    )
}

fn held(session: usize, [first, runs]: [usize; 2], warm: &Resources, last: &Resources, grown: &[String]) -> String {
    let at = |r: &Resources| {
        let Resources { descriptors, threads, rss_kib, at_sentinels, connected_clients } = r;
        format!(
            "{descriptors} descriptors, {threads} threads, {rss_kib} KiB, {at_sentinels:?} links of its own at the sentinels, {connected_clients:?} of everybody"
        )
    };
    let verdict = if grown.is_empty() { String::new() } else { format!(" FAILED: {}.", grown.join("; ")) };
    format!(
        "\nClient {} held, after {} failovers: {}; after {runs}: {}.{verdict}\n",
        session + 1,
        first,
        at(warm),
        at(last),
    )
}

fn errors(errors: &BTreeMap<String, u64>) -> String {
    let words: Vec<String> = errors.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if words.is_empty() { "0".to_owned() } else { words.join(", ") }
}

fn word(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Planned => "planned",
        FaultKind::Kill => "kill -9",
        FaultKind::Stop => "SIGSTOP",
        FaultKind::Swallow => "swallow",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faces::report::FaultReport;

    fn run(number: usize, rss_kib: u64, lost: u64) -> Run {
        let report = FaultReport {
            fault: FaultKind::Planned,
            outage_ms: 70.0,
            switch_ms: 70.0,
            lag_after_writable_ms: Some(4.0),
            hold_ms: 71.0,
            recovered: true,
            acked: 1000,
            lost,
            errors: BTreeMap::new(),
            missed: 3,
            missed_in_gaps: 3,
            gaps: 1,
        };
        let resources = Resources {
            descriptors: 24,
            threads: 10,
            rss_kib,
            at_sentinels: vec![1; 3],
            connected_clients: vec![5; 3],
        };
        let seen = Seen {
            report,
            writable_ms: 170.0,
            failovers: 1,
            writes_per_second: 5000.0,
            redis: "7.0.15".into(),
            resources,
        };
        let problems = if lost > 0 { vec![format!("LOST {lost}")] } else { Vec::new() };
        Run { number, kind: FaultKind::Planned, at_us: 0, session: 0, seen: Some(seen), problems }
    }

    #[test]
    fn a_failure_says_which_run_lost_what() {
        let runs = [run(1, 10_000, 0), run(2, 10_000, 7)];
        assert!(line(&runs[1]).contains("FAILED run 2 (planned): LOST 7"), "{}", line(&runs[1]));
        let Summary { text, count } = of(&runs, 1, true);
        assert_eq!((count.passed, count.failed), (1, 1));
        assert!(text.contains("- FAILED run 2 (planned): LOST 7"), "{text}");
        assert!(text.contains("| planned | 2 | 170 | 4 | 70 | 71 | 2000 | 5000 | 7 (1) | 0 | 6 (0) | 0 |"), "{text}");
    }

    #[test]
    fn memory_that_grows_fails_the_session_and_no_run() {
        let runs = |growth: u64| (0..ENOUGH).map(|at| run(at + 1, 10_000 + at as u64 * growth, 0)).collect::<Vec<_>>();
        let Count { passed, failed } = of(&runs(0), 1, false).count;
        assert_eq!((passed, failed), (ENOUGH as u64 + 1, 0));
        let Summary { text, count } = of(&runs(100), 1, false);
        assert_eq!((count.passed, count.failed), (ENOUGH as u64, 1));
        assert!(text.contains("FAILED: resident memory"), "{text}");
        assert_eq!(of(&runs(100), 1, true).count.failed, 0, "a brief one does not say");
    }
}
