//! Who is the master? The pure machine that decides it.
//!
//! Everything dangerous is decided here: inputs are what sentinels and nodes said, actions are what the supervisor must do.
//! There is no socket, clock or random number in this file; time is a [`Duration`] since the client was opened.
//!
//! The rules (`core/ARCHITECTURE.md` gives the reasons):
//! - a node is used only after it said itself that it is the master **and** a sentinel named it (as master, or as the replica
//!   it selected);
//! - a newer `config-epoch` wins, then the majority; an older epoch than the highest confirmed one is ignored, unless a
//!   majority of the seeds reports it;
//! - a switch by the leader's selection is *eager*: it holds against opinions of an epoch that was known before it;
//! - while there is no master, a timer or a question is always pending.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::diagnosis::{self, Heard};
use super::opinions::Opinions;
use super::reply::{Answer, SentinelEvent};
use crate::config::{HostPort, MinorityPolicy};
use crate::error::{Cause, Error, ErrorKind};
use crate::node::role::Role;

/// A node that gave the wrong answer, or none, is asked again after this, doubled up to the cap.
const PROBE_BASE: Duration = Duration::from_millis(50);
const PROBE_CAP: Duration = Duration::from_millis(500);
/// How often all sentinels are asked while there is no master.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// A selected replica is asked at the most for this long; Sentinel's own default for a failover is three minutes.
const CHASE_LIMIT: Duration = Duration::from_secs(180);
/// An event's word about a new master is worth asking the node for this long; by then the answers must say it, too.
const HINT_LIMIT: Duration = Duration::from_secs(10);

/// What the user decided beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) eager_switch: bool,
    pub(crate) fence: bool,
    pub(crate) fence_timeout: Duration,
    /// How long the first answer waits for others.
    pub(crate) hedge_delay: Duration,
    /// Whether fewer than a majority of the known sentinels may name a master.
    pub(crate) minority: MinorityPolicy,
}

/// Where candidates come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The seeds, by number; more sentinels may be learned.
    Sentinels { seeds: Vec<HostPort>, master: String },
    /// Exactly these nodes.
    Hosts(Vec<HostPort>),
}

pub(crate) type SentinelId = usize;

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// A sentinel answered the question for the master.
    Answered { sentinel: SentinelId, answer: Answer },
    /// A sentinel cannot be asked.
    SentinelFailed { sentinel: SentinelId, cause: Cause },
    /// Another sentinel is watched from now on.
    SentinelLearned { sentinel: SentinelId },
    /// A learned sentinel is watched no longer.
    SentinelForgotten { sentinel: SentinelId },
    /// A sentinel published an event about our master.
    Event { sentinel: SentinelId, event: SentinelEvent },
    /// A node said what it is.
    Role { node: HostPort, role: Role, proof: Proof },
    /// A node could not be asked.
    ProbeFailed { node: HostPort, cause: Cause },
    /// The control link to the master of this generation was lost, or its heartbeat was not answered.
    MasterLost { generation: u64, why: String },
    /// The master of this generation is slow to answer its heartbeat; another link will tell whether it lives.
    MasterSilent { generation: u64 },
    /// A driver was told READONLY or MASTERDOWN by the master of this generation.
    MasterRefused { generation: u64 },
    /// Time passed.
    Tick,
}

/// What came with a role.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proof {
    /// The address that was dialled.
    pub(crate) socket: SocketAddr,
    /// The last moment when the same node was known not to be the master, where it was asked before.
    pub(crate) not_before: Option<Duration>,
    /// Whether it can redirect.
    pub(crate) redirects: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Ask all sentinels for the master, now.
    AskAll,
    /// Ask this node once for its role.
    Probe(HostPort),
    /// Ask this node for its role every few milliseconds until it says master or is released.
    Chase(HostPort),
    /// Stop asking this node.
    Release(HostPort),
    /// Hold commands.
    Fence,
    /// Stop holding commands.
    Unfence { why: &'static str },
    /// Commands go to this node from now on; every link of an older generation is shut down.
    Switch(Switch),
    /// There is no usable master. Ends a fence, too.
    Suspend { why: String },
    /// The same master is usable again.
    Resume,
    /// A sentinel named the master that is in use, with this epoch.
    Confirm { epoch: u64, correction: bool },
    /// A lower epoch was accepted.
    EpochReset { from: u64, to: u64 },
    /// A sentinel of ours announced a failover.
    FailoverStarted { candidate: HostPort },
}

