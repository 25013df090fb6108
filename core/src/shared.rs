//! What drivers and the supervisor of one client share: the gate, the present master, the register of links, the desired
//! subscriptions, and what is told about them.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::bell::Bell;
use crate::client::Timeout;
use crate::command::Request;
use crate::command::facts::Blocks;
use crate::config::{Config, HostPort, Mode};
use crate::counters::{Counter, Counters};
use crate::driver::admission::{Admission, Place};
use crate::driver::doubt::Doubts;
use crate::driver::gate::{Gate, GateWord};
use crate::driver::links::Links;
use crate::driver::pool::Pool;
use crate::driver::tokio::{self as tokio_driver, Job, Jobs};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::event::{EventKind, EventLog, Events};
use crate::known::Known;
use crate::status::{ClientState, Status};
use crate::subscription::Hub;
use crate::supervisor::process::check_process;
use crate::sync::lock;
use crate::tree::Tree;

/// How long a close waits for what is under way.
pub(crate) const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// The master that commands go to.
#[derive(Debug)]
pub(crate) struct Master {
    pub(crate) node: HostPort,
    /// The address that proved to be the master.
    pub(crate) socket: SocketAddr,
    pub(crate) generation: u64,
    /// Whether it can redirect (Valkey from 8.0).
    pub(crate) redirects: bool,
}

/// The time of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) deadline: Option<Instant>,
    pub(crate) total: Duration,
}

