//! One client of the core as JavaScript holds it: open, submit, take what is done, reports, close. Which promise a completion
//! belongs to, and what keeps the process alive, is known in `lib/session.js` only.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::{Array, BufferSlice, Either, Function, Object, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;
use standfast::{Bell, Client, Completion, Config, Error, ErrorKind, Queue, Request};

use crate::errors::{Failure, Makers, describe, guard};
use crate::subscription::{NativeEvents, NativeSubscription, channels};
use crate::values::{Bytes, Converter, command_timeout, each_option, wait_timeout};

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

/// The lowest bit of a tag says whether the reply's strings become buffers, so that nobody has to look that up.
fn bytes_of(tag: u64) -> Bytes {
    if tag & 1 == 1 { Bytes::Buffers } else { Bytes::Text }
}

/// A client and the queue of its completions. It belongs to one JavaScript environment.
#[napi]
pub struct NativeClient {
    client: Client,
    queue: Queue,
    makers: Rc<Makers>,
    wake: Arc<Wake>,
}

/// Open a client; it connects in the background. `wake` is called when there is something to take.
#[napi(catch_unwind)]
pub fn open(
    env: &Env,
    url: String,
    options: Object<'_>,
    wake: Function<'_, (), Unknown<'static>>,
    makers: Object<'_>,
) -> napi::Result<NativeClient> {
    let makers = Rc::new(Makers::from_object(&makers)?);
    let wake = waker(&wake)?;
    let (client, queue) = guard(env, &makers, || {
        let client = Client::open(configure(&url, &options)?)?;
        let queue = Queue::open(&client)?;
        ring(queue.bell(), &wake);
        Ok((client, queue))
    })?;
    Ok(NativeClient { client, queue, makers, wake })
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

fn configure(url: &str, options: &Object<'_>) -> Result<Config, Failure> {
    let mut config = Config::from_url(url)?;
    each_option(options, |name, value| config.set(name, value))?;
    if config.options().client_name.is_empty() {
        config.set("client_name", format!("standfast:node:{}", standfast::VERSION))?;
    }
    config.check()?;
    Ok(config)
}

#[napi]
impl NativeClient {
    /// Whether it was closed.
    #[napi(getter, catch_unwind)]
    pub fn closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Send a command. Its completion is taken under this tag.
    #[napi(catch_unwind)]
    pub fn submit(
        &self,
        env: &Env,
        args: Vec<Either<String, BufferSlice<'_>>>,
        timeout: Option<f64>,
        tag: f64,
    ) -> napi::Result<()> {
        guard(env, &self.makers, || {
            let timeout = command_timeout(timeout)?;
            Ok(self.queue.submit(Request::new(args)?, timeout, tag as u64)?)
        })
    }

    /// Wait as `connect` does: for the first master, or not at all. The completion is taken under this tag.
    #[napi(catch_unwind)]
    pub fn submit_connected(&self, env: &Env, tag: f64) -> napi::Result<()> {
        guard(env, &self.makers, || Ok(self.queue.submit_connected(tag as u64)?))
    }

    /// Wait until a subscription is confirmed. The completion is taken under this tag.
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
            Ok(self.queue.submit_subscription_ready(subscription.core(), timeout, tag as u64)?)
        })
    }

    /// Give up. The description of what the caller is to be told, and nothing will be taken under this tag; nothing when it
    /// is done already and can be taken.
    #[napi(catch_unwind)]
    pub fn cancel<'env>(&self, env: &'env Env, tag: f64) -> napi::Result<Option<Object<'env>>> {
        guard(env, &self.makers, || match self.queue.cancel(tag as u64) {
            Some(error) => Ok(Some(describe(env, &error)?)),
            None => Ok(None),
        })
    }

    /// What is done, as one flat list: tag, whether it failed, reply or description of the failure; and so on.
    #[napi(catch_unwind)]
    pub fn take<'env>(&self, env: &'env Env, max: u32) -> napi::Result<Array<'env>> {
        guard(env, &self.makers, || {
            let done = self.queue.take(max as usize);
            let mut list = env.create_array(0)?;
            for Completion { tag, result, .. } in done {
                let converter = Converter { env, makers: &self.makers, bytes: bytes_of(tag) };
                // One reply that JavaScript cannot hold must not take the others with it.
                let result = result.and_then(|value| converter.reply(value).map_err(|engine| unfit(&engine)));
                list.insert(tag as f64)?;
                match result {
                    Ok(value) => {
                        list.insert(false)?;
                        list.insert(value)?;
                    }
                    Err(error) => {
                        list.insert(true)?;
                        list.insert(describe(env, &error)?)?;
                    }
                }
            }
            Ok(list)
        })
    }

    /// Subscribe to channels, or to patterns.
    #[napi(catch_unwind)]
    pub fn subscribe(
        &self,
        env: &Env,
        names: Vec<Either<String, BufferSlice<'_>>>,
        patterns: bool,
        options: Object<'_>,
        buffers: bool,
    ) -> napi::Result<NativeSubscription> {
        guard(env, &self.makers, || {
            let channels = channels(&names, patterns, &options)?;
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

    /// Close. What is pending ends with an error that can still be taken.
    #[napi(catch_unwind)]
    pub fn close(&self, env: &Env) -> napi::Result<()> {
        guard(env, &self.makers, || {
            self.client.close();
            Ok(())
        })
    }

    fn converter<'env>(&'env self, env: &'env Env) -> Converter<'env, 'env> {
        Converter { env, makers: &self.makers, bytes: Bytes::Text }
    }
}

impl Drop for NativeClient {
    /// The collector and the end of a worker come here without a call to close. Nothing here waits, and no panic leaves.
    fn drop(&mut self) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.queue.close()));
    }
}

fn unfit(engine: &napi::Error) -> Error {
    Error::new(ErrorKind::Protocol, format!("the reply cannot become a JavaScript value: {}", engine.reason))
}
