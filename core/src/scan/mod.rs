//! Scans: the keys of a node, or what is in one key, as a stream over SCAN, HSCAN, SSCAN and ZSCAN.
//!
//! A cursor means something to one process of one node only. A scan therefore stays on the node that it began on: a healthy
//! replica, or the master where there is none. A lost link is made anew, and if the same process answers, the scan goes on.
//! If not, the cursor is void and the stream says so: it fails, or, if that was asked for, begins again on another node and
//! leaves out what it has given already.

mod item;
mod steps;

use std::fmt;
use std::sync::Arc;

use redis::Value;
use tokio::sync::Mutex;

pub use item::{NodeChange, ScanItem, ScanOptions};

use crate::bell::Interrupt;
use crate::client::ClientHandle;
use crate::errand::{self, Errand};
use crate::error::Result;
use steps::Steps;

/// A scan under way: see [`crate::Client::scan`]. Clones share the position.
#[derive(Clone)]
pub struct Scan {
    steps: Arc<Mutex<Steps>>,
    client: Arc<ClientHandle>,
}

impl Scan {
    pub(crate) fn new(client: &Arc<ClientHandle>, options: ScanOptions) -> Result<Scan> {
        client.shared().check_process()?;
        options.check()?;
        let steps = Steps::new(Arc::clone(client.shared()), options);
        Ok(Scan { steps: Arc::new(Mutex::new(steps)), client: Arc::clone(client) })
    }

    /// What the next step brings, never nothing; `None` at the end.
    ///
    /// A step takes up to `command_timeout`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Disconnected`] when the node under the scan changed, which then has ended;
    /// [`crate::ErrorKind::Timeout`] when no node answered in time, after which the next call tries to go on; what a server
    /// said.
    pub async fn next_batch(&self) -> Result<Option<Vec<ScanItem>>> {
        errand::run(self.client.shared(), Scan::step(Arc::clone(&self.steps))).await
    }

    /// The same on a waiting thread.
    ///
    /// # Errors
    /// As [`Scan::next_batch`], and [`crate::ErrorKind::Cancelled`] when interrupted: the next call goes on.
    pub fn next_batch_blocking(&self, interrupt: Interrupt<'_>) -> Result<Option<Vec<ScanItem>>> {
        errand::wait(self.client.shared(), Scan::step(Arc::clone(&self.steps)), interrupt)
    }

    /// The same for a completion queue: an array of what [`ScanItem::into_value`] makes, nil at the end.
    pub fn errand(&self) -> Errand {
        let step = Scan::step(Arc::clone(&self.steps));
        Errand::new(async move { step.await.map(batch_value) })
    }

    async fn step(steps: Arc<Mutex<Steps>>) -> Result<Option<Vec<ScanItem>>> {
        steps.lock().await.next().await
    }
}

/// A batch as a value: an array, or nil at the end.
pub fn batch_value(batch: Option<Vec<ScanItem>>) -> Value {
    match batch {
        Some(items) => Value::Array(items.into_iter().map(ScanItem::into_value).collect()),
        None => Value::Nil,
    }
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").finish_non_exhaustive()
    }
}
