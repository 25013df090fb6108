//! `target/demo/report.json`: the shape that tools read (`contract.md`, "Files that tools read"). Fields are only ever added.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The whole report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) server: Server,
    pub(crate) faces: Vec<FaceReport>,
    /// What was done to the servers and when they answered; the same for all faces.
    pub(crate) faults: Vec<FaultTimes>,
    /// Why the demo failed; empty when it did not.
    pub(crate) problems: Vec<String>,
}

/// What was tested against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Server {
    pub(crate) redis: String,
}

/// One language's way of calling Standfast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FaceReport {
    pub(crate) face: String,
    pub(crate) faults: Vec<FaultReport>,
    /// Messages that its own full queue dropped.
    pub(crate) dropped: u64,
}

/// What one face saw of one fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FaultReport {
    pub(crate) fault: FaultKind,
    /// The longest time without an acknowledged write.
    pub(crate) outage_ms: f64,
    /// The silence that belongs to the failover. Shorter than the outage when something else took longer: a stall of the machine, a late loss.
    pub(crate) switch_ms: f64,
    /// From the moment when the new master took writes to this face's first acknowledgement after that silence.
    /// Slightly negative when the face was quicker than the probe that asks every 2 ms; null when one of the two never came, or
    /// when the face never paused because it went on with the old master.
    pub(crate) lag_after_writable_ms: Option<f64>,
    /// False when no write was acknowledged any more.
    pub(crate) recovered: bool,
    pub(crate) acked: u64,
    pub(crate) lost: u64,
    /// By name.
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) missed: u64,
    pub(crate) missed_in_gaps: u64,
    pub(crate) gaps: u64,
}

/// The two faults of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FaultKind {
    Planned,
    Kill,
}

impl FaultKind {
    pub(crate) fn title(self) -> &'static str {
        match self {
            FaultKind::Planned => "planned failover",
            FaultKind::Kill => "kill -9 of the master",
        }
    }
}

/// What the servers did after one fault: milliseconds after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FaultTimes {
    pub(crate) fault: FaultKind,
    /// CLOCK_REALTIME, microseconds since the Unix epoch.
    pub(crate) at_us: i64,
    pub(crate) events: Vec<ServerEvent>,
    /// How many failovers followed. On a busy machine a second one may follow by itself.
    pub(crate) failovers: u64,
}

/// One thing that happened on the servers' side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServerEvent {
    pub(crate) name: String,
    pub(crate) ms: f64,
}

/// Microseconds as milliseconds with one decimal.
pub(crate) fn ms(us: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a demo does not last 285 years")]
    let exact = us as f64 / 1000.0;
    (exact * 10.0).round() / 10.0
}
