//! The waiting thread drives its link itself: one write, a blocking receive in slices, no other thread in between.
//!
//! A shutdown by the supervisor ends the receive at once. A link that still owes a reply is closed, never reused.

use std::io::{ErrorKind as IoErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;

use super::gate::GateWord;
use super::links::Registered;
use crate::bell::{INTERRUPT_SLICE, Interrupt};
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

/// A link of the pool.
#[derive(Debug)]
pub(crate) struct WaitingLink {
    stream: Arc<TcpStream>,
    engine: Engine,
    generation: u64,
    /// The socket's time-out as set last: setting it is a system call.
    slice: Duration,
    used_at: Instant,
    buffer: Box<[u8]>,
    _registered: Registered,
}

/// The patience of one call.
#[derive(Clone, Copy)]
struct Patience<'a> {
    limit: Limit,
    /// How long a reply may be owed without a byte; `None` for blocking commands, which owe it as long as they please.
    silence: Option<Duration>,
    interrupt: Interrupt<'a>,
}

/// Why a call stopped waiting.
enum Stop {
    Expired,
    Interrupted,
}

impl Patience<'_> {
    fn check(&self) -> std::result::Result<(), Stop> {
        if self.limit.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(Stop::Expired);
        }
        if self.interrupt.is_some_and(|interrupt| interrupt()) {
            return Err(Stop::Interrupted);
        }
        Ok(())
    }

    /// How long a system call may block before the patience is looked at again.
    fn slice(&self) -> Duration {
        let left = self.limit.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // Zero would mean "for ever" to the socket.
        left.map_or(INTERRUPT_SLICE, |left| left.min(INTERRUPT_SLICE)).max(Duration::from_millis(1))
    }
}

/// Execute a request on the calling thread.
pub(crate) fn execute(
    shared: &Shared,
    request: &Request,
    limit: Limit,
    interrupt: Interrupt<'_>,
) -> Result<Vec<Value>> {
    shared.note(try_execute(shared, request, limit, interrupt))
}

fn try_execute(shared: &Shared, request: &Request, limit: Limit, interrupt: Interrupt<'_>) -> Result<Vec<Value>> {
    let options = &shared.config.options;
    let _place = shared.enter(request)?;
    let silence = (request.blocks() == Blocks::No).then_some(options.heartbeat_timeout);
    let patience = Patience { limit, silence, interrupt };
    let stopped = |stop: Stop, sent: bool, phase: Phase, refused: Option<&Again>| match stop {
        Stop::Interrupted => outcome::cancelled(request, sent),
        Stop::Expired => match refused.and_then(Again::at_deadline) {
            Some(error) if !sent => error,
            _ => outcome::expired(request, sent, phase, limit.total, &shared.why_waiting(phase)),
        },
    };
    let mut refused: Option<Again> = None;
    let mut backoff = Backoff::new(options);
    loop {
        let (word, master) = wait_for_master(shared, patience)
            .map_err(|(stop, phase)| stopped(stop, false, phase, refused.as_ref()))??;
        // Blocking commands hold their link for long: they do not count against the pool.
        let turn = match request.blocks() {
            Blocks::No => {
                let turn = shared.pool.turn(options.pool_size, limit.deadline, interrupt);
                if turn.is_none() {
                    let stop = patience.check().err().unwrap_or(Stop::Expired);
                    return Err(stopped(stop, false, Phase::Pending, refused.as_ref()));
                }
                turn
            }
            _ => None,
        };
        let link = match shared.pool.take(word.generation, options.pool_idle) {
            Some(link) => Ok(link),
            None => WaitingLink::open(shared, &master, patience),
        };
        let mut link = match link {
            Ok(link) => link,
            Err(error) => {
                drop(turn);
                patience.check().map_err(|stop| stopped(stop, false, Phase::Connect, refused.as_ref()))?;
                if !shared.doubt(word.generation, &error) {
                    // Waiting does not heal a wrong password.
                    return Err(error);
                }
                pause(shared, word, backoff.pause(), patience);
                continue;
            }
        };
        // The gate is looked at once more, right before the write.
        if shared.gate.load() != word {
            continue;
        }
        let end = match link.call(shared, request, patience) {
            Ok(end) => end,
            Err((stop, sent)) => return Err(stopped(stop, sent, Phase::Reply, refused.as_ref())),
        };
        let lost = matches!(end, End::Lost { .. });
        match outcome::judge(request, end) {
            Verdict::Settle(result) => {
                if !lost && link.engine.is_idle() {
                    link.used_at = Instant::now();
                    shared.pool.put(link);
                }
                return result;
            }
            Verdict::Again(again) => {
                drop(link);
                drop(turn);
                shared.counters.count(Counter::Retries);
                if again.doubts_master() {
                    shared.doubt_role(word.generation);
                }
                let wait = backoff.pause();
                refused = Some(again).filter(|again| again.at_deadline().is_some()).or(refused);
                pause(shared, word, wait, patience);
            }
        }
    }
}

/// Wait until commands may be written, as the policy says.
#[expect(
    clippy::type_complexity,
    reason = "the outer result is the caller's patience, the inner one the client's state"
)]
fn wait_for_master(
    shared: &Shared,
    patience: Patience<'_>,
) -> std::result::Result<Result<(GateWord, Arc<Master>)>, (Stop, Phase)> {
    loop {
        let word = shared.gate.load();
        match word.state {
            ClientState::Closed => return Ok(Err(Error::closed())),
            ClientState::Ready => {
                if let Some(master) = shared.master(word.generation) {
                    return Ok(Ok((word, master)));
                }
                // The supervisor is between two stores; the next look finds both.
                std::thread::yield_now();
                continue;
            }
            ClientState::Connecting | ClientState::NoMaster
                if shared.config.options.when_unavailable == UnavailablePolicy::Fail =>
            {
                return Ok(Err(shared.not_ready()));
            }
            ClientState::Connecting | ClientState::NoMaster | ClientState::Fenced => {}
        }
        patience.check().map_err(|stop| (stop, word.phase()))?;
        shared.gate.wait_change(word, patience.limit.deadline, patience.interrupt);
    }
}

