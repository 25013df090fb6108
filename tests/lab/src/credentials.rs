//! The two passwords of a lab and how a raw connection is opened with them. Users and ACLs are set up by the tests that need them.

use std::{io, net::SocketAddr, time::Duration};

use crate::raw::Raw;

/// Which of the two kinds of server an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Node,
    Sentinel,
}

/// Passwords of the default user; `None` asks for none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) data: Option<String>,
    pub(crate) sentinel: Option<String>,
}

impl Credentials {
    pub(crate) fn of(&self, kind: Kind) -> Option<&str> {
        match kind {
            Kind::Node => self.data.as_deref(),
            Kind::Sentinel => self.sentinel.as_deref(),
        }
    }

    /// A connection that has said its password.
    pub(crate) fn connect(&self, kind: Kind, addr: SocketAddr, timeout: Duration) -> io::Result<Raw> {
        let mut raw = Raw::connect(addr, timeout)?;
        if let Some(password) = self.of(kind) {
            raw.command(&["AUTH", password])?.into_result()?;
        }
        Ok(raw)
    }
}
