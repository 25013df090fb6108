//! What a process holds: descriptors, threads, memory, and its connections at every sentinel.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use standfast_lab::Lab;

const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A look at a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resources {
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
    /// Resident, in KiB.
    pub(crate) rss_kib: u64,
    /// Its connections at each sentinel, by the name that it gave itself.
    pub(crate) at_sentinels: Vec<usize>,
    /// Everybody's connections at each sentinel.
    pub(crate) connected_clients: Vec<usize>,
}

impl Resources {
    /// As it is now.
    pub(crate) fn look(lab: &Lab, process: u32, client_name: &str) -> Result<Self> {
        let count = |what: &str| -> Result<usize> {
            let path = format!("/proc/{process}/{what}");
            Ok(fs::read_dir(&path).with_context(|| path.clone())?.count())
        };
        let status = fs::read_to_string(format!("/proc/{process}/status")).context("its /proc/…/status")?;
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        let (mut at_sentinels, mut connected_clients) = (Vec::new(), Vec::new());
        for sentinel in lab.sentinel_addrs() {
            let mut raw = lab.connect(*sentinel)?;
            let list = raw.command(&["CLIENT", "LIST"]).context("CLIENT LIST")?.text();
            at_sentinels.push(list.lines().filter(|line| line.contains(&format!("name={client_name} "))).count());
            connected_clients.push(list.lines().count());
        }
        Ok(Self {
            descriptors: count("fd")?,
            threads: count("task")?,
            rss_kib: rss.context("VmRSS")?,
            at_sentinels,
            connected_clients,
        })
    }

    /// Looks until nothing but the memory is above what it was, or the patience is over: what a fault left behind needs a moment to go.
    pub(crate) fn settle(lab: &Lab, process: u32, client_name: &str, start: &Self, patience: Duration) -> Result<Self> {
        let deadline = Instant::now() + patience;
        loop {
            let now = Self::look(lab, process, client_name)?;
            if now.grown_over(start, f64::INFINITY).is_empty() || Instant::now() >= deadline {
                return Ok(now);
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// What has grown since `start`, in words; memory may grow by a factor.
    pub(crate) fn grown_over(&self, start: &Self, memory: f64) -> Vec<String> {
        let mut grown = Vec::new();
        let mut compare = |what: &str, before: usize, now: usize| {
            if now > before {
                grown.push(format!("{what}: {before} at the start, {now} now"));
            }
        };
        compare("descriptors", start.descriptors, self.descriptors);
        compare("threads", start.threads, self.threads);
        for (before, now) in start.at_sentinels.iter().zip(&self.at_sentinels) {
            compare("its connections at a sentinel", *before, *now);
        }
        for (before, now) in start.connected_clients.iter().zip(&self.connected_clients) {
            compare("connected clients of a sentinel", *before, *now);
        }
        #[expect(clippy::cast_precision_loss, reason = "no process has 2^52 KiB")]
        if self.rss_kib as f64 > start.rss_kib as f64 * memory {
            grown.push(format!("resident memory: {} KiB at the start, {} KiB now", start.rss_kib, self.rss_kib));
        }
        grown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_grows_is_named_and_memory_has_its_allowance() {
        let start = Resources {
            descriptors: 20,
            threads: 5,
            rss_kib: 10_000,
            at_sentinels: vec![1, 1, 1],
            connected_clients: vec![4, 4, 4],
        };
        let now = Resources { rss_kib: 10_400, descriptors: 19, ..start.clone() };
        assert!(now.grown_over(&start, 1.05).is_empty());
        let now = Resources {
            descriptors: 21,
            threads: 6,
            rss_kib: 10_600,
            at_sentinels: vec![1, 2, 1],
            connected_clients: vec![4, 5, 4],
        };
        assert_eq!(now.grown_over(&start, 1.05).len(), 5);
    }
}
