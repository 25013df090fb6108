//! One client's supervisor task: it feeds the topology and does what the topology says. It decides nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::config::{HostPort, Mode};
use crate::counters::Counter;
use crate::driver::gate::GateWord;
use crate::error::ErrorKind;
use crate::event::EventKind;
use crate::node::{control, probe::Prober};
use crate::sentinel::roster::{Change, Roster};
use crate::sentinel::topology::{Action, Input, Policy, SentinelId, Source, Switch, Topology};
use crate::sentinel::watch::Report;
use crate::sentinel::watches::{Interest, Key, Membership, Watches};
use crate::shared::{Master, Shared};
use crate::status::ClientState;
use crate::subscription::{self, Interruption};
use crate::timer::at;
use crate::tree::Tree;

use super::report::{Course, Switched};

/// Reports that may wait; a sentinel that floods us is read no faster than it is understood.
const REPORTS: usize = 1024;
/// How often the pool is swept for links that nobody used.
const SWEEP: Duration = Duration::from_secs(5);

/// Supervise this client until it is closed. Everything it started ends with it.
pub(crate) async fn supervise(shared: Arc<Shared>, watches: Arc<Watches>) {
    let mut supervisor = Supervisor::new(shared, watches);
    supervisor.run().await;
    supervisor.leave().await;
}

struct Supervisor {
    shared: Arc<Shared>,
    topology: Topology,
    origin: Instant,
    prober: Prober,
    reports: mpsc::Receiver<Report>,
    sender: mpsc::Sender<Report>,
    watches: Arc<Watches>,
    roster: Roster,
    watching: BTreeMap<SentinelId, Membership>,
    tasks: JoinSet<()>,
    chases: HashMap<HostPort, AbortHandle>,
    control: Option<AbortHandle>,
    subscriber: Option<AbortHandle>,
    master: Option<Arc<Master>>,
    epoch: Option<u64>,
    /// The change of the master that is under way.
    course: Option<Course>,
}

impl Supervisor {
    fn new(shared: Arc<Shared>, watches: Arc<Watches>) -> Supervisor {
        let options = &shared.config.options;
        let policy = Policy {
            eager_switch: options.eager_switch,
            fence: options.fence,
            fence_timeout: options.fence_timeout,
            hedge_delay: options.hedge_delay,
            minority: options.minority,
        };
        let (source, seeds) = match &shared.config.mode {
            Mode::Sentinel { sentinels, master } => {
                (Source::Sentinels { seeds: sentinels.clone(), master: master.clone() }, sentinels.as_slice())
            }
            Mode::Direct { hosts } => (Source::Hosts(hosts.clone()), [].as_slice()),
        };
        let (sender, reports) = mpsc::channel(REPORTS);
        let origin = Instant::now();
        let prober = Prober { config: Arc::clone(&shared.config), client_name: shared.client_name.clone(), origin };
        Supervisor {
            topology: Topology::new(policy, source),
            origin,
            prober,
            reports,
            sender,
            watches,
            roster: Roster::new(seeds),
            watching: BTreeMap::new(),
            tasks: JoinSet::new(),
            chases: HashMap::new(),
            control: None,
            subscriber: None,
            master: None,
            epoch: None,
            course: None,
            shared,
        }
    }

    async fn run(&mut self) {
        self.shared.announce(EventKind::Connecting, Vec::new());
        if let Mode::Sentinel { sentinels, .. } = &self.shared.config.mode {
            for (sentinel, address) in sentinels.clone().into_iter().enumerate() {
                self.watch(sentinel, address);
            }
        }
        let actions = self.topology.start(self.now());
        self.act(actions);
        self.publish_failure();
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            let tick = self.topology.next_tick().map(|at| self.origin + at);
            let input = tokio::select! {
                () = self.shared.closing.notified() => return,
                report = self.reports.recv() => match report {
                    Some(report) => self.report(report),
                    None => return,
                },
                generation = self.shared.doubts.role() => Some(Input::MasterRefused { generation }),
                () = at(tick) => Some(Input::Tick),
                _ = sweep.tick() => {
                    self.shared.pool.sweep(self.shared.gate.load().generation, self.shared.config.options.pool_idle);
                    None
                }
                // Finished tasks leave the set.
                Some(_) = self.tasks.join_next() => None,
            };
            if let Some(input) = input {
                let actions = self.topology.step(self.now(), input);
                self.act(actions);
                self.publish_failure();
            }
        }
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn watch(&mut self, sentinel: SentinelId, address: HostPort) {
        let Mode::Sentinel { master, .. } = &self.shared.config.mode else { return };
        let config = Arc::clone(&self.shared.config);
        let key = Key { address, config, client_name: self.shared.client_name.clone() };
        let interest = Interest { sentinel, master: master.clone(), reports: self.sender.clone() };
        self.watching.insert(sentinel, self.watches.join(&key, interest));
    }

