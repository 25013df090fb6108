//! One sentinel, watched for as long as anybody in the process is interested.
//!
//! One RESP3 link subscribes and asks, for all members and all their master names. The loop cannot end while it has members:
//! every reply, error, end of stream and timeout leads to a report, a back-off and another try, and after every connection
//! the sentinel is asked, because its events are not replayed.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use redis::{PushKind, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::question;
use super::reply;
use super::topology::{Input, SentinelId};
use super::watches::{Command, Interest, Key, Watches};
use crate::command::encode;
use crate::error::{Cause, Error, ErrorKind, Result, Step};
use crate::link::engine::Incoming;
use crate::link::handshake::{Hop, Protocol};
use crate::link::resp::text;
use crate::link::talk::{Greeting, Talk};
use crate::supervisor::backoff::Backoff;
use crate::timer::at;

/// A master name is not asked for more often than this, however many clients want to know.
const ASK_APART: Duration = Duration::from_millis(100);
/// While the sentinel sees its master down, or a failover is on, it is asked this often at least.
const SUSPICIOUS: Duration = Duration::from_secs(1);

/// What a watch reports to the supervisors of its members.
#[derive(Debug)]
pub(crate) enum Report {
    /// For the topology.
    Input(Input),
    /// It is connected to this address; `subscribed` is false if it refuses subscriptions.
    Up { sentinel: SentinelId, subscribed: bool, peer: SocketAddr },
}

/// Watch until the last member has left.
pub(super) async fn run(watches: Arc<Watches>, id: u64, key: Key, inbox: mpsc::UnboundedReceiver<Command>) {
    let mut backoff = Backoff::new(&key.config.options);
    let mut watch = Watch { watches, id, key, inbox, members: BTreeMap::new(), names: BTreeMap::new() };
    loop {
        let cause = match watch.connect(&mut backoff).await {
            Ok(never) => match never {},
            Err(End::Deserted(left)) => {
                // The link is closed by now.
                drop(left);
                return;
            }
            Err(End::Lost(cause)) => cause,
        };
        tracing::debug!(target: "standfast", sentinel = %watch.key.address, %cause, "sentinel lost");
        watch.tell_all(|sentinel| Report::Input(Input::SentinelFailed { sentinel, cause: cause.clone() })).await;
        if watch.wait(backoff.pause()).await.is_err() {
            return;
        }
    }
}

struct Watch {
    watches: Arc<Watches>,
    id: u64,
    key: Key,
    inbox: mpsc::UnboundedReceiver<Command>,
    members: BTreeMap<u64, Interest>,
    /// The master names that somebody is interested in.
    names: BTreeMap<String, Name>,
}

/// What is known about the questions for one master name.
#[derive(Debug, Default)]
struct Name {
    /// When the last question was sent on this link.
    asked_at: Option<Instant>,
    /// Somebody wants to know.
    wanted: bool,
    /// When it is asked for without being wanted.
    poll_at: Option<Instant>,
}

/// Why a link ended.
enum End {
    Lost(Cause),
    /// Nobody is interested any more. The last member waits for this.
    Deserted(Option<oneshot::Sender<()>>),
}

/// A question that was sent and not answered yet.
enum Asked {
    /// Are you alive?
    Heartbeat,
    Identity,
    Master(String),
}

/// What is going on on a link.
struct Line {
    talk: Talk,
    subscribed: bool,
    identity: Option<String>,
    asked: VecDeque<(Asked, Instant)>,
    greeted: bool,
    /// When it was heard last: any byte is life.
    heard_at: Instant,
}

