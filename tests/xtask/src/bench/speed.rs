//! `latency` and `throughput`: the same work for every client of a language, on one core and free, in interleaved rounds.

use std::{process::ExitCode, time::Duration};

use anyhow::Result;

use super::{
    BenchArgs,
    clients::{self, Language},
    instructions,
    numbers::{self, Measure, Target},
    program::Cores,
    rounds::{self, Series, Work},
    server::Server,
};
use crate::repo::Repo;

const ALONE: Work = Work { word: "calls", in_flight: 1 };
const MANY: [Work; 2] = [Work { word: "calls", in_flight: 64 }, Work { word: "calls", in_flight: 512 }];
const THREADS: Work = Work { word: "threads", in_flight: 8 };

/// One call at a time: how long it takes, and what it costs.
pub(super) fn latency(repo: &Repo, args: &BenchArgs) -> Result<ExitCode> {
    let series = measure(repo, args, |_| vec![ALONE])?;
    let mut text = preamble(args, "GET and SET of 100 bytes in turns, one at a time.");
    text += &numbers::text(&series.0, "ops", true);
    text += &numbers::judged(&series.0, &targets());
    if args.only.is_empty() || args.only.iter().any(|word| word == "rust") {
        text += &instructions::sentinel_beside_direct(repo, args.quick)?;
    }
    super::finish(repo, args, &series.1, &text, &numbers::rows("latency", &series.0))
}

/// Many calls at a time.
pub(super) fn throughput(repo: &Repo, args: &BenchArgs) -> Result<ExitCode> {
    let series = measure(repo, args, |language| match language {
        Language::RustBlocking => vec![ALONE],
        Language::Python => vec![ALONE, THREADS],
        _ => [&[ALONE][..], &MANY].concat(),
    })?;
    let mut text = preamble(args, "GET and SET of 100 bytes in turns by everyone in flight.");
    text += &numbers::text(&series.0, "ops", false);
    text += &numbers::judged(&series.0, &targets());
    super::finish(repo, args, &series.1, &text, &numbers::rows("throughput", &series.0))
}

fn preamble(args: &BenchArgs, work: &str) -> String {
    let amount = args.amount();
    format!(
        "{work} {} interleaved rounds of {} ms each: median (least … most). CPU is that of the client's process, user and system, for one operation. \
         Everything is a release build. *× best peer*: operations a second beside the fastest peer of the language, round by round; *CPU ×*: \
         the processor time beside that peer's.\n\n",
        amount.pairs,
        amount.length.as_millis()
    )
}

fn measure(repo: &Repo, args: &BenchArgs, works: impl Fn(Language) -> Vec<Work>) -> Result<(Vec<Series>, String)> {
    let languages = Language::chosen(&args.only);
    let clients = clients::all(repo, &languages, args.peers)?;
    let mut server = Server::start()?;
    let mut all = Vec::new();
    for cores in Cores::ALL {
        server.runs_on(cores)?;
        for language in languages.iter().copied() {
            let mut programs = rounds::start(repo, &clients, language, cores, &server.url())?;
            all.extend(rounds::run(&mut programs, &works(language), args.amount(), cores)?);
        }
    }
    Ok((all, server.version()?))
}

/// The table of issue 5. What is said of one core is measured on one, everything else free.
fn targets() -> Vec<Target> {
    use Language::{Asyncio, C, Node, Python, RustBlocking, RustCurrent, RustMulti};
    let one = |language, peer, measure, bound| Target {
        language,
        work: "1 in flight",
        cores: Cores::One,
        peer,
        measure,
        bound,
    };
    let many =
        |language, work, peer, measure, bound| Target { language, work, cores: Cores::Free, peer, measure, bound };
    vec![
        one(RustMulti, None, Measure::Speed, 1.0),
        many(RustMulti, "64 in flight", None, Measure::Speed, 1.0),
        many(RustMulti, "512 in flight", None, Measure::Speed, 1.0),
        one(RustCurrent, None, Measure::Speed, 1.0),
        many(RustCurrent, "64 in flight", None, Measure::Speed, 1.0),
        many(RustCurrent, "512 in flight", None, Measure::Speed, 1.0),
        // A time of at most 1.10.
        one(RustBlocking, Some("hiredis"), Measure::Speed, 1.0 / 1.10),
        one(C, Some("hiredis"), Measure::Speed, 1.0 / 1.10),
        // At least 0.8 of its operations for each second of processor time.
        many(C, "64 in flight", Some("hiredis"), Measure::Cpu, 1.25),
        many(C, "512 in flight", Some("hiredis"), Measure::Cpu, 1.25),
        one(Python, Some("redis-py + hiredis"), Measure::Speed, 2.5),
        one(Python, Some("redis-py + hiredis"), Measure::Cpu, 0.3),
        many(Python, "8 threads", Some("redis-py + hiredis"), Measure::Speed, 6.0),
        many(Python, "8 threads", Some("GLIDE"), Measure::Speed, 3.5),
        one(Asyncio, None, Measure::Speed, 2.5),
        many(Asyncio, "64 in flight", None, Measure::Speed, 4.0),
        many(Asyncio, "512 in flight", None, Measure::Speed, 8.0),
        many(Asyncio, "512 in flight", None, Measure::Cpu, 0.1),
        one(Node, None, Measure::Speed, 1.5),
        many(Node, "64 in flight", None, Measure::Speed, 1.7),
        many(Node, "512 in flight", None, Measure::Speed, 3.0),
        many(Node, "512 in flight", None, Measure::Cpu, 0.35),
    ]
}

impl BenchArgs {
    /// How much one benchmark of speed measures.
    pub(super) fn amount(&self) -> rounds::Amount {
        let pairs = self.pairs.unwrap_or(if self.quick { 3 } else { 15 });
        rounds::Amount { pairs, length: Duration::from_millis(if self.quick { 50 } else { self.ms }) }
    }
}
