//! Subscriptions: the channels to ask for, and pulling what arrives. What a subscription does through a failover is the
//! core's business.

use std::ffi::{c_char, c_int, c_void};
use std::sync::{Mutex, MutexGuard};

use standfast::{Channels, Subscription};

use crate::client::standfast_client;
use crate::error::standfast_status;
use crate::reply::{self, standfast_reply};
use crate::{boundary, handle};

/// The channels and patterns of a subscription, and how it queues.
pub struct standfast_channels {
    _private: [u8; 0],
}

/// A subscription.
pub struct standfast_subscription {
    _private: [u8; 0],
}

/// What stands behind a [`standfast_channels`].
#[derive(Default)]
pub(crate) struct ChannelList {
    channels: Mutex<Channels>,
}

impl ChannelList {
    fn lock(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    fn change(&self, how: impl FnOnce(Channels) -> Channels) {
        let mut channels = self.lock();
        *channels = how(channels.clone());
    }
}

/// Make an empty list of channels.
///
/// @param out  Receives the list. Free with standfast_channels_free().
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_channels_new(out: *mut *mut standfast_channels) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(out, std::ptr::null_mut(), "out")?;
        out.set(handle::insert(ChannelList::default())?);
        Ok(())
    })
}

/// Add a channel.
///
/// @param length  Bytes, or STANDFAST_TERMINATED.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_channels_add(
    channels: *mut standfast_channels,
    channel: *const c_void,
    length: usize,
) -> standfast_status {
    boundary::status(|caller| {
        let channels = handle::find(channels)?;
        let channel = caller.bytes(channel, length, "channel")?;
        channels.change(|channels| channels.channel(channel));
        Ok(())
    })
}

/// Add a pattern, "news.*".
///
/// @param length  Bytes, or STANDFAST_TERMINATED.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_channels_add_pattern(
    channels: *mut standfast_channels,
    pattern: *const c_void,
    length: usize,
) -> standfast_status {
    boundary::status(|caller| {
        let channels = handle::find(channels)?;
        let pattern = caller.bytes(pattern, length, "pattern")?;
        channels.change(|channels| channels.pattern(pattern));
        Ok(())
    })
}

/// Set how the subscription queues, instead of what the client's options say: "subscription_items", "subscription_bytes",
/// "overflow".
///
/// @return STANDFAST_OK, STANDFAST_ERR_UNKNOWN_OPTION, STANDFAST_ERR_INVALID_OPTION.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_channels_set(
    channels: *mut standfast_channels,
    name: *const c_char,
    value: *const c_char,
) -> standfast_status {
    boundary::status(|caller| {
        let channels = handle::find(channels)?;
        let (name, value) = (caller.text(name, "name")?, caller.text(value, "value")?);
        channels.lock().set(name, value)
    })
}

/// Free a list of channels. NULL is ignored.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_channels_free(channels: *mut standfast_channels) -> standfast_status {
    boundary::status(|_| handle::remove(channels).map(drop))
}

/// Subscribe. Returns at once; standfast_subscription_ready() waits until the server has confirmed every channel.
///
/// The subscription follows the master through failovers. Where messages may be missing it says so.
///
/// @param channels  Copied. May be freed as soon as this function returns.
/// @param out       Receives the subscription. Free with standfast_subscription_free().
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_subscribe(
    client: *const standfast_client,
    channels: *const standfast_channels,
    out: *mut *mut standfast_subscription,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(out, std::ptr::null_mut(), "out")?;
        let client = handle::find(client)?;
        let channels = handle::find(channels)?.lock().clone();
        let subscription: Subscription = client.subscribe(channels)?;
        out.set(handle::insert(subscription)?);
        Ok(())
    })
}

/// Wait until the server has confirmed every channel and pattern.
///
/// @param timeout_ms  0 = look only, STANDFAST_FOREVER = no limit.
/// @return STANDFAST_OK; STANDFAST_ERR_SUBSCRIBE_FAILED when the server refuses; STANDFAST_ERR_TIMEOUT when it has not
/// confirmed in time (the subscription goes on); STANDFAST_ERR_END_OF_STREAM when the subscription is closed.
///
/// Threads: any. Blocks up to timeout_ms.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_subscription_ready(
    subscription: *const standfast_subscription,
    timeout_ms: i64,
) -> standfast_status {
    boundary::status(|_| handle::find(subscription)?.ready_blocking(boundary::wait_timeout(timeout_ms)?, None))
}

/// The next item.
///
/// @param timeout_ms  0 = look only, STANDFAST_FOREVER = no limit.
/// @param item        Receives a map whose "type" says what it is; NULL, with STANDFAST_OK, when the time-out passed first.
///                    Free with standfast_reply_free().
///                    "message": "channel", "pattern" (nil without one), "payload", "gap_before" (nil, or a map like "gap"),
///                    "generation", "received_at".
///                    "gap": messages between "since" and "until" may be missing; "reason", "old_master", "new_master",
///                    "generation".
///                    "dropped": the queue was full; "count" messages of "bytes" bytes were forgotten.
///                    Times are microseconds since 1970-01-01 UTC.
/// @return STANDFAST_OK; STANDFAST_ERR_END_OF_STREAM when the subscription or its client was closed and everything was
/// read.
///
/// Threads: any. Blocks up to timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_subscription_next(
    subscription: *const standfast_subscription,
    timeout_ms: i64,
    item: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(item, std::ptr::null_mut(), "item")?;
        let subscription = handle::find(subscription)?;
        if let Some(item) = subscription.next_blocking(boundary::wait_timeout(timeout_ms)?, None)? {
            out.set(reply::insert(item.into_tree().into_value())?);
        }
        Ok(())
    })
}

/// A descriptor for poll(): readable while standfast_subscription_next() has something to say. Never read it, never close
/// it; it lives until the subscription is freed.
///
/// @return The descriptor, or -1.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_subscription_fd(subscription: *const standfast_subscription) -> c_int {
    boundary::value(-1, |_| handle::find(subscription)?.bell().descriptor())
}

/// Close a subscription: what has arrived can still be read, then standfast_subscription_next() returns
/// STANDFAST_ERR_END_OF_STREAM, also on threads that are waiting in it. Closing twice is harmless.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_subscription_close(subscription: *const standfast_subscription) -> standfast_status {
    boundary::status(|_| {
        handle::find(subscription)?.close();
        Ok(())
    })
}

/// Close and free a subscription. NULL is ignored.
///
/// Threads: any, also while other threads wait on it.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_subscription_free(subscription: *mut standfast_subscription) -> standfast_status {
    boundary::status(|_| {
        if let Some(subscription) = handle::remove(subscription)? {
            subscription.close();
        }
        Ok(())
    })
}