/// A change of the master.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Switch {
    pub(crate) node: HostPort,
    pub(crate) socket: SocketAddr,
    pub(crate) generation: u64,
    /// Ahead of the sentinels' confirmation.
    pub(crate) eager: bool,
    pub(crate) old: Option<HostPort>,
    /// The last moment when the new master was known not to be one.
    pub(crate) not_before: Option<Duration>,
    /// Whether it can redirect.
    pub(crate) redirects: bool,
}

/// The machine. See the head of this file.
#[derive(Debug)]
pub(crate) struct Topology {
    policy: Policy,
    source: Source,
    opinions: Opinions,
    master: Option<Master>,
    usable: bool,
    generation: u64,
    /// The highest epoch that came with a master we used.
    highest_epoch: u64,
    failover: Option<Failover>,
    fenced_until: Option<Duration>,
    /// When the first answer came, while there has been no decision yet.
    first_answer: Option<Duration>,
    ask_at: Option<Duration>,
    /// Nodes that are, or will be, asked for their role.
    probes: BTreeMap<HostPort, Probing>,
    /// Named as master by an event; asked like a node that an answer names.
    hinted: Option<Hint>,
    /// Why each node could not be used, for the error of `connect`.
    node_causes: BTreeMap<HostPort, Cause>,
}

#[derive(Clone, Debug)]
struct Master {
    node: HostPort,
    /// Switched ahead of the sentinels; they may still name somebody else with an epoch up to this one.
    eager_over: Option<u64>,
}

#[derive(Clone, Debug)]
struct Failover {
    candidate: HostPort,
    until: Duration,
}

#[derive(Clone, Debug)]
struct Hint {
    node: HostPort,
    until: Duration,
}

#[derive(Clone, Debug)]
struct Probing {
    /// `None`: the question is on its way.
    again_at: Option<Duration>,
    attempts: u32,
}

impl Topology {
    pub(crate) fn new(policy: Policy, source: Source) -> Topology {
        let seeds = match &source {
            Source::Sentinels { seeds, .. } => seeds.len(),
            Source::Hosts(_) => 0,
        };
        Topology {
            policy,
            source,
            opinions: Opinions::new(seeds),
            master: None,
            usable: false,
            generation: 0,
            highest_epoch: 0,
            failover: None,
            fenced_until: None,
            first_answer: None,
            ask_at: None,
            probes: BTreeMap::new(),
            hinted: None,
            node_causes: BTreeMap::new(),
        }
    }

    /// What to do first. The watches ask by themselves as soon as they are connected.
    pub(crate) fn start(&mut self, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        self.look_for_master(now, &mut actions);
        actions
    }

    /// Take one input into account.
    pub(crate) fn step(&mut self, now: Duration, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        match input {
            Input::Answered { sentinel, answer } => self.answered(now, sentinel, answer, &mut actions),
            Input::SentinelFailed { sentinel, cause } => self.opinions.failed(sentinel, cause),
            Input::SentinelLearned { sentinel } => self.opinions.learned(sentinel),
            Input::SentinelForgotten { sentinel } => self.opinions.forgotten(sentinel),
            Input::Event { sentinel, event } => self.event(now, sentinel, event, &mut actions),
            Input::Role { node, role, proof } => self.role(now, node, role, proof, &mut actions),
            Input::ProbeFailed { node, cause } => {
                let asked = self.probes.remove(&node);
                self.node_causes.insert(node.clone(), cause);
                // The control link judges the master in use; a second link that fails does not.
                if let Some(asked) = asked
                    && !(self.is_current(&node) && self.usable)
                {
                    self.probe_later(now, node, asked);
                }
            }
            Input::MasterLost { generation, why } => {
                if generation == self.generation && self.usable {
                    self.suspend(now, why, &mut actions);
                }
            }
            Input::MasterSilent { generation } => {
                if generation == self.generation {
                    actions.push(Action::AskAll);
                }
            }
            Input::MasterRefused { generation } => {
                if generation == self.generation && self.usable {
                    self.suspend(now, "it refuses writes".to_owned(), &mut actions);
                }
            }
            Input::Tick => {}
        }
        self.timers(now, &mut actions);
        actions
    }

    /// When `Tick` is due at the latest.
    pub(crate) fn next_tick(&self) -> Option<Duration> {
        let decide = self.first_answer.map(|at| at + self.policy.hedge_delay);
        let probes = self.probes.values().filter_map(|probing| probing.again_at).min();
        let chase = self.failover.as_ref().map(|failover| failover.until);
        let hint = self.hinted.as_ref().map(|hint| hint.until);
        [decide, probes, chase, hint, self.fenced_until, self.ask_at].into_iter().flatten().min()
    }