/// What drivers and the supervisor share.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) client_name: String,
    pub(crate) gate: Gate,
    pub(crate) links: Arc<Links>,
    pub(crate) pool: Pool,
    pub(crate) admission: Admission,
    pub(crate) doubts: Doubts,
    pub(crate) hub: Hub,
    /// Rung once: the supervisor must end.
    pub(crate) closing: Notify,
    /// Where the supervisor runs. Given back by the close: it holds descriptors.
    runtime: Mutex<Option<Handle>>,
    events: Arc<EventLog>,
    /// Rings when the supervisor has ended.
    pub(crate) done: Bell,
    known: Mutex<Known>,
    master: Mutex<Option<Arc<Master>>>,
    failure: Mutex<Option<Error>>,
    heard_until: Mutex<Option<SystemTime>>,
    pub(crate) counters: Counters,
    runtimes: Mutex<HashMap<tokio::runtime::Id, Jobs>>,
    /// Commands of completion queues that run at this moment.
    queued: AtomicU64,
    unqueued: Notify,
    pid: u32,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("gate", &self.gate.load()).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(config: Config, runtime: Handle) -> Shared {
        let known = match &config.mode {
            Mode::Sentinel { sentinels, .. } => Known::new(sentinels, &[]),
            Mode::Direct { hosts } => Known::new(&[], hosts),
        };
        let client_name = match config.options.client_name.as_str() {
            "" => format!("standfast:rust:{}", crate::VERSION),
            name => name.to_owned(),
        };
        Shared {
            client_name,
            config: Arc::new(config),
            gate: Gate::new(),
            links: Arc::default(),
            pool: Pool::default(),
            admission: Admission::default(),
            doubts: Doubts::default(),
            hub: Hub::default(),
            closing: Notify::new(),
            runtime: Mutex::new(Some(runtime)),
            events: Arc::default(),
            done: Bell::default(),
            known: Mutex::new(known),
            master: Mutex::default(),
            failure: Mutex::default(),
            heard_until: Mutex::default(),
            counters: Counters::default(),
            runtimes: Mutex::default(),
            queued: AtomicU64::new(0),
            unqueued: Notify::new(),
            pid: std::process::id(),
        }
    }

    /// # Errors
    /// [`ErrorKind::Forked`] in a child of the process that made the client.
    pub(crate) fn check_process(&self) -> Result<()> {
        check_process(self.pid)
    }

    /// Check a request and take a place among the waiting.
    pub(crate) fn enter(&self, request: &Request) -> Result<Place<'_>> {
        self.check_process()?;
        request.check()?;
        let place = self.admission.enter(request.bytes().len(), &self.config.options);
        if place.is_err() && self.counters.count(Counter::QueueFull) == 1 {
            self.announce(EventKind::QueueFull, Vec::new());
        }
        place
    }

    pub(crate) fn limit(&self, request: &Request, timeout: Timeout) -> Limit {
        let options = &self.config.options;
        let total = match (timeout, request.blocks()) {
            (Timeout::After(time), _) => Some(time),
            (Timeout::Never, _) | (Timeout::Default, Blocks::Forever) => None,
            (Timeout::Default, Blocks::For(time)) => time.checked_add(options.blocking_grace),
            (Timeout::Default, Blocks::No) => Some(options.command_timeout),
        };
        // A time beyond what the clock can tell is for ever.
        let deadline = total.and_then(|total| Instant::now().checked_add(total));
        Limit { deadline, total: total.unwrap_or(Duration::MAX) }
    }

    /// The master of this generation, if it is (still) that one.
    pub(crate) fn master(&self, generation: u64) -> Option<Arc<Master>> {
        lock(&self.master).as_ref().filter(|master| master.generation == generation).cloned()
    }

    pub(crate) fn set_master(&self, master: Arc<Master>) {
        *lock(&self.master) = Some(master);
        *lock(&self.failure) = None;
    }

    /// What is wrong before the first success; wakes who waits for it.
    pub(crate) fn set_failure(&self, failure: Option<Error>) {
        *lock(&self.failure) = failure;
        self.gate.nudge();
    }

    /// Whether waiting for a master is over, and how it ended.
    pub(crate) fn readiness(&self) -> Option<Result<()>> {
        match self.gate.load().state {
            ClientState::Ready | ClientState::Fenced => Some(Ok(())),
            ClientState::Closed => Some(Err(Error::closed())),
            ClientState::NoMaster => None,
            ClientState::Connecting => {
                let failure = lock(&self.failure).clone()?;
                failure.is_mistake().then_some(Err(failure))
            }
        }
    }

    /// The time to wait for a master is over.
    pub(crate) fn not_connected(&self, after: Duration) -> Error {
        // Not in the head of a match: its lock would still be held when the reason is looked up.
        let failure = lock(&self.failure).clone();
        match failure {
            Some(failure) if failure.kind() != ErrorKind::Timeout => failure,
            Some(silence) => {
                Error::timeout(Phase::Discovering, after, silence.message()).with_causes(silence.causes().to_vec())
            }
            None => Error::timeout(Phase::Discovering, after, self.why_waiting(Phase::Discovering)),
        }
    }

    /// The policy is not to wait for a master.
    pub(crate) fn not_ready(&self) -> Error {
        let text = match lock(&self.failure).as_ref() {
            Some(failure) => format!("there is no master: {failure}"),
            None => "there is no master just now".to_owned(),
        };
        Error::new(ErrorKind::NotReady, text)
    }

    /// What a command that ran out of time was waiting for.
    pub(crate) fn why_waiting(&self, phase: Phase) -> String {
        match phase {
            Phase::Discovering | Phase::NoMaster => match lock(&self.failure).as_ref() {
                Some(failure) => format!("there is no master: {failure}"),
                None => "there is no master".to_owned(),
            },
            Phase::Fenced => "commands are held during a planned failover".to_owned(),
            Phase::Connect => "no link to the master could be made".to_owned(),
            Phase::Pending => "it waited behind other commands".to_owned(),
            Phase::Reply => "no reply came".to_owned(),
        }
    }

    /// A link to the master could not be made. `false` if trying again is of no use.
    pub(crate) fn doubt(&self, generation: u64, error: &Error) -> bool {
        match error.kind() {
            ErrorKind::NotMaster => self.doubt_role(generation),
            kind if kind.is_configuration() => return false,
            _ => {}
        }
        true
    }

    /// The master of this generation says that it is none.
    pub(crate) fn doubt_role(&self, generation: u64) {
        self.doubts.raise(generation);
    }

    /// Count how a command ended. Only what ended badly costs anything.
    pub(crate) fn note<T>(&self, result: Result<T>) -> Result<T> {
        match &result {
            Err(error) if error.kind() == ErrorKind::MaybeExecuted => _ = self.counters.count(Counter::MaybeExecuted),
            Err(error) if error.kind() == ErrorKind::Timeout => _ = self.counters.count(Counter::Timeouts),
            _ => {}
        }
        result
    }

    pub(crate) fn announce(&self, kind: EventKind, details: Vec<(&'static str, Tree)>) {
        self.announce_for(self.gate.load().generation, kind, details);
    }

    /// Announce what is about to become true for a generation.
    pub(crate) fn announce_for(&self, generation: u64, kind: EventKind, details: Vec<(&'static str, Tree)>) {
        let epoch = lock(&self.known).epoch;
        self.events.record(kind, generation, epoch, details);
    }

    /// A reader of the events, from the oldest that is remembered.
    pub(crate) fn events(&self) -> Events {
        self.events.reader()
    }

    pub(crate) fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut lock(&self.known))
    }

    /// What was published until then has certainly reached the subscriptions.
    pub(crate) fn heard_until(&self) -> Option<SystemTime> {
        *lock(&self.heard_until)
    }

    pub(crate) fn set_heard_until(&self, at: SystemTime) {
        *lock(&self.heard_until) = Some(at);
    }

    /// Give a job to the driver of the current runtime.
    pub(crate) fn multiplexed(self: &Arc<Self>, job: Job) {
        let mut runtimes = lock(&self.runtimes);
        // Runtimes that ended took their drivers with them.
        runtimes.retain(|_, jobs| !jobs.is_closed());
        let jobs = runtimes.entry(Handle::current().id()).or_insert_with(|| tokio_driver::spawn(self));
        // If the driver ended just now, the job's caller learns it from its dropped answer.
        let _ = jobs.send(job);
    }

    /// Where the supervisor runs.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`]
    pub(crate) fn runtime(&self) -> Result<Handle> {
        lock(&self.runtime).clone().ok_or_else(Error::closed)
    }

    #[cfg(test)]
    pub(crate) fn set_runtime(&self, runtime: Handle) {
        *lock(&self.runtime) = Some(runtime);
    }

    /// A completion queue begins a task; the end of the token is the end of the task.
    pub(crate) fn queued(self: &Arc<Self>) -> Queued {
        self.queued.fetch_add(1, Ordering::AcqRel);
        Queued { shared: Arc::clone(self) }
    }

    /// Let the tasks of completion queues tell their hosts that it is over.
    pub(crate) async fn settle_queues(&self) {
        let settled = async {
            while self.queued.load(Ordering::Acquire) > 0 {
                self.unqueued.notified().await;
            }
        };
        let _ = tokio::time::timeout(CLOSE_LIMIT / 2, settled).await;
    }

    pub(crate) fn close(&self) {
        let generation = self.gate.load().generation;
        self.announce(EventKind::Closed, Vec::new());
        self.gate.publish(GateWord { state: ClientState::Closed, generation });
        self.hub.close();
        self.links.shut_down(|_| true);
        self.pool.clear();
        self.closing.notify_one();
        *lock(&self.runtime) = None;
    }

    pub(crate) fn status(&self) -> Status {
        let GateWord { state, generation } = self.gate.load();
        let links = self.links.status();
        let known = lock(&self.known);
        Status {
            state,
            master: known.master.clone(),
            generation,
            epoch: known.epoch,
            confirmed_by: known.confirmed_by(),
            since: known.since,
            nodes: known.nodes(),
            sentinels: known.sentinels(),
            links,
            minority: self.config.options.minority,
            pending: self.admission.commands(),
            counters: self.counters.all(),
        }
    }
}

/// A running task of a completion queue.
#[derive(Debug)]
pub(crate) struct Queued {
    shared: Arc<Shared>,
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.shared.queued.fetch_sub(1, Ordering::AcqRel);
        self.shared.unqueued.notify_one();
    }
}
