//! `startup`: what it costs to begin. Every measurement is a process of its own, which loads the client's code and connects once.

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use super::{
    BenchArgs,
    clients::{self, Client, Language},
    numbers::precise,
    program::{Cores, Program},
    server::Server,
};
use crate::{guard, progress::Progress, repo::Repo, statistics::Spread};

/// What issue 5 allows, in milliseconds.
const IMPORT_MS: f64 = 50.0;
const CONNECT_MS: f64 = 5.0;

#[derive(Serialize)]
struct Row {
    name: String,
    peer: String,
    language: &'static str,
    in_flight: u32,
    ops_per_s: Option<f64>,
    cpu_us: Option<f64>,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    ratio: Option<f64>,
    version: String,
    rounds: usize,
}

/// A client and what its processes said, in microseconds.
struct Begun {
    client: Client,
    version: String,
    import: Vec<f64>,
    direct: Vec<f64>,
    sentinel: Vec<f64>,
}

pub(super) fn run(repo: &Repo, args: &BenchArgs) -> Result<ExitCode> {
    let mut languages = Language::chosen(&args.only);
    // The same code as on the other runtime.
    languages.retain(|language| *language != Language::RustCurrent);
    let clients = clients::all(repo, &languages, args.peers)?;
    let server = Server::start()?;
    let mut all: Vec<Begun> = clients
        .into_iter()
        .map(|client| Begun { client, version: String::new(), import: vec![], direct: vec![], sentinel: vec![] })
        .collect();
    let mut progress = Progress::start("starting and connecting".into());
    let started = std::time::Instant::now();
    for pair in 0..=args.amount().pairs {
        for begun in &mut all {
            let mut urls = vec![(server.url(), &mut begun.direct)];
            if begun.client.ours {
                urls.push((server.sentinel_url(), &mut begun.sentinel));
            }
            for (url, took) in urls {
                let mut program = Program::start(repo, &begun.client, Cores::Free)?;
                let connect = program.connect(&url)?;
                begun.version.clone_from(&program.version);
                // The first one reads files that nobody has read before, and writes Python's caches.
                if pair > 0 {
                    begun.import.extend(program.import_us);
                    took.push(connect);
                }
            }
        }
        guard::stop_if_leaving();
        progress.tick(started.elapsed());
    }
    progress.finish("done", started.elapsed());

    let ms = |of: &[f64]| Spread::of(of.iter().map(|us| us / 1000.0));
    let shown = |of: &[f64]| ms(of).map_or_else(|| "–".to_owned(), |spread| precise(&spread, 2));
    let mut text = format!(
        "Milliseconds: median (least … most) of {} processes each. *Load*: `import`, `require`; *connect*: until the client is ready, on loopback, \
         in a process that never had one. Everything is a release build.\n\n\
         | | client | load | connect, direct | connect, through 3 sentinels |\n|---|---|---|---|---|\n",
        args.amount().pairs
    );
    let mut rows = Vec::new();
    for Begun { client, version, import, direct, sentinel } in &all {
        let name = if client.ours { format!("**{}**", client.peer) } else { client.peer.clone() };
        text += &format!(
            "| {} | {name} | {} | {} | {} |\n",
            client.language.name(),
            shown(import),
            shown(direct),
            shown(sentinel)
        );
        for (what, took) in [("load", import), ("connect-direct", direct), ("connect-sentinel", sentinel)] {
            if let Some(spread) = Spread::of(took.iter().copied()) {
                rows.push(Row {
                    name: format!("startup/{what}"),
                    peer: client.peer.clone(),
                    language: client.language.name(),
                    in_flight: 1,
                    ops_per_s: None,
                    cpu_us: None,
                    p50_us: Some(spread.median),
                    // Of so few, the worst is the nearest.
                    p99_us: Some(spread.max),
                    ratio: None,
                    version: version.clone(),
                    rounds: took.len(),
                });
            }
        }
    }
    text += "\n**Targets**\n\n| | target | measured | |\n|---|---|---|---|\n";
    for Begun { client, import, sentinel, .. } in all.iter().filter(|begun| begun.client.ours) {
        let judged = |what: &str, of: &[f64], bound: f64| {
            ms(of).map_or_else(String::new, |Spread { median, .. }| {
                let verdict = if median <= bound { "met" } else { "**missed**" };
                format!("| {} {what} | ≤ {bound} ms | {median:.2} ms | {verdict} |\n", client.name())
            })
        };
        text += &judged("load", import, IMPORT_MS);
        text += &judged("connect through Sentinel", sentinel, CONNECT_MS);
    }
    super::finish(repo, args, &server.version()?, &text, &rows)
}
