//! The address of a proxy: its listening socket, which can stop listening without giving the port away, and the packet filters that make
//! a black hole. What happens to a connection that got through is not its concern.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    os::fd::AsFd,
};

use rustix::net::{Shutdown, listen, shutdown};
use socket2::{SockFilter, SockRef};

use super::fault::{Origin, Scope};
use crate::port;

const BACKLOG: i32 = 1024;

/// The servers of a lab connect from `127.0.1.1`, `127.0.1.2`, …: whatever comes from elsewhere is a client.
const PEERS: [u8; 3] = [127, 0, 1];

/// The source address of a lab's server.
pub(crate) fn source_of(peer: u8) -> Ipv4Addr {
    let [a, b, c] = PEERS;
    Ipv4Addr::new(a, b, c, peer)
}

/// Who connects from this address.
pub(super) fn origin_of(source: IpAddr) -> Origin {
    match source {
        IpAddr::V4(source) if source.octets()[..3] == PEERS => Origin::Peer(source.octets()[3]),
        _ => Origin::Client,
    }
}

#[derive(Debug)]
pub(super) struct Gate {
    listener: TcpListener,
    addr: SocketAddr,
    open: bool,
    openings: u64,
    filtered: bool,
}

impl Gate {
    /// Closed, on a port that nobody else has.
    pub(super) fn new() -> io::Result<Self> {
        let listener = port::listen().map_err(io::Error::other)?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let mut gate = Self { listener, addr, open: true, openings: 0, filtered: false };
        gate.set_open(false)?;
        Ok(gate)
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Closed, the kernel refuses connections as if nobody had the port; but it stays ours.
    pub(super) fn set_open(&mut self, open: bool) -> io::Result<()> {
        if open && !self.open {
            listen(&self.listener, BACKLOG)?;
            self.openings += 1;
        } else if !open && self.open {
            // Linux takes a socket out of the state LISTEN and leaves it bound, because it was bound to a chosen port.
            shutdown(&self.listener, Shutdown::Read)?;
        }
        self.open = open;
        Ok(())
    }

    /// The number of the present opening, while it is open.
    pub(super) fn opening(&self) -> Option<u64> {
        self.open.then_some(self.openings)
    }

    /// Another handle on the socket. Each opening needs a new one: an event queue that has once seen the socket hang up never forgets it.
    pub(super) fn listener(&self) -> io::Result<TcpListener> {
        self.listener.try_clone()
    }

    /// Whose packets, those that ask for a connection included, the kernel drops before TCP sees them.
    pub(super) fn drop_packets_of(&mut self, scopes: &[Scope]) -> io::Result<()> {
        let socket = SockRef::from(&self.listener);
        if !scopes.is_empty() {
            socket.attach_filter(&program(scopes))?;
        } else if self.filtered {
            socket.detach_filter()?;
        }
        self.filtered = !scopes.is_empty();
        Ok(())
    }
}

/// The same for a connection, whoever is at its other end.
pub(super) fn drop_all_packets(connection: &impl AsFd, drop: bool) -> io::Result<()> {
    let socket = SockRef::from(connection);
    if drop {
        return socket.attach_filter(&[ret(DROP)]);
    }
    match socket.detach_filter() {
        // There was none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

const DROP: u32 = 0;
const PASS: u32 = u32::MAX;

fn ret(verdict: u32) -> SockFilter {
    const RET_K: u16 = 0x06;
    SockFilter::new(RET_K, 0, 0, verdict)
}

/// A filter in the kernel's classic language: looks at the source address in the IP header.
fn program(scopes: &[Scope]) -> Vec<SockFilter> {
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const AND: u16 = 0x54;
    /// The beginning of the IP header, and the place of the source address in it.
    const SOURCE: u32 = 0xfff0_0000 + 12;
    if scopes.contains(&Scope::All) {
        return vec![ret(DROP)];
    }
    let mut program = Vec::new();
    // The lines come in pairs: when equal go on to the verdict, otherwise jump over it.
    for scope in scopes {
        let (mask, address, equal, other) = match scope {
            Scope::Peer(peer) => (u32::MAX, source_of(*peer), 0, 1),
            Scope::Peers => (0xffff_ff00, source_of(0), 0, 1),
            Scope::Clients | Scope::All => (0xffff_ff00, source_of(0), 1, 0),
        };
        program.push(SockFilter::new(LOAD_WORD, 0, 0, SOURCE));
        program.push(SockFilter::new(AND, 0, 0, mask));
        program.push(SockFilter::new(JUMP_IF_EQUAL, equal, other, u32::from(address)));
        program.push(ret(DROP));
    }
    program.push(ret(PASS));
    program
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_closed_gate_refuses_and_keeps_its_port() {
        let mut gate = Gate::new().unwrap();
        for _ in 0..3 {
            assert_eq!(TcpStream::connect(gate.addr()).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
            gate.set_open(true).unwrap();
            TcpStream::connect(gate.addr()).unwrap();
            gate.set_open(false).unwrap();
        }
    }

    #[test]
    fn sources_are_told_apart() {
        assert_eq!(origin_of(source_of(9).into()), Origin::Peer(9));
        assert_eq!(origin_of(Ipv4Addr::LOCALHOST.into()), Origin::Client);
    }
}
