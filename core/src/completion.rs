//! The queue of a host with an event loop of its own: commands go in with a tag and never block, outcomes come out in batches.
//!
//! The host's thread drives the links itself, see `driver/hosted.rs`: it watches one descriptor, and takes a turn when that is
//! readable. No thread of the core ever enters it. Waits that are not for a reply are tasks of the supervisor's runtime.

use std::collections::VecDeque;
use std::future::Future;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::bell::{INTERRUPT_SLICE, Interrupt};
use crate::client::{Client, Timeout};
use crate::command::{Answer, Request};
use crate::config::ReadFrom;
use crate::driver::hosted::Hosted;
use crate::driver::tokio as tokio_driver;
use crate::durability;
use crate::errand::Errand;
use crate::error::{Error, ErrorKind, Result};
use crate::node::reads;
use crate::subscription::Subscription;

/// The outcome of something that was submitted.
#[derive(Debug)]
#[non_exhaustive]
pub struct Completion {
    /// The tag that was given with it.
    pub tag: u64,
    /// The reply, or what became of it.
    pub result: Result<Answer>,
}

/// What kind of loop a queue belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Host {
    /// It looks at the descriptor before it does anything: commands that wait to be written make the descriptor readable.
    Polls,
    /// It can be told to do something at the end of its turn: [`Queue::submit`] says when it is to call [`Queue::flush`].
    Turns,
}

/// What came of a turn.
#[derive(Debug)]
#[non_exhaustive]
pub struct Turned {
    /// What was settled, oldest first.
    pub completions: VecDeque<Completion>,
    /// There is more: take another turn soon, without waiting for the descriptor.
    pub more: bool,
}

/// See the head of this file. Clones share the same queue. No call blocks, except [`Queue::next_blocking`].
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    inner: Arc<Hosted>,
}

impl Queue {
    /// A queue of this client for a host that polls. It keeps the client alive.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`], [`ErrorKind::Forked`]; [`ErrorKind::Internal`] when the system has no descriptor left.
    pub fn open(client: &Client) -> Result<Queue> {
        Queue::open_for(client, Host::Polls)
    }

    /// A queue of this client for this kind of host.
    ///
    /// # Errors
    /// As [`Queue::open`].
    pub fn open_for(client: &Client, host: Host) -> Result<Queue> {
        client.shared().check_process()?;
        if client.is_closed() {
            return Err(Error::closed());
        }
        Ok(Queue { client: client.clone(), inner: Hosted::open(client.shared(), host)? })
    }

    /// The descriptor to watch: readable while there is something to do. It is the same for the life of the queue, and owned
    /// by it: never to be read or closed by the host, and not to be watched any more when the last clone is dropped.
    pub fn descriptor(&self) -> RawFd {
        self.inner.poller().descriptor()
    }

    /// Submit a command, or several that were put together. `true`: call [`Queue::flush`] once, at the end of this turn of the host's loop; only hosts of the
    /// kind [`Host::Turns`] are told so.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] when the tag is in use or the command cannot be sent, [`ErrorKind::QueueFull`],
    /// [`ErrorKind::NotReady`], [`ErrorKind::Closed`], [`ErrorKind::Forked`]: no completion comes. Everything else comes as a
    /// completion.
    pub fn submit(&self, request: Request, timeout: Timeout, tag: u64) -> Result<bool> {
        let shared = self.client.shared();
        let route = reads::route(&request, shared.config.options.read_from);
        let durable = durability::asked(shared, &request).is_some();
        if route == ReadFrom::Master && !durable {
            return self.inner.submit(request, timeout, tag);
        }
        if durable {
            // The reply is held back until replicas have confirmed, which the core's thread finds out.
            shared.check_process()?;
            if self.client.is_closed() {
                return Err(Error::closed());
            }
            request.check()?;
            let client = self.client.clone();
            self.start_answered(tag, true, async move { client.answer(request, timeout).await })?;
            return Ok(false);
        }
        let (shared, limit) = (Arc::clone(shared), shared.limit(&request, timeout));
        self.start_answered(tag, false, async move {
            let value = shared.note(reads::errand(Arc::clone(&shared), request.clone(), route, limit).await)?;
            match value {
                Some(value) => Ok(Answer::One(value)),
                None => request.answer(tokio_driver::execute(&shared, request.clone(), limit, Arc::default()).await?),
            }
        })?;
        Ok(false)
    }

