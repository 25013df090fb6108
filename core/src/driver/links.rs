//! The register of open links: the supervisor shuts down what belongs to a master that is no longer the master.
//!
//! A shutdown goes through the socket itself, never through a descriptor number, which may be somebody else's by then. Only
//! the driver closes.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};

use crate::config::HostPort;
use crate::status::LinkStatus;
use crate::sync::lock;

/// The links of one client.
#[derive(Debug, Default)]
pub(crate) struct Links {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: HashMap<u64, Open>,
}

#[derive(Debug)]
struct Open {
    kind: &'static str,
    address: HostPort,
    generation: u64,
    socket: Option<Arc<TcpStream>>,
}

/// An entry in the register; taken out by being dropped.
#[derive(Debug)]
pub(crate) struct Registered {
    links: Arc<Links>,
    id: u64,
}

impl Links {
    /// Enter a link. Links without a socket are only shown, not shut down.
    pub(crate) fn register(
        self: &Arc<Self>,
        kind: &'static str,
        address: &HostPort,
        generation: u64,
        socket: Option<Arc<TcpStream>>,
    ) -> Registered {
        let mut state = lock(&self.state);
        let id = state.next;
        state.next += 1;
        state.open.insert(id, Open { kind, address: address.clone(), generation, socket });
        Registered { links: Arc::clone(self), id }
    }

    /// Shut down every link that can carry a command and for which `doomed` holds.
    pub(crate) fn shut_down(&self, doomed: impl Fn(u64) -> bool) {
        for open in lock(&self.state).open.values() {
            if doomed(open.generation)
                && let Some(socket) = &open.socket
            {
                let _ = socket.shutdown(Shutdown::Both);
            }
        }
    }

    pub(crate) fn status(&self) -> Vec<LinkStatus> {
        let mut links: Vec<LinkStatus> = lock(&self.state)
            .open
            .values()
            .map(|open| LinkStatus { kind: open.kind, address: open.address.clone(), generation: open.generation })
            .collect();
        links.sort_by(|a, b| (a.kind, &a.address, a.generation).cmp(&(b.kind, &b.address, b.generation)));
        links
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        lock(&self.links.state).open.remove(&self.id);
    }
}