    /// The master in use, if it is usable.
    #[cfg(test)]
    fn usable_master(&self) -> Option<&HostPort> {
        self.master.as_ref().filter(|_| self.usable).map(|master| &master.node)
    }

    /// Before the first success: what is wrong, as far as it is known.
    pub(crate) fn failure(&self) -> Option<Error> {
        if self.generation > 0 {
            return None;
        }
        Some(match &self.source {
            Source::Hosts(hosts) => diagnosis::of_hosts(hosts, &self.node_causes),
            Source::Sentinels { seeds, master } => {
                let heard = self.opinions.heard(seeds);
                let heard_all = !heard.iter().any(Heard::is_silence);
                if heard_all && !self.has_quorum() && heard.iter().any(Heard::names_a_master) {
                    diagnosis::of_minority(&heard, self.opinions.known())
                } else if heard_all && self.opinions.are_tied() {
                    diagnosis::of_disagreement(&heard)
                } else {
                    diagnosis::of_sentinels(master, &heard, &self.node_causes)
                }
            }
        })
    }

    fn is_current(&self, node: &HostPort) -> bool {
        self.master.as_ref().is_some_and(|master| master.node == *node)
    }

    fn answered(&mut self, now: Duration, sentinel: SentinelId, answer: Answer, actions: &mut Vec<Action>) {
        if self.opinions.answered(sentinel, answer) {
            self.decide(now, actions);
        }
    }

    /// Whether enough sentinels answer for a master to be chosen, as the policy says.
    fn has_quorum(&self) -> bool {
        self.policy.minority == MinorityPolicy::Accept || self.opinions.most_answer()
    }

    fn decide(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let Some((node, epoch)) = self.opinions.named() else { return };
        if self.master.is_none() && !self.opinions.most_answer() && !self.opinions.all_heard() {
            let first = *self.first_answer.get_or_insert(now);
            if now < first + self.policy.hedge_delay {
                return;
            }
        }
        self.first_answer = None;

        if self.is_current(&node) {
            self.confirm(epoch, actions);
            return;
        }
        if !self.accepts(&node, epoch) {
            return;
        }
        // A master that a newer configuration has replaced goes on taking writes until it is demoted, and all of them are lost.
        if self.usable && epoch > self.highest_epoch && self.opinions.most_name(&node, epoch) {
            self.suspend(now, "the sentinels name another master".to_owned(), actions);
        }
        self.probe(&node, actions);
    }

    /// Whether an opinion that names another node than the one in use deserves to be followed, if that node agrees.
    fn accepts(&self, node: &HostPort, epoch: u64) -> bool {
        let Some(master) = &self.master else { return true };
        if epoch < self.highest_epoch && !self.opinions.seeds_insist(node, epoch) {
            return false;
        }
        // Until the failover that we are ahead of is known to the sentinels, they name the old master; it takes the new one's
        // own failure to believe them.
        let ahead = master.eager_over.is_some_and(|known| epoch <= known);
        !ahead || (!self.usable && self.node_causes.contains_key(&master.node))
    }

    fn confirm(&mut self, epoch: u64, actions: &mut Vec<Action>) {
        let Some(node) = self.master.as_ref().map(|master| master.node.clone()) else { return };
        if epoch < self.highest_epoch {
            if !self.opinions.seeds_insist(&node, epoch) {
                return;
            }
            actions.push(Action::EpochReset { from: self.highest_epoch, to: epoch });
        }
        self.highest_epoch = epoch;
        if let Some(master) = &mut self.master {
            master.eager_over = None;
        }
        actions.push(Action::Confirm { epoch, correction: false });
        // The failover that led here is over; another one would be announced again.
        if self.failover.as_ref().is_some_and(|failover| failover.candidate == node) {
            self.end_failover(actions);
        }
        if !self.usable {
            self.probe(&node, actions);
        }
    }

