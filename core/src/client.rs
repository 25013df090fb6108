//! The client: a cheap handle over what all its drivers and the supervisor share.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use redis::{RedisFuture, Value};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::bell::Bell;
use crate::blocking::Blocking;
use crate::command::Request;
use crate::command::facts::Blocks;
use crate::command::outcome;
use crate::config::{Config, ConnectPolicy, HostPort, Mode};
use crate::driver::admission::{Admission, Place};
use crate::driver::doubt::Doubts;
use crate::driver::gate::{Gate, GateWord};
use crate::driver::links::Links;
use crate::driver::pool::Pool;
use crate::driver::tokio::{self as tokio_driver, Job, Jobs, Ticket};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::event::{Event, EventKind, EventLog, Events};
use crate::known::Known;
use crate::status::{ClientState, Node, Status};
use crate::subscription::{Channels, Hub, Subscription};
use crate::supervisor::process::{Process, check_process};
use crate::supervisor::run::supervise;
use crate::sync::lock;
use crate::tree::Tree;

/// How long a close waits for the supervisor to put everything down.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// How long a command may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timeout {
    /// `command_timeout`, and for blocking commands their own time plus `blocking_grace`.
    #[default]
    Default,
    /// This long.
    After(Duration),
    /// For ever.
    Never,
}

/// A client of one master, found through its sentinels or given directly.
///
/// Cloning is cheap; all clones are the same client. It is closed by [`Client::close`] or with its last clone. May be used
/// from any thread and any tokio runtime.
#[derive(Clone, Debug)]
pub struct Client {
    handle: Arc<ClientHandle>,
}

impl Client {
    /// Make a client and return at once; it connects in the background.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the system has no thread or descriptor left.
    pub fn open(config: Config) -> Result<Client> {
        let process = Process::current()?;
        let runtime = process.handle()?.clone();
        let shared = Arc::new(Shared::new(config, runtime.clone()));
        let events = shared.events.reader();
        let supervised = Arc::clone(&shared);
        runtime.spawn(async move {
            supervise(Arc::clone(&supervised)).await;
            supervised.settle_queues().await;
            supervised.done.ring();
        });
        Ok(Client { handle: Arc::new(ClientHandle { shared, process: Mutex::new(Some(process)), events }) })
    }

    /// Make a client and wait for its first master, up to `connect_deadline`; with `connect=background`, do not wait.
    /// Takes a URL or a [`Config`].
    ///
    /// # Errors
    /// Those of [`Config::from_url`], and why there is no master: [`ErrorKind::UnknownMaster`],
    /// [`ErrorKind::SentinelsUnreachable`], ... A mistake in the configuration is reported at once. Nothing is left behind.
    pub async fn connect<C>(config: C) -> Result<Client>
    where
        C: TryInto<Config>,
        Error: From<C::Error>,
    {
        let client = Client::open(config.try_into()?)?;
        match client.connected().await {
            Ok(()) => Ok(client),
            Err(error) => {
                client.close();
                Err(error)
            }
        }
    }

    /// What `connect` waits for.
    pub(crate) async fn connected(&self) -> Result<()> {
        let options = &self.shared().config.options;
        match options.connect {
            ConnectPolicy::Background => Ok(()),
            ConnectPolicy::Wait => self.wait_ready(Some(options.connect_deadline)).await,
        }
    }

    /// Wait until there is a master. `None` waits for ever.
    ///
    /// # Errors
    /// Why there is none when the time is over, or at once if the configuration is to blame.
    pub async fn wait_ready(&self, timeout: Option<Duration>) -> Result<()> {
        let shared = self.shared();
        let mut gate = shared.gate.watch();
        let waiting = async {
            loop {
                gate.borrow_and_update();
                if let Some(result) = shared.readiness() {
                    return result;
                }
                if gate.changed().await.is_err() {
                    return Err(Error::closed());
                }
            }
        };
        match timeout {
            None => waiting.await,
            Some(timeout) => match tokio::time::timeout(timeout, waiting).await {
                Ok(result) => result,
                Err(_) => Err(shared.not_connected(timeout)),
            },
        }
    }

    /// Execute a command within `command_timeout`, on the current tokio runtime.
    ///
    /// # Errors
    /// What became of it: [`ErrorKind::Timeout`] (certainly not executed, or it only reads), [`ErrorKind::MaybeExecuted`],
    /// [`ErrorKind::ReplyError`], ...
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn command(&self, request: impl Into<Request>) -> Result<Value> {
        self.command_within(request, Timeout::Default).await
    }

