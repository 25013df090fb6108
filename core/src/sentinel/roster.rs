//! Which sentinels there are. Pure.
//!
//! The seeds are what the user configured: they are never removed, replaced or reordered. Sentinels that other sentinels
//! report are watched as well, because only the leader of a failover announces its steps, and anyone may become the leader.
//! They are forgotten when nobody reports them any more and they do not answer either.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::reply::{Answer, PeerReport};
use super::topology::SentinelId;
use crate::config::HostPort;

/// More than this many sentinels are not learned, whoever reports them: each costs a link.
const MOST_LEARNED: usize = 32;

/// What is to be done about a sentinel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Watch this one, too.
    Learned { sentinel: SentinelId, address: HostPort },
    /// Stop watching it.
    Forgotten { sentinel: SentinelId },
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Roster {
    seeds: usize,
    next: SentinelId,
    entries: BTreeMap<SentinelId, Entry>,
}

#[derive(Debug)]
struct Entry {
    address: HostPort,
    /// The address that its name led to last.
    peer: Option<SocketAddr>,
    identity: Option<String>,
    /// Whether anything was heard of it, good or bad.
    heard: bool,
    answers: bool,
    /// Whom it reported last.
    reports: Vec<PeerReport>,
}

impl Entry {
    fn new(address: HostPort) -> Entry {
        Entry { address, peer: None, identity: None, heard: false, answers: false, reports: Vec::new() }
    }

    fn is(&self, report: &PeerReport) -> bool {
        self.address == report.address
            || self.identity.as_ref().is_some_and(|identity| *identity == report.identity)
            || self.peer.is_some_and(|peer| {
                report.address.port == peer.port()
                    && report.address.host.parse().is_ok_and(|ip: std::net::IpAddr| ip == peer.ip())
            })
    }
}

impl Roster {
    pub(crate) fn new(seeds: &[HostPort]) -> Roster {
        let entries = seeds.iter().cloned().map(Entry::new).enumerate().collect();
        Roster { seeds: seeds.len(), next: seeds.len(), entries }
    }

    pub(crate) fn address(&self, sentinel: SentinelId) -> Option<&HostPort> {
        self.entries.get(&sentinel).map(|entry| &entry.address)
    }

    /// A sentinel was reached at this address.
    pub(crate) fn reached(&mut self, sentinel: SentinelId, peer: SocketAddr) {
        if let Some(entry) = self.entries.get_mut(&sentinel) {
            entry.peer = Some(peer);
        }
    }

    /// A sentinel cannot be asked.
    pub(crate) fn failed(&mut self, sentinel: SentinelId) -> Vec<Change> {
        if let Some(entry) = self.entries.get_mut(&sentinel) {
            entry.heard = true;
            entry.answers = false;
        }
        self.review()
    }

    /// A sentinel answered.
    pub(crate) fn answered(&mut self, sentinel: SentinelId, answer: &Answer) -> Vec<Change> {
        if let Some(entry) = self.entries.get_mut(&sentinel) {
            entry.heard = true;
            entry.answers = true;
            entry.identity.clone_from(&answer.identity);
            entry.reports.clone_from(&answer.sentinels);
        }
        self.review()
    }

