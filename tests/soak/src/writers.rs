//! Writers: numbered writes at a steady pace, from a thread or from a task. Time lost in a fault is not made up for with a burst.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use redis::Value;
use standfast::{Client, Error, Timeout};
use tokio::time::MissedTickBehavior;

use crate::round::{Attempt, Rounds};

/// Writes until everything is over.
pub(crate) fn start(client: &Client, rounds: &Arc<Rounds>, every: Duration, as_a_thread: bool) {
    let (client, rounds) = (client.clone(), Arc::clone(rounds));
    if as_a_thread {
        std::thread::spawn(move || in_a_thread(&client, &rounds, every));
    } else {
        tokio::spawn(in_a_task(client, rounds, every));
    }
}

fn in_a_thread(client: &Client, rounds: &Rounds, every: Duration) {
    let mut next = Instant::now();
    while let Some(attempt) = rounds.attempt() {
        let result = client.blocking().command(command(&attempt), Timeout::Default, None);
        attempt.ended(judged(&result));
        next = (next + every).max(Instant::now());
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

async fn in_a_task(client: Client, rounds: Arc<Rounds>, every: Duration) {
    let mut pace = tokio::time::interval(every);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while let Some(attempt) = rounds.attempt() {
        let result = client.command(command(&attempt)).await;
        attempt.ended(judged(&result));
        pace.tick().await;
    }
}

fn command(attempt: &Attempt) -> redis::Cmd {
    let mut command = redis::cmd("SADD");
    command.arg(attempt.key()).arg(attempt.number);
    command
}

/// A number is sent once, so whoever finds it there already has executed a command twice.
fn judged(result: &Result<Value, Error>) -> &'static str {
    match result {
        Ok(Value::Int(1)) => "ok",
        Ok(Value::Int(0)) => "ExecutedTwice",
        Ok(_) => "WrongReply",
        Err(error) => error.name(),
    }
}
