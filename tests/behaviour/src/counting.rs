//! Subscriptions proved by counting: numbered messages, a fault, and what became of each number.
//!
//! The scenarios in `tests/subscriptions_counted.rs` run each kind once; `cargo xtask soak subscriptions` runs them as often as it takes to
//! believe it, with the same code.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use standfast::{Channels, Client, Gap, Item, Subscription, unix_micros};
use standfast_lab::{Lab, LabOptions, Raw, Side, now_us};

use crate::{LIMIT, SWALLOW, client, raw, until};

/// What the numbers are published on.
pub const CHANNEL: &str = "numbers";
/// The pace of a publisher.
const EVERY: Duration = Duration::from_millis(1);
/// A frozen master costs this much before the next try.
const TIMEOUT: Duration = Duration::from_millis(200);
/// Publishing and receiving are two processes' views of one moment.
const BLUR_US: i64 = 2_000;

/// When a publisher goes to the new master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// As soon as the node says that it is the master.
    AtOnce,
    /// Five seconds later.
    Late,
    /// When its old master closes its connection: at the demotion, ten seconds later.
    Never,
}

/// What is done to the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// `SENTINEL FAILOVER`.
    Planned(Follow),
    /// `kill -9`.
    Kill,
    /// `SIGSTOP`.
    Stop,
    /// Its bytes are swallowed, both ways.
    Swallow,
}

/// What became of the numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Numbers whose publishing was acknowledged while the subscription was there.
    pub acknowledged: usize,
    /// Of these, the ones that never came.
    pub missing: usize,
    /// Of the missing ones, those outside all gaps.
    pub unmarked: usize,
    /// Numbers that came twice.
    pub doubled: usize,
    /// Numbers that came behind a later one of the same node.
    pub disordered: usize,
    /// Gaps in the stream.
    pub gaps: usize,
    /// Gaps with no missing number in them.
    pub false_gaps: usize,
    /// Messages behind a gap that do not carry it.
    pub uncarried: usize,
    /// For a failure: what was missing, and where.
    pub story: String,
}

/// A number, its fate and its time.
#[derive(Clone, Debug)]
struct Sent {
    n: u64,
    at_us: i64,
    done_us: i64,
    acknowledged: bool,
}

/// Numbered messages to a node that can be changed under way.
pub struct Numbers {
    target: Arc<Mutex<SocketAddr>>,
    over: Arc<AtomicBool>,
    /// Set while it waits for another node, because the last one closed its link or did not answer.
    failing: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Sent>>,
}

impl Numbers {
    /// Begin to publish at this node.
    pub fn start(node: SocketAddr) -> Numbers {
        let (target, over, failing) =
            (Arc::new(Mutex::new(node)), Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let shared = (Arc::clone(&target), Arc::clone(&over), Arc::clone(&failing));
        let thread = std::thread::spawn(move || publish(&shared.0, &shared.1, &shared.2));
        Numbers { target, over, failing, thread }
    }

    fn go_to(&self, node: SocketAddr) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = node;
    }

    fn fails(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    fn stop(self) -> Vec<Sent> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the publisher does not panic")
    }
}

fn publish(target: &Mutex<SocketAddr>, over: &AtomicBool, failing: &AtomicBool) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut link: Option<(SocketAddr, Raw)> = None;
    let mut next = Instant::now();
    let mut gone = None;
    for n in 0_u64.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let node = *target.lock().unwrap_or_else(PoisonError::into_inner);
        if gone == Some(node) {
            // As a replica it would take numbers, too, and tell nobody.
            std::thread::park_timeout(EVERY);
            continue;
        }
        let at_us = now_us();
        let acknowledged = send(&mut link, node, n).is_some();
        gone = (!acknowledged).then_some(node);
        failing.store(!acknowledged, Ordering::Relaxed);
        sent.push(Sent { n, at_us, done_us: now_us(), acknowledged });
        next = (next + EVERY).max(Instant::now());
        std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
    }
    sent
}

