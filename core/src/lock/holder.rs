//! The holder of a lock: asks the master, keeps what follows from its answers, extends by itself if it was told to, and looks
//! after a failover whether the new master knows of the lock. Everything here runs on the supervisor's thread.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis::Value;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout_at};

use super::script::{self, Fence, Word};
use super::state::{Holding, LockChange, LockState};
use super::{LockCall, check_ttl};
use crate::bell::Bell;
use crate::command::Request;
use crate::config::{Mode, UnavailablePolicy};
use crate::driver::tokio::{self as tokio_driver};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::shared::{Limit, Shared};
use crate::status::ClientState;
use crate::sync::lock;
use crate::timer::at;

/// While somebody else has the lock it is asked for again after a random time between these.
const AGAIN: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(100));
/// The longest pause after an automatic extension that failed.
const FAILED: Duration = Duration::from_millis(250);

/// While a lock is held, sentinels that do not answer are tried this often: a holder is told of a failover within a second of
/// any sentinel's being reachable again.
const HURRY: Duration = Duration::from_millis(250);

/// See the head of this file.
pub(super) struct Holder {
    shared: Arc<Shared>,
    key: Vec<u8>,
    token: Vec<u8>,
    ttl: Duration,
    automatic: bool,
    holding: Mutex<Holding>,
    fence: Mutex<Option<Fence>>,
    /// A taking whose outcome is unknown: our own token at the server is no surprise then.
    maybe_taken: AtomicBool,
    /// Nobody has the handle any more.
    abandoned: AtomicBool,
    /// Wakes the keeper.
    wake: Notify,
    bell: Bell,
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder").finish_non_exhaustive()
    }
}