impl Watch {
    /// One connection, from resolving the name to the loss of the link.
    async fn connect(&mut self, backoff: &mut Backoff) -> std::result::Result<std::convert::Infallible, End> {
        let key = self.key.clone();
        let greeting = Greeting {
            hop: Hop::Sentinel,
            credentials: key.credentials(),
            name: &key.client_name,
            within: key.config.options.sentinel_timeout,
        };
        let opening = Talk::open(&key.address, &key.config, greeting);
        tokio::pin!(opening);
        let talk = loop {
            tokio::select! {
                open = &mut opening => break open.map_err(End::Lost)?.0,
                // Whoever comes or goes meanwhile.
                command = self.inbox.recv() => self.obey(command).map_err(End::Deserted)?,
            };
        };
        let peer = talk.peer;
        let lost = |error: Error| {
            End::Lost(Cause {
                address: key.address.to_string(),
                resolved: Some(peer),
                step: Step::Query,
                kind: error.kind(),
                text: error.message().to_owned(),
            })
        };
        let mut line = Line {
            talk,
            subscribed: false,
            identity: None,
            asked: VecDeque::new(),
            greeted: false,
            heard_at: Instant::now(),
        };
        line.subscribed = self.subscribe(&mut line.talk).await.map_err(lost)?;
        line.send(Asked::Identity, &question::identity(), question::IDENTITY_REPLIES, self.timeout())
            .await
            .map_err(lost)?;
        for name in self.names.values_mut() {
            *name = Name { wanted: true, ..Name::default() };
        }
        loop {
            self.ask_what_is_due(&mut line).await.map_err(lost)?;
            let due = line.asked.front().map(|(_, due)| *due);
            let next = due.into_iter().chain(self.next_question(&line)).min();
            tokio::select! {
                incoming = line.talk.incoming() => {
                    let incoming = incoming.map_err(lost)?;
                    self.hear(&mut line, incoming, backoff).await.map_err(lost)?;
                }
                command = self.inbox.recv() => {
                    let joined = self.obey(command).map_err(End::Deserted)?;
                    if let Some(interest) = joined && line.greeted {
                        line.tell_up(&interest).await;
                    }
                }
                () = at(next) => {
                    if due.is_some_and(|due| due <= Instant::now()) {
                        return Err(lost(Error::new(ErrorKind::Timeout, "no answer in time")));
                    }
                }
            }
        }
    }

    fn timeout(&self) -> Duration {
        self.key.config.options.sentinel_timeout
    }

    fn silence(&self) -> Error {
        Error::new(ErrorKind::Timeout, format!("no answer within {} ms", self.timeout().as_millis()))
    }

    /// Wait before the next try; a newcomer cuts it short, because somebody waits for the outcome of that try.
    async fn wait(&mut self, pause: Duration) -> std::result::Result<(), Option<oneshot::Sender<()>>> {
        let begun = Instant::now();
        let mut until = begun + pause;
        while Instant::now() < until {
            tokio::select! {
                () = sleep_until(until) => {}
                command = self.inbox.recv() => {
                    if self.obey(command)?.is_some() {
                        until = until.min(begun + self.key.config.options.retry_backoff_base);
                    }
                }
            }
        }
        Ok(())
    }

    /// Do what a member says. Gives back who joined; the error means that nobody is left.
    fn obey(&mut self, command: Option<Command>) -> std::result::Result<Option<Interest>, Option<oneshot::Sender<()>>> {
        match command {
            Some(Command::Join { member, interest }) => {
                // A newcomer has to choose a master, and an answer from before it came may be out of date: ask at once.
                let name = self.names.entry(interest.master.clone()).or_default();
                *name = Name { wanted: true, asked_at: None, poll_at: name.poll_at };
                self.members.insert(member, interest.clone());
                Ok(Some(interest))
            }
            Some(Command::Ask { master }) => {
                if let Some(name) = self.names.get_mut(&master) {
                    name.wanted = true;
                }
                Ok(None)
            }
            Some(Command::Leave { member, left }) => {
                self.members.remove(&member);
                let members = &self.members;
                self.names.retain(|name, _| members.values().any(|interest| interest.master == *name));
                if self.members.is_empty() && self.watches.end(self.id, &self.inbox) {
                    return Err(Some(left));
                }
                Ok(None)
            }
            // The register of the process is gone, and with it everybody who could join.
            None => Err(None),
        }
    }

