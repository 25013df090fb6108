//! `memory`: what a client occupies. A process of the same kind without a client is what it is compared with.

use std::{
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde::Serialize;
use standfast_lab::Raw;

use super::{
    BenchArgs,
    clients::{self, Client, Language},
    numbers::precise,
    program::{Cores, Program},
    server::Server,
};
use crate::{repo::Repo, statistics::Spread};

const PATIENCE: Duration = Duration::from_secs(60);
/// What issue 5 allows, in kB.
const CLIENT_KB: f64 = 3.0 * 1024.0;
/// Further clients in one process, and commands that wait.
const CLIENTS: u32 = 50;
const PENDING: u32 = 10_000;

#[derive(Serialize)]
struct Row {
    name: &'static str,
    peer: String,
    language: &'static str,
    in_flight: u32,
    ops_per_s: Option<f64>,
    cpu_us: Option<f64>,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    ratio: Option<f64>,
    /// Over an empty process of its kind.
    rss_kb: f64,
    /// Over the same process before the client was made.
    client_kb: f64,
    threads: f64,
}

pub(super) fn run(repo: &Repo, args: &BenchArgs) -> Result<ExitCode> {
    let mut languages = Language::chosen(&args.only);
    languages.retain(|language| *language != Language::RustCurrent);
    let clients = clients::all(repo, &languages, args.peers)?;
    let server = Server::start()?;
    let mut text = format!(
        "RSS in KiB: median (least … most) of {} processes each, after 300 ms of calls, one at a time. *Over an empty process*: one of the same \
         kind without a client; *over what is loaded*: the same process before it made its client. Everything is a release build.\n\n\
         | | client | over an empty process | over what is loaded | threads more |\n|---|---|---|---|---|\n",
        repeats(args)
    );
    let mut rows = Vec::new();
    let mut verdicts = String::new();
    for client in &clients {
        let mut found = Vec::new();
        for _ in 0..repeats(args) {
            found.push(one(repo, client, &server.url(), args)?);
        }
        let spread = |of: fn(&Footprint) -> f64| Spread::of(found.iter().map(of));
        let (rss, own, threads) = (spread(|f| f.over_empty), spread(|f| f.over_loaded), spread(|f| f.threads));
        let (Some(rss), Some(own), Some(threads)) = (rss, own, threads) else { continue };
        let name = if client.ours { format!("**{}**", client.peer) } else { client.peer.clone() };
        let language = client.language.name();
        text += &format!(
            "| {language} | {name} | {} | {} | {} |\n",
            precise(&rss, 0),
            precise(&own, 0),
            precise(&threads, 0)
        );
        if client.ours {
            let verdict = if own.median <= CLIENT_KB { "met" } else { "**missed**" };
            verdicts +=
                &format!("| one client, {} | ≤ {CLIENT_KB} KiB | {:.0} KiB | {verdict} |\n", client.name(), own.median);
        }
        rows.push(Row {
            name: "memory/client",
            peer: client.peer.clone(),
            language,
            in_flight: 1,
            ops_per_s: None,
            cpu_us: None,
            p50_us: None,
            p99_us: None,
            ratio: None,
            rss_kb: rss.median,
            client_kb: own.median,
            threads: threads.median,
        });
    }
    if let Some(ours) = clients.iter().find(|client| client.ours && client.language == Language::RustMulti) {
        verdicts += &many_clients(repo, ours, &server)?;
        verdicts += &waiting_commands(repo, ours, &server)?;
    }
    text += &format!("\n**Targets**\n\n| | target | measured | |\n|---|---|---|---|\n{verdicts}");
    super::finish(repo, args, &server.version()?, &text, &rows)
}

fn repeats(args: &BenchArgs) -> usize {
    if args.quick { 1 } else { 3 }
}

struct Footprint {
    over_empty: f64,
    over_loaded: f64,
    threads: f64,
}

fn one(repo: &Repo, client: &Client, url: &str, args: &BenchArgs) -> Result<Footprint> {
    let empty = match clients::nothing(client) {
        Some(nothing) => Some(Program::start(repo, &nothing, Cores::Free)?.status("VmRSS")?),
        None => None,
    };
    let mut program = Program::start(repo, client, Cores::Free)?;
    let (loaded, threads) = (program.status("VmRSS")?, program.status("Threads")?);
    program.connect(url)?;
    program.ask(&format!("calls 1 {}", if args.quick { 100 } else { 300 }), PATIENCE)?;
    let rss = program.status("VmRSS")?;
    Ok(Footprint {
        over_empty: rss - empty.unwrap_or(loaded),
        over_loaded: rss - loaded,
        threads: program.status("Threads")? - threads,
    })
}

/// What each further client of a process costs, and how many links and threads they need together.
fn many_clients(repo: &Repo, ours: &Client, server: &Server) -> Result<String> {
    let mut program = Program::start(repo, ours, Cores::Free)?;
    let threads = program.status("Threads")?;
    program.connect(&server.sentinel_url())?;
    program.ask("calls 1 100", PATIENCE)?;
    let one = program.status("VmRSS")?;
    for _ in 1..CLIENTS {
        program.connect(&server.sentinel_url())?;
    }
    let (rss, more) = (program.status("VmRSS")?, program.status("Threads")? - threads);
    let links = links(server, program.id())?;
    let most = links.iter().copied().max().unwrap_or_default();
    let verdict = |met| if met { "met" } else { "**missed**" };
    Ok(format!(
        "| each of {} further clients, through Sentinel | ≤ {CLIENT_KB} KiB | {:.0} KiB | {} |\n\
         | threads of ours, {CLIENTS} clients | 1 | {more:.0} | {} |\n\
         | links to each sentinel, {CLIENTS} clients | 1 | {most} | {} |\n",
        CLIENTS - 1,
        (rss - one) / f64::from(CLIENTS - 1),
        verdict((rss - one) / f64::from(CLIENTS - 1) <= CLIENT_KB),
        verdict(more <= 1.0),
        verdict(most == 1),
    ))
}

/// How many links the process has to each sentinel: the kernel's word, not ours.
fn links(server: &Server, pid: u32) -> Result<Vec<usize>> {
    let sockets: Vec<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))?
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect();
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp"))?;
    let to = |port: u16| {
        let end = format!(":{port:04X}");
        table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            // Local address, remote address, state 01 = established, ..., inode.
            .filter(|fields| fields.len() > 9 && fields[2].ends_with(&end) && fields[3] == "01")
            .filter(|fields| sockets.iter().any(|inode| inode == fields[9]))
            .count()
    };
    Ok(server.sentinels().iter().map(|address| to(address.port())).collect())
}

