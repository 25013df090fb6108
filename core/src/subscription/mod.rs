//! Subscriptions: what the user wants, kept as desired state; the supervisor makes the servers have it and marks every
//! interruption.

pub(crate) mod ahead;
mod desired;
mod ear;
#[cfg(test)]
mod hub_tests;
mod item;
mod leaving;
pub(crate) mod link;
mod pair;
mod post;
mod queue;
mod routes;
pub(crate) mod second;
mod verdict;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bell::{Bell, Interrupt, Waited};
use crate::client::ClientHandle;
use crate::config::{Config, OptionValue, Options, OverflowPolicy};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::link::published::Kind;

pub(crate) use desired::Hub;
use desired::Wishes;
pub use item::{Dropped, Gap, Item, Message};
use queue::ItemQueue;
pub(crate) use verdict::Interruption;

/// What to subscribe to, how much of it may wait, and what is done to hear it all.
#[derive(Clone, Debug, Default)]
pub struct Channels {
    targets: BTreeSet<Target>,
    items: Option<u64>,
    bytes: Option<u64>,
    overflow: Option<OverflowPolicy>,
    max_silence: Option<Option<Duration>>,
    pulse_interval: Option<Option<Duration>>,
    redundancy: Option<u64>,
}

/// A channel, a pattern or a sharded channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    pub(crate) name: Arc<[u8]>,
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

    /// These sharded channels: what is published there with SPUBLISH (servers from 7.0).
    pub fn sharded<C: AsRef<[u8]>>(channels: impl IntoIterator<Item = C>) -> Channels {
        channels.into_iter().fold(Channels::default(), |all, channel| all.sharded_channel(channel))
    }

    /// One more channel.
    pub fn channel(self, channel: impl AsRef<[u8]>) -> Channels {
        self.with(Kind::Channel, channel.as_ref())
    }

    /// One more pattern.
    pub fn pattern(self, pattern: impl AsRef<[u8]>) -> Channels {
        self.with(Kind::Pattern, pattern.as_ref())
    }

    /// One more sharded channel.
    pub fn sharded_channel(self, channel: impl AsRef<[u8]>) -> Channels {
        self.with(Kind::Shard, channel.as_ref())
    }

    fn with(mut self, kind: Kind, name: &[u8]) -> Channels {
        self.targets.insert(Target { kind, name: name.into() });
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

    /// How long no message may come before the link has to prove that it lives; the client's `max_silence` otherwise.
    pub fn max_silence(mut self, limit: Option<Duration>) -> Channels {
        self.max_silence = Some(limit);
        self
    }

    /// How often a message of our own goes the whole way through the server; the client's `pulse_interval` otherwise. The user
    /// needs the right to publish.
    pub fn pulse_interval(mut self, every: Option<Duration>) -> Channels {
        self.pulse_interval = Some(every);
        self
    }

    /// How many nodes are listened to, 1 or 2; the client's `redundancy` otherwise. The second one is a replica.
    pub fn redundancy(mut self, nodes: u64) -> Channels {
        self.redundancy = Some(nodes);
        self
    }

    /// Set an option of this subscription by its name: `subscription_items`, `subscription_bytes`, `overflow`, `max_silence`,
    /// `pulse_interval`, `redundancy`.
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
            "max_silence" => self.max_silence = Some(options.max_silence),
            "pulse_interval" => self.pulse_interval = Some(options.pulse_interval),
            "redundancy" => self.redundancy = Some(options.redundancy),
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
        let Channels { targets, items, bytes, overflow, max_silence, pulse_interval, redundancy } = channels;
        if targets.is_empty() {
            return Err(Error::new(ErrorKind::InvalidArgument, "a subscription needs a channel or a pattern"));
        }
        let options = &client.shared().config.options;
        let queue = Arc::new(ItemQueue::new(
            items.unwrap_or(options.subscription_items),
            bytes.unwrap_or(options.subscription_bytes),
            overflow.unwrap_or(options.overflow),
        ));
        let nodes = redundancy.unwrap_or(options.redundancy);
        if !(1..=2).contains(&nodes) {
            return Err(Error::new(ErrorKind::InvalidOption, "option redundancy takes a whole number from 1 to 2"));
        }
        let wishes = Wishes {
            redundant: nodes == 2,
            pulse: pulse_interval.unwrap_or(options.pulse_interval),
            max_silence: max_silence.unwrap_or(options.max_silence),
        };
        if wishes.pulse == Some(Duration::ZERO) || wishes.max_silence == Some(Duration::ZERO) {
            return Err(Error::new(ErrorKind::InvalidOption, "an interval of no length is none"));
        }
        let id = client.shared().hub.add(targets.into_iter().collect(), Arc::clone(&queue), wishes)?;
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

    /// The items that are there, up to `max` of them and until their payloads are `bytes` together, put behind what is in `into`: for
    /// who reads many. What was taken counts no longer for the bounds of the queue.
    ///
    /// # Errors
    /// As [`Subscription::try_next`], when nothing was taken.
    pub fn try_next_many(&self, max: usize, bytes: usize, into: &mut Vec<Item>) -> Result<()> {
        self.inner.client.shared().check_process()?;
        self.inner.queue.pop_many(max, bytes, into)
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