/// Wait a moment, or until the gate says something new.
fn pause(shared: &Shared, seen: GateWord, wait: Duration, patience: Patience<'_>) {
    if wait.is_zero() {
        return;
    }
    let until = Instant::now() + wait;
    let until = patience.limit.deadline.map_or(until, |deadline| deadline.min(until));
    while Instant::now() < until && shared.gate.load() == seen {
        if patience.check().is_err() {
            return;
        }
        shared.gate.wait_change(seen, Some(until), patience.interrupt);
    }
}

impl WaitingLink {
    fn open(shared: &Shared, master: &Master, patience: Patience<'_>) -> Result<WaitingLink> {
        let options = &shared.config.options;
        let until = Instant::now() + options.connect_timeout;
        let until = patience.limit.deadline.map_or(until, |deadline| deadline.min(until));
        let left = until.saturating_duration_since(Instant::now());
        let stream = Arc::new(socket::connect_blocking(master.socket, left, options)?);
        let registered = shared.links.register("waiting", &master.node, master.generation, Some(Arc::clone(&stream)));
        let mut link = WaitingLink {
            stream,
            engine: Engine::new(bounds(options)),
            generation: master.generation,
            slice: Duration::ZERO,
            used_at: Instant::now(),
            buffer: vec![0; 16 << 10].into_boxed_slice(),
            _registered: registered,
        };
        let total = left;
        let patience = Patience { limit: Limit { deadline: Some(until), total }, silence: None, ..patience };
        let mut handshake =
            Handshake::new(Hop::Data, options.protocol, &shared.config.data, &shared.client_name, shared.config.db)
                .redirected(master.redirects);
        loop {
            let (bytes, replies) = handshake.request();
            link.engine.push(0, &bytes, replies);
            let values = match link.exchange(patience) {
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

    pub(crate) fn is_reusable(&self, generation: u64, max_idle: Duration) -> bool {
        self.generation == generation && self.used_at.elapsed() < max_idle && socket::is_quiet(&self.stream)
    }

    /// One request, to its replies or to the end of the link.
    fn call(
        &mut self,
        shared: &Shared,
        request: &Request,
        patience: Patience<'_>,
    ) -> std::result::Result<End, (Stop, bool)> {
        self.engine.push_shaped(1, request.bytes(), request.replies(), request.shape());
        match self.exchange(patience) {
            Ok(Ok(values)) => {
                let stale = shared.gate.load().generation != self.generation;
                Ok(End::Replied { values, stale })
            }
            Ok(Err(error)) => Ok(End::Lost { sent: self.engine.oldest_was_sent(), error }),
            Err(stop) => Err((stop, self.engine.oldest_was_sent())),
        }
    }

    /// Write what is queued and read until it is answered. The inner error is the link's end.
    fn exchange(&mut self, patience: Patience<'_>) -> std::result::Result<Result<Vec<Value>>, Stop> {
        while !self.engine.output().is_empty() {
            if let Err(error) = self.set_slice(patience.slice()) {
                return Ok(Err(error));
            }
            match (&*self.stream).write(self.engine.output()) {
                Ok(count) => self.engine.wrote(count),
                Err(error) if is_pause(&error) => patience.check()?,
                Err(error) => return Ok(Err(socket::lost(&error))),
            }
        }
        // Since the first look that found nothing: the clock is not read for replies that come at once.
        let mut quiet_since = None;
        loop {
            match self.engine.next() {
                Ok(Some(Incoming::Replies { values, .. })) => return Ok(Ok(values)),
                Ok(Some(Incoming::Push(_))) => continue,
                Ok(None) => {}
                Err(error) => return Ok(Err(error)),
            }
            if let Err(error) = self.set_slice(patience.slice()) {
                return Ok(Err(error));
            }
            match (&*self.stream).read(&mut self.buffer) {
                Ok(0) => return Ok(Err(socket::ended())),
                Ok(count) => {
                    quiet_since = None;
                    self.engine.feed(&self.buffer[..count]);
                }
                Err(error) if is_pause(&error) => {
                    patience.check()?;
                    let quiet = quiet_since.get_or_insert_with(Instant::now).elapsed();
                    if let Some(silence) = patience.silence.filter(|silence| quiet > *silence) {
                        return Ok(Err(socket::silent(silence)));
                    }
                }
                Err(error) => return Ok(Err(socket::lost(&error))),
            }
        }
    }

    /// Near a deadline the slice shrinks with every call; far from it, it is set once.
    fn set_slice(&mut self, slice: Duration) -> Result<()> {
        if slice != self.slice {
            self.stream.set_read_timeout(Some(slice)).map_err(|error| socket::lost(&error))?;
            self.stream.set_write_timeout(Some(slice)).map_err(|error| socket::lost(&error))?;
            self.slice = slice;
        }
        Ok(())
    }
}

fn is_pause(error: &std::io::Error) -> bool {
    matches!(error.kind(), IoErrorKind::WouldBlock | IoErrorKind::TimedOut | IoErrorKind::Interrupted)
}