    /// Give back the links that are shared with other clients. What is left ends with its tasks.
    async fn leave(self) {
        // A watch that waits until it can report something must not be waited for.
        drop(self.reports);
        for (_, membership) in self.watching {
            membership.leave().await;
        }
    }

    /// The list of sentinels has changed.
    fn enroll(&mut self, changes: Vec<Change>) {
        for change in changes {
            let input = match change {
                Change::Learned { sentinel, address } => {
                    self.shared.known(|known| known.sentinel_learned(sentinel, address.clone()));
                    self.shared.announce(EventKind::SentinelAdded, vec![("sentinel", address.to_string().into())]);
                    self.watch(sentinel, address);
                    Input::SentinelLearned { sentinel }
                }
                Change::Forgotten { sentinel } => {
                    self.shared.known(|known| known.sentinel_forgotten(sentinel));
                    self.watching.remove(&sentinel);
                    Input::SentinelForgotten { sentinel }
                }
            };
            let actions = self.topology.step(self.now(), input);
            self.act(actions);
        }
    }

    /// Note a report for the status, and give the topology its part.
    fn report(&mut self, report: Report) -> Option<Input> {
        match report {
            Report::Up { sentinel, subscribed, peer } => {
                self.roster.reached(sentinel, peer);
                let state = if subscribed { "subscribed" } else { "polling" };
                self.shared.known(|known| known.sentinel_up(sentinel, state));
                let address = self.sentinel_name(sentinel);
                self.shared
                    .announce(EventKind::SentinelUp, vec![("sentinel", address.into()), ("state", state.into())]);
                None
            }
            Report::Input(input) => {
                match &input {
                    Input::Answered { sentinel, answer } => {
                        self.shared.known(|known| known.sentinel_answered(*sentinel, answer.clone()));
                        let changes = self.roster.answered(*sentinel, answer);
                        self.enroll(changes);
                    }
                    Input::SentinelFailed { sentinel, cause } => {
                        let was_up = self.shared.known(|known| known.sentinel_failed(*sentinel, cause.to_string()));
                        if was_up {
                            let address = self.sentinel_name(*sentinel);
                            self.shared.announce(
                                EventKind::SentinelDown,
                                vec![("sentinel", address.into()), ("why", cause.text.clone().into())],
                            );
                        }
                        self.announce_auth(cause.kind, &cause.address);
                        let changes = self.roster.failed(*sentinel);
                        self.enroll(changes);
                    }
                    Input::ProbeFailed { node: _, cause } => self.announce_auth(cause.kind, &cause.address),
                    Input::Event { sentinel, event: crate::sentinel::reply::SentinelEvent::Tilt { on } } => {
                        self.shared.known(|known| known.sentinel_tilt(*sentinel, *on));
                        let address = self.sentinel_name(*sentinel);
                        self.shared.announce(EventKind::Tilt, vec![("sentinel", address.into()), ("on", (*on).into())]);
                    }
                    Input::SentinelLearned { .. }
                    | Input::SentinelForgotten { .. }
                    | Input::Event { .. }
                    | Input::Role { .. }
                    | Input::MasterLost { .. }
                    | Input::MasterSilent { .. }
                    | Input::MasterRefused { .. }
                    | Input::Tick => {}
                }
                Some(input)
            }
        }
    }

    fn sentinel_name(&self, sentinel: SentinelId) -> String {
        self.roster.address(sentinel).map(ToString::to_string).unwrap_or_default()
    }

