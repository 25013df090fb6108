//! The client: a cheap handle over what all its drivers and the supervisor share.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis::{RedisFuture, Value};
use tracing::Instrument;

use crate::blocking::Blocking;
use crate::command::Request;
use crate::command::outcome;
use crate::config::{Config, ConnectPolicy};
use crate::driver::tokio::{self as tokio_driver, Ticket};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Events};
use crate::shared::{CLOSE_LIMIT, Shared};
use crate::status::{ClientState, Node, Status};
use crate::subscription::{Channels, Subscription};
use crate::supervisor::process::Process;
use crate::supervisor::run::supervise;
use crate::sync::lock;
use crate::tree::Tree;

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
    /// Those of [`Config::check`]; [`ErrorKind::Internal`] when the system has no thread or descriptor left.
    pub fn open(config: Config) -> Result<Client> {
        config.check()?;
        let process = Process::current()?;
        let runtime = process.handle()?.clone();
        let shared = Arc::new(Shared::new(config, runtime.clone()));
        let events = shared.events();
        let supervised = Arc::clone(&shared);
        let watches = Arc::clone(process.watches());
        let span = tracing::info_span!(target: "standfast", "client", name = shared.client_name);
        let supervision = async move {
            supervise(Arc::clone(&supervised), watches).await;
            supervised.settle_queues().await;
            supervised.done.ring();
        };
        runtime.spawn(supervision.instrument(span));
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
        self.shared().events()
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
