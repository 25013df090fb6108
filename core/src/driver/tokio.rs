//! The tokio driver: one link for all commands of a client on one runtime, written together, answered in order.
//!
//! A task owns the link and everything that waits for it. Callers keep their own deadlines; what they gave up is never sent,
//! and a reply that comes too late is dropped in its place. Blocking commands get a task and a link of their own.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis::Value;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};

use super::gate::GateWord;
use super::links::Registered;
use crate::command::Request;
use crate::command::facts::Blocks;
use crate::command::outcome::{self, Again, End, Verdict};
use crate::config::UnavailablePolicy;
use crate::counters::Counter;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::link::engine::{Engine, Incoming};
use crate::link::handshake::{self, Handshake, Hop};
use crate::link::socket;
use crate::link::talk::bounds;
use crate::shared::{Limit, Master, Shared};
use crate::status::ClientState;
use crate::supervisor::backoff::Backoff;
use crate::sync::lock;
use crate::timer::at;

/// Bytes that may be queued ahead of the kernel; more waits where it can still be given up.
const OUTPUT_AHEAD: usize = 1 << 20;

/// The kind of the links on which blocking commands wait.
const BLOCKING: &str = "blocking";

/// Where the jobs of one runtime go.
pub(crate) type Jobs = mpsc::UnboundedSender<Job>;

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Job {
    request: Request,
    ticket: Arc<Ticket>,
    reply: oneshot::Sender<Result<Vec<Value>>>,
}

/// What caller and driver both know about a job.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    state: AtomicU8,
    /// Why the server refused it last.
    refused: Mutex<Option<Again>>,
}

const PENDING: u8 = 0;
const SENT: u8 = 1;
const ABANDONED: u8 = 2;
/// Pending again after the server refused it: the deadline then says so.
const REFUSED: u8 = 3;

impl Ticket {
    /// The driver wants to send it; `false` if the caller gave it up.
    fn send(&self) -> bool {
        self.state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| (state != ABANDONED).then_some(SENT))
            .is_ok()
    }

    /// It was certainly not executed and waits again; `false` if the caller gave it up in the meantime.
    fn unsend(&self, state: u8) -> bool {
        self.state.compare_exchange(SENT, state, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The caller gives it up; what it was before.
    fn abandon(&self) -> u8 {
        self.state.swap(ABANDONED, Ordering::AcqRel)
    }

    /// The caller gives it up; whether it had been sent.
    pub(crate) fn abandon_was_sent(&self) -> bool {
        self.abandon() == SENT
    }

    fn is_abandoned(&self) -> bool {
        self.state.load(Ordering::Acquire) == ABANDONED
    }
}

/// Gives the job up when its caller's future is dropped.
struct Caller {
    ticket: Arc<Ticket>,
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.ticket.abandon();
    }
}

/// Execute a request as a task of the current runtime.
pub(crate) async fn execute(
    shared: &Arc<Shared>,
    request: Request,
    limit: Limit,
    ticket: Arc<Ticket>,
) -> Result<Vec<Value>> {
    shared.note(try_execute(shared, request, limit, ticket).await)
}

async fn try_execute(shared: &Arc<Shared>, request: Request, limit: Limit, ticket: Arc<Ticket>) -> Result<Vec<Value>> {
    let _place = shared.enter(&request)?;
    let word = shared.gate.load();
    match word.state {
        ClientState::Closed => return Err(Error::closed()),
        ClientState::Connecting | ClientState::NoMaster
            if shared.config.options.when_unavailable == UnavailablePolicy::Fail =>
        {
            return Err(shared.not_ready());
        }
        _ => {}
    }
    let caller = Caller { ticket: Arc::clone(&ticket) };
    let (reply, answer) = oneshot::channel();
    let job = Job { request: request.clone(), ticket, reply };
    if request.blocks() == Blocks::No {
        shared.multiplexed(job);
    } else {
        let (jobs, queue) = mpsc::unbounded_channel();
        // The only job of its driver; the channel closes behind it.
        let _ = jobs.send(job);
        tokio::spawn(Driver::new(shared, queue, BLOCKING).run());
    }
    let answer = match limit.deadline {
        Some(deadline) => tokio::time::timeout_at(deadline.into(), answer).await,
        None => Ok(answer.await),
    };
    match answer {
        Ok(Ok(result)) => result,
        // The driver ended without a word: its runtime did.
        Ok(Err(_)) => Err(match caller.ticket.abandon() {
            SENT => Error::maybe_executed(Phase::Reply, "the runtime that drove the link has ended"),
            _ => Error::new(ErrorKind::Disconnected, "the runtime that drove the link has ended"),
        }),
        Err(_) => {
            let before = caller.ticket.abandon();
            let phase = if before == SENT { Phase::Reply } else { shared.gate.load().phase() };
            if before == REFUSED
                && let Some(error) = lock(&caller.ticket.refused).as_ref().and_then(Again::at_deadline)
            {
                return Err(error);
            }
            Err(outcome::expired(&request, before == SENT, phase, limit.total, &shared.why_waiting(phase)))
        }
    }
}

