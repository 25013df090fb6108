//! Interleaved rounds: in each one, every client of a language does the same work, one after the other, so that a machine that becomes slower becomes
//! slower for all of them.

use std::time::Duration;

use anyhow::Result;

use super::{
    clients::{Client, Language},
    program::{Answer, Cores, Program},
};
use crate::{guard, progress::Progress, repo::Repo, statistics::Spread};

/// A client, one kind of work, and what came of each round.
pub(super) struct Series {
    pub(super) client: Client,
    pub(super) version: String,
    pub(super) work: String,
    pub(super) in_flight: u32,
    pub(super) cores: Cores,
    pub(super) rounds: Vec<Answer>,
}

impl Series {
    pub(super) fn ops_per_s(&self) -> Option<Spread> {
        #[expect(clippy::cast_precision_loss, reason = "nobody does 2^52 operations")]
        Spread::of(self.rounds.iter().map(|round| round.ops as f64 / round.seconds))
    }

    /// Of the client's process, all its threads, user and system.
    pub(super) fn cpu_us(&self) -> Option<Spread> {
        #[expect(clippy::cast_precision_loss, reason = "nobody does 2^52 operations")]
        Spread::of(self.rounds.iter().map(|round| round.cpu_seconds * 1e6 / round.ops as f64))
    }

    pub(super) fn quantile(&self, of: fn(&Answer) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.rounds.iter().filter_map(of))
    }
}

/// Something that a program is asked to do for a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    /// `calls` or `threads`.
    pub(super) word: &'static str,
    pub(super) in_flight: u32,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount {
    pub(super) pairs: usize,
    /// One measurement.
    pub(super) length: Duration,
}

/// Runs the works of one language on running programs.
pub(super) fn run(
    programs: &mut [(Client, Program)],
    works: &[Work],
    amount: Amount,
    cores: Cores,
) -> Result<Vec<Series>> {
    let patience = amount.length * 20 + Duration::from_secs(30);
    let mut all = Vec::new();
    for Work { word, in_flight } in works.iter().copied() {
        let at = all.len();
        let language = programs.first().map_or("", |(client, _)| client.language.name());
        let mut progress = Progress::start(format!("{language}: {in_flight} in flight, {}", cores.name()));
        let started = std::time::Instant::now();
        let line = format!("{word} {in_flight} {}", amount.length.as_millis());
        for (client, program) in programs.iter_mut() {
            // Code, caches and links become warm.
            program.ask(&line, patience)?;
            all.push(Series {
                client: client.clone(),
                version: program.version.clone(),
                work: if word == "threads" { format!("{in_flight} threads") } else { format!("{in_flight} in flight") },
                in_flight,
                cores,
                rounds: Vec::new(),
            });
        }
        for _ in 0..amount.pairs {
            for (series, (_, program)) in all[at..].iter_mut().zip(programs.iter_mut()) {
                series.rounds.push(program.ask(&line, patience)?);
            }
            guard::stop_if_leaving();
            progress.tick(started.elapsed());
        }
        progress.finish("done", started.elapsed());
    }
    Ok(all)
}

/// Starts and connects the programs of one language.
pub(super) fn start(
    repo: &Repo,
    clients: &[Client],
    language: Language,
    cores: Cores,
    url: &str,
) -> Result<Vec<(Client, Program)>> {
    clients
        .iter()
        .filter(|client| client.language == language)
        .map(|client| {
            let mut program = Program::start(repo, client, cores)?;
            program.connect(url)?;
            Ok((client.clone(), program))
        })
        .collect()
}
