//! A lane: one link, and everything that waits for it or for its replies. The state of a driver without its I/O.
//!
//! Commands come in at the back and are moved into the engine in their order, when the gate says so. What becomes of each is
//! decided by `outcome::judge`; the driver that owns the lane reads, writes, keeps the time and hands on what was settled.
//! A command that expired or was given up is gone at once with its memory; its reply, if it comes, is dropped in its place.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::gate::GateWord;
use super::slots::{Key, Slots};
use crate::command::outcome::{self, Again, End, Partial, Verdict};
use crate::command::{Replies, Request};
use crate::counters::Counter;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::link::engine::{Engine, Incoming};
use crate::link::handshake;
use crate::link::socket;
use crate::node::role::Role;
use crate::shared::{Limit, Shared};
use crate::status::ClientState;
use crate::supervisor::backoff::Backoff;

/// Bytes that may be queued ahead of the kernel; more waits where it can still be given up.
const OUTPUT_AHEAD: usize = 1 << 20;

/// The engine's token of the question that goes ahead of the first command after a rest.
const PROBE: u64 = u64::MAX;

/// A command that is over.
#[derive(Debug)]
pub(crate) struct Settled<J> {
    /// What the driver knows it by.
    pub(crate) job: J,
    pub(crate) request: Request,
    /// What became of it.
    pub(crate) result: Result<Replies>,
}

/// See the head of this file. `J` is what the driver knows a command by.
#[derive(Debug)]
pub(crate) struct Lane<J> {
    jobs: Slots<Job<J>>,
    /// Certainly not executed, older than everything in `pending`.
    again: VecDeque<Key>,
    pending: VecDeque<Key>,
    /// How many keys in `again` and `pending` stand for nothing any more.
    withered: usize,
    link: Option<Link>,
    /// Blocking commands owe their replies for as long as they please; their node is watched by the control link.
    patient: bool,
    /// After a refusal nothing is written before this moment.
    hold_until: Option<Instant>,
    backoff: Backoff,
    /// No deadline is earlier than this.
    earliest: Option<Instant>,
    heartbeat_interval: Duration,
    heartbeat_timeout: Duration,
    max_in_flight: usize,
}

#[derive(Debug)]
struct Job<J> {
    request: Request,
    /// So many bytes of it were counted when it was taken.
    counted: usize,
    limit: Limit,
    stage: Stage,
    /// Why the server refused it last.
    refused: Option<Again>,
    job: J,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    /// In the engine: it may have been sent at any moment since.
    Sent,
}

#[derive(Debug)]
struct Link {
    engine: Engine,
    generation: u64,
    /// When a byte came last, or the first reply began to be owed.
    heard_at: Instant,
    /// The question ahead of the first command after a rest is not answered.
    probing: bool,
}

impl<J> Lane<J> {
    pub(crate) fn new(shared: &Shared, patient: bool) -> Lane<J> {
        let options = &shared.config.options;
        Lane {
            jobs: Slots::default(),
            again: VecDeque::new(),
            pending: VecDeque::new(),
            withered: 0,
            link: None,
            patient,
            hold_until: None,
            backoff: Backoff::new(options),
            earliest: None,
            heartbeat_interval: options.heartbeat_interval,
            heartbeat_timeout: options.heartbeat_timeout,
            max_in_flight: usize::try_from(options.max_pending).unwrap_or(usize::MAX),
        }
    }

    /// Take a command. Its place among the waiting was taken before; the lane gives it back.
    pub(crate) fn submit(&mut self, request: Request, limit: Limit, job: J) -> Key {
        if let Some(deadline) = limit.deadline {
            self.earliest = Some(self.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
        }
        let counted = request.bytes().len();
        let key = self.jobs.insert(Job { request, counted, limit, stage: Stage::Waiting, refused: None, job });
        self.pending.push_back(key);
        key
    }

    /// Whether nothing is under way.
    pub(crate) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Whether something waits to be written.
    pub(crate) fn has_waiting(&self) -> bool {
        self.again.len() + self.pending.len() > self.withered
    }

    /// Whether a reply is owed.
    pub(crate) fn owes(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.engine.in_flight() > 0)
    }

    pub(crate) fn engine(&mut self) -> Option<&mut Engine> {
        self.link.as_mut().map(|link| &mut link.engine)
    }

    /// From here on commands go through this engine.
    pub(crate) fn attach(&mut self, engine: Engine, generation: u64) {
        self.backoff.succeeded();
        self.link = Some(Link { engine, generation, heard_at: Instant::now(), probing: false });
    }

