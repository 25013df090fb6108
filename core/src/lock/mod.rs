//! Locks: a key that holds the token of its owner for a time, taken, extended and released by scripts that compare first.
//!
//! No lock over asynchronous replication is perfect: a new master may not know of a lock that the old one gave, and then gives
//! it to somebody else. What is promised is that the holder is told (`state.rs`), that nobody but the owner extends or
//! releases, and that the fence of each taking is greater than those before (`script.rs`).
//!
//! All of it runs on the supervisor's thread (`errand.rs`): between an answer and what is made of it no switch can happen.

mod holder;
mod script;
mod state;

use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use redis::Value;

pub use script::Fence;
pub use state::{LockChange, LockState};

use crate::bell::{Bell, Interrupt, Waited};
use crate::client::ClientHandle;
use crate::errand::{self, Errand};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::lock;
use crate::tree::Tree;
use holder::Holder;

/// The longest time of a lock: servers count in milliseconds of 63 bits, and a lock for ever is a mistake.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// What can be asked of a lock. Errors: those of any command, and [`ErrorKind::LockNotHeld`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockCall {
    /// Take it; if somebody else has it, try again for so long. Gives whether it was taken.
    Take {
        /// Zero tries once.
        wait: Duration,
    },
    /// The same, but failing with [`ErrorKind::LockNotHeld`] if it was not taken: for scopes.
    Acquire {
        /// Zero tries once.
        wait: Duration,
    },
    /// Make it last so long from now on; without a time, as long as it was made for.
    Extend {
        /// The new time of the lock.
        ttl: Option<Duration>,
    },
    /// Give it back.
    Release,
    /// The token of whoever has it.
    Query,
}

/// A lock with one owner: see [`crate::Client::lock`]. Clones are the same lock.
///
/// Dropping it ends its automatic extension but does not release it: its time does.
#[derive(Clone)]
pub struct Lock {
    inner: Arc<Inner>,
}

struct Inner {
    holder: Arc<Holder>,
    /// Keeps the client open.
    _client: Arc<ClientHandle>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.holder.abandon();
    }
}

impl Lock {
    pub(crate) fn new(
        client: &Arc<ClientHandle>,
        key: &[u8],
        token: Option<&[u8]>,
        ttl: Duration,
        automatic: bool,
    ) -> Result<Lock> {
        client.shared().check_process()?;
        if key.is_empty() {
            return Err(Error::new(ErrorKind::InvalidArgument, "the key of a lock is empty"));
        }
        if token.is_some_and(<[u8]>::is_empty) {
            return Err(Error::new(ErrorKind::InvalidArgument, "the token of a lock is empty"));
        }
        check_ttl(ttl)?;
        let token = token.map_or_else(new_token, <[u8]>::to_vec);
        let holder = Arc::new(Holder::new(Arc::clone(client.shared()), key.to_vec(), token, ttl, automatic));
        client.shared().locks.remember(&holder);
        Ok(Lock { inner: Arc::new(Inner { holder, _client: Arc::clone(client) }) })
    }

    /// Take it. `false`: somebody else has it.
    ///
    /// After a failover this waits until the sentinels have confirmed the new master: the fence needs its epoch.
    ///
    /// # Errors
    /// As [`crate::Client::command`]. After [`ErrorKind::MaybeExecuted`] it may be taken: taking it again with the same
    /// handle tells.
    pub async fn take(&self) -> Result<bool> {
        self.take_within(Duration::ZERO).await
    }

    /// Take it; while somebody else has it, try again for so long.
    ///
    /// # Errors
    /// As [`Lock::take`].
    pub async fn take_within(&self, wait: Duration) -> Result<bool> {
        Ok(self.call(LockCall::Take { wait }).await? == Value::Boolean(true))
    }

    /// Make it last as long as it was made for, from now on.
    ///
    /// # Errors
    /// [`ErrorKind::LockNotHeld`] when the master says that it is not ours; as [`crate::Client::command`].
    pub async fn extend(&self) -> Result<()> {
        self.call(LockCall::Extend { ttl: None }).await.map(drop)
    }

    /// Make it last so long from now on.
    ///
    /// # Errors
    /// As [`Lock::extend`].
    pub async fn extend_to(&self, ttl: Duration) -> Result<()> {
        self.call(LockCall::Extend { ttl: Some(ttl) }).await.map(drop)
    }

    /// Give it back.
    ///
    /// # Errors
    /// As [`Lock::extend`].
    pub async fn release(&self) -> Result<()> {
        self.call(LockCall::Release).await.map(drop)
    }

    /// The token of whoever has it, as the master says.
    ///
    /// # Errors
    /// As [`crate::Client::command`].
    pub async fn query(&self) -> Result<Option<Vec<u8>>> {
        script::owner(self.call(LockCall::Query).await?)
    }

