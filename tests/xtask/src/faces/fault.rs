//! What is done to a master, by name.

use std::net::SocketAddr;

use anyhow::Result;
use standfast_lab::{Direction, Fault, Lab, Side};

use super::report::FaultKind;

/// Takes the master away, or asks the sentinels to; gives the time. `Swallow` needs a lab with proxies.
pub(crate) fn inflict(lab: &Lab, kind: FaultKind, master: SocketAddr) -> Result<i64> {
    Ok(match kind {
        FaultKind::Planned => lab.planned_failover()?,
        FaultKind::Kill => lab.kill(master)?,
        FaultKind::Stop => lab.stop(master)?,
        FaultKind::Swallow => lab.inject(master, Side::All, Fault::Swallow { direction: Direction::Both })?,
    })
}
