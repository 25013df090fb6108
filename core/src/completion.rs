//! The completion queue: commands go in with a tag and never block, outcomes come out in batches. For hosts with an event
//! loop of their own, which pull when the bell rings; no thread of the core ever enters them.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis::Value;
use tokio::task::AbortHandle;

use crate::bell::{Bell, Interrupt, Waited};
use crate::client::{Client, Timeout};
use crate::command::Request;
use crate::command::outcome;
use crate::driver::tokio::{self as tokio_driver, Ticket};
use crate::error::{Error, ErrorKind, Result};
use crate::subscription::Subscription;
use crate::sync::lock;

/// The outcome of something that was submitted.
#[derive(Debug)]
#[non_exhaustive]
pub struct Completion {
    /// The tag that was given with it.
    pub tag: u64,
    /// The reply, or what became of it.
    pub result: Result<Value>,
}

/// See the head of this module. Clones share the same queue.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    bell: Bell,
}

#[derive(Debug, Default)]
struct State {
    running: HashMap<u64, Running>,
    completed: VecDeque<Completion>,
    closed: bool,
}

#[derive(Debug)]
struct Running {
    ticket: Arc<Ticket>,
    /// For waits there is none.
    request: Option<Request>,
    task: Option<AbortHandle>,
}

impl Queue {
    /// A queue of this client. It keeps the client alive.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`], [`ErrorKind::Forked`]
    pub fn open(client: &Client) -> Result<Queue> {
        client.shared().check_process()?;
        if client.is_closed() {
            return Err(Error::closed());
        }
        Ok(Queue { client: client.clone(), inner: Arc::default() })
    }

    /// Submit a command.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] when the tag is in use, [`ErrorKind::Closed`]. Everything else comes as a completion.
    pub fn submit(&self, request: Request, timeout: Timeout, tag: u64) -> Result<()> {
        let shared = Arc::clone(self.client.shared());
        let limit = shared.limit(&request, timeout);
        let ticket = Arc::new(Ticket::default());
        let running = Running { ticket: Arc::clone(&ticket), request: Some(request.clone()), task: None };
        self.start(tag, running, async move {
            let values = tokio_driver::execute(&shared, request, limit, ticket).await?;
            outcome::single(values)
        })
    }

    /// Submit the wait of `connect`: it is over with the first master, after `connect_deadline`, at once with
    /// `connect=background`.
    ///
    /// # Errors
    /// As [`Queue::submit`].
    pub fn submit_connected(&self, tag: u64) -> Result<()> {
        let client = self.client.clone();
        self.start(tag, Running::wait(), async move { client.connected().await.map(|()| Value::Nil) })
    }

    /// Submit a wait for a master.
    ///
    /// # Errors
    /// As [`Queue::submit`].
    pub fn submit_wait_ready(&self, timeout: Option<Duration>, tag: u64) -> Result<()> {
        let client = self.client.clone();
        self.start(tag, Running::wait(), async move { client.wait_ready(timeout).await.map(|()| Value::Nil) })
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
        self.start(tag, Running::wait(), async move { subscription.ready_within(timeout).await.map(|()| Value::Nil) })
    }

    fn start(
        &self,
        tag: u64,
        running: Running,
        work: impl Future<Output = Result<Value>> + Send + 'static,
    ) -> Result<()> {
        let shared = self.client.shared();
        shared.check_process()?;
        let runtime = shared.runtime()?;
        let mut state = lock(&self.inner.state);
        if state.closed {
            return Err(Error::new(ErrorKind::Closed, "the queue is closed"));
        }
        if state.running.contains_key(&tag) {
            return Err(Error::new(ErrorKind::InvalidArgument, format!("tag {tag} is in use")));
        }
        state.running.insert(tag, running);
        drop(state);
        let settle = Settle { inner: Arc::clone(&self.inner), tag, done: false };
        let queued = shared.queued();
        // Not under the lock: a runtime that has ended drops the task, and settles it, here and now.
        let task = runtime.spawn(async move {
            let result = work.await;
            settle.now(result);
            drop(queued);
        });
        if let Some(running) = lock(&self.inner.state).running.get_mut(&tag) {
            running.task = Some(task.abort_handle());
            return Ok(());
        }
        // It is completed, or was given up, in the meantime; aborting what has ended does nothing.
        task.abort();
        Ok(())
    }