    /// Move what waits into the engine, as far as the gate lets it and as that is not ahead of the server. `true`: there is
    /// something to write.
    pub(crate) fn hand_over(&mut self, word: GateWord) -> bool {
        let Some(link) = &mut self.link else { return false };
        let waiting = self.again.len() + self.pending.len() > self.withered;
        let open = word.state == ClientState::Ready && word.generation == link.generation;
        if !waiting || !open || link.probing {
            return link.engine.has_output();
        }
        if let Some(until) = self.hold_until {
            if until > Instant::now() {
                return link.engine.has_output();
            }
            self.hold_until = None;
        }
        if link.engine.in_flight() == 0 {
            let now = Instant::now();
            let rested = now.saturating_duration_since(link.heard_at);
            link.heard_at = now;
            if rested > self.heartbeat_interval && !self.patient {
                // What is written to a link that died during its rest may have been executed; what waits for an answer
                // has certainly not been.
                let (question, replies) = handshake::role_question(link.engine.protocol());
                link.engine.push(PROBE, &question, replies);
                link.probing = true;
                return true;
            }
        }
        while link.engine.in_flight() < self.max_in_flight && link.engine.queued() < OUTPUT_AHEAD {
            let Some(key) = self.again.pop_front().or_else(|| self.pending.pop_front()) else { break };
            match self.jobs.get(key) {
                Some(job) => {
                    job.stage = Stage::Sent;
                    link.engine.push_request(key.token(), &job.request);
                }
                None => self.withered -= 1,
            }
        }
        link.engine.has_output()
    }

    /// The link may have died unnoticed: it owes a reply, and for too long not a byte came.
    pub(crate) fn is_silent(&self, now: Instant) -> Option<Error> {
        let patience = self.heartbeat_timeout;
        let silent = self.silent_at().is_some_and(|at| at <= now);
        silent.then(|| socket::silent(patience))
    }

    fn silent_at(&self) -> Option<Instant> {
        let link = self.link.as_ref().filter(|link| !self.patient && link.engine.in_flight() > 0)?;
        link.heard_at.checked_add(self.heartbeat_timeout)
    }

    /// Bytes came and are in the engine: settle up to `most` replies. `true`: there may be more of them.
    ///
    /// # Errors
    /// The link is of no more use; what had been settled before is in `settled`.
    pub(crate) fn receive(&mut self, shared: &Shared, settled: &mut Vec<Settled<J>>, most: usize) -> Result<bool> {
        let Some(link) = &mut self.link else { return Ok(false) };
        link.heard_at = Instant::now();
        let generation = link.generation;
        // Once for all that has been read: what is published from here on is later than these bytes.
        let stale = shared.gate.load().generation != generation;
        for _ in 0..most {
            let Some(link) = &mut self.link else { return Ok(false) };
            match link.engine.next()? {
                None => return Ok(false),
                Some(Incoming::Push(_) | Incoming::Refused { .. }) => {}
                Some(Incoming::Replies { token: PROBE, values }) => {
                    link.probing = false;
                    let role = handshake::role_answer(link.engine.protocol(), &values);
                    if role.is_some_and(|role| role != Role::Master) {
                        shared.doubt_role(generation);
                        return Err(Error::new(ErrorKind::NotMaster, "the node is no longer the master"));
                    }
                }
                Some(Incoming::Replies { token, values }) => {
                    self.settle(shared, Key::from_token(token), End::Replied { values, stale }, generation, settled);
                }
            }
        }
        Ok(true)
    }

    /// An attempt to execute a command ended.
    fn settle(&mut self, shared: &Shared, key: Key, end: End, generation: u64, settled: &mut Vec<Settled<J>>) {
        // Who expired or was given up is gone, and its reply goes to nobody.
        let Some(job) = self.jobs.get(key) else { return };
        let verdict = outcome::judge(&job.request, end);
        if verdict.doubts_master() {
            shared.doubt_role(generation);
        }
        match verdict {
            Verdict::Settle(result) => self.finish(shared, key, result, settled),
            Verdict::Instead(request) => {
                job.request = request;
                job.stage = Stage::Waiting;
                self.again.push_back(key);
            }
            Verdict::Again(again) => {
                shared.counters.count(Counter::Retries);
                if again.at_deadline().is_some() {
                    self.hold_until = Some(Instant::now() + self.backoff.pause());
                    job.refused = Some(again);
                }
                job.stage = Stage::Waiting;
                self.again.push_back(key);
            }
        }
    }

