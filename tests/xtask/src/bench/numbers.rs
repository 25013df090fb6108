//! Measured series as a table for people, as rows for tools, and beside the targets that were set for them.

use serde::Serialize;

use super::{clients::Language, program::Cores, rounds::Series};
use crate::statistics::Spread;

/// One row of `--json`: the columns that all benchmarks share (`contract.md`), and those of this one.
#[derive(Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) peer: String,
    pub(super) language: &'static str,
    pub(super) in_flight: u32,
    pub(super) ops_per_s: Option<f64>,
    pub(super) cpu_us: Option<f64>,
    pub(super) p50_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
    /// Its operations a second beside those of the best peer of its language, round by round: the median.
    pub(super) ratio: Option<f64>,
    pub(super) version: String,
    pub(super) cores: &'static str,
    pub(super) ops_per_s_range: Option<[f64; 2]>,
    pub(super) cpu_us_range: Option<[f64; 2]>,
    pub(super) ratio_range: Option<[f64; 2]>,
    /// Its processor time beside that of the same peer.
    pub(super) cpu_ratio: Option<f64>,
    pub(super) rounds: usize,
}

/// All series of one language and one work on the same cores.
pub(super) struct Set<'a>(Vec<&'a Series>);

impl<'a> Set<'a> {
    /// In the order in which they were measured.
    pub(super) fn all(series: &'a [Series]) -> Vec<Set<'a>> {
        let mut sets: Vec<Set<'a>> = Vec::new();
        for one in series {
            let same = |set: &&mut Set<'a>| {
                let first = set.0[0];
                (first.client.language, &first.work, first.cores) == (one.client.language, &one.work, one.cores)
            };
            match sets.iter_mut().find(same) {
                Some(set) => set.0.push(one),
                None => sets.push(Set(vec![one])),
            }
        }
        sets
    }

    fn best(&self, of: impl Fn(&Series) -> bool) -> Option<&'a Series> {
        let median = |series: &Series| series.ops_per_s().map_or(0.0, |spread| spread.median);
        self.0.iter().copied().filter(|series| of(series)).max_by(|a, b| median(a).total_cmp(&median(b)))
    }

    fn best_peer(&self) -> Option<&'a Series> {
        self.best(|series| !series.client.ours)
    }
}

fn faster(one: &Series, than: &Series) -> Option<Spread> {
    let rate = |answer: &super::program::Answer| answer.ops as f64 / answer.seconds;
    Spread::of(one.rounds.iter().zip(&than.rounds).map(|(one, other)| rate(one) / rate(other)))
}

fn cpu_ratio(one: &Series, beside: &Series) -> Option<Spread> {
    let cpu = |answer: &super::program::Answer| answer.cpu_seconds / answer.ops as f64;
    Spread::of(one.rounds.iter().zip(&beside.rounds).map(|(one, other)| cpu(one) / cpu(other)))
}

/// The rows of a benchmark of this name.
pub(super) fn rows(bench: &str, series: &[Series]) -> Vec<Row> {
    let mut rows = Vec::new();
    for set in Set::all(series) {
        let best = set.best_peer();
        for one in &set.0 {
            let ratio = best.and_then(|best| faster(one, best));
            let range = |spread: Option<Spread>| spread.map(|spread| [spread.min, spread.max]);
            let median = |spread: Option<Spread>| spread.map(|spread| spread.median);
            rows.push(Row {
                name: format!("{bench}/{}/{}", one.cores.name(), one.work.replace(' ', "-")),
                peer: one.client.peer.clone(),
                language: one.client.language.name(),
                in_flight: one.in_flight,
                ops_per_s: median(one.ops_per_s()),
                cpu_us: median(one.cpu_us()),
                p50_us: median(one.quantile(|answer| answer.p50_us)),
                p99_us: median(one.quantile(|answer| answer.p99_us)),
                ratio: median(ratio),
                version: one.version.clone(),
                cores: one.cores.name(),
                ops_per_s_range: range(one.ops_per_s()),
                cpu_us_range: range(one.cpu_us()),
                ratio_range: range(ratio),
                cpu_ratio: best.and_then(|best| median(cpu_ratio(one, best))),
                rounds: one.rounds.len(),
            });
        }
    }
    rows
}

