//! What a host's loop watches: one epoll descriptor for life over sockets, a timer and a bell, so that the loop has to know
//! one number only.

use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{self, EventfdFlags, PollFd, PollFlags, Timespec, epoll};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags};

use crate::error::{Error, ErrorKind, Result};

const TIMER: u64 = 0;
const BELL: u64 = 1;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
    timer: OwnedFd,
    bell: OwnedFd,
    rung: AtomicBool,
}

/// Tokens for sockets are this or more.
pub(crate) const FIRST_TOKEN: u64 = 2;

impl Poller {
    /// # Errors
    /// [`ErrorKind::Internal`] when the system has no descriptor left.
    pub(crate) fn new() -> Result<Poller> {
        let poller = Poller {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).map_err(refused)?,
            timer: rustix::time::timerfd_create(
                TimerfdClockId::Monotonic,
                TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
            )
            .map_err(refused)?,
            bell: event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(refused)?,
            rung: AtomicBool::new(false),
        };
        let add = |fd, token| epoll::add(&poller.epoll, fd, epoll::EventData::new_u64(token), epoll::EventFlags::IN);
        add(poller.timer.as_fd(), TIMER).map_err(refused)?;
        add(poller.bell.as_fd(), BELL).map_err(refused)?;
        Ok(poller)
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    pub(crate) fn watch(&self, socket: &TcpStream, token: u64) -> Result<()> {
        let data = epoll::EventData::new_u64(token);
        epoll::add(&self.epoll, socket, data, epoll::EventFlags::IN).map_err(refused)
    }

    /// Whether room in the kernel's buffer is of interest, too.
    pub(crate) fn watch_room(&self, socket: &TcpStream, token: u64, room: bool) {
        let data = epoll::EventData::new_u64(token);
        let interest = if room { epoll::EventFlags::IN | epoll::EventFlags::OUT } else { epoll::EventFlags::IN };
        // It is watched already, so nothing can be missing for it.
        let _ = epoll::modify(&self.epoll, socket, data, interest);
    }

    pub(crate) fn unwatch(&self, socket: &TcpStream) {
        let _ = epoll::delete(&self.epoll, socket);
    }

    /// The tokens of the sockets at which something can be done, up to `most`.
    pub(crate) fn ready(&self, tokens: &mut Vec<u64>, most: usize) {
        let mut events = Vec::with_capacity(most);
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        if epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&at_once)).is_ok() {
            tokens.extend(events.iter().map(|event| event.data.u64()).filter(|token| *token >= FIRST_TOKEN));
        }
    }

    /// Make the descriptor readable. From any thread.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // An eventfd that is full is readable, which is all that is wanted.
            let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        }
    }

    pub(crate) fn is_rung(&self) -> bool {
        self.rung.load(Ordering::Acquire)
    }

    /// What it rang for is being looked at. Whoever has more to say rings again.
    pub(crate) fn hush(&self) {
        let _ = rustix::io::read(&self.bell, &mut [0_u8; 8]);
        self.rung.store(false, Ordering::Release);
    }

    /// Make the descriptor readable after this time.
    pub(crate) fn wake_after(&self, time: Duration) {
        // Zero would switch the timer off.
        let time = time.max(Duration::from_nanos(1));
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let at =
            Timespec { tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX), tv_nsec: time.subsec_nanos().into() };
        let setting = Itimerspec { it_interval: never, it_value: at };
        let _ = rustix::time::timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &setting);
    }

    /// The timer rang, and what it rang for is being looked at.
    pub(crate) fn hush_timer(&self) {
        let _ = rustix::io::read(&self.timer, &mut [0_u8; 8]);
    }

    /// Block until the descriptor is readable, at most so long.
    pub(crate) fn wait(&self, time: Option<Duration>) {
        let limit = time.map(|time| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        // A signal ends it early; every caller looks again.
        let _ = event::poll(&mut [PollFd::new(&self.epoll, PollFlags::IN)], limit.as_ref());
    }
}

fn refused(errno: rustix::io::Errno) -> Error {
    Error::new(ErrorKind::Internal, format!("the system refuses a descriptor: {errno}"))
}
