//! A publisher that owes nothing to the client under test: numbered messages at a steady pace, sent to whatever node most sentinels
//! call the master, every number used once and its fate written down.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    clock::now_us,
    credentials::{Credentials, Kind},
    raw::{Raw, Value},
    sentinels::{Sentinels, majority},
};

const ASK_EVERY: Duration = Duration::from_millis(50);
/// A frozen master costs this much before the next try.
const TIMEOUT: Duration = Duration::from_millis(200);

/// What became of one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The number, which is also the payload.
    pub n: u64,
    /// Just before it was sent: CLOCK_REALTIME, microseconds since the Unix epoch.
    pub at_us: i64,
    /// When the answer, or the failure, was there.
    pub done_us: i64,
    /// Where it was sent.
    pub node: Option<SocketAddr>,
    /// How many subscribers of that node got it; absent when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receivers: Option<i64>,
    /// Why it failed. A message whose answer was lost counts as failed, but may have been delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A running publisher.
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Vec<Published>>>,
}

#[derive(Debug, Default)]
struct Shared {
    over: AtomicBool,
    sent: AtomicU64,
    /// The latest answer of each sentinel that answers.
    answers: Mutex<BTreeMap<SocketAddr, SocketAddr>>,
    /// Wakes the askers early.
    ask: Condvar,
}

impl Publisher {
    pub(crate) fn start(sentinels: &Sentinels, channel: &str, every: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        for addr in sentinels.addrs.iter().copied() {
            let (sentinels, shared) = (sentinels.clone(), shared.clone());
            spawn(format!("lab-asker-{}", addr.port()), move || ask(addr, &sentinels, &shared));
        }
        let (publisher, credentials, channel) = (shared.clone(), sentinels.credentials.clone(), channel.to_owned());
        let thread = spawn("lab-publisher".into(), move || publish(&channel, every, &credentials, &publisher));
        Self { shared, thread: Some(thread) }
    }

    /// How many messages were tried so far.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// Stops, and tells what became of every message.
    pub fn stop(mut self) -> Vec<Published> {
        self.shared.end();
        let thread = self.thread.take().expect("only stop takes the thread, and it consumes the publisher");
        thread.join().expect("the publisher's thread does not panic")
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Shared {
    fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
        self.ask.notify_all();
    }

    fn runs(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    fn answers(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, SocketAddr>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn master(&self) -> Option<SocketAddr> {
        majority(&self.answers().values().copied().collect::<Vec<_>>())
    }
}

fn spawn<T: Send + 'static>(name: String, body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::Builder::new().name(name).spawn(body).expect("a thread can be started")
}

/// Keeps one sentinel's answer up to date. One thread a sentinel: a frozen one must not delay the others.
fn ask(sentinel: SocketAddr, sentinels: &Sentinels, shared: &Shared) {
    let mut link = None;
    while shared.runs() {
        let answer = sentinels.ask_master(&mut link, sentinel).ok().flatten();
        let mut answers = shared.answers();
        match answer {
            Some(master) => answers.insert(sentinel, master),
            None => answers.remove(&sentinel),
        };
        let _ = shared.ask.wait_timeout(answers, ASK_EVERY);
    }
}

fn publish(channel: &str, every: Duration, credentials: &Credentials, shared: &Shared) -> Vec<Published> {
    let mut log = Vec::new();
    let mut link: Option<(SocketAddr, Raw)> = None;
    let mut next = Instant::now();
    while shared.runs() {
        let n = shared.sent.load(Ordering::Relaxed);
        let master = shared.master();
        let at_us = now_us();
        let result = master
            .ok_or_else(|| "no master is known".to_owned())
            .and_then(|node| send(&mut link, node, channel, n, credentials));
        let done_us = now_us();
        let (receivers, error) = match result {
            Ok(receivers) => (Some(receivers), None),
            Err(error) => {
                shared.ask.notify_all();
                (None, Some(error))
            }
        };
        // A publisher that nobody has told of a master yet has not begun to count.
        if master.is_some() || n > 0 {
            shared.sent.store(n + 1, Ordering::Relaxed);
            log.push(Published { n, at_us, done_us, node: master, receivers, error });
        }
        // Time lost in a fault is not made up for with a burst.
        next = (next + every).max(Instant::now());
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    log
}

fn send(
    link: &mut Option<(SocketAddr, Raw)>,
    node: SocketAddr,
    channel: &str,
    n: u64,
    credentials: &Credentials,
) -> Result<i64, String> {
    let mut raw = match link.take() {
        Some((addr, raw)) if addr == node => raw,
        _ => credentials.connect(Kind::Node, node, TIMEOUT).map_err(|e| e.to_string())?,
    };
    match raw.command(&["PUBLISH", channel, &n.to_string()]).map_err(|e| e.to_string())? {
        Value::Int(receivers) => {
            *link = Some((node, raw));
            Ok(receivers)
        }
        other => Err(other.text()),
    }
}
