//! Writes that count as done only when replicas have them: option `durability=replicas(n, time)`.
//!
//! A write is executed as any other; its reply is held back until n replicas have confirmed the replication stream up to there. All writes whose replies
//! are there at one moment are confirmed by one WAIT, on a link that only this task uses. WAIT waits for what its *own* connection has written last, and
//! for nothing on a connection that wrote nothing: so a message that nobody hears is published there first; it stands in the stream behind every write
//! that it is to vouch for.
//!
//! While fewer than n replicas follow a (new) master nothing is sent: a write that cannot be confirmed is better not executed.
//! What this promises, and what not, is told in the README: nothing confirmed is lost only if n is the number of all replicas that may be promoted.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis::Value;
use tokio::sync::{Notify, oneshot};

use crate::command::{Replies, Request, encode};
use crate::config::parse_duration;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::link::handshake::Hop;
use crate::link::talk::{Greeting, Talk};
use crate::shared::{Limit, Shared};
use crate::status::ClientState;
use crate::sync::lock;

/// One WAIT lasts so long at the most: who joined meanwhile goes with the next.
const SLICE: Duration = Duration::from_millis(100);
/// Between two attempts of a link that cannot be made.
const PAUSE: Duration = Duration::from_millis(20);
/// Beyond what a WAIT says of its own patience.
const GRACE: Duration = Duration::from_secs(2);
/// Nobody listens there.
const CHANNEL: &[u8] = b"standfast:durability";

/// How many replicas must have a write before it counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The master's word is enough.
    #[default]
    None,
    /// So many replicas.
    Replicas {
        /// At least 1.
        count: u32,
        /// How long they may take, from the master's reply; in any case no longer than the command's own time.
        within: Option<Duration>,
    },
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Durability::None => f.write_str("none"),
            Durability::Replicas { count, within: None } => write!(f, "replicas({count})"),
            Durability::Replicas { count, within: Some(time) } => write!(f, "replicas({count},{}ms)", time.as_millis()),
        }
    }
}

/// The confirmations that one client waits for.
#[derive(Default)]
pub(crate) struct Confirmations {
    state: Mutex<State>,
    more: Notify,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiter>,
    /// The task that asks.
    running: bool,
    /// The generation in which the last WAIT was answered by enough replicas.
    proven: u64,
}

/// What is to be confirmed.
struct Waiter {
    generation: u64,
    until: Option<Instant>,
    told: oneshot::Sender<Result<u32>>,
    seen: u32,
}

impl fmt::Debug for Confirmations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Confirmations").finish_non_exhaustive()
    }
}

/// What is to be waited for with this request; `None`: nothing.
pub(crate) fn asked(shared: &Shared, request: &Request) -> Option<(u32, Option<Duration>)> {
    match shared.config.options.durability {
        Durability::Replicas { count, within } if !request.reads_only() => Some((count, within)),
        _ => None,
    }
}

/// Before a durable write is sent: enough replicas follow the master. Gives the generation that it may be sent in.
pub(crate) async fn ready(shared: &Arc<Shared>, wanted: u32, limit: Limit) -> Result<u64> {
    loop {
        let mut gate = shared.gate.watch();
        let word = shared.gate.load();
        match word.state {
            ClientState::Ready if lock(&shared.confirmations.state).proven == word.generation => {
                return Ok(word.generation);
            }
            ClientState::Ready => match confirmed(shared, word.generation, wanted, limit.deadline).await {
                Ok(_) => return Ok(word.generation),
                Err(error) if error.kind() == ErrorKind::NotReplicated => {
                    return Err(Error::timeout(
                        Phase::Pending,
                        limit.total,
                        format!("fewer than {wanted} replicas follow the master"),
                    ));
                }
                Err(error) if error.kind() == ErrorKind::Closed => return Err(error),
                // There is another master.
                Err(_) => {}
            },
            ClientState::Closed => return Err(Error::closed()),
            // What happens without a master is decided where commands are sent; this only waits as long as they would.
            _ => {
                let changed = gate.changed();
                let late = || Error::timeout(Phase::NoMaster, limit.total, shared.why_waiting(Phase::NoMaster));
                if shared.refuses_to_wait(word.state) {
                    return Err(shared.not_ready());
                }
                match limit.deadline {
                    None => _ = changed.await,
                    Some(deadline) => {
                        if tokio::time::timeout_at(deadline.into(), changed).await.is_err() {
                            return Err(late());
                        }
                    }
                }
            }
        }
    }
}

/// After the master's reply: hold it back until enough replicas have what was written.
pub(crate) async fn hold(
    shared: &Arc<Shared>,
    generation: u64,
    (wanted, within): (u32, Option<Duration>),
    limit: Limit,
    replies: Replies,
) -> Result<Replies> {
    if shared.gate.load().generation != generation {
        return Err(switched());
    }
    let patience = within.and_then(|within| Instant::now().checked_add(within));
    let until = match (patience, limit.deadline) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    confirmed(shared, generation, wanted, until).await.map(|_| replies)
}

/// The master changed before the replicas had confirmed: the new one may or may not have it.
fn switched() -> Error {
    Error::maybe_executed(Phase::Reply, "the master changed before replicas had confirmed it")
}

