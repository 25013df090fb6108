//! What the servers know, whatever a face believes: which of its numbers are there, and when the sentinels spoke.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    ops::Range,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use standfast_lab::{Entry, Lab, Value};

use super::{key, measure::Fault, report::FaultKind};

/// The numbers in a set on this master.
pub(crate) fn survivors(lab: &Lab, master: SocketAddr, key: &str) -> Result<BTreeSet<u64>> {
    let reply = lab.connect(master)?.command(&["SMEMBERS", key]);
    let members = reply.and_then(Value::into_result).context("counting what survived")?;
    Ok(members.items().iter().filter_map(|n| n.text().parse().ok()).collect())
}

/// The faces of which no new write reaches this master in time. A set that grows is the only sign that needs no help from the face.
pub(crate) fn late_writers(lab: &Lab, master: SocketAddr, faces: &[&str], patience: Duration) -> Vec<String> {
    late(lab, master, faces.iter().map(|face| ((*face).to_owned(), key(face))).collect(), patience)
}

/// The same for any sets; gives the names of those that did not grow.
pub(crate) fn late(lab: &Lab, master: SocketAddr, sets: Vec<(String, String)>, patience: Duration) -> Vec<String> {
    let count = |key: &str| lab.connect(master).ok()?.command(&["SCARD", key]).ok()?.text().parse::<u64>().ok();
    let deadline = Instant::now() + patience;
    let mut late: Vec<(String, String, Option<u64>)> =
        sets.into_iter().map(|(name, key)| (name, key.clone(), count(&key))).collect();
    while !late.is_empty() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
        late.retain_mut(|(_, key, before)| {
            let now = count(key);
            let grown = matches!((&before, now), (Some(before), Some(now)) if now > *before);
            *before = before.or(now);
            !grown
        });
    }
    late.into_iter().map(|(name, ..)| name).collect()
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