    fn finish(&mut self, shared: &Shared, key: Key, result: Result<Replies>, settled: &mut Vec<Settled<J>>) {
        if let Some(Job { request, job, .. }) = self.take(shared, key) {
            settled.push(Settled { job, request, result: shared.note(result) });
        }
    }

    fn take(&mut self, shared: &Shared, key: Key) -> Option<Job<J>> {
        let job = self.jobs.remove(key)?;
        shared.admission.leave(job.counted);
        Some(job)
    }

    /// A command that is not wanted any more. What is to be said of it, and what the driver knew it by.
    pub(crate) fn cancel(&mut self, shared: &Shared, key: Key) -> Option<(J, Error)> {
        let job = self.take(shared, key)?;
        self.wither(job.stage);
        let error = outcome::cancelled(&job.request, job.stage == Stage::Sent);
        Some((job.job, error))
    }

    /// Forget everything without a word.
    pub(crate) fn abandon(&mut self, shared: &Shared) {
        let keys: Vec<Key> = self.jobs.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.take(shared, key);
        }
        self.again.clear();
        self.pending.clear();
        self.withered = 0;
        self.link = None;
    }

    /// A key stays behind where its command waited. More keys without a command than with one are not kept.
    fn wither(&mut self, stage: Stage) {
        if stage != Stage::Waiting {
            return;
        }
        self.withered += 1;
        if self.withered > 64 && self.withered > (self.again.len() + self.pending.len()) / 2 {
            let jobs = &self.jobs;
            self.again.retain(|key| jobs.contains(*key));
            self.pending.retain(|key| jobs.contains(*key));
            self.withered = 0;
        }
    }

    /// Settle what has run out of time.
    pub(crate) fn expire(&mut self, shared: &Shared, now: Instant, settled: &mut Vec<Settled<J>>) {
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return;
        }
        let mut due = Vec::new();
        let mut earliest: Option<Instant> = None;
        for (key, job) in self.jobs.iter() {
            match job.limit.deadline {
                Some(deadline) if deadline <= now => due.push(key),
                Some(deadline) => earliest = Some(earliest.map_or(deadline, |earliest| earliest.min(deadline))),
                None => {}
            }
        }
        self.earliest = earliest;
        let waiting_for = self.phase(shared);
        for key in due {
            let Some(job) = self.take(shared, key) else { continue };
            self.wither(job.stage);
            let sent = job.stage == Stage::Sent;
            let result = match job.refused.as_ref().and_then(Again::at_deadline) {
                Some(error) if !sent => Err(error),
                _ => {
                    let phase = if sent { Phase::Reply } else { waiting_for };
                    let why = shared.why_waiting(phase);
                    outcome::expired(&job.request, Partial::sent(sent), phase, job.limit.total, &why)
                }
            };
            settled.push(Settled { job: job.job, request: job.request, result: shared.note(result) });
        }
    }

    /// What commands that were not sent wait for.
    fn phase(&self, shared: &Shared) -> Phase {
        match shared.gate.load().phase() {
            Phase::Pending if self.link.is_none() => Phase::Connect,
            phase => phase,
        }
    }

    /// The link is gone: say of every unanswered command what may be said about it.
    pub(crate) fn lose(&mut self, shared: &Shared, error: &Error, settled: &mut Vec<Settled<J>>) {
        let Some(Link { engine, generation, .. }) = self.link.take() else { return };
        let closed = error.kind() == ErrorKind::Closed;
        let stale = shared.gate.load().generation != generation;
        // What was refused before is older than what is unanswered now, and stays in front.
        for unanswered in engine.into_unanswered().filter(|unanswered| unanswered.token != PROBE) {
            let key = Key::from_token(unanswered.token);
            if closed && !unanswered.partial.was_sent() {
                self.finish(shared, key, Err(Error::closed()), settled);
                continue;
            }
            let end = End::Lost { partial: unanswered.partial, stale, error: error.clone() };
            self.settle(shared, key, end, generation, settled);
        }
    }

    /// Nothing of what waits can ever be sent.
    pub(crate) fn fail(&mut self, shared: &Shared, error: &Error, settled: &mut Vec<Settled<J>>) {
        let waiting: Vec<Key> = self.again.drain(..).chain(self.pending.drain(..)).collect();
        self.withered = 0;
        for key in waiting {
            self.finish(shared, key, Err(error.clone()), settled);
        }
    }

    /// No deadline, and nothing else that time brings, is earlier than this.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let hold = self.hold_until.filter(|_| self.has_waiting());
        [self.earliest.filter(|_| !self.jobs.is_empty()), self.silent_at(), hold].into_iter().flatten().min()
    }
}