async fn confirmed(shared: &Arc<Shared>, generation: u64, wanted: u32, until: Option<Instant>) -> Result<u32> {
    let (told, answer) = oneshot::channel();
    let start = {
        let mut state = lock(&shared.confirmations.state);
        state.waiting.push(Waiter { generation, until, told, seen: 0 });
        !std::mem::replace(&mut state.running, true)
    };
    shared.confirmations.more.notify_one();
    if start {
        let client = Arc::clone(shared);
        shared.runtime()?.spawn(async move { confirm(&client, wanted).await });
    }
    answer.await.unwrap_or_else(|_| Err(Error::closed()))
}

/// The task: as long as the client lives, one WAIT after the other while anybody waits.
async fn confirm(shared: &Arc<Shared>, wanted: u32) {
    let mut link: Option<(u64, Talk)> = None;
    loop {
        let word = shared.gate.load();
        if word.state == ClientState::Closed {
            // Whoever waits is told by the end of its sender.
            lock(&shared.confirmations.state).waiting.clear();
            return;
        }
        let batch = take(shared, word.generation);
        if batch.is_empty() {
            let mut gate = shared.gate.watch();
            tokio::select! {
                () = shared.confirmations.more.notified() => {}
                _ = gate.changed() => {}
            }
            continue;
        }
        let seen = match round(shared, &mut link, word.generation, wanted, &batch).await {
            Some(seen) => seen,
            None => {
                link = None;
                tokio::time::sleep(PAUSE).await;
                0
            }
        };
        settle(shared, word.generation, wanted, seen, batch);
    }
}

/// Everybody who waits for this generation; those of others are told that it is over.
fn take(shared: &Shared, generation: u64) -> Vec<Waiter> {
    let waiting = std::mem::take(&mut lock(&shared.confirmations.state).waiting);
    let (batch, gone): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|waiter| waiter.generation == generation);
    for waiter in gone {
        let _ = waiter.told.send(Err(switched()));
    }
    batch
}

/// One WAIT for all of them; `None` if the master cannot be asked just now.
async fn round(
    shared: &Arc<Shared>,
    link: &mut Option<(u64, Talk)>,
    generation: u64,
    wanted: u32,
    batch: &[Waiter],
) -> Option<u32> {
    if link.as_ref().is_none_or(|(of, _)| *of != generation) {
        *link = None;
        let node = shared.master(generation)?.node.clone();
        let greeting = Greeting {
            door: &shared.access.door(Hop::Data),
            name: &shared.client_name,
            within: shared.config.options.connect_timeout,
            first: None,
        };
        *link = Some((generation, Talk::open(&node, &shared.config, greeting).await.ok()?.0));
    }
    let (_, talk) = link.as_mut()?;
    let now = Instant::now();
    let longest =
        batch.iter().map(|waiter| waiter.until.map_or(SLICE, |until| until.saturating_duration_since(now))).max();
    // Never 0: to WAIT that is for ever.
    let millis = longest.unwrap_or(SLICE).min(SLICE).as_millis().max(1).to_string();
    let mut question = encode(&[b"PUBLISH".as_slice(), CHANNEL, b""]);
    question.extend(encode(&[b"WAIT".as_slice(), wanted.to_string().as_bytes(), millis.as_bytes()]));
    let answers = talk.ask(&question, 2, tokio::time::Instant::now() + SLICE + GRACE).await.ok()?;
    match &answers[..] {
        // Without the message the number would vouch for nothing.
        [Value::Int(_), Value::Int(seen)] => u32::try_from(*seen).ok(),
        _ => None,
    }
}

/// Tell those who have their answer or whose time is over; the others go with the next round.
fn settle(shared: &Shared, generation: u64, wanted: u32, seen: u32, batch: Vec<Waiter>) {
    let now = Instant::now();
    let mut state = lock(&shared.confirmations.state);
    state.proven = if seen >= wanted { generation } else { 0 };
    for mut waiter in batch {
        waiter.seen = waiter.seen.max(seen);
        if seen >= wanted {
            let _ = waiter.told.send(Ok(seen));
        } else if waiter.until.is_some_and(|until| until <= now) {
            let _ = waiter.told.send(Err(not_replicated(wanted, waiter.seen)));
        } else if !waiter.told.is_closed() {
            state.waiting.push(waiter);
        }
    }
}

fn not_replicated(wanted: u32, count: u32) -> Error {
    let replicas = if count == 1 { "replica has" } else { "replicas have" };
    Error::new(
        ErrorKind::NotReplicated,
        format!("it was executed, and {count} {replicas} confirmed it instead of {wanted}: a failover may lose it"),
    )
}

/// The option's value; `None` for what it does not take.
pub(crate) fn parse(text: &str) -> Option<Durability> {
    if text == "none" {
        return Some(Durability::None);
    }
    let inside = text.strip_prefix("replicas(")?.strip_suffix(')')?;
    let (count, within) = match inside.split_once(',') {
        Some((count, time)) => (count, Some(parse_duration(time.trim())?)),
        None => (inside, None),
    };
    let count = count.trim().parse().ok().filter(|count| (1..=100).contains(count))?;
    (within != Some(Duration::ZERO)).then_some(Durability::Replicas { count, within })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_read_as_it_is_written() {
        for text in ["none", "replicas(1)", "replicas(2,500ms)"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            parse("replicas(2, 1s)"),
            Some(Durability::Replicas { count: 2, within: Some(Duration::from_secs(1)) })
        );
        for text in [
            "",
            "1",
            "replicas",
            "replicas()",
            "replicas(0)",
            "replicas(-1)",
            "replicas(1,)",
            "replicas(1,0)",
            "replicas(1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