/// The driver of the multiplexed link on the current runtime.
pub(crate) fn spawn(shared: &Arc<Shared>) -> Jobs {
    let (jobs, queue) = mpsc::unbounded_channel();
    tokio::spawn(Driver::new(shared, queue, "multiplexed").run());
    jobs
}

struct Driver {
    shared: Arc<Shared>,
    queue: mpsc::UnboundedReceiver<Job>,
    /// Every sender is gone: the driver ends with its last job.
    queue_closed: bool,
    kind: &'static str,
    gate: watch::Receiver<u64>,
    /// Certainly not executed, older than everything in `pending`.
    again: VecDeque<Job>,
    pending: VecDeque<Job>,
    /// After a refusal nothing is written before this moment.
    hold_until: Option<Instant>,
    backoff: Backoff,
}

struct Link {
    stream: TcpStream,
    engine: Engine,
    generation: u64,
    /// In the order of the engine's unanswered requests.
    in_flight: VecDeque<Job>,
    /// When a byte came last, or the first reply began to be owed.
    heard_at: Instant,
    _registered: Registered,
}

impl Driver {
    fn new(shared: &Arc<Shared>, queue: mpsc::UnboundedReceiver<Job>, kind: &'static str) -> Driver {
        Driver {
            shared: Arc::clone(shared),
            queue,
            queue_closed: false,
            kind,
            gate: shared.gate.watch(),
            again: VecDeque::new(),
            pending: VecDeque::new(),
            hold_until: None,
            backoff: Backoff::new(&shared.config.options),
        }
    }

    async fn run(mut self) {
        loop {
            let Some((word, master)) = self.wait_for_work_and_master().await else { return };
            match self.open(&master).await {
                Ok(link) => {
                    self.backoff.succeeded();
                    self.drive(link).await;
                }
                Err(error) => {
                    if !self.shared.doubt(word.generation, &error) {
                        // Waiting does not heal a wrong password.
                        for job in self.again.drain(..).chain(self.pending.drain(..)) {
                            let _ = job.reply.send(Err(error.clone()));
                        }
                        continue;
                    }
                    let pause = tokio::time::sleep(self.backoff.pause());
                    tokio::select! { () = pause => {}, _ = self.gate.changed() => {} }
                }
            }
        }
    }

    /// Wait until there is something to do and somebody to do it with. `None`: the driver's time is over.
    async fn wait_for_work_and_master(&mut self) -> Option<(GateWord, Arc<Master>)> {
        loop {
            let word = {
                self.gate.borrow_and_update();
                self.shared.gate.load()
            };
            if word.state == ClientState::Closed {
                self.settle_closed();
                return None;
            }
            self.forget_abandoned();
            let idle = self.again.is_empty() && self.pending.is_empty();
            if idle && self.queue_closed {
                return None;
            }
            if !idle
                && word.state == ClientState::Ready
                && let Some(master) = self.shared.master(word.generation)
            {
                return Some((word, master));
            }
            tokio::select! {
                job = self.queue.recv(), if !self.queue_closed => self.accept(job),
                _ = self.gate.changed() => {}
            }
        }
    }

    fn accept(&mut self, job: Option<Job>) {
        match job {
            Some(job) => self.pending.push_back(job),
            None => self.queue_closed = true,
        }
    }