    /// Give something up: its completion never comes. Gives what the caller is to be told: [`ErrorKind::Cancelled`] when it
    /// was certainly not executed, [`ErrorKind::MaybeExecuted`] when it had been sent; `None` when it is completed already.
    pub fn cancel(&self, tag: u64) -> Option<Error> {
        let running = lock(&self.inner.state).running.remove(&tag)?;
        let sent = running.ticket.abandon_was_sent();
        if let Some(task) = &running.task {
            task.abort();
        }
        Some(match &running.request {
            Some(request) => outcome::cancelled(request, sent),
            None => Error::new(ErrorKind::Cancelled, "the wait was given up"),
        })
    }

    /// Up to `max` completions, oldest first. Never blocks.
    pub fn take(&self, max: usize) -> Vec<Completion> {
        let mut state = lock(&self.inner.state);
        let count = state.completed.len().min(max);
        let taken: Vec<Completion> = state.completed.drain(..count).collect();
        if state.completed.is_empty() && !state.closed {
            self.inner.bell.silence();
        }
        taken
    }

    /// The next completion for a waiting thread; `None` when the timeout passes first. A timeout of `None` waits for ever.
    ///
    /// # Errors
    /// [`ErrorKind::EndOfStream`] when the queue is closed and read to its end, [`ErrorKind::Cancelled`] when interrupted.
    pub fn next_blocking(&self, timeout: Option<Duration>, interrupt: Interrupt<'_>) -> Result<Option<Completion>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if let Some(completion) = self.take(1).pop() {
                return Ok(Some(completion));
            }
            if lock(&self.inner.state).closed {
                return Err(Error::new(ErrorKind::EndOfStream, "the queue is closed"));
            }
            match self.inner.bell.wait(deadline, interrupt) {
                Waited::Rang => {}
                Waited::TimedOut => return Ok(None),
                Waited::Interrupted => return Err(Error::new(ErrorKind::Cancelled, "the wait was given up")),
            }
        }
    }

    /// Rings while there is a completion to take.
    pub fn bell(&self) -> &Bell {
        &self.inner.bell
    }

    /// Give up everything that was submitted. The client stays open.
    pub fn close(&self) {
        let mut state = lock(&self.inner.state);
        state.closed = true;
        let running = std::mem::take(&mut state.running);
        self.inner.bell.ring();
        drop(state);
        for running in running.into_values() {
            running.ticket.abandon_was_sent();
            if let Some(task) = &running.task {
                task.abort();
            }
        }
    }
}

impl Running {
    fn wait() -> Running {
        Running { ticket: Arc::default(), request: None, task: None }
    }
}

/// Completes its tag, whatever becomes of the task.
struct Settle {
    inner: Arc<Inner>,
    tag: u64,
    done: bool,
}

impl Settle {
    fn now(mut self, result: Result<Value>) {
        self.done = true;
        self.complete(result);
    }

    fn complete(&self, result: Result<Value>) {
        let mut state = lock(&self.inner.state);
        // Without an entry it was given up.
        if state.running.remove(&self.tag).is_some() {
            state.completed.push_back(Completion { tag: self.tag, result });
            self.inner.bell.ring();
        }
    }
}

impl Drop for Settle {
    /// The task was dropped before its end: only the end of the runtime does that to an entry that nobody gave up.
    fn drop(&mut self) {
        if !self.done {
            let sent = lock(&self.inner.state).running.get(&self.tag).map(|running| running.ticket.abandon_was_sent());
            let error = match sent {
                Some(true) => Error::maybe_executed(crate::error::Phase::Reply, "the client was closed"),
                _ => Error::closed(),
            };
            self.complete(Err(error));
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
            queue.submit(Request::new(["PING"]).unwrap(), Timeout::Default, 1).unwrap();
            let _ = told.send(queue.take(1).pop().unwrap().result.unwrap_err().kind());
        });
        let kind = outcome.recv_timeout(Duration::from_secs(10)).expect("the submission hangs");
        assert_eq!(kind, ErrorKind::Closed);
    }
}