    fn announce_auth(&self, kind: ErrorKind, address: &str) {
        use ErrorKind::{MasterAuthFailed, MasterAuthRequired, SentinelAuthFailed, SentinelAuthRequired};
        if matches!(kind, MasterAuthFailed | MasterAuthRequired | SentinelAuthFailed | SentinelAuthRequired) {
            self.shared
                .announce(EventKind::AuthFailed, vec![("address", address.into()), ("error", kind.name().into())]);
        }
    }

    /// Before the first success `connect` wants to know what is wrong.
    fn publish_failure(&self) {
        if self.master.is_none() {
            self.shared.set_failure(self.topology.failure());
        }
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            tracing::debug!(target: "standfast", ?action, "action");
            match action {
                Action::AskAll => self.watching.values().for_each(Membership::ask),
                Action::Probe(node) => {
                    let (prober, sender) = (self.prober.clone(), self.sender.clone());
                    self.tasks.spawn(async move {
                        let input = prober.ask(node).await;
                        let _ = sender.send(Report::Input(input)).await;
                    });
                }
                Action::Chase(node) => self.chase(node),
                Action::Release(node) => {
                    if let Some(chase) = self.chases.remove(&node) {
                        chase.abort();
                    }
                }
                Action::FailoverStarted { candidate } => {
                    self.course().announced();
                    self.shared.announce(EventKind::FailoverStarted, vec![("candidate", candidate.to_string().into())]);
                }
                Action::Fence => {
                    self.set_state(ClientState::Fenced);
                    self.shared.counters.count(Counter::Fences);
                    if let Some(master) = self.master.clone() {
                        let prober = self.prober.clone();
                        self.course().fenced(&master.node, &prober);
                    }
                    self.shared.announce(EventKind::Fenced, Vec::new());
                }
                Action::Unfence { why } => {
                    self.set_state(ClientState::Ready);
                    match self.chases.is_empty() {
                        // It was aborted.
                        true => self.course = None,
                        // It may still come.
                        false => self.course().unfenced(),
                    }
                    self.shared.announce(EventKind::Unfenced, vec![("why", why.into())]);
                }
                Action::Switch(switch) => self.switch(switch),
                Action::Suspend { why } => self.suspend(&why),
                Action::Resume => self.resume(),
                Action::Confirm { epoch, correction } => self.confirm(epoch, correction),
                Action::EpochReset { from, to } => {
                    self.shared.counters.count(Counter::EpochResets);
                    self.shared.announce(EventKind::EpochReset, vec![("from", from.into()), ("to", to.into())]);
                }
            }
        }
    }

    fn chase(&mut self, node: HostPort) {
        if self.chases.get(&node).is_some_and(|chase| !chase.is_finished()) {
            return;
        }
        let (prober, sender, target) = (self.prober.clone(), self.sender.clone(), node.clone());
        let chase = self.tasks.spawn(async move {
            let input = prober.chase(target).await;
            let _ = sender.send(Report::Input(input)).await;
        });
        self.chases.insert(node, chase);
    }

    fn set_state(&self, state: ClientState) {
        let generation = self.master.as_ref().map_or(0, |master| master.generation);
        self.shared.gate.publish(GateWord { state, generation });
        self.shared.known(|known| known.since = Some(SystemTime::now()));
    }

    fn switch(&mut self, switch: Switch) {
        let Switch { node, socket, generation, eager, old, not_before, redirects } = switch;
        let held = self.shared.admission.commands();
        let was_fenced = self.shared.gate.load().state == ClientState::Fenced;
        let master = Arc::new(Master { node: node.clone(), socket, generation, redirects });
        self.master = Some(Arc::clone(&master));
        self.epoch = None;
        // First the interruption, so that the new link's confirmation finds it; then the gate, then the old links.
        if let Some(old) = &old {
            let heard = self.shared.heard_until();
            let not_before = not_before.map(|at| SystemTime::now() - self.now().saturating_sub(at));
            let since = [heard, not_before].into_iter().flatten().min().unwrap_or_else(SystemTime::now);
            self.shared.hub.interrupt(&Interruption { since, reason: "switched", old_master: old.clone() });
        }
        self.shared.set_master(Arc::clone(&master));
        self.shared.known(|known| {
            known.epoch = None;
            known.master = Some(node.clone());
        });
        if old.is_none() {
            // Before anybody can see it, and close the client: the story is told in order.
            self.shared.announce_for(generation, EventKind::Ready, vec![("master", node.to_string().into())]);
        }
        self.set_state(ClientState::Ready);
        self.shared.links.shut_down(|of| of < generation);
        self.shared.pool.sweep(generation, self.shared.config.options.pool_idle);

        let course = self.course.take();
        let length = course.as_ref().and_then(Course::interrupted_for);
        if was_fenced {
            self.shared.announce(EventKind::Unfenced, vec![("why", "the master switched".into())]);
        }
        if let Some(old) = old {
            self.shared.counters.count(Counter::Switches);
            self.shared.announce(
                EventKind::MasterSwitched,
                vec![
                    ("old_master", old.to_string().into()),
                    ("new_master", node.to_string().into()),
                    ("eager", eager.into()),
                    ("duration", length.into()),
                ],
            );
            let course = course.unwrap_or_else(|| Course::begin(&self.shared));
            let not_before = not_before.map(|at| self.origin + at);
            let switched = Switched { old, new: node, eager, not_before };
            self.tasks.spawn(course.tell(Arc::clone(&self.shared), self.prober.clone(), switched, held));
        }
        self.guard(&master);
        // The old subscriber link leaves by itself when the old master closes it.
        self.subscriber = None;
        self.subscribe(&master);
    }

    fn guard(&mut self, master: &Arc<Master>) {
        if let Some(control) = self.control.take() {
            control.abort();
        }
        let guard = control::guard(self.prober.clone(), master.node.clone(), master.generation, self.sender.clone());
        let registered = self.shared.links.register("control", &master.node, master.generation, None);
        self.control = Some(self.tasks.spawn(async move {
            guard.await;
            drop(registered);
        }));
    }

    fn subscribe(&mut self, master: &Arc<Master>) {
        let run = subscription::link::run(Arc::clone(&self.shared), self.prober.clone(), Arc::clone(master));
        self.subscriber = Some(self.tasks.spawn(run));
    }

    /// The change of the master that is under way, from now on at the latest.
    fn course(&mut self) -> &mut Course {
        self.course.get_or_insert_with(|| Course::begin(&self.shared))
    }

    fn suspend(&mut self, why: &str) {
        self.shared.counters.count(Counter::Losses);
        self.course().lost();
        let was_fenced = self.shared.gate.load().state == ClientState::Fenced;
        self.set_state(ClientState::NoMaster);
        // What waits on a link of a dead master learns it now and not at its deadline.
        self.shared.links.shut_down(|_| true);
        if was_fenced {
            self.course().unfenced();
            self.shared.announce(EventKind::Unfenced, vec![("why", "the master was lost".into())]);
        }
        let master = self.master.as_ref().map(|master| master.node.to_string());
        self.shared.announce(EventKind::LinkLost, vec![("master", master.clone().into()), ("why", why.into())]);
        self.shared.announce(EventKind::NotReady, vec![("master", master.into()), ("why", why.into())]);
    }

    fn resume(&mut self) {
        let Some(master) = self.master.clone() else { return };
        self.set_state(ClientState::Ready);
        self.course = None;
        self.shared.announce(EventKind::LinkRestored, vec![("master", master.node.to_string().into())]);
        self.shared.announce(EventKind::Ready, vec![("master", master.node.to_string().into())]);
        self.guard(&master);
        if self.subscriber.as_ref().is_none_or(AbortHandle::is_finished) {
            self.subscribe(&master);
        }
    }

    fn confirm(&mut self, epoch: u64, correction: bool) {
        if self.epoch == Some(epoch) {
            return;
        }
        let first = self.epoch.is_none();
        self.epoch = Some(epoch);
        self.shared.known(|known| known.epoch = Some(epoch));
        let master = self.master.as_ref().map(|master| master.node.to_string());
        let details: Vec<(&'static str, Tree)> = vec![("master", master.into())];
        if correction {
            self.shared.counters.count(Counter::Corrections);
            self.shared.announce(EventKind::SwitchCorrected, details);
        } else if first {
            self.shared.announce(EventKind::SwitchConfirmed, details);
        }
    }
}
