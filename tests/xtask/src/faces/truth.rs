//! What the servers know, whatever a face believes: which of its numbers are there, and when the sentinels spoke.

use std::{collections::BTreeSet, net::SocketAddr, ops::Range};

use anyhow::{Context, Result};
use standfast_lab::{Entry, Lab, Value};

use super::{measure::Fault, report::FaultKind};

/// The numbers in a set on this master.
pub(crate) fn survivors(lab: &Lab, master: SocketAddr, key: &str) -> Result<BTreeSet<u64>> {
    let reply = lab.connect(master)?.command(&["SMEMBERS", key]);
    let members = reply.and_then(Value::into_result).context("counting what survived")?;
    Ok(members.items().iter().filter_map(|n| n.text().parse().ok()).collect())
}

/// A fault at the beginning of a piece of time, with what the servers made of it before its end.
pub(crate) fn saw(kind: FaultKind, time_us: Range<i64>, writable_us: Option<i64>, timeline: &[Entry]) -> Fault {
    let said =
        |word: &'static str| timeline.iter().filter(|e| time_us.contains(&e.at_us)).filter(move |e| e.kind == word);
    Fault {
        kind,
        at_us: time_us.start,
        writable_us,
        switched_us: said("+switch-master").map(|e| e.at_us).max(),
        // Counted by their leaders: one that is overtaken by the next never announces its master.
        failovers: said("+elected-leader").count() as u64,
    }
}
