//! Completion queues: commands that are not waited for. A program submits with a tag of its own and pulls what became of
//! each, by waiting or when the descriptor becomes readable. The core drives the commands.

use std::ffi::{c_char, c_int};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use standfast::{Completion, Error, ErrorKind, Queue, Request, Result};

use crate::client::standfast_client;
use crate::error::{self, STANDFAST_OK, standfast_status};
use crate::reply::{self, standfast_reply};
use crate::subscription::standfast_subscription;
use crate::{boundary, handle};

/// A queue of commands under way and of their results.
pub struct standfast_queue {
    _private: [u8; 0],
}

/// What stands behind a [`standfast_queue`]: the core's queue, and a way for threads to wait on it.
pub(crate) struct CommandQueue {
    queue: Queue,
    waiters: Arc<Waiters>,
    closed: AtomicBool,
}

/// Counts the rings of the queue's bell, so that a waiting thread sees that there was one since it last looked.
#[derive(Default)]
struct Waiters {
    rings: Mutex<u64>,
    rung: Condvar,
}

impl Waiters {
    fn ring(&self) {
        *self.rings.lock().unwrap_or_else(|poison| poison.into_inner()) += 1;
        self.rung.notify_all();
    }

    fn count(&self) -> u64 {
        *self.rings.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    /// Wait until there was a ring after the counted ones. `false` when the deadline passed first.
    fn wait(&self, counted: u64, deadline: Option<Instant>) -> bool {
        let mut rings = self.rings.lock().unwrap_or_else(|poison| poison.into_inner());
        while *rings == counted {
            rings = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                Some(left) if left.is_zero() => return false,
                Some(left) => self.rung.wait_timeout(rings, left).unwrap_or_else(|poison| poison.into_inner()).0,
                None => self.rung.wait(rings).unwrap_or_else(|poison| poison.into_inner()),
            };
        }
        true
    }
}

impl CommandQueue {
    fn new(queue: Queue) -> CommandQueue {
        let waiters = Arc::new(Waiters::default());
        let bell = Arc::clone(&waiters);
        queue.bell().on_ring(move || bell.ring());
        CommandQueue { queue, waiters, closed: AtomicBool::new(false) }
    }

    fn next(&self, timeout: Option<Duration>) -> Result<Option<Completion>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            // Counted before looking: a ring in between ends the wait at once.
            let counted = self.waiters.count();
            let closed = self.closed.load(Ordering::Acquire);
            if let Some(completion) = self.queue.take(1).pop() {
                return Ok(Some(completion));
            }
            if closed {
                return Err(Error::new(ErrorKind::EndOfStream, "the queue is closed and there are no more results"));
            }
            if !self.waiters.wait(counted, deadline) {
                return Ok(None);
            }
        }
    }

    fn close(&self) {
        self.queue.close();
        self.closed.store(true, Ordering::Release);
        self.waiters.ring();
    }
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
        out.set(handle::insert(CommandQueue::new(queue))?);
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
        queue.queue.submit(request, boundary::command_timeout(timeout_ms)?, tag)
    })
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
    boundary::status(|_| handle::find(queue)?.queue.submit_wait_ready(boundary::wait_timeout(timeout_ms)?, tag))
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
        queue.queue.submit_subscription_ready(&subscription, boundary::wait_timeout(timeout_ms)?, tag)
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
        if let Some(completion) = queue.next(boundary::wait_timeout(timeout_ms)?)? {
            tag.set(completion.tag);
            match completion.result.and_then(reply::insert) {
                Ok(handle) => reply.set(handle),
                Err(error) => status.set(error::record(error)),
            }
        }
        Ok(())
    })
}

/// Give a command up: its result never comes. Whether it is executed is unknown.
///
/// Never blocks. A tag that is not under way is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_queue_cancel(queue: *const standfast_queue, tag: u64) -> standfast_status {
    boundary::status(|_| {
        handle::find(queue)?.queue.cancel(tag);
        Ok(())
    })
}

/// A descriptor for poll(): readable while standfast_queue_next() has something to say. Never read it, never close it; it
/// lives until the queue is freed.
///
/// @return The descriptor, or -1.
///
/// Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_queue_fd(queue: *const standfast_queue) -> c_int {
    boundary::value(-1, |_| handle::find(queue)?.queue.bell().descriptor())
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
