//! The Rust face of the demo: one writer and one subscriber, as an application would write them.
//!
//! Arguments: URL, face name, channel. Says `{"ready":true}`, works until `stop` or the end of its input, and prints what it
//! saw as JSON lines. The protocol is described in `tests/xtask/src/demo`.

use std::io::{BufRead, Write};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use serde_json::{Value, json};
use standfast::{Channels, Client, Item, unix_micros};
use tokio::sync::watch;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, name, channel] = &args[..] else { anyhow::bail!("usage: standfast-face URL NAME CHANNEL") };

    let client = Client::connect(url.as_str()).await?;
    let subscription = client.subscribe(Channels::new([channel]))?;
    subscription.ready().await?;
    println!("{}", json!({"ready": true}));

    let (stop, stopped) = watch::channel(false);
    std::thread::spawn(move || {
        let _ = std::io::stdin().lock().read_line(&mut String::new());
        let _ = stop.send(true);
    });

    let writer = tokio::spawn(write(client.clone(), format!("demo:{name}"), stopped));
    let reader = tokio::spawn(async move {
        let mut records = Vec::new();
        while let Some(item) = subscription.next().await {
            records.extend(record(&item));
        }
        records
    });
    let written = writer.await?;
    client.close();
    let read = reader.await?;

    let mut out = std::io::stdout().lock();
    for record in written.iter().chain(&read) {
        writeln!(out, "{record}").context("writing the records")?;
    }
    writeln!(out, "{}", json!({"done": true}))?;
    Ok(())
}

/// Numbered writes, one after the other. A number is never used twice, whatever became of it.
async fn write(client: Client, key: String, stopped: watch::Receiver<bool>) -> Vec<Value> {
    let mut records = Vec::new();
    for number in 0_u64.. {
        if *stopped.borrow() {
            break;
        }
        let start = now();
        let outcome = client.command(redis::cmd("SADD").arg(&key).arg(number)).await;
        let word = outcome.as_ref().map_or_else(standfast::Error::name, |_| "ok");
        records.push(json!(["w", number, start, now(), word]));
        // The pace of the writer, not a wait for anything.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    records
}

fn record(item: &Item) -> Option<Value> {
    match item {
        Item::Message(message) => {
            let number: u64 = std::str::from_utf8(&message.payload).ok()?.parse().ok()?;
            Some(json!(["m", number, unix_micros(message.received_at)]))
        }
        Item::Gap(gap) => Some(json!(["g", unix_micros(gap.since), unix_micros(gap.until), gap.reason])),
        Item::Dropped(dropped) => Some(json!(["d", dropped.count])),
        _ => None,
    }
}

fn now() -> i64 {
    unix_micros(SystemTime::now())
}