/// The tables: one for each choice of cores.
pub(super) fn text(series: &[Series], unit: &str, latency: bool) -> String {
    let mut text = String::new();
    for cores in Cores::ALL {
        let sets: Vec<Set<'_>> =
            Set::all(series).into_iter().filter(|set| set.0.first().is_some_and(|one| one.cores == cores)).collect();
        if sets.is_empty() {
            continue;
        }
        let more = if latency { " p50 µs | p99 µs |" } else { "" };
        text += &format!("**{}**\n\n| | client | {unit}/s |{more} CPU µs | × best peer | CPU × |\n", cores.title());
        text += &format!("|---|---|---|{}---|---|---|\n", if latency { "---|---|" } else { "" });
        for set in &sets {
            let best = set.best_peer();
            for one in &set.0 {
                let quantiles = if latency {
                    let quantile = |of| one.quantile(of).map_or_else(|| "–".into(), |spread| precise(&spread, 1));
                    format!(" {} | {} |", quantile(|answer| answer.p50_us), quantile(|answer| answer.p99_us))
                } else {
                    String::new()
                };
                let against = |of: fn(&Series, &Series) -> Option<Spread>| {
                    best.filter(|best| !std::ptr::eq(*best, *one)).and_then(|best| of(one, best)).map_or_else(
                        || if best.is_some() { "1".to_owned() } else { "–".to_owned() },
                        |spread| precise(&spread, 2),
                    )
                };
                let name = if one.client.ours { format!("**{}**", one.client.peer) } else { one.client.peer.clone() };
                text += &format!(
                    "| {}, {} | {name} | {} |{quantiles} {} | {} | {} |\n",
                    one.client.language.name(),
                    one.work,
                    one.ops_per_s().map_or_else(|| "–".into(), |spread| thousands(&spread)),
                    one.cpu_us().map_or_else(|| "–".into(), |spread| precise(&spread, 2)),
                    against(faster),
                    against(cpu_ratio),
                );
            }
        }
        text += "\n";
    }
    text
}

/// Thousands, with the range.
fn thousands(spread: &Spread) -> String {
    let Spread { median, min, max } = spread;
    format!("{:.1} k ({:.1} … {:.1})", median / 1e3, min / 1e3, max / 1e3)
}

pub(super) fn precise(spread: &Spread, digits: usize) -> String {
    let Spread { median, min, max } = spread;
    format!("{median:.digits$} ({min:.digits$} … {max:.digits$})")
}

/// What is compared with a bound.
#[derive(Clone, Copy, Debug)]
pub(super) enum Measure {
    /// Our operations a second, divided by theirs: at least.
    Speed,
    /// Our processor time, divided by theirs: at most.
    Cpu,
}

/// What issue 5 or 6 asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) language: Language,
    pub(super) work: &'static str,
    pub(super) cores: Cores,
    /// Whom with; the best one where it is not said.
    pub(super) peer: Option<&'static str>,
    pub(super) measure: Measure,
    pub(super) bound: f64,
}

/// How many targets were met, and each of them in a line.
pub(super) fn judged(series: &[Series], targets: &[Target]) -> String {
    let sets = Set::all(series);
    let mut lines = Vec::new();
    for target in targets {
        let of_target = |set: &&Set<'_>| {
            let first = set.0[0];
            (first.client.language, first.work.as_str(), first.cores) == (target.language, target.work, target.cores)
        };
        let Some(set) = sets.iter().find(of_target) else { continue };
        let ours = set.best(|one| one.client.ours);
        let theirs = match target.peer {
            None => set.best_peer(),
            Some(name) => set.best(|one| one.client.peer == name),
        };
        let (Some(ours), Some(theirs)) = (ours, theirs) else { continue };
        let (what, is, met, sign) = match target.measure {
            Measure::Speed => {
                let is = faster(ours, theirs).map_or(0.0, |spread| spread.median);
                ("speed", is, is >= target.bound, "≥")
            }
            Measure::Cpu => {
                let is = cpu_ratio(ours, theirs).map_or(f64::INFINITY, |spread| spread.median);
                ("CPU", is, is <= target.bound, "≤")
            }
        };
        lines.push(format!(
            "| {}, {}, {} | {what} of {} beside {} | {sign} {:.2} | {is:.2} | {} |",
            target.language.name(),
            target.work,
            target.cores.name(),
            ours.client.peer,
            theirs.client.peer,
            target.bound,
            if met { "met" } else { "**missed**" },
        ));
    }
    if lines.is_empty() {
        return String::new();
    }
    format!(
        "**Targets** (medians of the ratios round by round)\n\n| | what | target | measured | |\n|---|---|---|---|---|\n{}\n",
        lines.join("\n")
    )
}
