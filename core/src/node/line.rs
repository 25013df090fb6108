//! A link of the supervisor to one node or sentinel, for what users ask of just that one: steps of scans, commands for a
//! certain node, reads for replicas. Requests of any number of tasks go out together and are answered in order.
//!
//! A line is one connection: when it is lost it stays lost, and whoever wants to go on opens another one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redis::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::probe::Prober;
use super::role::Role;
use crate::command::Request;
use crate::command::facts::Blocks;
use crate::config::HostPort;
use crate::driver::links::Registered;
use crate::error::{Cause, Error, ErrorKind};
use crate::link::engine::Incoming;
use crate::link::handshake::Hop;
use crate::link::socket;
use crate::link::talk::{Greeting, Talk};
use crate::shared::{Queued, Shared};
use crate::status::ClientState;
use crate::timer::at;

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Node(HostPort),
    Sentinel(HostPort),
}

/// An open line. Clones share it; it ends with the last one, or after `pool_idle` without use.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    jobs: mpsc::UnboundedSender<Job>,
    load: Arc<AtomicU64>,
    /// What a node said of itself when the line was opened; a sentinel has none.
    pub(crate) role: Option<Role>,
}

/// A request that got no reply.
#[derive(Debug)]
pub(crate) struct Unanswered {
    /// Whether a byte of it may have left.
    pub(crate) sent: bool,
    pub(crate) error: Error,
}

#[derive(Debug)]
struct Job {
    request: Request,
    sent: Arc<AtomicBool>,
    reply: oneshot::Sender<Result<Vec<Value>, Unanswered>>,
}

impl Line {
    /// Connect, and prove that it is what it should be. Called on the supervisor's runtime.
    pub(crate) async fn open(
        shared: &Arc<Shared>,
        target: &Target,
        kind: &'static str,
    ) -> std::result::Result<Line, Cause> {
        let options = &shared.config.options;
        let (address, hop, within) = match target {
            Target::Node(address) => (address, Hop::Data, options.connect_timeout),
            Target::Sentinel(address) => (address, Hop::Sentinel, options.sentinel_timeout),
        };
        // A close does not wait for what is being connected, but nothing of it stays behind.
        let guest = shared.queued();
        let greeting = Greeting { door: &shared.access.door(hop), name: &shared.client_name, within, first: None };
        let (talk, role) = match hop {
            Hop::Data => {
                let (talk, role) = Prober::of(shared).open(address).await?;
                (talk, Some(role))
            }
            Hop::Sentinel => (Talk::open(address, &shared.config, greeting).await?.0, None),
        };
        let generation = shared.gate.load().generation;
        let registered = shared.links.register(kind, address, generation, None);
        let (jobs, inbox) = mpsc::unbounded_channel();
        let load = Arc::default();
        let driver = Driver {
            talk,
            inbox,
            in_flight: VecDeque::new(),
            heard_at: Instant::now(),
            shared: Arc::clone(shared),
            _registered: registered,
            _guest: guest,
        };
        tokio::spawn(driver.run());
        Ok(Line { jobs, load, role })
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.jobs.is_closed()
    }

    /// Ask, and wait for all replies until the deadline.
    pub(crate) async fn ask(
        &self,
        request: &Request,
        deadline: Option<std::time::Instant>,
    ) -> std::result::Result<Vec<Value>, Unanswered> {
        let (reply, answer) = oneshot::channel();
        let sent = Arc::new(AtomicBool::new(false));
        let _busy = Busy::enter(&self.load);
        let job = Job { request: request.clone(), sent: Arc::clone(&sent), reply };
        if self.jobs.send(job).is_err() {
            return Err(Unanswered { sent: false, error: ended() });
        }
        let answer = async { answer.await.unwrap_or_else(|_| Err(Unanswered { sent: true, error: ended() })) };
        tokio::select! {
            answer = answer => answer,
            () = at(deadline.map(Into::into)) => Err(Unanswered {
                sent: sent.load(Ordering::Acquire),
                error: Error::new(ErrorKind::Timeout, "no reply in time"),
            }),
        }
    }
}

/// Counts a request for as long as it waits.
struct Busy<'a>(&'a AtomicU64);

impl<'a> Busy<'a> {
    fn enter(load: &'a AtomicU64) -> Busy<'a> {
        load.fetch_add(1, Ordering::Relaxed);
        Busy(load)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Disconnected, "the link has ended")
}

/// Reads and writes one line until it ends.
struct Driver {
    talk: Talk,
    inbox: mpsc::UnboundedReceiver<Job>,
    /// In the order of the replies.
    in_flight: VecDeque<Job>,
    heard_at: Instant,
    shared: Arc<Shared>,
    _registered: Registered,
    /// The close of the client waits for it.
    _guest: Queued,
}

impl Driver {
    async fn run(mut self) {
        let error = self.serve().await;
        // From here on nobody gets in; those who did are told.
        self.inbox.close();
        for job in self.in_flight.drain(..) {
            let _ = job.reply.send(Err(Unanswered { sent: true, error: error.clone() }));
        }
        while let Ok(job) = self.inbox.try_recv() {
            let _ = job.reply.send(Err(Unanswered { sent: false, error: error.clone() }));
        }
    }

    async fn serve(&mut self) -> Error {
        let options = &Arc::clone(&self.shared).config.options;
        let mut gate = self.shared.gate.watch();
        loop {
            gate.borrow_and_update();
            if self.shared.gate.load().state == ClientState::Closed {
                return Error::closed();
            }
            let patience = self.patience(options.heartbeat_timeout, options.pool_idle);
            let outcome = tokio::select! {
                incoming = self.talk.incoming() => incoming.map(|incoming| self.settle(incoming)),
                job = self.inbox.recv() => match job {
                    Some(job) => self.send(job).await,
                    // Nobody will ask again.
                    None => return ended(),
                },
                _ = gate.changed() => Ok(()),
                () = at(patience) => {
                    return match self.in_flight.is_empty() {
                        true => ended(),
                        false => socket::silent(options.heartbeat_timeout),
                    };
                }
            };
            if let Err(error) = outcome {
                return error;
            }
        }
    }

    /// Until when it may be silent, or unused. A blocking command owes its reply for as long as it pleases.
    fn patience(&self, silence: Duration, idle: Duration) -> Option<Instant> {
        let blocking = self.in_flight.iter().any(|job| job.request.blocks() != Blocks::No);
        match (self.in_flight.is_empty(), blocking) {
            (true, _) => Some(self.heard_at + idle),
            (false, true) => None,
            (false, false) => Some(self.heard_at + silence),
        }
    }

    async fn send(&mut self, job: Job) -> Result<(), Error> {
        if job.reply.is_closed() {
            return Ok(());
        }
        if self.in_flight.is_empty() {
            self.heard_at = Instant::now();
        }
        job.sent.store(true, Ordering::Release);
        let request = job.request.clone();
        self.in_flight.push_back(job);
        self.talk.send_request(&request).await
    }

    fn settle(&mut self, incoming: Incoming) {
        self.heard_at = Instant::now();
        if let Incoming::Replies { values, .. } = incoming
            && let Some(job) = self.in_flight.pop_front()
        {
            let _ = job.reply.send(Ok(values));
        }
    }
}
