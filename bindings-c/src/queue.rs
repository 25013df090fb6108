//! Completion queues: commands that are not waited for. A program submits with a tag of its own and pulls what became of
//! each, by waiting or when the descriptor becomes readable. The core drives the commands.

use std::ffi::{c_char, c_int};

use standfast::{Queue, Request};

use crate::client::standfast_client;
use crate::error::{self, STANDFAST_OK, standfast_status};
use crate::reply::{self, standfast_reply};
use crate::subscription::standfast_subscription;
use crate::{boundary, handle};

/// A queue of commands under way and of their results.
pub struct standfast_queue {
    _private: [u8; 0],
}

/// Open a queue for commands of this client.
///
/// @param out  Receives the queue. Free with standfast_queue_free().
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_queue_open(
    client: *const standfast_client,
    out: *mut *mut standfast_queue,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(out, std::ptr::null_mut(), "out")?;
        let queue = Queue::open(&*handle::find(client)?)?;
        out.set(handle::insert(queue)?);
        Ok(())
    })
}

/// Send a command without waiting for its reply. The parameters are those of standfast_command().
///
/// @param tag  Comes back with the result.
/// @return STANDFAST_OK when the command was accepted; STANDFAST_ERR_QUEUE_FULL, STANDFAST_ERR_CLOSED.
///
/// Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_queue_send(
    queue: *const standfast_queue,
    argc: usize,
    argv: *const *const c_char,
    argvlen: *const usize,
    timeout_ms: i64,
    tag: u64,
) -> standfast_status {
    boundary::status(|caller| {
        let queue = handle::find(queue)?;
        let request = Request::new(caller.arguments(argc, argv, argvlen)?)?;
        queue.submit(request, boundary::command_timeout(timeout_ms)?, tag)
    })
}

/// The wait of standfast_connect() without waiting: for the first master, up to the option "connect_deadline". The result comes
/// through the queue of a client that was made by standfast_client_open().
///
/// Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_queue_connected(queue: *const standfast_queue, tag: u64) -> standfast_status {
    boundary::status(|_| handle::find(queue)?.submit_connected(tag))
}

/// standfast_client_wait_ready() without waiting: the result comes through the queue.
///
/// Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_queue_wait_ready(
    queue: *const standfast_queue,
    timeout_ms: i64,
    tag: u64,
) -> standfast_status {
    boundary::status(|_| handle::find(queue)?.submit_wait_ready(boundary::wait_timeout(timeout_ms)?, tag))
}

/// standfast_subscription_ready() without waiting: the result comes through the queue.
///
/// Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_queue_subscription_ready(
    queue: *const standfast_queue,
    subscription: *const standfast_subscription,
    timeout_ms: i64,
    tag: u64,
) -> standfast_status {
    boundary::status(|_| {
        let queue = handle::find(queue)?;
        let subscription = handle::find(subscription)?;
        queue.submit_subscription_ready(&subscription, boundary::wait_timeout(timeout_ms)?, tag)
    })
}

/// The next result.
///
/// @param timeout_ms  0 = look only, STANDFAST_FOREVER = no limit.
/// @param tag         Receives the tag of the command, 0 when there is no result.
/// @param status      Receives what became of the command; standfast_last_error() describes it, as if it had failed just
///                    now.
/// @param reply       Receives the reply when the status is STANDFAST_OK, otherwise NULL. Free with standfast_reply_free().
///                    The time-out passed without a result when *status is STANDFAST_OK and *reply is NULL.
/// @return STANDFAST_OK, whatever became of the command; STANDFAST_ERR_END_OF_STREAM when the queue was closed and
/// everything was read.
///
/// Blocks up to timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_queue_next(
    queue: *const standfast_queue,
    timeout_ms: i64,
    tag: *mut u64,
    status: *mut standfast_status,
    reply: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let tag = caller.out(tag, 0, "tag")?;
        let status = caller.out(status, STANDFAST_OK, "status")?;
        let reply = caller.out(reply, std::ptr::null_mut(), "reply")?;
        let queue = handle::find(queue)?;
        if let Some(completion) = queue.next_blocking(boundary::wait_timeout(timeout_ms)?, None)? {
            tag.set(completion.tag);
            match completion.result.and_then(reply::insert) {
                Ok(handle) => reply.set(handle),
                Err(error) => status.set(error::record(error)),
            }
        }
        Ok(())
    })
}

/// Give a command or a wait up: its result does not come any more.
///
/// @return STANDFAST_ERR_CANCELLED when the command was certainly not executed, STANDFAST_ERR_MAYBE_EXECUTED when it had been
/// sent; STANDFAST_OK when nothing with this tag is under way, as its result has come already.
///
/// Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_queue_cancel(queue: *const standfast_queue, tag: u64) -> standfast_status {
    boundary::status(|_| handle::find(queue)?.cancel(tag).map_or(Ok(()), Err))
}

/// A descriptor for poll(): readable while standfast_queue_next() has something to say. Never read it, never close it; it
/// lives until the queue is freed.
///
/// @return The descriptor, or -1.
///
/// Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_queue_fd(queue: *const standfast_queue) -> c_int {
    boundary::value(-1, |_| handle::find(queue)?.bell().descriptor())
}

/// Close a queue: what is under way is given up; results that have arrived can still be read, then standfast_queue_next()
/// returns STANDFAST_ERR_END_OF_STREAM, also on threads that are waiting in it. Closing twice is harmless.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_queue_close(queue: *const standfast_queue) -> standfast_status {
    boundary::status(|_| {
        handle::find(queue)?.close();
        Ok(())
    })
}

/// Close and free a queue. NULL is ignored.
///
/// Threads: any, also while another thread waits on it.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_queue_free(queue: *mut standfast_queue) -> standfast_status {
    boundary::status(|_| {
        if let Some(queue) = handle::remove(queue)? {
            queue.close();
        }
        Ok(())
    })
}
