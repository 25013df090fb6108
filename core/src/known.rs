//! What the supervisor learned about sentinels and nodes, kept for `status()` and `nodes()`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::config::HostPort;
use crate::sentinel::reply::Answer;
use crate::sentinel::topology::SentinelId;
use crate::status::{Node, Opinion, SentinelStatus};

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The master that commands go to, or went to last.
    pub(crate) master: Option<HostPort>,
    pub(crate) epoch: Option<u64>,
    /// Since when the client is in its present state.
    pub(crate) since: Option<SystemTime>,
    sentinels: BTreeMap<SentinelId, Sentinel>,
    hosts: Vec<HostPort>,
}

#[derive(Debug)]
struct Sentinel {
    address: HostPort,
    state: &'static str,
    answer: Option<Answer>,
    answered_at: Option<SystemTime>,
    error: Option<String>,
    tilt: bool,
}

impl Sentinel {
    fn new(address: HostPort) -> Sentinel {
        Sentinel { address, state: "connecting", answer: None, answered_at: None, error: None, tilt: false }
    }
}

impl Known {
    pub(crate) fn new(sentinels: &[HostPort], hosts: &[HostPort]) -> Known {
        let sentinels = sentinels.iter().cloned().map(Sentinel::new).enumerate().collect();
        Known { sentinels, hosts: hosts.to_vec(), since: Some(SystemTime::now()), ..Known::default() }
    }

    pub(crate) fn sentinel_learned(&mut self, at: SentinelId, address: HostPort) {
        self.sentinels.insert(at, Sentinel::new(address));
    }

    pub(crate) fn sentinel_forgotten(&mut self, at: SentinelId) {
        self.sentinels.remove(&at);
    }

    pub(crate) fn sentinel_up(&mut self, at: SentinelId, state: &'static str) {
        if let Some(sentinel) = self.sentinels.get_mut(&at) {
            sentinel.state = state;
            sentinel.error = None;
        }
    }

    pub(crate) fn sentinel_answered(&mut self, at: SentinelId, answer: Answer) {
        if let Some(sentinel) = self.sentinels.get_mut(&at) {
            sentinel.answer = Some(answer);
            sentinel.answered_at = Some(SystemTime::now());
            sentinel.error = None;
        }
    }

    /// `true` if it answered until now.
    pub(crate) fn sentinel_failed(&mut self, at: SentinelId, why: String) -> bool {
        let Some(sentinel) = self.sentinels.get_mut(&at) else { return false };
        sentinel.error = Some(why);
        std::mem::replace(&mut sentinel.state, "connecting") != "connecting"
    }

    pub(crate) fn sentinel_tilt(&mut self, at: SentinelId, on: bool) {
        if let Some(sentinel) = self.sentinels.get_mut(&at) {
            sentinel.tilt = on;
        }
    }

    pub(crate) fn sentinels(&self) -> Vec<SentinelStatus> {
        self.sentinels
            .values()
            .map(|sentinel| SentinelStatus {
                address: sentinel.address.clone(),
                state: sentinel.state,
                master: sentinel.answer.as_ref().and_then(|answer| answer.master.clone()),
                epoch: sentinel.answer.as_ref().map(|answer| answer.epoch),
                answered_at: sentinel.answered_at,
                error: sentinel.error.clone(),
                tilt: sentinel.tilt,
            })
            .collect()
    }

    /// The sentinels that answer now and name the master in use.
    pub(crate) fn confirmed_by(&self) -> Vec<HostPort> {
        self.sentinels
            .values()
            .filter(|sentinel| sentinel.error.is_none())
            .filter(|sentinel| {
                let named = sentinel.answer.as_ref().and_then(|answer| answer.master.as_ref());
                named.is_some() && named == self.master.as_ref()
            })
            .map(|sentinel| sentinel.address.clone())
            .collect()
    }

    /// The distinct union of what all sentinels report, with what each of them thinks. In direct mode, the hosts.
    pub(crate) fn nodes(&self) -> Vec<Node> {
        let mut opinions: BTreeMap<HostPort, Vec<Opinion>> =
            self.hosts.iter().map(|host| (host.clone(), Vec::new())).collect();
        for sentinel in self.sentinels.values() {
            let Some(answer) = &sentinel.answer else { continue };
            if let Some(master) = &answer.master {
                opinions.entry(master.clone()).or_default().push(Opinion {
                    sentinel: sentinel.address.clone(),
                    role: "master",
                    flags: answer.flags.clone(),
                    epoch: Some(answer.epoch),
                    link: None,
                });
            }
            for replica in &answer.replicas {
                opinions.entry(replica.address.clone()).or_default().push(Opinion {
                    sentinel: sentinel.address.clone(),
                    role: "replica",
                    flags: replica.flags.clone(),
                    epoch: None,
                    link: Some(replica.link.clone()),
                });
            }
        }
        opinions
            .into_iter()
            .map(|(address, opinions)| {
                let used = self.master.as_ref() == Some(&address);
                let masters = opinions.iter().filter(|opinion| opinion.role == "master").count();
                // Our own proof weighs more than what is reported; among reports the majority.
                let role = if used || masters * 2 > opinions.len() { "master" } else { "replica" };
                Node { address, role, used, opinions }
            })
            .collect()
    }
}
