//! Subscriptions: what the user wants, kept as desired state; the supervisor makes the servers have it and marks every
//! interruption.

mod desired;
mod item;
pub(crate) mod link;
mod queue;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bell::{Bell, Interrupt, Waited};
use crate::client::ClientHandle;
use crate::config::{Config, OptionValue, Options, OverflowPolicy};
use crate::error::{Error, ErrorKind, Phase, Result};

pub(crate) use desired::{Hub, Interruption};
pub use item::{Dropped, Gap, Item, Message};
use queue::ItemQueue;

/// What to subscribe to, and how much of it may wait.
#[derive(Clone, Debug, Default)]
pub struct Channels {
    targets: Vec<Target>,
    items: Option<u64>,
    bytes: Option<u64>,
    overflow: Option<OverflowPolicy>,
}

/// A channel or a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Target {
    Channel(Vec<u8>),
    Pattern(Vec<u8>),
}

impl Channels {
    /// These channels.
    pub fn new<C: AsRef<[u8]>>(channels: impl IntoIterator<Item = C>) -> Channels {
        channels.into_iter().fold(Channels::default(), |all, channel| all.channel(channel))
    }

    /// Every channel that matches one of these patterns.
    pub fn patterns<C: AsRef<[u8]>>(patterns: impl IntoIterator<Item = C>) -> Channels {
        patterns.into_iter().fold(Channels::default(), |all, pattern| all.pattern(pattern))
    }

    /// One more channel.
    pub fn channel(self, channel: impl AsRef<[u8]>) -> Channels {
        self.with(Target::Channel(channel.as_ref().to_vec()))
    }

    /// One more pattern.
    pub fn pattern(self, pattern: impl AsRef<[u8]>) -> Channels {
        self.with(Target::Pattern(pattern.as_ref().to_vec()))
    }

    fn with(mut self, target: Target) -> Channels {
        if !self.targets.contains(&target) {
            self.targets.push(target);
        }
        self
    }

    /// How many items may wait; the client's `subscription_items` otherwise.
    pub fn items(mut self, items: u64) -> Channels {
        self.items = Some(items);
        self
    }

    /// How many bytes may wait; the client's `subscription_bytes` otherwise.
    pub fn bytes(mut self, bytes: u64) -> Channels {
        self.bytes = Some(bytes);
        self
    }

    /// What happens when the queue is full; the client's `overflow` otherwise.
    pub fn overflow(mut self, policy: OverflowPolicy) -> Channels {
        self.overflow = Some(policy);
        self
    }

    /// Set an option of this subscription by its name: `subscription_items`, `subscription_bytes`, `overflow`.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownOption`] or [`ErrorKind::InvalidOption`].
    pub fn set(&mut self, name: &str, value: impl Into<OptionValue>) -> Result<()> {
        let mut options = Options::default();
        options.set(name, value.into())?;
        match name {
            "subscription_items" => self.items = Some(options.subscription_items),
            "subscription_bytes" => self.bytes = Some(options.subscription_bytes),
            "overflow" => self.overflow = Some(options.overflow),
            // Of a later version, and at its default.
            _ if Config::is_for_subscriptions(name) => {}
            _ => {
                return Err(Error::new(
                    ErrorKind::UnknownOption,
                    format!("option {name} belongs to the client, not to a subscription"),
                ));
            }
        }
        Ok(())
    }
}

/// A subscription. Clones share the same queue; it ends with [`Subscription::close`] or with its last clone.
#[derive(Clone, Debug)]
pub struct Subscription {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Arc<ClientHandle>,
    id: u64,
    queue: Arc<ItemQueue>,
}

impl Subscription {
    pub(crate) fn open(client: &Arc<ClientHandle>, channels: Channels) -> Result<Subscription> {
        let Channels { targets, items, bytes, overflow } = channels;
        if targets.is_empty() {
            return Err(Error::new(ErrorKind::InvalidArgument, "a subscription needs a channel or a pattern"));
        }
        let options = &client.shared().config.options;
        let queue = Arc::new(ItemQueue::new(
            items.unwrap_or(options.subscription_items),
            bytes.unwrap_or(options.subscription_bytes),
            overflow.unwrap_or(options.overflow),
        ));
        let id = client.shared().hub.add(targets, Arc::clone(&queue))?;
        Ok(Subscription { inner: Arc::new(Inner { client: Arc::clone(client), id, queue }) })
    }

