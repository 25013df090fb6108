//! `target/demo/report.json`: the shape that tools read (`contract.md`, "Files that tools read"). Fields are only ever added.

use serde::{Deserialize, Serialize};

use crate::faces::report::{FaultKind, FaultReport};

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
