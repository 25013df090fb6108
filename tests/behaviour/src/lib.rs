//! What the scenarios in `tests/` share: a lab, a client on it, and waiting for a condition with a hard limit.
//!
//! Scenarios wait on conditions and events, never for a length of time; whatever takes longer than [`LIMIT`] has hung.

pub mod load;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use standfast::{Client, ClientState, Config, Error, Event, EventKind, Events, Request, Timeout, Value, blocking};
use standfast_lab::{Direction, Fault, Lab, LabOptions, Raw};

/// After this a scenario has hung.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A lab of the usual size.
pub fn lab() -> Lab {
    Lab::start(LabOptions::default()).expect("the lab starts")
}

/// A lab of the usual size with a fault proxy in front of every server.
pub fn proxied() -> Lab {
    Lab::start(LabOptions { proxied: true, ..LabOptions::default() }).expect("the lab starts")
}

/// Bytes are acknowledged and forgotten, both ways.
pub const SWALLOW: Fault = Fault::Swallow { direction: Direction::Both };

/// A connected client, with options added to the lab's URL.
pub fn client(lab: &Lab, options: &str) -> Client {
    connect(&with(&lab.url(), options)).expect("the client connects")
}

/// Connect, waiting on this thread.
pub fn connect(url: &str) -> Result<Client, Error> {
    blocking::connect(Config::from_url(url)?, None)
}

/// A URL with options.
pub fn with(url: &str, options: &str) -> String {
    if options.is_empty() { url.to_owned() } else { format!("{url}?{options}") }
}

/// A URL for these sentinels.
pub fn sentinel_url(sentinels: &[SocketAddr], rest: &str) -> String {
    let hosts: Vec<String> = sentinels.iter().map(ToString::to_string).collect();
    format!("redis+sentinel://{}/{rest}", hosts.join(","))
}

/// Execute on this thread, within `command_timeout`.
pub fn run(client: &Client, line: &str) -> Result<Value, Error> {
    run_within(client, line, Timeout::Default)
}

/// Execute on this thread.
pub fn run_within(client: &Client, line: &str, timeout: Timeout) -> Result<Value, Error> {
    client.blocking().command(Request::new(line.split(' '))?, timeout, None)
}

/// Look until the condition holds.
///
/// # Panics
/// After [`LIMIT`].
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it never happened: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Wait until the client uses this master, and show that it does.
///
/// # Panics
/// After [`LIMIT`], or if a write then fails.
pub fn follows(client: &Client, master: SocketAddr) {
    until(&format!("the client uses {master}"), || {
        let status = client.status();
        (status.state == ClientState::Ready && status.master?.port == master.port()).then_some(())
    });
    run(client, "SET follows 1").expect("a write succeeds");
    assert_eq!(client.status().master.map(|used| used.port), Some(master.port()));
}

/// Wait until the client uses whatever master the sentinels name, one that is not `dead`, and show that it does. On a busy machine Sentinel may
/// go on to a third node by itself.
///
/// # Panics
/// After [`LIMIT`], or if no write succeeds then.
pub fn has_left(client: &Client, lab: &Lab, dead: SocketAddr) {
    until("the client uses the master that the sentinels name", || {
        let master = lab.master().ok().filter(|master| *master != dead)?;
        let status = client.status();
        (status.state == ClientState::Ready && status.master?.port == master.port()).then_some(())
    });
    run(client, "SET left 1").expect("a write succeeds");
}

/// How long ago this moment of the lab's clock was.
pub fn since(at_us: i64) -> Duration {
    Duration::from_micros(u64::try_from(standfast_lab::now_us() - at_us).unwrap_or_default())
}

/// All events of this client so far, read by nobody else, that are of these kinds.
pub fn events_of(client: &Client, kinds: &[EventKind]) -> Vec<std::sync::Arc<Event>> {
    let all = std::iter::from_fn(|| client.events_try_next().expect("the client is open"));
    all.filter(|event| kinds.contains(&event.kind)).collect()
}

/// Read events up to the first of this kind.
///
/// # Panics
/// After [`LIMIT`].
pub fn event(events: &Events, kind: EventKind) -> std::sync::Arc<Event> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match events.next_blocking(Some(left), None).expect("events go on") {
            Some(event) if event.kind == kind => return event,
            Some(_) => {}
            None => panic!("no event {} within {LIMIT:?}", kind.as_str()),
        }
    }
}

/// A raw connection, past every client.
pub fn raw(lab: &Lab, addr: SocketAddr) -> Raw {
    lab.connect(addr).expect("a raw connection")
}

/// An address at which nothing listens.
pub fn nowhere() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address")
}

/// How much memory this process has, in KiB.
pub fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it says");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// How many threads and descriptors this process has.
pub fn threads_and_descriptors() -> (usize, usize) {
    let count = |path: &str| std::fs::read_dir(path).expect("/proc is there").count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}