    fn event(&mut self, now: Duration, sentinel: SentinelId, event: SentinelEvent, actions: &mut Vec<Action>) {
        match event {
            SentinelEvent::Selected { candidate, master } => {
                let ours = self.is_current(&master);
                if self.is_current(&candidate) || (self.usable && !ours) {
                    // We are there already, or it is about a master that we left or do not know yet.
                    actions.push(Action::AskAll);
                    return;
                }
                actions.push(Action::FailoverStarted { candidate: candidate.clone() });
                if ours && self.usable && self.policy.fence && self.fenced_until.is_none() {
                    self.fenced_until = Some(now + self.policy.fence_timeout);
                    actions.push(Action::Fence);
                }
                if self.policy.eager_switch {
                    if let Some(before) = self.failover.take()
                        && before.candidate != candidate
                    {
                        actions.push(Action::Release(before.candidate));
                    }
                    actions.push(Action::Chase(candidate.clone()));
                    self.failover = Some(Failover { candidate, until: now + CHASE_LIMIT });
                }
            }
            SentinelEvent::Promoted { node, old } => {
                actions.push(Action::AskAll);
                // News about a master that we left long ago is no hint.
                if !self.is_current(&node) && (!self.usable || self.is_current(&old)) {
                    self.hinted = Some(Hint { node: node.clone(), until: now + HINT_LIMIT });
                    self.probe(&node, actions);
                }
            }
            SentinelEvent::Aborted => {
                self.end_failover(actions);
                actions.push(Action::AskAll);
                // Only the old master's own word opens the fence before its time.
                if self.fenced_until.is_some()
                    && let Some(node) = self.master.as_ref().map(|master| master.node.clone())
                {
                    self.probe(&node, actions);
                }
            }
            SentinelEvent::Changed => actions.push(Action::AskAll),
            SentinelEvent::Tilt { on } => {
                self.opinions.tilt(sentinel, on);
                actions.push(Action::AskAll);
            }
        }
    }

    fn end_failover(&mut self, actions: &mut Vec<Action>) {
        if let Some(failover) = self.failover.take() {
            actions.push(Action::Release(failover.candidate));
        }
    }

    /// Whether a sentinel, or the configuration, names this node. Nobody else's word counts.
    fn is_named(&self, node: &HostPort) -> bool {
        match &self.source {
            Source::Hosts(hosts) => hosts.contains(node),
            Source::Sentinels { .. } if !self.has_quorum() => false,
            Source::Sentinels { .. } => {
                self.failover.as_ref().is_some_and(|failover| failover.candidate == *node)
                    || self.hinted.as_ref().is_some_and(|hint| hint.node == *node)
                    || self.opinions.named().is_some_and(|(named, epoch)| named == *node && self.accepts(node, epoch))
            }
        }
    }

    fn role(&mut self, now: Duration, node: HostPort, role: Role, proof: Proof, actions: &mut Vec<Action>) {
        // Whoever asked: the question is answered, and may be asked again.
        let asked = self.probes.remove(&node);
        match role {
            Role::Master if self.is_current(&node) => {
                self.node_causes.remove(&node);
                if !self.usable && self.may_resume(&node) {
                    self.usable = true;
                    self.ask_at = None;
                    actions.push(Action::Resume);
                }
                if self.failover.is_none() && self.fenced_until.take().is_some() {
                    actions.push(Action::Unfence { why: "the failover was aborted" });
                }
            }
            Role::Master if self.is_named(&node) && !self.has_chosen() => self.switch(node, proof, actions),
            // It claims to be the master, but nobody named it, or no longer.
            Role::Master => {}
            Role::Replica | Role::Unknown => {
                self.node_causes.insert(
                    node.clone(),
                    Cause {
                        address: node.to_string(),
                        resolved: Some(proof.socket),
                        step: crate::error::Step::Role,
                        kind: ErrorKind::NotMaster,
                        text: "it says that it is not the master".to_owned(),
                    },
                );
                if self.is_current(&node) && self.usable {
                    self.suspend(now, "it says that it is a replica".to_owned(), actions);
                } else if let Some(asked) = asked {
                    // Sentinel may be ahead of the node: wait a little and look again.
                    self.probe_later(now, node, asked);
                    self.ask_at.get_or_insert(now + PROBE_BASE);
                }
            }
        }
    }

    /// Among plain hosts the first one that says master is kept as long as it is usable.
    fn has_chosen(&self) -> bool {
        self.usable && matches!(self.source, Source::Hosts(_))
    }

    /// The old master came back and still says master: that is only good if no newer opinion names somebody else.
    fn may_resume(&self, node: &HostPort) -> bool {
        match &self.source {
            Source::Hosts(_) => true,
            Source::Sentinels { .. } if !self.has_quorum() => false,
            Source::Sentinels { .. } => match self.opinions.named() {
                Some((named, epoch)) => {
                    let ahead =
                        self.master.as_ref().and_then(|master| master.eager_over).is_some_and(|known| epoch <= known);
                    named == *node || epoch < self.highest_epoch || ahead
                }
                None => true,
            },
        }
    }

