//! What every Rust peer does, whatever its client is: numbered writes, one after the other at a steady pace, each told as soon as it has ended, in
//! the language of a face (`tests/xtask/src/faces/records.rs`). A write that hangs is not told: the silence is what is measured.

use std::{
    io::{BufRead, Write},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// One write every so often.
const EVERY: Duration = Duration::from_millis(5);

/// What the command line says: `URL NAME CHANNEL`. The channel is not listened to.
pub struct Task {
    pub sentinels: Vec<(String, u16)>,
    pub master: String,
    /// The set to write to.
    pub key: String,
    /// Whether to use what the client's documentation recommends against slow failovers, instead of its defaults.
    pub tuned: bool,
}

impl Task {
    pub fn read() -> Task {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let tuned = args.first().is_some_and(|word| word == "--tuned");
        let [url, name, _] = &args[usize::from(tuned)..] else { panic!("[--tuned] URL NAME CHANNEL") };
        let rest = url.strip_prefix("redis+sentinel://").expect("a Sentinel URL");
        let (hosts, master) = rest.split_once('/').expect("hosts and a master name");
        let address = |text: &str| {
            let (host, port) = text.rsplit_once(':').expect("host:port");
            (host.to_owned(), port.parse().expect("a port"))
        };
        Task {
            sentinels: hosts.split(',').map(address).collect(),
            master: master.to_owned(),
            key: format!("demo:{name}"),
            tuned,
        }
    }
}

/// Says that it is ready, and writes until it is told to stop.
pub async fn write(mut one: impl AsyncFnMut(u64) -> Result<(), String>) {
    say("{\"ready\":true}");
    std::thread::spawn(|| {
        let _ = std::io::stdin().lock().read_line(&mut String::new());
        say("{\"done\":true}");
        std::process::exit(0);
    });
    let mut pace = tokio::time::interval(EVERY);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for number in 0.. {
        let start = now_us();
        let outcome = one(number).await.map_or_else(|name| name, |()| "ok".to_owned());
        say(&format!("[\"w\",{number},{start},{},\"{outcome}\"]", now_us()));
        pace.tick().await;
    }
}

/// The first word of an error's Debug text, which is its kind in all three clients.
pub fn word(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find(|w| !w.is_empty())
        .unwrap_or("Error")
        .to_owned()
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody listens any more: then there is nothing left to do.
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}

fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_micros() as i64)
}
