//! `pubsub`: how fast messages are taken from a server that has them all. The server makes them in a script, during which it sends nothing; then it
//! writes as fast as they are read, so that the reader is what is measured.

use std::{process::ExitCode, time::Duration};

use anyhow::{Result, ensure};

use super::{
    BenchArgs,
    clients::{self, Client, Language},
    numbers::{self, Measure, Target},
    program::{Cores, Program},
    rounds::{self, Series},
    server::Server,
};
use crate::{guard, progress::Progress, repo::Repo};

const PATIENCE: Duration = Duration::from_secs(60);
/// Rounds are to take about so long.
const LENGTH: f64 = 0.25;

pub(super) fn run(repo: &Repo, args: &BenchArgs) -> Result<ExitCode> {
    // One call at a time says nothing about messages: Rust's threads read the same queue.
    let mut languages = Language::chosen(&args.only);
    languages.retain(|language| *language != Language::RustBlocking);
    let clients = clients::all(repo, &languages, args.peers)?;
    let mut server = Server::start()?;
    let mut all = Vec::new();
    for cores in [Cores::Free] {
        server.runs_on(cores)?;
        for language in languages.iter().copied() {
            let mut programs = rounds::start(repo, &clients, language, cores, &server.url())?;
            all.extend(receive(&mut server, &mut programs, args, cores)?);
        }
    }
    let mut text = format!(
        "Messages of 64 bytes, made by the server in one go and read as fast as the client can; {} interleaved rounds of about {} s: median (least … most). \
         CPU is that of the client's process, user and system, for one message. Everything is a release build; bounds and gap marks are in place.\n\n",
        args.amount().pairs,
        LENGTH
    );
    text += &numbers::text(&all, "messages", false);
    text += &numbers::judged(&all, &targets());
    super::finish(repo, args, &server.version()?, &text, &numbers::rows("pubsub", &all))
}

fn receive(
    server: &mut Server,
    programs: &mut [(Client, Program)],
    args: &BenchArgs,
    cores: Cores,
) -> Result<Vec<Series>> {
    let language = programs.first().map_or("", |(client, _)| client.language.name());
    let mut progress = Progress::start(format!("{language}: messages, {}", cores.name()));
    let started = std::time::Instant::now();
    let mut all = Vec::new();
    for (at, (client, program)) in programs.iter_mut().enumerate() {
        let channel = format!("bench:{at}");
        ensure!(
            program.ask(&format!("subscribe {channel}"), PATIENCE)?.subscribed,
            "{} did not subscribe",
            client.name()
        );
        // How many it takes in a round is found out while everything becomes warm.
        let first = if args.quick { 1_000 } else { 20_000 };
        let warm = round(server, program, &channel, first)?;
        let length = if args.quick { LENGTH / 10.0 } else { LENGTH };
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let count = ((warm.ops as f64 / warm.seconds * length) as u64).clamp(first, 400_000);
        let series = Series {
            client: client.clone(),
            version: program.version.clone(),
            work: "64 bytes".into(),
            in_flight: 0,
            cores,
            rounds: Vec::new(),
        };
        all.push((series, channel, count));
    }
    for _ in 0..args.amount().pairs {
        for ((series, channel, count), (_, program)) in all.iter_mut().zip(programs.iter_mut()) {
            series.rounds.push(round(server, program, channel, *count)?);
        }
        guard::stop_if_leaving();
        progress.tick(started.elapsed());
    }
    progress.finish("done", started.elapsed());
    Ok(all.into_iter().map(|(series, ..)| series).collect())
}

fn round(server: &mut Server, program: &mut Program, channel: &str, count: u64) -> Result<super::program::Answer> {
    ensure!(program.ask(&format!("messages {count}"), PATIENCE)?.waiting, "it does not wait for messages");
    server.publish(channel, count)?;
    program.answer(PATIENCE)
}

/// The last paragraph of issue 6.
fn targets() -> Vec<Target> {
    let target = |language, peer, measure, bound| Target {
        language,
        work: "64 bytes",
        cores: Cores::Free,
        peer,
        measure,
        bound,
    };
    vec![
        target(Language::Python, None, Measure::Speed, 4.0),
        target(Language::Python, None, Measure::Cpu, 0.3),
        target(Language::Asyncio, None, Measure::Speed, 4.0),
        target(Language::Asyncio, None, Measure::Cpu, 0.3),
        target(Language::Node, Some("node-redis"), Measure::Speed, 1.0),
        target(Language::Node, Some("node-redis"), Measure::Cpu, 1.0),
        target(Language::RustMulti, None, Measure::Speed, 1.0),
        target(Language::RustCurrent, None, Measure::Speed, 1.0),
        target(Language::C, Some("hiredis"), Measure::Cpu, 2.0),
    ]
}
