//! What the sentinels say, taken together. Pure.
//!
//! The newest epoch wins, then the most voices; a tie names nobody. A sentinel in TILT mode answers, but has no voice.
//! Majorities are counted over all sentinels that are known, but for the door to lower epochs, which is the seeds' alone.

use std::collections::BTreeMap;

use super::diagnosis::Heard;
use super::reply::Answer;
use super::topology::SentinelId;
use crate::config::HostPort;
use crate::error::Cause;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Opinions {
    /// The seeds are the first ones.
    seeds: usize,
    of: BTreeMap<SentinelId, Opinion>,
}

#[derive(Clone, Debug, Default)]
struct Opinion {
    answer: Option<Answer>,
    failure: Option<Cause>,
    tilt: bool,
}

impl Opinion {
    /// The master and the epoch that it names, if it has a voice.
    fn vote(&self) -> Option<(u64, &HostPort)> {
        let answer = self.answer.as_ref().filter(|_| !self.tilt)?;
        Some((answer.epoch, answer.master.as_ref()?))
    }
}

impl Opinions {
    pub(super) fn new(seeds: usize) -> Opinions {
        Opinions { seeds, of: (0..seeds).map(|sentinel| (sentinel, Opinion::default())).collect() }
    }

    pub(super) fn learned(&mut self, sentinel: SentinelId) {
        self.of.entry(sentinel).or_default();
    }

    pub(super) fn forgotten(&mut self, sentinel: SentinelId) {
        self.of.remove(&sentinel);
    }

    /// `false` if nobody knows this sentinel.
    pub(super) fn answered(&mut self, sentinel: SentinelId, answer: Answer) -> bool {
        let Some(opinion) = self.of.get_mut(&sentinel) else { return false };
        opinion.answer = Some(answer);
        opinion.failure = None;
        true
    }

    /// It cannot be asked, so what it said before may be wrong by now.
    pub(super) fn failed(&mut self, sentinel: SentinelId, cause: Cause) {
        if let Some(opinion) = self.of.get_mut(&sentinel) {
            *opinion = Opinion { answer: None, failure: Some(cause), tilt: false };
        }
    }

    pub(super) fn tilt(&mut self, sentinel: SentinelId, on: bool) {
        if let Some(opinion) = self.of.get_mut(&sentinel) {
            opinion.tilt = on;
        }
    }

    /// How many sentinels are known.
    pub(super) fn known(&self) -> usize {
        self.of.len()
    }

    /// The master that is named, and its epoch.
    pub(super) fn named(&self) -> Option<(HostPort, u64)> {
        let votes = self.votes();
        let ((epoch, node), most) = votes.iter().max_by_key(|((epoch, _), count)| (*epoch, **count))?;
        let tied = votes.iter().any(|((of, other), count)| of == epoch && count == most && other != node);
        (!tied).then(|| ((*node).clone(), *epoch))
    }

    /// Masters are named, but none of them more often than another.
    pub(super) fn are_tied(&self) -> bool {
        self.named().is_none() && !self.votes().is_empty()
    }

    fn votes(&self) -> BTreeMap<(u64, &HostPort), usize> {
        let mut votes = BTreeMap::new();
        for vote in self.of.values().filter_map(Opinion::vote) {
            *votes.entry(vote).or_default() += 1;
        }
        votes
    }

    /// Whether a majority of the known sentinels names this node with this epoch.
    pub(super) fn most_name(&self, node: &HostPort, epoch: u64) -> bool {
        self.votes().get(&(epoch, node)).is_some_and(|count| *count > self.of.len() / 2)
    }

    /// Whether a majority of the known sentinels answers.
    pub(super) fn most_answer(&self) -> bool {
        self.of.values().filter(|opinion| opinion.answer.is_some()).count() > self.of.len() / 2
    }

    /// Whether every known sentinel has answered or failed.
    pub(super) fn all_heard(&self) -> bool {
        self.of.values().all(|opinion| opinion.answer.is_some() || opinion.failure.is_some())
    }

    /// The door for lower epochs: `SENTINEL REMOVE` and `MONITOR`, or a redeployment, make them start again at 0.
    pub(super) fn seeds_insist(&self, node: &HostPort, epoch: u64) -> bool {
        let seeds = self.of.range(..self.seeds);
        seeds.filter(|(_, opinion)| opinion.vote() == Some((epoch, node))).count() > self.seeds / 2
    }

    /// What became of the question to each seed.
    pub(super) fn heard<'a>(&'a self, seeds: &'a [HostPort]) -> Vec<Heard<'a>> {
        seeds
            .iter()
            .zip(self.of.values())
            .map(|(seed, opinion)| match (&opinion.answer, &opinion.failure) {
                (Some(answer), _) => Heard::Answer { seed, answer },
                (None, Some(cause)) => Heard::Failure(cause),
                (None, None) => Heard::Silence(seed),
            })
            .collect()
    }
}