    fn settle_closed(&mut self) {
        self.queue.close();
        while let Ok(job) = self.queue.try_recv() {
            self.pending.push_back(job);
        }
        for job in self.again.drain(..).chain(self.pending.drain(..)) {
            let _ = job.reply.send(Err(Error::closed()));
        }
    }

    /// What callers gave up must not stay in memory while there is no master: looked through when it may be half of it.
    fn forget_abandoned(&mut self) {
        let live = usize::try_from(self.shared.admission.commands()).unwrap_or(usize::MAX);
        if self.pending.len() > 64 && self.pending.len() / 2 > live {
            self.pending.retain(|job| !job.ticket.is_abandoned());
        }
        if self.pending.is_empty() {
            self.again.retain(|job| !job.ticket.is_abandoned());
        }
    }

    async fn open(&self, master: &Master) -> Result<Link> {
        let options = &self.shared.config.options;
        let until = tokio::time::Instant::now() + options.connect_timeout;
        let stream = socket::connect(master.socket, options.connect_timeout, options).await?;
        // A second descriptor of the same socket, so that the supervisor can shut the link down.
        let stream = stream.into_std().map_err(|error| socket::lost(&error))?;
        let handle = Arc::new(stream.try_clone().map_err(|error| socket::lost(&error))?);
        let stream = TcpStream::from_std(stream).map_err(|error| socket::lost(&error))?;
        let registered = self.shared.links.register(self.kind, &master.node, master.generation, Some(handle));
        let mut link = Link {
            stream,
            engine: Engine::new(bounds(options)),
            generation: master.generation,
            in_flight: VecDeque::new(),
            heard_at: Instant::now(),
            _registered: registered,
        };
        let (config, name) = (&self.shared.config, &self.shared.client_name);
        let mut handshake =
            Handshake::new(Hop::Data, options.protocol, &config.data, name, config.db).redirected(master.redirects);
        loop {
            let (bytes, replies) = handshake.request();
            link.engine.push(0, &bytes, replies);
            let values = match tokio::time::timeout_at(until, link.greet()).await {
                Ok(values) => values?,
                Err(_) => {
                    return Err(Error::new(
                        ErrorKind::ConnectFailed,
                        format!("{} did not answer HELLO in time", master.node),
                    ));
                }
            };
            if let Some(hello) = handshake.answer(&values)? {
                link.engine.speaks(hello.protocol);
                return handshake::prove_master(&master.node, &hello).map(|()| link);
            }
        }
    }

    /// Use the link until it ends, its master is replaced, or the client is closed.
    async fn drive(&mut self, mut link: Link) {
        let patience = self.shared.config.options.heartbeat_timeout;
        let mut look = tokio::time::interval(patience / 4);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let end = loop {
            self.gate.borrow_and_update();
            let word = self.shared.gate.load();
            if word.state == ClientState::Closed {
                break Error::closed();
            }
            if word.generation != link.generation {
                // Replies that are there already are still told apart from those that never came.
                let _ = self.read(&mut link);
                break Error::new(ErrorKind::Disconnected, "the master was replaced");
            }
            if self.hold_until.is_some_and(|until| until <= Instant::now()) {
                self.hold_until = None;
            }
            if word.state == ClientState::Ready && self.hold_until.is_none() {
                self.hand_over(&mut link);
            }
            if let Err(error) = link.write() {
                break error;
            }
            if self.queue_closed && link.in_flight.is_empty() && self.again.is_empty() && self.pending.is_empty() {
                return;
            }
            let hold = self.hold_until.map(Into::into);
            let outcome = tokio::select! {
                ready = link.stream.readable() => match ready {
                    Ok(()) => self.read(&mut link),
                    Err(error) => Err(socket::lost(&error)),
                },
                ready = link.stream.writable(), if !link.engine.output().is_empty() => ready.map_err(|error| socket::lost(&error)),
                job = self.queue.recv(), if !self.queue_closed => {
                    self.accept(job);
                    // Whatever else is there already goes out with the same write.
                    while let Ok(job) = self.queue.try_recv() {
                        self.pending.push_back(job);
                    }
                    self.forget_abandoned();
                    Ok(())
                }
                _ = self.gate.changed() => Ok(()),
                () = at(hold) => Ok(()),
                // A blocking command owes its reply for as long as it pleases; its node is watched by the control link.
                _ = look.tick(), if self.kind != BLOCKING => match link.is_silent(patience) {
                    true => Err(socket::silent(patience)),
                    false => Ok(()),
                },
            };
            if let Err(error) = outcome {
                break error;
            }
        };
        self.end(link, end);
    }

