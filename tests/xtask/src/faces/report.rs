//! What a face saw of one fault, in numbers. The demo's report, the soak's records and the benchmark's rows consist of it; fields are only
//! ever added (`contract.md`, "Files that tools read").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    /// The longest time that one acknowledged write took: how long a planned failover held it.
    pub(crate) hold_ms: f64,
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

/// What is done to a master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FaultKind {
    Planned,
    Kill,
    Stop,
    Swallow,
}

impl FaultKind {
    pub(crate) fn title(self) -> &'static str {
        match self {
            FaultKind::Planned => "planned failover",
            FaultKind::Kill => "kill -9 of the master",
            FaultKind::Stop => "SIGSTOP of the master",
            FaultKind::Swallow => "every byte from and to the master swallowed",
        }
    }
}

/// Microseconds as milliseconds with one decimal.
pub(crate) fn ms(us: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a demo does not last 285 years")]
    let exact = us as f64 / 1000.0;
    (exact * 10.0).round() / 10.0
}
