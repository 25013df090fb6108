//! `standfast-load`: one client with many writers and a subscriber, at a steady pace, for hours. What follows from its records is decided
//! by whoever drives it: `tests/xtask/src/soak` and `bench`.
//!
//! It speaks the language of a face (`tests/xtask/src/faces/records.rs`) and knows one word more: `round KEY LAST` ends a round. Writes go to the set
//! KEY from then on; when none of the old round is on its way any more, and message LAST has arrived or is overdue, the old round's records are
//! printed. Half of several writers are threads that wait, half are tasks: both drivers of the core are at work.

mod round;
mod writers;

use std::{
    fs::File,
    io::{self, BufRead, BufWriter, StdoutLock, Write},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use clap::Parser;
use standfast::{Channels, Client, Events, Item, Subscription, unix_micros};

use round::Rounds;

#[derive(Parser)]
struct Args {
    /// Where the sentinels are.
    url: String,
    /// The first round writes to the set `demo:NAME`.
    name: String,
    /// What to listen to.
    channel: String,
    /// Of all writers together. More than they can do means as many as they can.
    #[arg(long, default_value_t = 200)]
    writes_per_second: u32,
    /// One is a task; of more, half are threads.
    #[arg(long, default_value_t = 1)]
    writers: u32,
    /// Every event of the client is written here.
    #[arg(long)]
    events: Option<PathBuf>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let args = Args::parse();
    anyhow::ensure!(args.writers > 0 && args.writes_per_second > 0, "at least one writer and one write");
    let client = Client::connect(args.url.as_str()).await?;
    if let Some(path) = &args.events {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        tokio::spawn(write_down(client.events(), file));
    }
    let subscription = client.subscribe(Channels::new([&args.channel]))?;
    subscription.ready().await?;

    let rounds = Arc::new(Rounds::new(format!("demo:{}", args.name)));
    let every = Duration::from_secs(args.writers.into()) / args.writes_per_second;
    println!("{{\"ready\":true}}");
    for writer in 0..args.writers {
        writers::start(&client, &rounds, every, writer % 2 == 1);
    }
    let reader = tokio::spawn(listen(subscription, Arc::clone(&rounds)));

    // Obeying is a matter of waiting, so it has a thread of its own.
    let obeyed = Arc::clone(&rounds);
    tokio::task::spawn_blocking(move || obey(&obeyed)).await??;
    client.close();
    reader.await?;
    Ok(())
}

/// For whoever has to find out what the client knew, and when.
async fn write_down(events: Events, mut file: File) {
    while let Some(event) = events.next().await {
        let at_us = unix_micros(event.at);
        // A disk that is full is no reason to stop the client.
        let _ = writeln!(
            file,
            "{at_us} {} generation {} epoch {:?} {:?}",
            event.kind.as_str(),
            event.generation,
            event.epoch,
            event.details
        );
    }
}

async fn listen(subscription: Subscription, rounds: Arc<Rounds>) {
    while let Some(item) = subscription.next().await {
        match item {
            Item::Message(message) => rounds.heard(&message),
            Item::Gap(gap) => rounds.interrupted(&gap),
            Item::Dropped(dropped) => rounds.dropped(dropped.count),
            _ => {}
        }
    }
}

/// One round after the other, until `stop` or the end of the input.
fn obey(rounds: &Rounds) -> Result<()> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("round"), Some(key), Some(last)) => {
                let last = last.parse().with_context(|| format!("LAST is a number, not {last}"))?;
                told(|out| rounds.next(key.to_owned(), Some(last), out))?;
            }
            (Some("stop"), None, None) => break,
            _ => anyhow::bail!("`round KEY LAST` or `stop`, not `{line}`"),
        }
    }
    told(|out| rounds.end(out))
}

fn told(tell: impl FnOnce(&mut BufWriter<StdoutLock<'_>>) -> io::Result<()>) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    tell(&mut out)?;
    out.write_all(b"{\"done\":true}\n")?;
    out.flush().context("printing the records")
}