    fn switch(&mut self, node: HostPort, proof: Proof, actions: &mut Vec<Action>) {
        let named = self.opinions.named();
        let confirmed = named.as_ref().filter(|(named, _)| *named == node).map(|(_, epoch)| *epoch);
        let hosts = matches!(self.source, Source::Hosts(_));
        let eager = confirmed.is_none() && !hosts;
        let correction = self.master.as_ref().is_some_and(|master| master.eager_over.is_some());
        let known = named.map_or(self.highest_epoch, |(_, epoch)| epoch.max(self.highest_epoch));
        let old = self.master.take().map(|master| master.node);
        self.generation += 1;
        self.usable = true;
        self.master = Some(Master { node: node.clone(), eager_over: eager.then_some(known) });
        self.fenced_until = None;
        self.ask_at = None;
        self.first_answer = None;
        self.hinted = None;
        self.probes.clear();
        self.node_causes.clear();
        self.end_failover(actions);
        actions.push(Action::Switch(Switch {
            node,
            socket: proof.socket,
            generation: self.generation,
            eager,
            old,
            not_before: proof.not_before,
            redirects: proof.redirects,
        }));
        if let Some(epoch) = confirmed {
            if epoch < self.highest_epoch {
                actions.push(Action::EpochReset { from: self.highest_epoch, to: epoch });
            }
            self.highest_epoch = epoch;
            actions.push(Action::Confirm { epoch, correction });
        } else if eager {
            // Somebody should confirm it; ask until they do.
            actions.push(Action::AskAll);
        }
    }

    fn suspend(&mut self, now: Duration, why: String, actions: &mut Vec<Action>) {
        self.usable = false;
        // Straight from held to suspended: no command may slip through to a master that is left.
        self.fenced_until = None;
        actions.push(Action::Suspend { why });
        self.look_for_master(now, actions);
    }

    fn look_for_master(&mut self, now: Duration, actions: &mut Vec<Action>) {
        match &self.source {
            Source::Sentinels { .. } => {
                actions.push(Action::AskAll);
                self.ask_at = Some(now + ASK_AGAIN);
                if let Some((node, _)) = self.opinions.named() {
                    self.probe(&node, actions);
                }
                if let Some(node) = self.master.as_ref().map(|master| master.node.clone()) {
                    self.probe(&node, actions);
                }
            }
            Source::Hosts(hosts) => {
                for node in hosts.clone() {
                    self.probe(&node, actions);
                }
            }
        }
    }

    fn probe(&mut self, node: &HostPort, actions: &mut Vec<Action>) {
        match self.probes.get_mut(node) {
            // On its way already.
            Some(Probing { again_at: None, .. }) => {}
            Some(probing) => {
                probing.again_at = None;
                actions.push(Action::Probe(node.clone()));
            }
            None => {
                self.probes.insert(node.clone(), Probing { again_at: None, attempts: 0 });
                actions.push(Action::Probe(node.clone()));
            }
        }
    }

    fn probe_later(&mut self, now: Duration, node: HostPort, asked: Probing) {
        let wait = PROBE_BASE.saturating_mul(1 << asked.attempts.min(8)).min(PROBE_CAP);
        self.probes.insert(node, Probing { again_at: Some(now + wait), attempts: asked.attempts.saturating_add(1) });
    }

    fn timers(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.first_answer.is_some_and(|first| first + self.policy.hedge_delay <= now) {
            self.decide(now, actions);
        }
        if self.fenced_until.is_some_and(|until| until <= now) {
            // The candidate goes on being asked: the failover may still end.
            self.fenced_until = None;
            actions.push(Action::Unfence { why: "fence_timeout passed" });
        }
        if self.failover.as_ref().is_some_and(|failover| failover.until <= now) {
            self.end_failover(actions);
        }
        if self.hinted.as_ref().is_some_and(|hint| hint.until <= now) {
            self.hinted = None;
        }
        if self.ask_at.is_some_and(|at| at <= now) {
            actions.push(Action::AskAll);
            self.ask_at = (!self.usable).then_some(now + ASK_AGAIN);
        }
        let due: Vec<HostPort> = self
            .probes
            .iter()
            .filter(|(_, probing)| probing.again_at.is_some_and(|at| at <= now))
            .map(|(node, _)| node.clone())
            .collect();
        for node in due {
            // A node that nobody names any more is not asked for ever; the one in use is, until another takes its place.
            if self.is_named(&node) || self.is_current(&node) {
                self.probe(&node, actions);
            } else {
                self.probes.remove(&node);
            }
        }
    }
}

#[cfg(test)]
#[path = "topology_tests.rs"]
mod tests;