    /// Any of the above: `true` or `false` for `Take`, OK for `Extend` and `Release`, a token or nil for `Query`.
    ///
    /// # Errors
    /// As there.
    pub async fn call(&self, call: LockCall) -> Result<Value> {
        errand::run(self.inner.holder.shared(), Arc::clone(&self.inner.holder).call(call)).await
    }

    /// The same on a waiting thread.
    ///
    /// # Errors
    /// As [`Lock::call`], and [`ErrorKind::Cancelled`] when interrupted: then it may have been executed.
    pub fn call_blocking(&self, call: LockCall, interrupt: Interrupt<'_>) -> Result<Value> {
        errand::wait(self.inner.holder.shared(), Arc::clone(&self.inner.holder).call(call), interrupt)
    }

    /// The same for a completion queue.
    pub fn errand(&self, call: LockCall) -> Errand {
        Errand::new(Arc::clone(&self.inner.holder).call(call))
    }

    /// What may be believed at this moment. Never blocks.
    pub fn state(&self) -> LockState {
        self.inner.holder.state()
    }

    /// How long the lock lasts if nobody extends it; zero when it is not held. By our own clock, from before it was asked for.
    pub fn time_left(&self) -> Duration {
        self.inner.holder.left()
    }

    /// The fence of the last taking.
    pub fn fence(&self) -> Option<Fence> {
        self.inner.holder.fence()
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        self.inner.holder.key()
    }

    /// The token of this owner.
    pub fn token(&self) -> &[u8] {
        self.inner.holder.token()
    }

    /// All of that as a report.
    pub fn to_tree(&self) -> Tree {
        let fence = self.fence();
        Tree::Map(vec![
            ("state", self.state().as_str().into()),
            ("time_left", self.time_left().into()),
            ("fence_epoch", fence.map(|fence| fence.epoch).into()),
            ("fence_counter", fence.map(|fence| fence.counter).into()),
            ("key", Tree::Bytes(self.key().to_vec())),
            ("token", Tree::Bytes(self.token().to_vec())),
        ])
    }

    /// The next change of state, if there is one.
    pub fn try_next_change(&self) -> Option<LockChange> {
        self.inner.holder.next_change()
    }

    /// The next change of state; `None` when the timeout passes first. A timeout of `None` waits for ever.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`], [`ErrorKind::Cancelled`] when interrupted.
    pub fn next_change_blocking(
        &self,
        timeout: Option<Duration>,
        interrupt: Interrupt<'_>,
    ) -> Result<Option<LockChange>> {
        self.inner.holder.shared().check_process()?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if let Some(change) = self.try_next_change() {
                return Ok(Some(change));
            }
            self.inner.holder.check_open()?;
            match self.bell().wait(deadline, interrupt) {
                Waited::Rang => {}
                Waited::TimedOut => return Ok(None),
                Waited::Interrupted => {
                    return Err(Error::new(ErrorKind::Cancelled, "the wait for a lock was given up"));
                }
            }
        }
    }

    /// The next change of state; `None` when the client is closed.
    pub async fn next_change(&self) -> Option<LockChange> {
        loop {
            if let Some(change) = self.try_next_change() {
                return Some(change);
            }
            self.inner.holder.check_open().ok()?;
            self.bell().rung().await;
        }
    }

    /// Rings while there is a change of state to read, and when the client is closed.
    pub fn bell(&self) -> &Bell {
        self.inner.holder.bell()
    }
}

/// The token may be a secret between owners.
impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("state", &self.state()).finish_non_exhaustive()
    }
}

fn check_ttl(ttl: Duration) -> Result<()> {
    if ttl < Duration::from_millis(1) || ttl > LONGEST {
        return Err(Error::new(ErrorKind::InvalidArgument, "the time of a lock is from 1 ms to 366 days"));
    }
    Ok(())
}

/// A token that nobody else has. The process is part of it, because random numbers are the same in a forked child.
fn new_token() -> Vec<u8> {
    format!("{:x}-{:032x}", std::process::id(), fastrand::u128(..)).into_bytes()
}

/// The locks of one client, held or not.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    known: Mutex<Vec<Weak<Holder>>>,
}

impl Locks {
    fn remember(&self, holder: &Arc<Holder>) {
        let mut known = lock(&self.known);
        known.retain(|holder| holder.strong_count() > 0);
        known.push(Arc::downgrade(holder));
    }

    fn all(&self) -> Vec<Arc<Holder>> {
        lock(&self.known).iter().filter_map(Weak::upgrade).collect()
    }

    /// The master was lost or replaced: tell every holder.
    pub(crate) fn shake(&self, why: &str) {
        for holder in self.all() {
            holder.shaken(why);
        }
    }

    /// The client is closed: let everybody who waits look.
    pub(crate) fn close(&self) {
        for holder in self.all() {
            holder.bell().ring();
        }
    }
}
