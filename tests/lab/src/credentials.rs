//! The two passwords of a lab, the ways past its proxies, and how a raw connection is opened with them. Users and ACLs are set up by the tests
//! that need them.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::raw::Raw;

/// Which of the two kinds of server an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Node,
    Sentinel,
}

/// Passwords of the default user; `None` asks for none. Clones share what they know of proxies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) data: Option<String>,
    pub(crate) sentinel: Option<String>,
    /// For each announced address behind which there is a proxy, where the server itself listens. The lab's own questions go there, so that no
    /// fault is for them and no count is of them.
    past_proxies: Arc<Mutex<BTreeMap<SocketAddr, SocketAddr>>>,
}

impl Credentials {
    pub(crate) fn new(data: Option<String>, sentinel: Option<String>) -> Self {
        Self { data, sentinel, past_proxies: Arc::default() }
    }

    /// Remembers that `server` is what lies behind `announced`.
    pub(crate) fn learn(&self, announced: SocketAddr, server: SocketAddr) {
        self.past_proxies.lock().unwrap_or_else(PoisonError::into_inner).insert(announced, server);
    }

    /// Where the server with this address really listens.
    pub(crate) fn behind(&self, announced: SocketAddr) -> SocketAddr {
        let past_proxies = self.past_proxies.lock().unwrap_or_else(PoisonError::into_inner);
        past_proxies.get(&announced).copied().unwrap_or(announced)
    }

    pub(crate) fn of(&self, kind: Kind) -> Option<&str> {
        match kind {
            Kind::Node => self.data.as_deref(),
            Kind::Sentinel => self.sentinel.as_deref(),
        }
    }

    /// A connection that has said its password.
    pub(crate) fn connect(&self, kind: Kind, addr: SocketAddr, timeout: Duration) -> io::Result<Raw> {
        let mut raw = Raw::connect(self.behind(addr), timeout)?;
        if let Some(password) = self.of(kind) {
            raw.command(&["AUTH", password])?.into_result()?;
        }
        Ok(raw)
    }
}
