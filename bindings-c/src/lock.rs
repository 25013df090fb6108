//! Locks: open, take, extend, release, query, changes of state. What a lock is at the server is the core's business.

use std::ffi::{c_int, c_void};
use std::time::Duration;

use standfast::{Error, ErrorKind, Lock, LockCall, Result, Value};

use crate::boundary::{self, Caller};
use crate::client::standfast_client;
use crate::error::standfast_status;
use crate::handle;
use crate::reply::{self, standfast_reply};

/// A lock with one owner.
pub struct standfast_lock {
    _private: [u8; 0],
}

/// A length of time that something is made to last.
fn length(ttl_ms: i64) -> Result<Duration> {
    u64::try_from(ttl_ms)
        .map(Duration::from_millis)
        .map_err(|_| Error::new(ErrorKind::InvalidArgument, "ttl_ms is negative; a lock lasts 1 or more milliseconds"))
}

/// A lock: a key that holds the token of its owner for a time. Nothing is taken yet.
///
/// No lock over asynchronous replication is perfect: after a failover the new master may give it to somebody else. What is
/// promised is that the holder is told: see standfast_lock_next().
///
/// @param key_length    Bytes, or STANDFAST_TERMINATED.
/// @param token         Who the owner is. (NULL, 0): one that nobody else has.
/// @param token_length  Bytes, or STANDFAST_TERMINATED.
/// @param ttl_ms        Milliseconds after which it ends unless it is extended.
/// @param automatic     Not 0: while it is held it is extended every third of ttl_ms, until it is freed.
/// @param out           Receives the lock. Free with standfast_lock_free().
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_lock_open(
    client: *const standfast_client,
    key: *const c_void,
    key_length: usize,
    token: *const c_void,
    token_length: usize,
    ttl_ms: i64,
    automatic: c_int,
    out: *mut *mut standfast_lock,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(out, std::ptr::null_mut(), "out")?;
        let client = handle::find(client)?;
        let key = caller.bytes(key, key_length, "key")?;
        let token = match token.is_null() && token_length == 0 {
            true => None,
            false => Some(caller.bytes(token, token_length, "token")?),
        };
        out.set(handle::insert(client.lock(key, token, length(ttl_ms)?, automatic != 0)?)?);
        Ok(())
    })
}

/// Take a lock. After a failover this waits until the sentinels have confirmed the new master.
///
/// @param wait_ms  While somebody else has it, it is tried again for so long: 0 = once, STANDFAST_FOREVER = no limit.
/// @param taken    Receives 1 when it was taken, 0 when somebody else has it.
/// @return STANDFAST_OK; those of any command. After STANDFAST_ERR_MAYBE_EXECUTED it may be taken: taking it again tells.
///
/// Threads: any. Blocks up to wait_ms and the option "command_timeout".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_lock_take(
    lock: *const standfast_lock,
    wait_ms: i64,
    taken: *mut c_int,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(taken, 0, "taken")?;
        let wait = boundary::wait_timeout(wait_ms)?.unwrap_or(Duration::MAX);
        let value = handle::find(lock)?.call_blocking(LockCall::Take { wait }, None)?;
        out.set(c_int::from(value == Value::Boolean(true)));
        Ok(())
    })
}

/// Make a lock last so long from now on.
///
/// @param ttl_ms  Milliseconds, or STANDFAST_DEFAULT_TIMEOUT for as long as it was made for.
/// @return STANDFAST_OK; STANDFAST_ERR_LOCK_NOT_HELD when the master says that it is not this owner's.
///
/// Threads: any. Blocks up to the option "command_timeout".
#[unsafe(no_mangle)]
pub extern "C" fn standfast_lock_extend(lock: *const standfast_lock, ttl_ms: i64) -> standfast_status {
    boundary::status(|_| {
        let ttl = if ttl_ms == -1 { None } else { Some(length(ttl_ms)?) };
        handle::find(lock)?.call_blocking(LockCall::Extend { ttl }, None).map(drop)
    })
}

/// Give a lock back.
///
/// @return STANDFAST_OK; STANDFAST_ERR_LOCK_NOT_HELD when the master says that it is not this owner's.
///
/// Threads: any. Blocks up to the option "command_timeout".
#[unsafe(no_mangle)]
pub extern "C" fn standfast_lock_release(lock: *const standfast_lock) -> standfast_status {
    boundary::status(|_| handle::find(lock)?.call_blocking(LockCall::Release, None).map(drop))
}

/// The token of whoever has the lock, as the master says.
///
/// @param token  Receives a string, or nil when nobody has it. Free with standfast_reply_free().
///
/// Threads: any. Blocks up to the option "command_timeout".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_lock_query(
    lock: *const standfast_lock,
    token: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(token, std::ptr::null_mut(), "token")?;
        out.set(reply::insert(handle::find(lock)?.call_blocking(LockCall::Query, None)?)?);
        Ok(())
    })
}

/// What is known of a lock without asking.
///
/// @param status  Receives a map with "state" ("free", "held", "uncertain" after the master was lost or replaced, "lost"),
///                "time_left" (microseconds), "fence_epoch" and "fence_counter" (of the last taking, greater than those of
///                every taking before it, the epoch first; nil before the first), "key" and "token". Free with
///                standfast_reply_free().
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_lock_get(
    lock: *const standfast_lock,
    status: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(status, std::ptr::null_mut(), "status")?;
        out.set(reply::insert(handle::find(lock)?.to_tree().into_value())?);
        Ok(())
    })
}

/// The next change of a lock's state. "uncertain" comes when the master was lost or replaced while the lock was held, before its
/// time ends and within a second of any sentinel's being reachable; "lost" when somebody else has it, or its time has ended.
///
/// @param timeout_ms  0 = look only, STANDFAST_FOREVER = no limit.
/// @param change      Receives a map with "state" and "why"; NULL, with STANDFAST_OK, when the time-out passed first. Free
///                    with standfast_reply_free().
/// @return STANDFAST_OK; STANDFAST_ERR_CLOSED.
///
/// Threads: any. Blocks up to timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_lock_next(
    lock: *const standfast_lock,
    timeout_ms: i64,
    change: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(change, std::ptr::null_mut(), "change")?;
        let lock = handle::find(lock)?;
        if let Some(change) = lock.next_change_blocking(boundary::wait_timeout(timeout_ms)?, None)? {
            out.set(reply::insert(change.to_tree().into_value())?);
        }
        Ok(())
    })
}

/// A descriptor for poll(): readable while standfast_lock_next() has something to say. Never read it, never close it; it lives
/// until the lock is freed.
///
/// @return The descriptor, or -1.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_lock_fd(lock: *const standfast_lock) -> c_int {
    boundary::value(-1, |_: &Caller| handle::find(lock)?.bell().descriptor())
}

/// Free a lock: it is not extended any more, and not released; its time ends it. NULL is ignored.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_lock_free(lock: *mut standfast_lock) -> standfast_status {
    boundary::status(|_| handle::remove(lock).map(drop::<Option<std::sync::Arc<Lock>>>))
}