    fn review(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        // Until all seeds have been heard, a report may well be about one of them under another name.
        if self.entries.values().take(self.seeds).any(|seed| !seed.heard) {
            return changes;
        }
        let answering = || self.entries.values().filter(|entry| entry.answers);
        let reports: Vec<PeerReport> = answering().flat_map(|entry| entry.reports.iter().cloned()).collect();
        let anybody_answers = answering().next().is_some();

        let (seeds, learned): (Vec<_>, Vec<_>) = self.entries.iter().partition(|(id, _)| **id < self.seeds);
        let forgotten: Vec<SentinelId> = learned
            .into_iter()
            .filter(|(_, entry)| {
                let same = |identity: &String| seeds.iter().any(|(_, seed)| seed.identity.as_ref() == Some(identity));
                let is_a_seed = entry.identity.as_ref().is_some_and(same);
                let is_reported = reports.iter().any(|report| entry.is(report));
                is_a_seed || (anybody_answers && !is_reported && entry.heard && !entry.answers)
            })
            .map(|(id, _)| *id)
            .collect();
        for sentinel in forgotten {
            self.entries.remove(&sentinel);
            changes.push(Change::Forgotten { sentinel });
        }
        for report in reports {
            if self.entries.len() - self.seeds >= MOST_LEARNED || self.entries.values().any(|entry| entry.is(&report)) {
                continue;
            }
            let sentinel = self.next;
            self.next += 1;
            self.entries.insert(sentinel, Entry::new(report.address.clone()));
            changes.push(Change::Learned { sentinel, address: report.address });
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u16) -> HostPort {
        HostPort::new("10.0.0.1", 26_000 + number)
    }

    fn report(number: u16) -> PeerReport {
        PeerReport { address: address(number), identity: format!("id{number}") }
    }

    fn answer(number: u16, others: &[u16]) -> Answer {
        Answer {
            identity: Some(format!("id{number}")),
            sentinels: others.iter().copied().map(report).collect(),
            ..Answer::default()
        }
    }

    #[test]
    fn a_reported_sentinel_is_learned_once() {
        let mut roster = Roster::new(&[address(1)]);
        let learned = roster.answered(0, &answer(1, &[2]));
        assert_eq!(learned, [Change::Learned { sentinel: 1, address: address(2) }]);
        assert_eq!(roster.answered(0, &answer(1, &[2])), []);
        // Whom the learned one reports is a seed.
        assert_eq!(roster.answered(1, &answer(2, &[1])), []);
    }

    #[test]
    fn nobody_is_learned_before_every_seed_was_heard() {
        let mut roster = Roster::new(&[HostPort::new("sentinel-a", 26_001), HostPort::new("sentinel-b", 26_002)]);
        assert_eq!(roster.answered(0, &answer(1, &[2])), []);
        // The second seed is the one that was reported.
        assert_eq!(roster.answered(1, &answer(2, &[1])), []);
    }

    #[test]
    fn a_seed_is_known_by_the_address_that_its_name_leads_to() {
        let mut roster = Roster::new(&[HostPort::new("a", 26_001), HostPort::new("b", 26_002)]);
        roster.reached(1, SocketAddr::from(([10, 0, 0, 1], 26_002)));
        roster.failed(1);
        assert_eq!(roster.answered(0, &answer(1, &[2])), []);
    }

    #[test]
    fn a_learned_sentinel_that_turns_out_to_be_a_seed_is_forgotten() {
        let mut roster = Roster::new(&[HostPort::new("a", 26_001), HostPort::new("b", 26_002)]);
        roster.failed(1);
        assert_eq!(roster.answered(0, &answer(1, &[2])).len(), 1);
        assert_eq!(roster.answered(2, &answer(2, &[1])), []);
        assert_eq!(roster.answered(1, &answer(2, &[1])), [Change::Forgotten { sentinel: 2 }]);
    }

    #[test]
    fn a_learned_sentinel_that_fails_is_kept_as_long_as_somebody_reports_it() {
        let mut roster = Roster::new(&[address(1)]);
        roster.answered(0, &answer(1, &[2]));
        assert_eq!(roster.failed(1), []);
        // Nobody answers: nobody can say that it is gone.
        assert_eq!(roster.failed(0), []);
        assert_eq!(roster.answered(0, &answer(1, &[])), [Change::Forgotten { sentinel: 1 }]);
    }

    #[test]
    fn seeds_are_never_forgotten() {
        let mut roster = Roster::new(&[address(1), address(2)]);
        roster.answered(0, &answer(1, &[]));
        assert_eq!(roster.failed(1), []);
        assert_eq!(roster.address(1), Some(&address(2)));
    }

    #[test]
    fn a_flood_of_reported_sentinels_is_not_learned() {
        let mut roster = Roster::new(&[address(1)]);
        let many: Vec<u16> = (2..2_000).collect();
        assert_eq!(roster.answered(0, &answer(1, &many)).len(), MOST_LEARNED);
    }
}
