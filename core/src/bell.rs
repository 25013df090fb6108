//! One wake-up per empty → non-empty edge, for every kind of waiter.
//!
//! A queue rings its bell when something is put into it and silences it when it is empty again, both under the queue's own
//! lock, so that no edge is lost. Threads wait on it, tokio tasks wait on it, event loops watch its descriptor, and hosts
//! without descriptors are called. The bell knows nothing about what is in the queue.

use std::fmt;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::Notify;

use crate::error::{Error, ErrorKind, Result};
use crate::sync::lock;

/// Asked at least every 100 ms while a thread waits; `true` gives the wait up.
pub type Interrupt<'a> = Option<&'a dyn Fn() -> bool>;

/// How often a waiting thread looks whether it is still wanted.
pub(crate) const INTERRUPT_SLICE: Duration = Duration::from_millis(100);

/// Says that there is something to take.
#[derive(Default)]
pub struct Bell {
    state: Mutex<State>,
    rung: Condvar,
    notify: Notify,
}

#[derive(Default)]
struct State {
    ringing: bool,
    descriptor: Option<OwnedFd>,
    call: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Bell {
    /// A descriptor that is readable while there is something to take. Made at the first call; owned by the bell, never to be
    /// read or closed by the caller.
    ///
    /// # Errors
    /// [`ErrorKind::ConnectFailed`] when the system has no descriptor left.
    pub fn descriptor(&self) -> Result<RawFd> {
        let mut state = lock(&self.state);
        if let Some(descriptor) = &state.descriptor {
            return Ok(descriptor.as_raw_fd());
        }
        let initial = u32::from(state.ringing);
        let descriptor = eventfd(initial, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|errno| Error::new(ErrorKind::ConnectFailed, format!("no descriptor for a wake-up: {errno}")))?;
        Ok(state.descriptor.insert(descriptor).as_raw_fd())
    }

    /// Call this at every edge, on a thread of the core. It may only wake somebody up: it must not block and must not call
    /// back into the client.
    pub fn on_ring(&self, call: impl Fn() + Send + Sync + 'static) {
        let mut state = lock(&self.state);
        if state.ringing {
            call();
        }
        state.call = Some(Box::new(call));
    }

    pub(crate) fn ring(&self) {
        let mut state = lock(&self.state);
        if state.ringing {
            return;
        }
        state.ringing = true;
        if let Some(descriptor) = &state.descriptor {
            // An eventfd that is full is readable, which is all that is wanted.
            let _ = rustix::io::write(descriptor, &1_u64.to_ne_bytes());
        }
        if let Some(call) = &state.call {
            call();
        }
        drop(state);
        self.rung.notify_all();
        self.notify.notify_waiters();
    }

    pub(crate) fn silence(&self) {
        let mut state = lock(&self.state);
        if !state.ringing {
            return;
        }
        state.ringing = false;
        if let Some(descriptor) = &state.descriptor {
            let _ = rustix::io::read(descriptor, &mut [0_u8; 8]);
        }
    }

    /// Wait until the bell rings, the deadline passes, or the interrupt asks to stop. `true` if it rang.
    pub(crate) fn wait(&self, deadline: Option<Instant>, interrupt: Interrupt<'_>) -> Waited {
        let mut state = lock(&self.state);
        loop {
            if state.ringing {
                return Waited::Rang;
            }
            let now = Instant::now();
            let left = match deadline {
                Some(deadline) if deadline <= now => return Waited::TimedOut,
                Some(deadline) => Some(deadline - now),
                None => None,
            };
            if let Some(interrupt) = interrupt {
                drop(state);
                if interrupt() {
                    return Waited::Interrupted;
                }
                state = lock(&self.state);
                if state.ringing {
                    return Waited::Rang;
                }
            }
            // Without an interrupt nothing but the bell and the deadline is of interest.
            let slice = match (interrupt, left) {
                (Some(_), Some(left)) => Some(left.min(INTERRUPT_SLICE)),
                (Some(_), None) => Some(INTERRUPT_SLICE),
                (None, left) => left,
            };
            state = match slice {
                Some(slice) => self.rung.wait_timeout(state, slice).unwrap_or_else(|poison| poison.into_inner()).0,
                None => self.rung.wait(state).unwrap_or_else(|poison| poison.into_inner()),
            };
        }
    }

    /// Wait, as a task of any runtime, until the bell rings.
    pub(crate) async fn rung(&self) {
        loop {
            let notified = self.notify.notified();
            tokio::pin!(notified);
            // Registered before the look, so that a ring in between is not missed.
            notified.as_mut().enable();
            if lock(&self.state).ringing {
                return;
            }
            notified.await;
        }
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bell").field("ringing", &lock(&self.state).ringing).finish_non_exhaustive()
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    Rang,
    TimedOut,
    Interrupted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptor_is_readable_while_the_bell_rings() {
        let bell = Bell::default();
        bell.ring();
        let fd = bell.descriptor().unwrap();
        let readable = || {
            let state = lock(&bell.state);
            let descriptor = state.descriptor.as_ref().unwrap();
            let mut fds = [rustix::event::PollFd::new(descriptor, rustix::event::PollFlags::IN)];
            rustix::event::poll(&mut fds, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
        };
        assert!(fd >= 0 && readable());
        bell.silence();
        assert!(!readable());
        bell.ring();
        assert!(readable());
    }

    #[test]
    fn interrupt_ends_a_wait() {
        let bell = Bell::default();
        assert_eq!(bell.wait(None, Some(&|| true)), Waited::Interrupted);
        assert_eq!(bell.wait(Some(Instant::now()), None), Waited::TimedOut);
        bell.ring();
        assert_eq!(bell.wait(None, Some(&|| true)), Waited::Rang);
    }
}
