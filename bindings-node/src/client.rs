//! One client of the core as JavaScript holds it: open, submit, reports, close. How what is done comes back is `driver.rs`'s;
//! which promise it belongs to, and what keeps the process alive, is known in `lib/session.js` only.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::{BufferSlice, Either, Function, Object, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;
use standfast::{Bell, Client, Config, Credentials, Error, Hop, Host, Queue, Request, Secret};

use crate::doctor::NativeExamination;
use crate::driver::Driver;
use crate::errors::{Failure, Makers, describe, guard};

use crate::raw::{Settle, variadic};
use crate::subscription::{NativeEvents, NativeSubscription, channels};
use crate::uv::Watch;
use crate::values::{Bytes, Converter, command_timeout, each_option, wait_timeout};
use crate::watched::NativeWatched;

/// Wakes the JavaScript thread: weak, so that an idle client does not keep the process alive, and one place long, because one
/// wake-up that has not been served yet is as good as many.
pub(crate) type Wake = ThreadsafeFunction<(), Unknown<'static>, (), Status, false, true, 1>;

/// Make a wake-up of a JavaScript function.
pub(crate) fn waker(wake: &Function<'_, (), Unknown<'static>>) -> napi::Result<Arc<Wake>> {
    let wake: Wake = wake
        .build_threadsafe_function::<()>()
        .callee_handled::<false>()
        .weak::<true>()
        .max_queue_size::<1>()
        .build_callback(|_| Ok(()))?;
    Ok(Arc::new(wake))
}

/// Let this bell wake the JavaScript thread. Called on a thread of the core, so it enters no JavaScript: it puts one call into
/// the event loop's queue. That the queue is full or the environment is closing is nothing to do anything about.
pub(crate) fn ring(bell: &Bell, wake: &Arc<Wake>) {
    let wake = Arc::clone(wake);
    bell.on_ring(move || {
        let _ = wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
    });
}

/// A client and the driver of its queue. It belongs to one JavaScript environment.
#[napi]
pub struct NativeClient {
    client: Client,
    driver: Rc<Driver>,
    makers: Rc<Makers>,
    wake: Arc<Wake>,
}

/// Open a client; it connects in the background. `settle` is called with what is done, `wake` when a stream has something to
/// take. `polls`: whether the event loop may be asked to watch a descriptor.
#[napi(catch_unwind)]
pub fn open(
    env: &Env,
    url: String,
    options: Object<'_>,
    wake: Function<'_, (), Unknown<'static>>,
    settle: Function<'_, (), Unknown<'static>>,
    polls: bool,
    makers: Object<'_>,
) -> napi::Result<NativeClient> {
    let makers = Rc::new(Makers::from_object(&makers)?);
    let wake = waker(&wake)?;
    let settle = Settle::new(env, &settle)?;
    guard(env, &makers, || {
        let client = Client::open(configure(&url, &options)?)?;
        let queue = Queue::open_for(&client, Host::Turns)?;
        let driver = Driver::start(env, queue, &makers, settle, polls);
        if !driver.is_watched() {
            let wake = Arc::clone(&wake);
            driver.queue()?.on_ready(move || {
                let _ = wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
            })?;
        }
        Ok(NativeClient { client, driver, makers: Rc::clone(&makers), wake })
    })
}

/// What a URL and options say, without connecting.
#[napi(catch_unwind)]
pub fn parse_url<'env>(
    env: &'env Env,
    url: String,
    options: Object<'_>,
    makers: Object<'_>,
) -> napi::Result<Unknown<'env>> {
    let makers = Makers::from_object(&makers)?;
    guard(env, &makers, || {
        let config = configure(&url, &options)?;
        Ok(Converter { env, makers: &makers, bytes: Bytes::Text }.report(config.describe())?)
    })
}

/// A word of a command, as JavaScript gives it.
type Word<'a> = Either<String, BufferSlice<'a>>;

fn requests(commands: Vec<Vec<Word<'_>>>) -> Result<Vec<Request>, Error> {
    commands.into_iter().map(Request::new).collect()
}

fn configure(url: &str, options: &Object<'_>) -> Result<Config, Failure> {
    let mut config = Config::from_url(url)?;
    each_option(options, |name, value| config.set(name, value))?;
    if config.options().client_name.is_empty() {
        config.set("client_name", format!("standfast:node:{}", standfast::VERSION))?;
    }
    config.check()?;
    Ok(config)
}

impl NativeClient {
    pub(crate) fn core(&self) -> &Client {
        &self.client
    }

    pub(crate) fn driver(&self) -> &Driver {
        &self.driver
    }

    /// The queue, until the driver is stopped.
    pub(crate) fn queue(&self) -> Result<Queue, standfast::Error> {
        self.driver.queue()
    }