    /// Submit the wait of `connect`: it is over with the first master, after `connect_deadline`, at once with
    /// `connect=background`.
    ///
    /// # Errors
    /// As [`Queue::submit`].
    pub fn submit_connected(&self, tag: u64) -> Result<()> {
        let client = self.client.clone();
        self.start(tag, async move { client.connected().await })
    }

    /// Submit a wait for a master.
    ///
    /// # Errors
    /// As [`Queue::submit`].
    pub fn submit_wait_ready(&self, timeout: Option<Duration>, tag: u64) -> Result<()> {
        let client = self.client.clone();
        self.start(tag, async move { client.wait_ready(timeout).await })
    }

    /// Submit a wait for the confirmation of a subscription.
    ///
    /// # Errors
    /// As [`Queue::submit`].
    pub fn submit_subscription_ready(
        &self,
        subscription: &Subscription,
        timeout: Option<Duration>,
        tag: u64,
    ) -> Result<()> {
        let subscription = subscription.clone();
        self.start(tag, async move { subscription.ready_within(timeout).await })
    }

    /// Submit the wait of a drain: from now on new commands are refused with [`ErrorKind::Closed`], and the completion comes
    /// when those that were accepted are over, or with [`ErrorKind::Timeout`]. The host takes its turns meanwhile, and closes
    /// the client then.
    ///
    /// # Errors
    /// As [`Queue::submit`].
    pub fn submit_drain(&self, timeout: Option<Duration>, tag: u64) -> Result<()> {
        let client = self.client.clone();
        self.start(tag, async move { client.drained(timeout).await })?;
        // Not only when the task has its turn.
        self.client.shared().admission.drain();
        Ok(())
    }

    /// Submit an errand: a step of a scan, a call of a lock, a command for a certain node.
    ///
    /// # Errors
    /// As [`Queue::submit`].
    pub fn submit_errand(&self, errand: Errand, tag: u64) -> Result<()> {
        let work = errand.into_future();
        self.start_answered(tag, false, async move { work.await.map(Answer::One) })
    }

    fn start(&self, tag: u64, wait: impl Future<Output = Result<()>> + Send + 'static) -> Result<()> {
        self.start_answered(tag, false, async move { wait.await.map(|()| Answer::One(Value::Nil)) })
    }

    /// Something that a task of the supervisor's runtime does. `writes`: it may have been executed when it is given up.
    pub(crate) fn start_answered(
        &self,
        tag: u64,
        writes: bool,
        wait: impl Future<Output = Result<Answer>> + Send + 'static,
    ) -> Result<()> {
        let shared = self.client.shared();
        let runtime = shared.runtime()?;
        self.inner.begin_wait(tag, writes)?;
        let waiter = Waiter { queue: Arc::clone(&self.inner), tag, told: false };
        let queued = shared.queued();
        // Without the queue's lock: a runtime that has ended drops the task, and tells of it, here and now.
        let task = runtime.spawn(async move {
            let result = wait.await;
            waiter.tell(result);
            drop(queued);
        });
        self.inner.waits_by(tag, task.abort_handle());
        Ok(())
    }

    /// Write what was collected since the last turn.
    pub fn flush(&self) {
        self.inner.flush();
    }

    /// The descriptor is readable: read what has come, settle, write what waits. Not more than the host's loop can bear at
    /// once. Settle the host's own promises after this has returned: their code may submit, cancel and close.
    pub fn turn(&self) -> Turned {
        self.inner.turn()
    }

