//! The moment when a new master takes its first write: every other node is asked every 2 ms from just before the fault.
//! It watches one fault; the next fault gets a new probe.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    clock::now_us,
    credentials::{Credentials, Kind},
    error::{LabError, Result},
    raw::{Raw, Value},
    timeline::Timeline,
};

const INTERVAL: Duration = Duration::from_millis(2);
/// A frozen node must not hold its thread for long, a busy one must get its chance.
const TIMEOUT: Duration = Duration::from_millis(200);
/// Nobody waits longer for a failover; the threads end.
const GIVE_UP: Duration = Duration::from_secs(120);
const KEY: &str = "standfast-lab:probe";

/// Which node took the first write after a fault, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writable {
    /// The new master.
    pub node: SocketAddr,
    /// When the answer to its first write arrived: CLOCK_REALTIME, microseconds since the Unix epoch.
    pub at_us: i64,
}

/// Asks a set of nodes until one takes a write, or until it is dropped.
#[derive(Debug)]
pub(crate) struct Probe {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    first: Mutex<Option<Writable>>,
    found: Condvar,
    over: AtomicBool,
}

/// Waits for what a probe finds, without keeping it alive.
#[derive(Clone, Debug)]
pub(crate) struct Watcher {
    shared: Arc<Shared>,
}

impl Probe {
    /// One thread a node: a frozen one must not delay the question to another. `fault` is written beside the moment in the timeline.
    pub(crate) fn arm(
        candidates: Vec<SocketAddr>,
        credentials: &Credentials,
        timeline: &Timeline,
        fault: &'static str,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        for node in candidates {
            let (shared, credentials, timeline) = (shared.clone(), credentials.clone(), timeline.clone());
            thread::Builder::new()
                .name(format!("lab-probe-{}", node.port()))
                .spawn(move || ask_until_writable(node, &shared, &credentials, &timeline, fault))
                .expect("a thread can be started");
        }
        Self { shared }
    }

    pub(crate) fn watcher(&self) -> Watcher {
        Watcher { shared: self.shared.clone() }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
    }
}

impl Watcher {
    pub(crate) fn wait(&self, timeout: Duration) -> Result<Writable> {
        let first = self.shared.first.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, _) = self
            .shared
            .found
            .wait_timeout_while(first, timeout, |first| first.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        first.ok_or_else(|| LabError::new(format!("no node took a write within {timeout:?}")))
    }
}

fn ask_until_writable(node: SocketAddr, shared: &Shared, credentials: &Credentials, timeline: &Timeline, fault: &str) {
    let give_up = Instant::now() + GIVE_UP;
    let mut link: Option<Raw> = None;
    while !shared.over.load(Ordering::Relaxed) && Instant::now() < give_up {
        let asked = Instant::now();
        match take_write(&mut link, node, credentials) {
            Some(at_us) => {
                let mut first = shared.first.lock().unwrap_or_else(PoisonError::into_inner);
                if first.is_none() && !shared.over.swap(true, Ordering::Relaxed) {
                    *first = Some(Writable { node, at_us });
                    timeline.record(at_us, node, "writable", format_args!("after {fault}"));
                    shared.found.notify_all();
                }
                return;
            }
            None => thread::sleep(INTERVAL.saturating_sub(asked.elapsed())),
        }
    }
}

/// When the answer to an accepted write arrived. A lost link is opened again at the next turn: Sentinel closes all links to a
/// node that it promotes, so that is exactly when it matters.
fn take_write(link: &mut Option<Raw>, node: SocketAddr, credentials: &Credentials) -> Option<i64> {
    let mut raw = match link.take() {
        Some(raw) => raw,
        None => credentials.connect(Kind::Node, node, TIMEOUT).ok()?,
    };
    let reply = raw.command(&["SET", KEY, "1"]).ok()?;
    let at_us = now_us();
    *link = Some(raw);
    (reply == Value::Simple("OK".into())).then_some(at_us)
}