impl Holder {
    pub(super) fn new(shared: Arc<Shared>, key: Vec<u8>, token: Vec<u8>, ttl: Duration, automatic: bool) -> Holder {
        Holder {
            shared,
            key,
            token,
            ttl,
            automatic,
            holding: Mutex::default(),
            fence: Mutex::default(),
            maybe_taken: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            wake: Notify::new(),
            bell: Bell::default(),
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(super) fn token(&self) -> &[u8] {
        &self.token
    }

    pub(super) fn bell(&self) -> &Bell {
        &self.bell
    }

    pub(super) fn fence(&self) -> Option<Fence> {
        *lock(&self.fence)
    }

    pub(super) fn state(&self) -> LockState {
        self.change(|holding, now| holding.state(now))
    }

    pub(super) fn left(&self) -> Duration {
        self.change(Holding::left)
    }

    pub(super) fn is_live(&self) -> bool {
        self.change(|holding, now| {
            holding.state(now);
            holding.is_live()
        })
    }

    pub(super) fn next_change(&self) -> Option<LockChange> {
        let mut holding = lock(&self.holding);
        holding.state(Instant::now());
        let change = holding.next_change();
        if !holding.has_changes() && self.check_open().is_ok() {
            self.bell.silence();
        }
        change
    }

    /// # Errors
    /// [`ErrorKind::Closed`]
    pub(super) fn check_open(&self) -> Result<()> {
        match self.shared.gate.load().state {
            ClientState::Closed => Err(Error::closed()),
            _ => Ok(()),
        }
    }

    pub(super) fn shaken(&self, why: &str) {
        self.change(|holding, now| holding.shaken(now, why));
        // Also when it is no news: the master that is asked next is another one.
        self.wake.notify_one();
    }

    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Every change of the state goes through here, so that nobody forgets the bell.
    fn change<T>(&self, change: impl FnOnce(&mut Holding, Instant) -> T) -> T {
        let mut holding = lock(&self.holding);
        let result = change(&mut holding, Instant::now());
        if holding.has_changes() {
            self.bell.ring();
        }
        result
    }

    pub(super) async fn call(self: Arc<Self>, call: LockCall) -> Result<Value> {
        match call {
            LockCall::Take { wait } => self.take(wait).await.map(Value::Boolean),
            LockCall::Acquire { wait } => match self.take(wait).await? {
                true => Ok(Value::Boolean(true)),
                false => Err(Error::new(ErrorKind::LockNotHeld, "somebody else has the lock")),
            },
            LockCall::Extend { ttl } => {
                let ttl = ttl.unwrap_or(self.ttl);
                check_ttl(ttl)?;
                self.extend(ttl, self.deadline()).await.map(|()| Value::Okay)
            }
            LockCall::Release => self.release().await.map(|()| Value::Okay),
            LockCall::Query => self.ask(script::query(&self.key)?, self.deadline()).await,
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.shared.config.options.command_timeout
    }

    async fn ask(&self, request: Request, deadline: Instant) -> Result<Value> {
        let total = deadline.saturating_duration_since(Instant::now());
        let limit = Limit { deadline: Some(deadline), total };
        tokio_driver::execute(&self.shared, request, limit, Arc::default()).await?.single()
    }

    async fn take(self: &Arc<Self>, wait: Duration) -> Result<bool> {
        let until = Instant::now().checked_add(wait);
        loop {
            if self.try_take().await? {
                return Ok(true);
            }
            let left = until.map_or(AGAIN.1, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(false);
            }
            let pause = AGAIN.0 + (AGAIN.1 - AGAIN.0).mul_f64(fastrand::f64());
            sleep(pause.min(left)).await;
        }
    }

    async fn try_take(self: &Arc<Self>) -> Result<bool> {
        let deadline = self.deadline();
        loop {
            let (generation, epoch) = self.confirmed(deadline).await?;
            let own_counts = self.maybe_taken.load(Ordering::Acquire);
            let sent = Instant::now();
            // Until its answer is known it may be taken, also if nobody waits for the answer any more.
            self.maybe_taken.store(true, Ordering::Release);
            let answer = self.ask(script::take(&self.key, &self.token, self.ttl, epoch, own_counts)?, deadline).await;
            let fence = match answer {
                Ok(reply) => script::taken(&reply)?,
                // An earlier try may have been executed, and then it is not for this one to say that nothing was.
                Err(error) if own_counts || error.kind() == ErrorKind::MaybeExecuted => {
                    return Err(match error.kind() {
                        ErrorKind::Timeout => Error::maybe_executed(Phase::Reply, error.message()),
                        _ => error,
                    });
                }
                Err(error) => {
                    self.maybe_taken.store(false, Ordering::Release);
                    return Err(error);
                }
            };
            let Some(fence) = fence else {
                self.maybe_taken.store(false, Ordering::Release);
                return Ok(false);
            };
            // Another master may have answered than the one whose epoch went into the fence.
            if !self.is_master_still(generation) {
                continue;
            }
            self.maybe_taken.store(false, Ordering::Release);
            *lock(&self.fence) = Some(fence);
            self.hold(sent + self.ttl);
            return Ok(true);
        }
    }

    /// The generation of the master and its epoch, as soon as the sentinels have confirmed both.
    async fn confirmed(&self, deadline: Instant) -> Result<(u64, u64)> {
        let mut gate = self.shared.gate.watch();
        loop {
            gate.borrow_and_update();
            let word = self.shared.gate.load();
            let epoch = match self.shared.config.mode {
                Mode::Direct { .. } => Some(0),
                Mode::Sentinel { .. } => self.shared.known(|known| known.epoch),
            };
            let fails = self.shared.config.options.when_unavailable == UnavailablePolicy::Fail;
            match (word.state, epoch) {
                (ClientState::Closed, _) => return Err(Error::closed()),
                (ClientState::Ready, Some(epoch)) => return Ok((word.generation, epoch)),
                (ClientState::Connecting | ClientState::NoMaster, _) if fails => return Err(self.shared.not_ready()),
                _ => {}
            }
            if timeout_at(deadline.into(), gate.changed()).await.is_err() {
                let after = self.shared.config.options.command_timeout;
                let phase = word.phase();
                let why = match word.state {
                    ClientState::Ready => "the sentinels have not confirmed the master yet".to_owned(),
                    _ => self.shared.why_waiting(phase),
                };
                return Err(Error::timeout(phase, after, why));
            }
        }
    }

    /// What a master of this generation said is what the master in use says.
    fn is_master_still(&self, generation: u64) -> bool {
        let word = self.shared.gate.load();
        word.generation == generation && matches!(word.state, ClientState::Ready | ClientState::Fenced)
    }

    /// The lock is ours until then.
    fn hold(self: &Arc<Self>, until: Instant) {
        let term = self.change(|holding, _| {
            holding.taken(until);
            holding.term()
        });
        tokio::spawn(Arc::clone(self).keep(term));
    }

    async fn extend(self: &Arc<Self>, ttl: Duration, deadline: Instant) -> Result<()> {
        loop {
            let generation = self.shared.gate.load().generation;
            let sent = Instant::now();
            let word = match self.ask(script::extend(&self.key, &self.token, ttl)?, deadline).await {
                Ok(reply) => script::word(&reply)?,
                Err(error) => return Err(error),
            };
            // What another master said proves nothing.
            if !self.is_master_still(generation) && Instant::now() < deadline {
                continue;
            }
            let until = sent + ttl;
            return match word {
                Word::Done if self.is_live() => {
                    self.change(|holding, _| holding.extended(until));
                    self.wake.notify_one();
                    Ok(())
                }
                Word::Done => {
                    self.hold(until);
                    Ok(())
                }
                refusal => Err(self.refuted(refusal)),
            };
        }
    }

    async fn release(&self) -> Result<()> {
        let deadline = self.deadline();
        let mut maybe = false;
        loop {
            let word = match self.ask(script::release(&self.key, &self.token)?, deadline).await {
                Ok(reply) => script::word(&reply)?,
                Err(error) if error.kind() == ErrorKind::MaybeExecuted && Instant::now() < deadline => {
                    maybe = true;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if word == Word::Done || (maybe && word == Word::Nobody) {
                self.change(|holding, _| holding.released());
                self.maybe_taken.store(false, Ordering::Release);
                self.wake.notify_one();
                return Ok(());
            }
            return Err(self.refuted(word));
        }
    }

    fn refuted(&self, word: Word) -> Error {
        let why = match word {
            Word::SomebodyElse => "somebody else has it",
            _ => "the master does not know of it",
        };
        self.change(|holding, _| holding.refuted(why));
        self.wake.notify_one();
        Error::new(ErrorKind::LockNotHeld, format!("the lock is not held by this token: {why}"))
    }

    /// Look after one taking until it is over.
    async fn keep(self: Arc<Self>, term: u64) {
        let mut extend_at = self.automatic.then(|| Instant::now() + self.ttl / 3);
        loop {
            let (until, state) = self.change(|holding, now| {
                let state = holding.state(now);
                (holding.until().filter(|_| holding.term() == term), state)
            });
            let Some(until) = until else { return };
            if self.check_open().is_err() {
                return;
            }
            let due = extend_at.filter(|due| *due < until);
            tokio::select! {
                () = at(due.map(Into::into)) => {}
                () = at(Some(until.into())) => continue,
                () = sleep(HURRY) => {
                    if self.shared.known(|known| known.misses_a_sentinel()) {
                        self.shared.hurry.notify_one();
                    }
                    continue;
                }
                () = self.wake.notified() => if state == LockState::Held && self.state() == LockState::Held {
                    continue;
                },
            }
            if self.abandoned.load(Ordering::Acquire) {
                return;
            }
            if self.automatic {
                // Its own time is the deadline: what comes later is of no use.
                let extended = self.extend(self.ttl, until).await;
                let pause = if extended.is_ok() { self.ttl / 3 } else { FAILED.min(self.ttl / 10) };
                extend_at = Some(Instant::now() + pause);
            } else if self.state() == LockState::Uncertain {
                self.look(until).await;
            }
        }
    }

    /// Does the master in use know of the lock? That it does leaves it uncertain, so that a holder who looks only now and then
    /// sees that there was a failover; extending it is what makes it certain again.
    async fn look(&self, until: Instant) {
        let Ok(request) = script::query(&self.key) else { return };
        let generation = self.shared.gate.load().generation;
        let answer = self.ask(request, until).await.and_then(script::owner);
        if self.shared.gate.load().generation != generation {
            // The switch in between has asked for another look.
            return;
        }
        match answer {
            Ok(Some(owner)) if owner != self.token => drop(self.refuted(Word::SomebodyElse)),
            Ok(None) => drop(self.refuted(Word::Nobody)),
            Ok(Some(_)) | Err(_) => {}
        }
    }
}