    pub(crate) fn makers(&self) -> &Rc<Makers> {
        &self.makers
    }

    pub(crate) fn wake(&self) -> &Arc<Wake> {
        &self.wake
    }
}

#[napi]
impl NativeClient {
    /// Whether it was closed.
    #[napi(getter, catch_unwind)]
    pub fn closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The function that sends commands: `send(tag, timeout, ...words)`, see `driver.rs`.
    #[napi(catch_unwind)]
    pub fn sender<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        variadic(env, Rc::clone(&self.driver))
    }

    /// Whether the event loop watches the queue. If not, `wake` calls [`NativeClient::turn`], and [`NativeClient::flush`] is
    /// to be called when `send` says so.
    #[napi(getter, catch_unwind)]
    pub fn watched(&self) -> bool {
        self.driver.is_watched()
    }

    /// Settle what is done; whether there is more.
    #[napi(catch_unwind)]
    pub fn turn(&self) -> bool {
        self.driver.turn()
    }

    /// Write what was collected.
    #[napi(catch_unwind)]
    pub fn flush(&self) {
        self.driver.flush();
    }

    /// Send a command that may be sent again after a loss. It is settled under this tag; `true` as for `send`.
    #[napi(catch_unwind)]
    pub fn submit_idempotent(
        &self,
        env: &Env,
        args: Vec<Word<'_>>,
        timeout: Option<f64>,
        tag: f64,
    ) -> napi::Result<bool> {
        guard(env, &self.makers, || {
            let timeout = command_timeout(timeout)?;
            Ok(self.driver.submit(Request::new(args)?.idempotent(), timeout, tag as u64)?)
        })
    }

    /// Send several commands together. Their outcomes are settled under this tag; `true` as for `send`.
    #[napi(catch_unwind)]
    pub fn submit_unit(
        &self,
        env: &Env,
        commands: Vec<Vec<Word<'_>>>,
        transaction: bool,
        timeout: Option<f64>,
        idempotent: bool,
        tag: f64,
    ) -> napi::Result<bool> {
        guard(env, &self.makers, || {
            let timeout = command_timeout(timeout)?;
            let commands = requests(commands)?;
            let unit = if transaction { Request::transaction(commands) } else { Request::pipeline(commands) }?;
            let unit = if idempotent { unit.idempotent() } else { unit };
            Ok(self.driver.submit(unit, timeout, tag as u64)?)
        })
    }

    /// A transaction that depends on these keys.
    #[napi(catch_unwind)]
    pub fn watch(
        &self,
        env: &Env,
        keys: Vec<Word<'_>>,
        timeout: Option<f64>,
        attempts: Option<f64>,
    ) -> napi::Result<NativeWatched> {
        guard(env, &self.makers, || {
            let keys = keys.iter().map(|key| key.as_ref().to_vec());
            let watched = self.client.watch(keys).timeout(command_timeout(timeout)?);
            Ok(NativeWatched::new(match attempts {
                Some(attempts) => watched.attempts(attempts as u64),
                None => watched,
            }))
        })
    }

    /// Begin a round of it. The completion is settled under this tag.
    #[napi(catch_unwind)]
    pub fn submit_watch_begin(&self, env: &Env, watched: &NativeWatched, tag: f64) -> napi::Result<()> {
        guard(env, &self.makers, || Ok(self.driver.queue()?.submit_watch_begin(watched.core(), tag as u64)?))
    }

    /// Execute a command at once, on the link that watches. The completion is settled under this tag.
    #[napi(catch_unwind)]
    pub fn submit_watch_command(
        &self,
        env: &Env,
        watched: &NativeWatched,
        args: Vec<Word<'_>>,
        tag: f64,
    ) -> napi::Result<()> {
        guard(env, &self.makers, || {
            Ok(self.driver.queue()?.submit_watch_command(watched.core(), Request::new(args)?, tag as u64)?)
        })
    }

    /// Execute the commands of a round. Their outcomes, or null if another round is needed, are settled under this tag.
    #[napi(catch_unwind)]
    pub fn submit_watch_commit(
        &self,
        env: &Env,
        watched: &NativeWatched,
        commands: Vec<Vec<Word<'_>>>,
        tag: f64,
    ) -> napi::Result<()> {
        guard(env, &self.makers, || {
            Ok(self.driver.queue()?.submit_watch_commit(watched.core(), requests(commands)?, tag as u64)?)
        })
    }

    /// Wait as `connect` does: for the first master, or not at all. The completion is settled under this tag.
    #[napi(catch_unwind)]
    pub fn submit_connected(&self, env: &Env, tag: f64) -> napi::Result<()> {
        guard(env, &self.makers, || Ok(self.driver.queue()?.submit_connected(tag as u64)?))
    }

    /// Wait until a subscription is confirmed. The completion is settled under this tag.
    #[napi(catch_unwind)]
    pub fn submit_subscription_ready(
        &self,
        env: &Env,
        subscription: &NativeSubscription,
        timeout: Option<f64>,
        tag: f64,
    ) -> napi::Result<()> {
        guard(env, &self.makers, || {
            let timeout = wait_timeout(timeout)?;
            Ok(self.driver.queue()?.submit_subscription_ready(subscription.core(), timeout, tag as u64)?)
        })
    }

    /// Refuse what is new, and wait until what was accepted is over. The completion is settled under this tag; the client is to
    /// be closed then.
    #[napi(catch_unwind)]
    pub fn submit_drain(&self, env: &Env, timeout: Option<f64>, tag: f64) -> napi::Result<()> {
        guard(env, &self.makers, || {
            let timeout = wait_timeout(timeout)?;
            Ok(self.driver.queue()?.submit_drain(timeout, tag as u64)?)
        })
    }

    /// Give up. The description of what the caller is to be told, and nothing will be settled under this tag; nothing when it
    /// is done already and will be settled.
    #[napi(catch_unwind)]
    pub fn cancel<'env>(&self, env: &'env Env, tag: f64) -> napi::Result<Option<Object<'env>>> {
        guard(env, &self.makers, || match self.driver.queue()?.cancel(tag as u64) {
            Some(error) => Ok(Some(describe(env, &error)?)),
            None => Ok(None),
        })
    }

    /// Subscribe to channels, to patterns or to sharded channels, as `kind` says.
    #[napi(catch_unwind)]
    pub fn subscribe(
        &self,
        env: &Env,
        names: Vec<Either<String, BufferSlice<'_>>>,
        kind: String,
        options: Object<'_>,
        buffers: bool,
    ) -> napi::Result<NativeSubscription> {
        guard(env, &self.makers, || {
            let channels = channels(&names, &kind, &options)?;
            let subscription = self.client.subscribe(channels)?;
            ring(subscription.bell(), &self.wake);
            let bytes = if buffers { Bytes::Buffers } else { Bytes::Text };
            Ok(NativeSubscription::new(subscription, Rc::clone(&self.makers), bytes))
        })
    }

    /// The events, from the oldest that is remembered.
    #[napi(catch_unwind)]
    pub fn events(&self, env: &Env) -> napi::Result<NativeEvents> {
        guard(env, &self.makers, || {
            let events = self.client.events();
            ring(events.bell(), &self.wake);
            Ok(NativeEvents::new(events, Rc::clone(&self.makers)))
        })
    }

    /// Other credentials for the next connection to a node, or to a sentinel.
    #[napi(catch_unwind)]
    pub fn set_credentials(
        &self,
        env: &Env,
        hop: String,
        username: Option<String>,
        password: Option<String>,
    ) -> napi::Result<()> {
        guard(env, &self.makers, || {
            let credentials = Credentials { username, password: password.map(Secret::new) };
            self.client.set_credentials(Hop::from_name(&hop)?, credentials)?;
            Ok(())
        })
    }

    /// The client's status, as an object.
    #[napi(catch_unwind)]
    pub fn status<'env>(&'env self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        guard(env, &self.makers, || Ok(self.converter(env).report(self.client.status().to_tree())?))
    }

    /// The nodes that the sentinels report, as objects.
    #[napi(catch_unwind)]
    pub fn nodes<'env>(&'env self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        guard(env, &self.makers, || Ok(self.converter(env).report(self.client.nodes_tree())?))
    }

    /// An examination of the deployment, which still is to be run.
    #[napi(catch_unwind)]
    pub fn examine(&self) -> NativeExamination {
        NativeExamination::new(self.client.clone(), Rc::clone(&self.makers))
    }

    /// Close. What is pending ends with an error that is still settled; then [`NativeClient::stop`] is to be called.
    #[napi(catch_unwind)]
    pub fn close(&self, env: &Env) -> napi::Result<()> {
        guard(env, &self.makers, || {
            self.client.close();
            Ok(())
        })
    }

    /// Let go of the event loop. Nothing is settled any more.
    #[napi(catch_unwind)]
    pub fn stop(&self) {
        self.driver.stop();
    }

    fn converter<'env>(&'env self, env: &'env Env) -> Converter<'env, 'env> {
        Converter { env, makers: &self.makers, bytes: Bytes::Text }
    }
}

impl Drop for NativeClient {
    /// The collector and the end of a worker come here without a call to close. Nothing here waits, and no panic leaves.
    fn drop(&mut self) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.driver.stop()));
    }
}

/// How many descriptors event loops of this process watch, for tests.
#[napi(catch_unwind)]
pub fn debug_watches() -> u32 {
    u32::try_from(Watch::live()).unwrap_or(u32::MAX)
}
