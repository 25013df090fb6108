//! Watched transactions through a completion queue: the steps of a round go in with a tag, and none of them blocks.
//!
//! Each step is a task of the supervisor's runtime, which drives the watching link; the function between the steps is the
//! host's own.

use std::sync::Arc;

use redis::Value;
use tokio::sync::Mutex;

use crate::command::{Answer, Request};
use crate::completion::Queue;
use crate::error::{Error, ErrorKind, Result};
use crate::watched::Watched;

/// A [`Watched`] whose steps are submitted to queues. Clones are the same.
#[derive(Clone, Debug)]
pub struct SharedWatched {
    inner: Arc<Mutex<Watched>>,
}

impl From<Watched> for SharedWatched {
    fn from(watched: Watched) -> SharedWatched {
        SharedWatched { inner: Arc::new(Mutex::new(watched)) }
    }
}

impl SharedWatched {
    /// Whether the watch is lost, so that another round is needed whatever the function says. Between two steps only.
    pub fn is_lost(&self) -> bool {
        self.inner.try_lock().is_ok_and(|watched| watched.is_lost())
    }
}

impl Queue {
    /// Submit [`Watched::begin`]; the answer is nil.
    ///
    /// # Errors
    /// As [`Queue::submit`].
    pub fn submit_watch_begin(&self, watched: &SharedWatched, tag: u64) -> Result<()> {
        let watched = watched.clone();
        self.start_answered(tag, false, async move {
            let mut watched = watched.inner.try_lock().map_err(|_| busy())?;
            watched.begin().await.map(|()| Answer::One(Value::Nil))
        })
    }

    /// Submit [`Watched::command`].
    ///
    /// # Errors
    /// As [`Queue::submit`].
    pub fn submit_watch_command(&self, watched: &SharedWatched, request: Request, tag: u64) -> Result<()> {
        let watched = watched.clone();
        self.start_answered(tag, true, async move {
            let mut watched = watched.inner.lock().await;
            watched.command(request).await.map(Answer::One)
        })
    }

    /// Submit [`Watched::commit`]; the answer is nil if another round may begin.
    ///
    /// # Errors
    /// As [`Queue::submit`].
    pub fn submit_watch_commit(&self, watched: &SharedWatched, commands: Vec<Request>, tag: u64) -> Result<()> {
        let watched = watched.clone();
        self.start_answered(tag, true, async move {
            let mut watched = watched.inner.lock().await;
            let outcomes = watched.commit(commands).await?;
            Ok(outcomes.map_or(Answer::One(Value::Nil), Answer::Each))
        })
    }
}

fn busy() -> Error {
    Error::new(ErrorKind::InvalidArgument, "another step of this transaction is under way")
}