fn send(link: &mut Option<(SocketAddr, Raw)>, node: SocketAddr, n: u64) -> Option<()> {
    let mut raw = match link.take() {
        Some((of, raw)) if of == node => raw,
        _ => Raw::connect(node, TIMEOUT).ok()?,
    };
    match raw.command(&["PUBLISH", CHANNEL, &n.to_string()]).ok()? {
        standfast_lab::Value::Int(_) => *link = Some((node, raw)),
        _ => return None,
    }
    Some(())
}

/// Ask these nodes every millisecond until one says that it is the master. Sentinel closes its links in that moment.
fn first_master(nodes: &[SocketAddr]) -> SocketAddr {
    let found = Arc::new(Mutex::new(None));
    let threads: Vec<_> = nodes
        .iter()
        .map(|node| {
            let (node, found) = (*node, Arc::clone(&found));
            std::thread::spawn(move || {
                let deadline = Instant::now() + LIMIT;
                let mut link: Option<Raw> = None;
                while found.lock().unwrap_or_else(PoisonError::into_inner).is_none() && Instant::now() < deadline {
                    let Some(mut raw) = link.take().or_else(|| Raw::connect(node, TIMEOUT).ok()) else { continue };
                    if let Ok(role) = raw.command(&["ROLE"]) {
                        if role.items().first().is_some_and(|role| role.text() == "master") {
                            *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(node);
                        }
                        link = Some(raw);
                        std::thread::park_timeout(Duration::from_millis(1));
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("asking does not panic"));
    let node = *found.lock().unwrap_or_else(PoisonError::into_inner);
    node.expect("a node becomes the master")
}

/// Everything that a subscription said.
#[derive(Debug, Default)]
struct Read {
    /// The numbers with the generation of the node that sent them.
    numbers: Vec<(u64, u64)>,
    gaps: Vec<Gap>,
    uncarried: usize,
}

/// Reads a subscription on a thread of its own, to its end.
struct Reader {
    latest: Arc<Mutex<Option<u64>>>,
    thread: JoinHandle<Read>,
}

impl Reader {
    fn start(subscription: Subscription) -> Reader {
        let latest = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&latest);
        let thread = std::thread::spawn(move || {
            let mut read = Read::default();
            let mut behind_gap = false;
            while let Ok(Some(item)) = subscription.next_blocking(None, None) {
                match item {
                    Item::Message(message) => {
                        let n = std::str::from_utf8(&message.payload).expect("text").parse().expect("a number");
                        read.numbers.push((n, message.generation));
                        read.uncarried += usize::from(behind_gap != message.gap_before.is_some());
                        behind_gap = false;
                        *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(n);
                    }
                    Item::Gap(gap) => {
                        behind_gap = true;
                        read.gaps.push((*gap).clone());
                    }
                    other => panic!("unexpected {other:?}"),
                }
            }
            read
        });
        Reader { latest, thread }
    }

    fn has_read(&self, n: u64) -> bool {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|latest| latest >= n)
    }
}

/// One fault with a publisher and a subscription with these options. What is counted is everything up to a while after the fault is over.
///
/// # Panics
/// If the lab cannot do it, or nothing comes any more.
pub fn count(cause: Cause, channels: Channels) -> Counted {
    let proxied = cause == Cause::Swallow;
    let lab = Lab::start(LabOptions { proxied, ..LabOptions::default() }).expect("the lab starts");
    let client = client(&lab, "");
    count_on(&lab, &client, cause, channels.channel(CHANNEL))
}

/// `SENTINEL FAILOVER`, without the lab's probe: that writes to the new master before anybody else can do anything, and where somebody wrote it
/// is not certain that nobody published.
fn fail_over(lab: &Lab) {
    let mut sentinel = raw(lab, lab.sentinel_addrs()[0]);
    until("a sentinel begins a failover", || {
        let begun = sentinel.command(&["SENTINEL", "FAILOVER", &lab.options().master_name]).ok()?;
        begun.into_result().ok()
    });
}

fn count_on(lab: &Lab, client: &Client, cause: Cause, channels: Channels) -> Counted {
    let old = lab.master().expect("a master");
    let others: Vec<SocketAddr> = lab.node_addrs().iter().copied().filter(|node| *node != old).collect();
    let subscription = client.subscribe(channels).expect("it subscribes");
    subscription.ready_blocking(Some(LIMIT), None).expect("it is confirmed");
    let reader = Reader::start(subscription.clone());
    let numbers = Numbers::start(old);
    until("numbers arrive", || reader.has_read(200).then_some(()));
    match cause {
        Cause::Planned(_) => fail_over(lab),
        Cause::Kill => _ = lab.kill(old).expect("it dies"),
        Cause::Stop => _ = lab.stop(old).expect("it stops"),
        Cause::Swallow => _ = lab.inject(old, Side::All, SWALLOW).expect("it is cut off"),
    }
    let promoted = first_master(&others);
    match cause {
        Cause::Planned(Follow::Late) => {
            let promoted_at = Instant::now();
            until("five seconds have passed", || (promoted_at.elapsed() > Duration::from_secs(5)).then_some(()));
        }
        Cause::Planned(Follow::Never) => until("the old master is demoted", || numbers.fails().then_some(())),
        _ => {}
    }
    numbers.go_to(promoted);
    // The last link to hear from is the one to the old master: it ends with its demotion, or is given up.
    until("nobody listens at the old master any more", || {
        let links = client.status().links;
        let left =
            links.iter().all(|link| !link.kind.contains("subscriber") || link.generation == client.status().generation);
        (left && client.status().generation > 1).then_some(())
    });
    let sent = numbers.stop();
    let last = sent.iter().rev().find(|sent| sent.acknowledged).expect("something was published");
    until("the last number arrives", || reader.has_read(last.n).then_some(()));
    subscription.close();
    let read = reader.thread.join().expect("the reader does not panic");
    let _ = lab.cont_all();
    judge(&sent, &read)
}

fn judge(sent: &[Sent], read: &Read) -> Counted {
    let first = read.numbers.first().map_or(0, |(n, _)| *n);
    let mut times: BTreeMap<u64, usize> = BTreeMap::new();
    let mut latest: BTreeMap<u64, u64> = BTreeMap::new();
    let mut counted = Counted { gaps: read.gaps.len(), uncarried: read.uncarried, ..Counted::default() };
    for (n, generation) in &read.numbers {
        *times.entry(*n).or_default() += 1;
        let before = latest.insert(*generation, *n);
        counted.disordered += usize::from(before.is_some_and(|before| before > *n));
    }
    counted.doubled = times.values().filter(|times| **times > 1).count();
    let within = |sent: &Sent, gap: &Gap| {
        sent.done_us >= unix_micros(gap.since) - BLUR_US && sent.at_us <= unix_micros(gap.until) + BLUR_US
    };
    let acknowledged = sent.iter().filter(|sent| sent.acknowledged && sent.n >= first);
    counted.acknowledged = acknowledged.clone().count();
    let missing: Vec<&Sent> = acknowledged.filter(|sent| !times.contains_key(&sent.n)).collect();
    counted.missing = missing.len();
    let unmarked: Vec<&&Sent> = missing.iter().filter(|sent| !read.gaps.iter().any(|gap| within(sent, gap))).collect();
    counted.unmarked = unmarked.len();
    // A number that was not acknowledged may be missing, too: nobody knows.
    let unknown = |gap: &Gap| sent.iter().any(|sent| !times.contains_key(&sent.n) && within(sent, gap));
    counted.false_gaps = read.gaps.iter().filter(|gap| !unknown(gap)).count();
    counted.story =
        format!("unmarked {unmarked:?}, missing {:?}, gaps {:?}", missing.first().zip(missing.last()), read.gaps);
    counted
}