    /// Wait until the server has confirmed every channel and pattern.
    ///
    /// # Errors
    /// [`ErrorKind::SubscribeFailed`] when the server refuses; [`ErrorKind::Timeout`] when it has not confirmed within
    /// `command_timeout` (the subscription goes on: wait again, or close it); [`ErrorKind::EndOfStream`] when the
    /// subscription is closed.
    pub async fn ready(&self) -> Result<()> {
        let limit = self.inner.client.shared().config.options.command_timeout;
        self.ready_within(Some(limit)).await
    }

    pub(crate) async fn ready_within(&self, timeout: Option<Duration>) -> Result<()> {
        let rung = self.inner.queue.ready_bell().rung();
        match timeout {
            Some(timeout) => {
                if tokio::time::timeout(timeout, rung).await.is_err() {
                    return Err(self.not_confirmed(timeout));
                }
            }
            None => rung.await,
        }
        self.inner.queue.readiness()
    }

    /// The same for a waiting thread. `None` waits for ever.
    ///
    /// # Errors
    /// As [`Subscription::ready`], and [`ErrorKind::Cancelled`] when interrupted.
    pub fn ready_blocking(&self, timeout: Option<Duration>, interrupt: Interrupt<'_>) -> Result<()> {
        self.inner.client.shared().check_process()?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        match self.inner.queue.ready_bell().wait(deadline, interrupt) {
            Waited::Rang => self.inner.queue.readiness(),
            Waited::TimedOut => Err(self.not_confirmed(timeout.unwrap_or_default())),
            Waited::Interrupted => Err(given_up()),
        }
    }

    fn not_confirmed(&self, after: Duration) -> Error {
        let shared = self.inner.client.shared();
        // The server refused nothing; the wait is over, and the subscription goes on.
        let phase = match shared.gate.load().phase() {
            Phase::Pending => Phase::Reply,
            phase => phase,
        };
        Error::timeout(phase, after, format!("the subscription is not confirmed: {}", shared.why_waiting(phase)))
    }

    /// The next item, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::EndOfStream`] when the subscription is closed and read to its end; [`ErrorKind::Overflow`] when its
    /// policy closed it; [`ErrorKind::SubscribeFailed`] when the server refused it; [`ErrorKind::Forked`].
    pub fn try_next(&self) -> Result<Option<Item>> {
        self.inner.client.shared().check_process()?;
        self.inner.queue.pop()
    }

    /// The next item; `None` when the timeout passes first. A timeout of `None` waits for ever.
    ///
    /// # Errors
    /// As [`Subscription::try_next`], and [`ErrorKind::Cancelled`] when interrupted.
    pub fn next_blocking(&self, timeout: Option<Duration>, interrupt: Interrupt<'_>) -> Result<Option<Item>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if let Some(item) = self.try_next()? {
                return Ok(Some(item));
            }
            match self.bell().wait(deadline, interrupt) {
                Waited::Rang => {}
                Waited::TimedOut => return Ok(None),
                Waited::Interrupted => return Err(given_up()),
            }
        }
    }

    /// The next item; `None` at the end of the subscription, whatever ended it.
    pub async fn next(&self) -> Option<Item> {
        loop {
            match self.try_next() {
                Ok(Some(item)) => return Some(item),
                Ok(None) => self.bell().rung().await,
                Err(_) => return None,
            }
        }
    }

    /// Rings while there is something to read, or the end was reached.
    pub fn bell(&self) -> &Bell {
        self.inner.queue.bell()
    }

    /// End the subscription: nothing more is received; what waits can still be read.
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Inner {
    fn close(&self) {
        self.client.shared().hub.remove(self.id);
        self.queue.close(Error::new(ErrorKind::EndOfStream, "the subscription is closed"));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

fn given_up() -> Error {
    Error::new(ErrorKind::Cancelled, "the wait was given up")
}
