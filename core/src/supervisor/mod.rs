//! The supervisor: one thread per process that keeps every client's watches, probes, control and subscriber links, and obeys
//! the topology.

pub(crate) mod backoff;
pub(crate) mod process;
mod report;
pub(crate) mod run;
