//! The work by which every Rust client is measured, ours and the peers', and how it is told: [`async_client`] and [`blocking_client`] are the same work
//! for the two kinds. What is asked and answered is described in `tests/bench/README.md`; the programs of the other languages do the same.

pub mod async_client;
pub mod blocking_client;

use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The value that is written and read.
pub const VALUE: [u8; 100] = [b'x'; 100];

/// The key of one of those that work at the same time.
pub fn key(number: usize) -> String {
    format!("bench:{number}")
}

/// One line that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Make the client.
    Connect(String),
    /// So many calls in flight for so long.
    Calls(usize, Duration),
    /// So many threads with one call in flight each.
    Threads(usize, Duration),
    /// So many calls on one thread, one after the other: for those who count instructions.
    Count(u64),
    /// Begin so many calls while there is no master, and say when all of them wait.
    Pending(usize),
    /// Say when their time is over.
    Expire,
    /// Subscribe to this channel.
    Subscribe(String),
    /// Receive so many messages.
    Messages(u64),
}

impl Ask {
    /// Reads the next line; ends the process when there is none.
    pub fn read() -> Ask {
        let mut line = String::new();
        if !std::io::stdin().lock().read_line(&mut line).is_ok_and(|length| length > 0) {
            std::process::exit(0);
        }
        Ask::parse(line.trim_end()).unwrap_or_else(|| panic!("not understood: {line:?}"))
    }

    fn parse(line: &str) -> Option<Ask> {
        let words: Vec<&str> = line.split(' ').collect();
        let millis = |text: &str| text.parse().ok().map(Duration::from_millis);
        Some(match words[..] {
            ["connect", url] => Ask::Connect(url.to_owned()),
            ["calls", count, ms] => Ask::Calls(count.parse().ok()?, millis(ms)?),
            ["threads", count, ms] => Ask::Threads(count.parse().ok()?, millis(ms)?),
            ["count", count] => Ask::Count(count.parse().ok()?),
            ["pending", count] => Ask::Pending(count.parse().ok()?),
            ["expire"] => Ask::Expire,
            ["subscribe", channel] => Ask::Subscribe(channel.to_owned()),
            ["messages", count] => Ask::Messages(count.parse().ok()?),
            _ => return None,
        })
    }
}

/// What was measured.
#[derive(Debug, Default)]
pub struct Measured {
    /// Calls or messages.
    pub ops: u64,
    /// How long each took, in nanoseconds, where there is one at a time.
    pub took: Vec<u64>,
}

impl Measured {
    /// What two that worked at the same time did together.
    #[must_use]
    pub fn with(mut self, other: Measured) -> Measured {
        self.ops += other.ops;
        self.took.extend(other.took);
        self
    }
}

/// The clocks of one measurement.
#[derive(Debug)]
pub struct Clocks {
    wall: Instant,
    cpu: Duration,
}

impl Clocks {
    /// From now on.
    pub fn start() -> Clocks {
        Clocks { cpu: cpu(), wall: Instant::now() }
    }

    /// The wall clock begins again: what came before was waiting.
    pub fn begin(&mut self) {
        self.wall = Instant::now();
    }

    /// Tells what was measured since.
    pub fn tell(self, mut measured: Measured) {
        let (seconds, cpu) = (self.wall.elapsed().as_secs_f64(), (cpu() - self.cpu).as_secs_f64());
        measured.took.sort_unstable();
        let quantile = |percent: usize| {
            let at = (measured.took.len() * percent / 100).min(measured.took.len().saturating_sub(1));
            #[expect(clippy::cast_precision_loss, reason = "a call does not take years")]
            measured.took.get(at).map_or("null".to_owned(), |ns| format!("{:.2}", *ns as f64 / 1000.0))
        };
        say(&format!(
            "{{\"ops\":{},\"seconds\":{seconds:.6},\"cpu_seconds\":{cpu:.6},\"p50_us\":{},\"p99_us\":{}}}",
            measured.ops,
            quantile(50),
            quantile(99)
        ));
    }
}

/// The processor time of this process, all its threads together, user and system: what `getrusage` says, to the nanosecond.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Says that the program is there and has made nothing yet.
pub fn say_started(version: &str) {
    say(&format!("{{\"started\":true,\"version\":\"{version}\",\"import_us\":null}}"));
}

/// Says that the client is connected.
pub fn say_ready(since: Instant) {
    say(&format!("{{\"ready\":true,\"connect_us\":{}}}", since.elapsed().as_micros()));
}

/// Says that the server has confirmed the subscription.
pub fn say_subscribed() {
    say("{\"subscribed\":true}");
}

/// Says that messages may come now.
pub fn say_waiting() {
    say("{\"waiting\":true}");
}

/// Says that something is so that has no numbers.
pub fn say_done() {
    say("{}");
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody listens any more: then there is nothing left to do.
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}