    /// Give something up: its completion never comes. Gives what the caller is to be told: [`ErrorKind::Cancelled`] when it
    /// was certainly not executed, [`ErrorKind::MaybeExecuted`] when it had been sent; `None` when it is completed already.
    pub fn cancel(&self, tag: u64) -> Option<Error> {
        self.inner.cancel(tag)
    }

    /// The next completion for a waiting thread; `None` when the timeout passes first. A timeout of `None` waits for ever.
    ///
    /// # Errors
    /// [`ErrorKind::EndOfStream`] when the queue is closed and read to its end, [`ErrorKind::Cancelled`] when interrupted.
    pub fn next_blocking(&self, timeout: Option<Duration>, interrupt: Interrupt<'_>) -> Result<Option<Completion>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if let Some(completion) = self.inner.next()? {
                return Ok(Some(completion));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            if interrupt.is_some_and(|interrupt| interrupt()) {
                return Err(Error::new(ErrorKind::Cancelled, "the wait was given up"));
            }
            let slice = match (left, interrupt) {
                (Some(left), Some(_)) => Some(left.min(INTERRUPT_SLICE)),
                (None, Some(_)) => Some(INTERRUPT_SLICE),
                (left, None) => left,
            };
            self.inner.poller().wait(slice);
        }
    }

    /// For hosts that cannot watch a descriptor: call this whenever it becomes readable, on a thread of the core. It may only
    /// wake somebody up: it must not block and must not call back into the client. The host then takes its turn.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`]; [`ErrorKind::Internal`] when the system has no descriptor left.
    pub fn on_ready(&self, call: impl Fn() + Send + Sync + 'static) -> Result<()> {
        let shared = self.client.shared();
        shared.check_process()?;
        let refused = |error: std::io::Error| Error::new(ErrorKind::Internal, format!("cannot be watched: {error}"));
        let descriptor = self.inner.poller().as_fd().try_clone_to_owned().map_err(refused)?;
        let runtime = shared.runtime()?;
        let inside = runtime.enter();
        #[expect(
            deprecated,
            reason = "the other one is unsafe for what may change its descriptor; an owned descriptor is always the same"
        )]
        let watched = AsyncFd::with_interest(descriptor, Interest::READABLE).map_err(refused)?;
        drop(inside);
        let task = runtime.spawn(async move {
            while let Ok(mut ready) = watched.readable().await {
                // Before the call: what becomes readable from here on is told again.
                ready.clear_ready();
                call();
            }
        });
        self.inner.set_caller(task.abort_handle());
        Ok(())
    }

    /// Give up everything that was submitted, and close its links. The client stays open.
    pub fn close(&self) {
        self.inner.close();
    }
}

/// Completes its tag, whatever becomes of the task.
struct Waiter {
    queue: Arc<Hosted>,
    tag: u64,
    told: bool,
}

impl Waiter {
    fn tell(mut self, result: Result<Answer>) {
        self.told = true;
        self.queue.waited(self.tag, result);
    }
}

impl Drop for Waiter {
    /// The task was dropped before its end: only the end of the runtime does that to a wait that nobody gave up.
    fn drop(&mut self) {
        if !self.told {
            self.queue.waited(self.tag, Err(Error::closed()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// A runtime that has ended drops a new task on the thread that spawns it: under the queue's lock that thread would wait
    /// for itself. Seen in C#, where a thread submitted while another closed the client.
    #[test]
    fn a_submission_that_meets_the_end_of_the_runtime_is_told() {
        let client = Client::open(Config::from_url("redis://127.0.0.1:1").unwrap()).unwrap();
        let queue = Queue::open(&client).unwrap();
        let runtime = client.shared().runtime().unwrap();
        client.close();
        client.shared().set_runtime(runtime);
        let (told, outcome) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            queue.submit_wait_ready(None, 1).unwrap();
            let completion = queue.next_blocking(Some(Duration::from_secs(5)), None).unwrap().unwrap();
            let _ = told.send(completion.result.unwrap_err().kind());
        });
        let kind = outcome.recv_timeout(Duration::from_secs(10)).expect("the submission hangs");
        assert_eq!(kind, ErrorKind::Closed);
    }
}