    /// `false` if the user has no right to subscribe: then the poll is all there is.
    async fn subscribe(&self, talk: &mut Talk) -> Result<bool> {
        if talk.protocol() == Protocol::Resp2 {
            // A link that subscribes cannot ask, and asking is what cannot be missed.
            return Ok(false);
        }
        let mut command: Vec<&[u8]> = vec![b"SUBSCRIBE"];
        command.extend(reply::CHANNELS.iter().map(|channel| channel.as_bytes()));
        talk.send(&encode(&command)).await?;
        match tokio::time::timeout(self.timeout(), talk.incoming()).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(error)) if error.kind() == ErrorKind::NoPermission => Ok(false),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(self.silence()),
        }
    }

    /// A question that is on its way is not due, however much it is wanted.
    fn next_question(&self, line: &Line) -> Option<Instant> {
        let now = Instant::now();
        let asked = self.names.iter().filter(|(master, _)| !line.is_asking(master));
        let beat = line.asked.is_empty().then(|| line.heard_at + self.key.config.options.heartbeat_interval);
        asked.filter_map(|(_, name)| name.next(now)).chain(beat).min()
    }

    async fn ask_what_is_due(&mut self, line: &mut Line) -> Result<()> {
        let (now, timeout) = (Instant::now(), self.timeout());
        let poll_interval = self.key.config.options.poll_interval;
        // Who is told nothing has to ask more often.
        let poll_interval = if line.subscribed { poll_interval } else { poll_interval.min(SUSPICIOUS) };
        for (master, name) in &mut self.names {
            if line.is_asking(master) || name.next(now).is_none_or(|next| next > now) {
                continue;
            }
            name.wanted = false;
            name.asked_at = Some(now);
            name.poll_at = Some(now + jittered(poll_interval));
            let asked = Asked::Master(master.clone());
            line.send(asked, &question::about(master), question::REPLIES, timeout).await?;
        }
        let options = &self.key.config.options;
        if line.asked.is_empty() && line.heard_at + options.heartbeat_interval <= now {
            line.send(Asked::Heartbeat, &question::heartbeat(), 1, options.heartbeat_timeout).await?;
        }
        Ok(())
    }

    async fn hear(&mut self, line: &mut Line, incoming: Incoming, backoff: &mut Backoff) -> Result<()> {
        line.heard_at = Instant::now();
        match incoming {
            Incoming::Replies { values, .. } => match line.asked.pop_front() {
                Some((Asked::Heartbeat, _)) => {}
                Some((Asked::Identity, _)) => line.identity = question::identity_from(&values),
                Some((Asked::Master(master), _)) => {
                    let answer = question::answer(&values, line.identity.clone(), line.talk.peer)?;
                    backoff.succeeded();
                    if let Some(name) = self.names.get_mut(&master)
                        && answer.is_suspicious()
                    {
                        let soon = Instant::now() + jittered(SUSPICIOUS);
                        name.poll_at = name.poll_at.map(|poll_at| poll_at.min(soon));
                    }
                    if !std::mem::replace(&mut line.greeted, true) {
                        for interest in self.members.values() {
                            line.tell_up(interest).await;
                        }
                    }
                    for interest in self.members.values().filter(|interest| interest.master == master) {
                        let answer = answer.clone();
                        interest.tell(Report::Input(Input::Answered { sentinel: interest.sentinel, answer })).await;
                    }
                }
                None => return Err(Error::new(ErrorKind::Protocol, "a reply that nobody asked for")),
            },
            Incoming::Push(push) => {
                let Value::Push { kind: PushKind::Message, data } = &push else { return Ok(()) };
                let Some((channel, payload)) = data.first().and_then(text).zip(data.get(1).and_then(text)) else {
                    return Ok(());
                };
                for interest in self.members.values() {
                    let Some(event) = reply::event(&interest.master, channel, payload) else { continue };
                    tracing::debug!(target: "standfast", sentinel = %self.key.address, ?event, "sentinel event");
                    interest.tell(Report::Input(Input::Event { sentinel: interest.sentinel, event })).await;
                }
            }
        }
        Ok(())
    }

    async fn tell_all(&self, report: impl Fn(SentinelId) -> Report) {
        for interest in self.members.values() {
            interest.tell(report(interest.sentinel)).await;
        }
    }
}

impl Name {
    /// When the next question is due.
    fn next(&self, now: Instant) -> Option<Instant> {
        match (self.wanted, self.asked_at) {
            (true, Some(asked_at)) => Some(asked_at + ASK_APART),
            (true, None) => Some(now),
            (false, _) => self.poll_at,
        }
    }
}

impl Line {
    fn is_asking(&self, master: &str) -> bool {
        self.asked.iter().any(|(asked, _)| matches!(asked, Asked::Master(asked) if asked == master))
    }

    async fn send(&mut self, asked: Asked, request: &[u8], replies: usize, timeout: Duration) -> Result<()> {
        self.asked.push_back((asked, Instant::now() + timeout));
        self.talk.send_expecting(request, replies).await
    }

    async fn tell_up(&self, interest: &Interest) {
        let report = Report::Up { sentinel: interest.sentinel, subscribed: self.subscribed, peer: self.talk.peer };
        interest.tell(report).await;
    }
}

impl Interest {
    async fn tell(&self, report: Report) {
        // A member that is gone is about to leave.
        let _ = self.reports.send(report).await;
    }
}

/// So that many processes do not ask in the same moment.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(0.8 + 0.4 * fastrand::f64())
}