    /// Execute a command within a time of its own.
    ///
    /// # Errors
    /// As [`Client::command`].
    pub async fn command_within(&self, request: impl Into<Request>, timeout: Timeout) -> Result<Value> {
        let request = request.into();
        let limit = self.shared().limit(&request, timeout);
        let values = tokio_driver::execute(self.shared(), request, limit, Arc::new(Ticket::default())).await?;
        outcome::single(values)
    }

    /// Publish a message through the master; gives the number of subscribers that it reached there.
    ///
    /// # Errors
    /// As [`Client::command`].
    pub async fn publish(&self, channel: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> Result<i64> {
        let request = Request::new([b"PUBLISH".as_slice(), channel.as_ref(), payload.as_ref()])?;
        match self.command(request).await? {
            Value::Int(receivers) => Ok(receivers),
            _ => Err(Error::new(ErrorKind::Protocol, "the answer to PUBLISH is not a number")),
        }
    }

    /// The calls for threads that wait.
    pub fn blocking(&self) -> Blocking<'_> {
        Blocking { client: self }
    }

    /// Subscribe. Returns at once; [`Subscription::ready`] waits for the server's confirmation.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] without channels and patterns, [`ErrorKind::Closed`].
    pub fn subscribe(&self, channels: Channels) -> Result<Subscription> {
        self.shared().check_process()?;
        Subscription::open(&self.handle, channels)
    }

    /// What the client knows at this moment. Never blocks.
    pub fn status(&self) -> Status {
        self.shared().status()
    }

    /// The nodes that the sentinels report, with what each sentinel thinks of them.
    pub fn nodes(&self) -> Vec<Node> {
        self.shared().known(|known| known.nodes())
    }

    /// [`Client::nodes`] as a report.
    pub fn nodes_tree(&self) -> Tree {
        Tree::List(self.nodes().iter().map(Node::to_tree).collect())
    }

    /// A reader of the client's events with a position of its own, from the oldest event that is remembered.
    pub fn events(&self) -> Events {
        self.shared().events.reader()
    }

    /// The client's own reader of events.
    pub(crate) fn own_events(&self) -> &Events {
        &self.handle.events
    }

    /// The next event for the client's own reader, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::EndOfStream`] after the `closed` event was read.
    pub fn events_try_next(&self) -> Result<Option<Arc<Event>>> {
        self.own_events().try_next()
    }

    /// Close the client: every waiting call ends with [`ErrorKind::Closed`], every link is closed. When it returns, no
    /// socket and no thread of this client is left, unless it is called on the supervisor's own thread. Closing twice is
    /// allowed.
    pub fn close(&self) {
        self.handle.close();
    }

    /// Whether the client was closed.
    pub fn is_closed(&self) -> bool {
        self.shared().gate.load().state == ClientState::Closed
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.shared().config
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }
}

/// `redis`'s typed commands work on a [`Client`]: `client.clone().incr("hits", 1).await`.
impl redis::aio::ConnectionLike for Client {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a redis::Cmd) -> RedisFuture<'a, Value> {
        let request = Request::from(cmd);
        Box::pin(async move {
            let limit = self.shared().limit(&request, Timeout::Default);
            let values = tokio_driver::execute(self.shared(), request, limit, Arc::new(Ticket::default())).await;
            let mut values = values.map_err(redis_error)?;
            Ok(values.pop().unwrap_or(Value::Nil))
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a redis::Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        let request = Request::unit(pipeline.get_packed_pipeline(), offset + count);
        Box::pin(async move {
            let limit = self.shared().limit(&request, Timeout::Default);
            let values = tokio_driver::execute(self.shared(), request, limit, Arc::new(Ticket::default())).await;
            let mut values = values.map_err(redis_error)?;
            Ok(values.split_off(offset.min(values.len())))
        })
    }

    fn get_db(&self) -> i64 {
        i64::try_from(self.shared().config.db).unwrap_or(i64::MAX)
    }
}

fn redis_error(error: Error) -> redis::RedisError {
    redis::RedisError::from((redis::ErrorKind::Io, error.name(), error.to_string()))
}

impl TryFrom<&str> for Config {
    type Error = Error;

    fn try_from(url: &str) -> Result<Config> {
        Config::from_url(url)
    }
}

impl TryFrom<String> for Config {
    type Error = Error;

    fn try_from(url: String) -> Result<Config> {
        Config::from_url(&url)
    }
}

impl TryFrom<&String> for Config {
    type Error = Error;

