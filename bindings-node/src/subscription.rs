//! What is read bit by bit: a subscription's items and a client's events, handed over in batches. Waiting, iterating and the end
//! of an iteration are `lib/stream.js`'s.

use std::rc::Rc;

use napi::Env;
use napi::bindgen_prelude::{Array, Object};
use napi_derive::napi;
use standfast::{Channels, Events, Item, Result, Subscription, Tree};

use crate::errors::{Failure, Makers, guard};
use crate::values::{Bytes, Converter, each_option};

/// Once a batch holds this many bytes it is handed over: what waits in JavaScript is in no queue with a bound.
const BATCH_BYTES: usize = 256 * 1024;

/// A subscription of the core.
#[napi]
pub struct NativeSubscription {
    subscription: Subscription,
    makers: Rc<Makers>,
    bytes: Bytes,
}

impl NativeSubscription {
    pub(crate) fn new(subscription: Subscription, makers: Rc<Makers>, bytes: Bytes) -> NativeSubscription {
        NativeSubscription { subscription, makers, bytes }
    }

    pub(crate) fn core(&self) -> &Subscription {
        &self.subscription
    }
}

#[napi]
impl NativeSubscription {
    /// Up to `max` items that are there; an empty list when there is none just now. Throws when the subscription has ended.
    #[napi(catch_unwind)]
    pub fn take<'env>(&'env self, env: &'env Env, max: u32) -> napi::Result<Array<'env>> {
        let converter = Converter { env, makers: &self.makers, bytes: self.bytes };
        guard(env, &self.makers, || {
            batch(converter, max, || {
                Ok(self.subscription.try_next()?.map(|item| {
                    let size = if let Item::Message(message) = &item { message.payload.len() } else { 0 };
                    (item.into_tree(), size)
                }))
            })
        })
    }

    /// Close. What is queued can still be taken.
    #[napi(catch_unwind)]
    pub fn close(&self, env: &Env) -> napi::Result<()> {
        guard(env, &self.makers, || {
            self.subscription.close();
            Ok(())
        })
    }
}

/// A reader of a client's events.
#[napi]
pub struct NativeEvents {
    events: Events,
    makers: Rc<Makers>,
}

impl NativeEvents {
    pub(crate) fn new(events: Events, makers: Rc<Makers>) -> NativeEvents {
        NativeEvents { events, makers }
    }
}

#[napi]
impl NativeEvents {
    /// Up to `max` events that are there. Throws after the `closed` event was taken.
    #[napi(catch_unwind)]
    pub fn take<'env>(&'env self, env: &'env Env, max: u32) -> napi::Result<Array<'env>> {
        let converter = Converter { env, makers: &self.makers, bytes: Bytes::Text };
        guard(env, &self.makers, || {
            batch(converter, max, || Ok(self.events.try_next()?.map(|event| (event.to_tree(), 0))))
        })
    }
}

/// Collect what is there. An end that follows items is left for the next call, which meets it again.
pub(crate) fn batch<'env>(
    converter: Converter<'env, 'env>,
    max: u32,
    mut next: impl FnMut() -> Result<Option<(Tree, usize)>>,
) -> Result<Array<'env>, Failure> {
    let mut list = converter.env.create_array(0)?;
    let mut bytes = 0;
    while list.len() < max && bytes < BATCH_BYTES {
        match next() {
            Ok(Some((tree, size))) => {
                bytes += size;
                list.insert(converter.report(tree)?)?;
            }
            Ok(None) => break,
            Err(end) if list.len() == 0 => return Err(end.into()),
            Err(_) => break,
        }
    }
    Ok(list)
}

/// What to subscribe to. The options have the names that they have for a client: the client's are the defaults.
pub(crate) fn channels<N: AsRef<[u8]>>(names: &[N], patterns: bool, options: &Object<'_>) -> Result<Channels, Failure> {
    let mut channels = if patterns { Channels::patterns(names) } else { Channels::new(names) };
    each_option(options, |name, value| channels.set(name, value))?;
    Ok(channels)
}
