//! One lane of a host's queue with its socket: what is read and written in a turn.

use std::io::{ErrorKind as IoErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use super::hosted::Hosted;
use super::lane::{Lane, Settled};
use super::links::Registered;
use super::opener;
use super::poller::{FIRST_TOKEN, Poller};
use super::slots::{Key, Slots};
use crate::error::Result;
use crate::link::socket;
use crate::shared::Shared;

/// A turn reads so many bytes and settles so many replies; then the host's loop has its turn.
pub(super) const TURN_BYTES: usize = 64 << 10;
const TURN_REPLIES: usize = 512;

/// The token of the link that commands share.
pub(super) const MAIN: u64 = FIRST_TOKEN;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct HostLane {
    pub(super) token: u64,
    pub(super) lane: Lane<u64>,
    pub(super) link: Option<Socket>,
    pub(super) opening: bool,
    /// Replies may be left in the engine from the last turn.
    pub(super) left_over: bool,
}

/// A link that was made, and is watched.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) stream: Arc<TcpStream>,
    /// The kernel's buffer was full.
    pub(super) wants_room: bool,
    pub(super) _registered: Registered,
}

impl HostLane {
    pub(super) fn new(token: u64, lane: Lane<u64>) -> HostLane {
        HostLane { token, lane, link: None, opening: false, left_over: false }
    }

    pub(super) fn has_work(&mut self) -> bool {
        self.left_over || self.lane.engine().is_some_and(|engine| engine.has_output()) || self.lane.has_waiting()
    }

    /// Have a link made, if nobody is at it.
    pub(super) fn open(&mut self, hosted: &Arc<Hosted>) {
        if !self.opening {
            self.opening = opener::spawn(hosted, self.token);
        }
    }

    pub(super) fn read(&mut self, shared: &Shared, buffer: &mut [u8], settled: &mut Vec<Settled<u64>>) -> Result<bool> {
        let Some(link) = &self.link else { return Ok(false) };
        if self.left_over {
            self.left_over = self.lane.receive(shared, settled, TURN_REPLIES)?;
            if self.left_over {
                return Ok(true);
            }
        }
        let count = match (&*link.stream).read(buffer) {
            Ok(0) => return Err(socket::ended()),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), IoErrorKind::WouldBlock | IoErrorKind::Interrupted) => {
                return Ok(false);
            }
            Err(error) => return Err(socket::lost(&error)),
        };
        if let Some(engine) = self.lane.engine() {
            engine.feed(&buffer[..count]);
        }
        self.left_over = self.lane.receive(shared, settled, TURN_REPLIES)?;
        // A short read is the end of what the kernel has.
        Ok(self.left_over || count == buffer.len())
    }

    /// Hand over what may go, and write it.
    pub(super) fn write(&mut self, shared: &Shared, poller: &Poller) -> Result<()> {
        let Some(link) = &mut self.link else { return Ok(()) };
        // The gate is looked at right before the write.
        let mut full = false;
        while !full && self.lane.hand_over(shared.gate.load()) {
            let Some(engine) = self.lane.engine() else { break };
            match (&*link.stream).write(engine.output()) {
                Ok(count) => engine.wrote(count),
                Err(error) if error.kind() == IoErrorKind::WouldBlock => full = true,
                Err(error) if error.kind() == IoErrorKind::Interrupted => {}
                Err(error) => return Err(socket::lost(&error)),
            }
        }
        if full != link.wants_room {
            link.wants_room = full;
            poller.watch_room(&link.stream, self.token, full);
        }
        Ok(())
    }
}

/// The lane of a token.
pub(super) fn lane_of<'a>(
    main: &'a mut HostLane,
    blocking: &'a mut Slots<HostLane>,
    token: u64,
) -> Option<&'a mut HostLane> {
    if token == MAIN { Some(main) } else { blocking.get(Key::from_token(token)) }
}