    fn try_from(url: &String) -> Result<Config> {
        Config::from_url(url)
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Error {
        match never {}
    }
}

/// What keeps a client alive. Subscriptions and queues hold it, too.
pub(crate) struct ClientHandle {
    shared: Arc<Shared>,
    /// Taken by the close.
    process: Mutex<Option<Arc<Process>>>,
    events: Events,
}

impl ClientHandle {
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn close(&self) {
        let Some(process) = lock(&self.process).take() else { return };
        if !process.is_ours() {
            return;
        }
        self.shared.close();
        if !process.is_own_thread() {
            // A task that waits for name resolution in the system is not worth waiting for.
            self.shared.done.wait(Some(Instant::now() + CLOSE_LIMIT), None);
        }
        Process::stop_and_join(process);
    }
}

impl Drop for ClientHandle {
    /// Says goodbye without waiting: this may be a finalizer.
    fn drop(&mut self) {
        let Some(process) = lock(&self.process).take() else { return };
        if process.is_ours() {
            self.shared.close();
        }
    }
}

impl fmt::Debug for ClientHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("gate", &self.shared.gate.load()).finish_non_exhaustive()
    }
}

/// The master that commands go to.
#[derive(Debug)]
pub(crate) struct Master {
    pub(crate) node: HostPort,
    /// The address that proved to be the master.
    pub(crate) socket: SocketAddr,
    pub(crate) generation: u64,
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
    done: Bell,
    known: Mutex<Known>,
    master: Mutex<Option<Arc<Master>>>,
    failure: Mutex<Option<Error>>,
    drained: Mutex<Option<SystemTime>>,
    counters: Mutex<BTreeMap<&'static str, u64>>,
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
    fn new(config: Config, runtime: Handle) -> Shared {
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
            drained: Mutex::default(),
            counters: Mutex::default(),
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
        if place.is_err() && self.count("queue_full") == 1 {
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
                failure.kind().is_configuration().then(|| Err(failure.never_retry()))
            }
        }
    }

    /// The time to wait for a master is over.
    pub(crate) fn not_connected(&self, after: Duration) -> Error {
        match lock(&self.failure).clone() {
            Some(failure) => failure,
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
            kind if kind.is_configuration() || kind == ErrorKind::InvalidOption => return false,
            _ => {}
        }
        true
    }

    /// The master of this generation says that it is none.
    pub(crate) fn doubt_role(&self, generation: u64) {
        self.doubts.raise(generation);
    }

    pub(crate) fn count_retry(&self) {
        self.count("retries");
    }

    /// Count, and give the new count.
    pub(crate) fn count(&self, name: &'static str) -> u64 {
        let mut counters = lock(&self.counters);
        let counter = counters.entry(name).or_default();
        *counter += 1;
        *counter
    }

    pub(crate) fn announce(&self, kind: EventKind, details: Vec<(&'static str, Tree)>) {
        let GateWord { generation, .. } = self.gate.load();
        let epoch = lock(&self.known).epoch;
        self.events.record(kind, generation, epoch, details);
    }

    pub(crate) fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut lock(&self.known))
    }

    pub(crate) fn subscriber_drained(&self) -> Option<SystemTime> {
        *lock(&self.drained)
    }

    pub(crate) fn set_subscriber_drained(&self, at: SystemTime) {
        *lock(&self.drained) = Some(at);
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

    /// A completion queue begins a task; the end of the token is the end of the task.
    pub(crate) fn queued(self: &Arc<Self>) -> Queued {
        self.queued.fetch_add(1, Ordering::AcqRel);
        Queued { shared: Arc::clone(self) }
    }

    /// Let the tasks of completion queues tell their hosts that it is over.
    async fn settle_queues(&self) {
        let settled = async {
            while self.queued.load(Ordering::Acquire) > 0 {
                self.unqueued.notified().await;
            }
        };
        let _ = tokio::time::timeout(CLOSE_LIMIT / 2, settled).await;
    }

    fn close(&self) {
        let generation = self.gate.load().generation;
        self.announce(EventKind::Closed, Vec::new());
        self.gate.publish(GateWord { state: ClientState::Closed, generation });
        self.hub.close();
        self.links.shut_down(|_| true);
        self.pool.clear();
        self.closing.notify_one();
        *lock(&self.runtime) = None;
    }

    fn status(&self) -> Status {
        let GateWord { state, generation } = self.gate.load();
        let links = self.links.status();
        let counters = lock(&self.counters).iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
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
            pending: self.admission.commands(),
            counters,
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