/// What a command occupies while there is no master, and after its time is over.
fn waiting_commands(repo: &Repo, ours: &Client, server: &Server) -> Result<String> {
    let mut program = Program::start(repo, ours, Cores::Free)?;
    let url = format!("{}?command_timeout=3s&max_pending={PENDING}", server.url());
    program.connect(&url)?;
    program.ask("calls 64 500", PATIENCE)?;
    // The first time also pays for room that is used again, as every queue's.
    let before = program.status("VmRSS")?;
    server.stop_master()?;
    wait_until_gone(server)?;
    let mut lines = String::new();
    for time in ["first", "second"] {
        program.ask(&format!("pending {PENDING}"), PATIENCE)?;
        let pending = program.status("VmRSS")?;
        program.ask("expire", PATIENCE)?;
        let expired = program.status("VmRSS")?;
        lines += &format!(
            "| each of {PENDING} commands that wait, the {time} time | – | {:.2} KiB; {:.2} KiB when all have expired | |\n",
            (pending - before) / f64::from(PENDING),
            (expired - before) / f64::from(PENDING),
        );
    }
    Ok(lines)
}

fn wait_until_gone(server: &Server) -> Result<()> {
    let address = server.url().trim_start_matches("redis://").parse().context("the server's address")?;
    let deadline = Instant::now() + PATIENCE;
    while Raw::connect(address, Duration::from_secs(1)).is_ok() {
        anyhow::ensure!(Instant::now() < deadline, "the server does not go");
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