    /// Move what waits into the engine, as far as that is not ahead of the server.
    fn hand_over(&mut self, link: &mut Link) {
        let most = usize::try_from(self.shared.config.options.max_pending).unwrap_or(usize::MAX);
        while link.engine.in_flight() < most && link.engine.output().len() < OUTPUT_AHEAD {
            let Some(job) = self.again.pop_front().or_else(|| self.pending.pop_front()) else { return };
            if job.ticket.send() {
                if link.in_flight.is_empty() {
                    link.heard_at = Instant::now();
                }
                link.engine.push_shaped(0, job.request.bytes(), job.request.replies(), job.request.shape());
                link.in_flight.push_back(job);
            }
        }
    }

    fn read(&mut self, link: &mut Link) -> Result<()> {
        let mut buffer = [0_u8; 16 << 10];
        loop {
            match link.stream.try_read(&mut buffer) {
                Ok(0) => {
                    return Err(socket::ended());
                }
                Ok(count) => {
                    link.heard_at = Instant::now();
                    link.engine.feed(&buffer[..count]);
                    while let Some(incoming) = link.engine.next()? {
                        if let Incoming::Replies { values, .. } = incoming
                            && let Some(job) = link.in_flight.pop_front()
                        {
                            let stale = self.shared.gate.load().generation != link.generation;
                            self.settle(job, End::Replied { values, stale }, link.generation);
                        }
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(socket::lost(&error)),
            }
        }
    }

    fn settle(&mut self, job: Job, end: End, generation: u64) {
        match outcome::judge(&job.request, end) {
            Verdict::Settle(result) => {
                let _ = job.reply.send(result);
            }
            Verdict::Again(again) => {
                self.shared.counters.count(Counter::Retries);
                if again.doubts_master() {
                    self.shared.doubt_role(generation);
                }
                let refused = again.at_deadline().is_some();
                if refused {
                    self.hold_until = Some(Instant::now() + self.backoff.pause());
                }
                *lock(&job.ticket.refused) = Some(again);
                if job.ticket.unsend(if refused { REFUSED } else { PENDING }) {
                    self.again.push_back(job);
                }
            }
        }
    }

    /// The link is gone: say of every unanswered request what may be said about it.
    fn end(&mut self, link: Link, error: Error) {
        let Link { engine, in_flight, generation, .. } = link;
        let closed = error.kind() == ErrorKind::Closed;
        // What was refused before is older than what is unanswered now, and stays in front.
        for (unanswered, job) in engine.into_unanswered().zip(in_flight) {
            if closed && !unanswered.sent {
                let _ = job.reply.send(Err(Error::closed()));
                continue;
            }
            self.settle(job, End::Lost { sent: unanswered.sent, error: error.clone() }, generation);
        }
    }
}

impl Link {
    /// A reply is owed, and for so long not a single byte came.
    fn is_silent(&self, patience: Duration) -> bool {
        !self.in_flight.is_empty() && self.heard_at.elapsed() > patience
    }

    fn write(&mut self) -> Result<()> {
        while !self.engine.output().is_empty() {
            match self.stream.try_write(self.engine.output()) {
                Ok(count) => self.engine.wrote(count),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(socket::lost(&error)),
            }
        }
        Ok(())
    }

    async fn greet(&mut self) -> Result<Vec<Value>> {
        let mut buffer = [0_u8; 4096];
        loop {
            self.write()?;
            match self.engine.next()? {
                Some(Incoming::Replies { values, .. }) => return Ok(values),
                Some(Incoming::Push(_)) => continue,
                None => {}
            }
            if self.engine.output().is_empty() {
                self.stream.readable().await.map_err(|error| socket::lost(&error))?;
            } else {
                self.stream.writable().await.map_err(|error| socket::lost(&error))?;
            }
            match self.stream.try_read(&mut buffer) {
                Ok(0) => return Err(socket::ended()),
                Ok(count) => self.engine.feed(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(socket::lost(&error)),
            }
        }
    }
}
