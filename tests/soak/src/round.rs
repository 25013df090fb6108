//! What happened between two words of the driver: the records of one round, and the change from one to the next under load.

use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use standfast::{Gap, Message, unix_micros};

/// A command ends within its `command_timeout` (5 s). What takes four times as long hangs.
const HUNG: Duration = Duration::from_secs(20);
/// A message that was published and has not arrived by now was missed.
const OVERDUE: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Room for the writes of a round: 25 seconds of 5 000 a second. It is there from the beginning and used again and again, so that whoever watches
/// the memory of this process sees the client's.
const ROOM: usize = 125_000;

/// One write that has ended, one way or another.
#[derive(Clone, Copy)]
struct Written {
    number: u64,
    start_us: i64,
    took_us: u32,
    /// Which of `OUTCOMES`.
    outcome: u16,
}

/// `ok`, and the names of the errors that were seen.
static OUTCOMES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

fn outcome(name: &'static str) -> u16 {
    let mut outcomes = lock(&OUTCOMES);
    let at = outcomes.iter().position(|known| *known == name).unwrap_or_else(|| {
        outcomes.push(name);
        outcomes.len() - 1
    });
    u16::try_from(at).expect("there are fewer kinds of errors")
}

#[derive(Default)]
struct Records {
    written: Vec<Written>,
    heard: Vec<(u64, i64)>,
    gaps: Vec<Gap>,
    dropped: u64,
}

struct Round {
    key: String,
    /// The writes on their way: number and start.
    on_the_way: Mutex<Vec<(u64, i64)>>,
    records: Mutex<Records>,
}

/// The present round, and how to change it.
pub(crate) struct Rounds {
    present: Mutex<Arc<Round>>,
    /// Numbers are never used twice, not even in different rounds.
    next_number: AtomicU64,
    over: AtomicBool,
    /// What the next round writes into.
    room: Mutex<Vec<Written>>,
}

/// A write that is on its way.
pub(crate) struct Attempt {
    pub(crate) number: u64,
    start_us: i64,
    round: Arc<Round>,
}

impl Rounds {
    pub(crate) fn new(key: String) -> Self {
        Self {
            present: Mutex::new(Arc::new(Round::new(key, room()))),
            next_number: AtomicU64::new(0),
            over: AtomicBool::new(false),
            room: Mutex::new(room()),
        }
    }

    /// The next write, unless everything is over.
    pub(crate) fn attempt(&self) -> Option<Attempt> {
        let present = lock(&self.present);
        // Under the lock: `end` and `change` then see every write that was begun before them.
        if self.over.load(Ordering::Relaxed) {
            return None;
        }
        let (number, start_us) = (self.next_number.fetch_add(1, Ordering::Relaxed), now_us());
        lock(&present.on_the_way).push((number, start_us));
        Some(Attempt { number, start_us, round: Arc::clone(&present) })
    }

    pub(crate) fn heard(&self, message: &Message) {
        let number = std::str::from_utf8(&message.payload).ok().and_then(|text| text.parse().ok());
        if let Some(number) = number {
            self.record(|records| records.heard.push((number, unix_micros(message.received_at))));
        }
    }

    pub(crate) fn interrupted(&self, gap: &Gap) {
        self.record(|records| records.gaps.push(gap.clone()));
    }

    pub(crate) fn dropped(&self, count: u64) {
        self.record(|records| records.dropped += count);
    }

    fn record(&self, note: impl FnOnce(&mut Records)) {
        let present = Arc::clone(&lock(&self.present));
        note(&mut lock(&present.records));
    }

    /// Ends the round; the next one writes to `key`. Waits for message `last`, and for the writes that are on their way.
    pub(crate) fn next(&self, key: String, last: Option<u64>, out: &mut impl Write) -> io::Result<()> {
        if let Some(last) = last {
            // Before the change: what arrives after it belongs to the next round.
            wait(OVERDUE, || lock(&lock(&self.present).records).heard.iter().any(|(number, _)| *number >= last));
        }
        let round = Round::new(key, std::mem::take(&mut lock(&self.room)));
        let old = std::mem::replace(&mut *lock(&self.present), Arc::new(round));
        let hung = !wait(HUNG, || lock(&old.on_the_way).is_empty());
        let mut used = old.tell(hung, out)?;
        used.clear();
        *lock(&self.room) = used;
        Ok(())
    }

    /// Ends everything.
    pub(crate) fn end(&self, out: &mut impl Write) -> io::Result<()> {
        {
            let _present = lock(&self.present);
            self.over.store(true, Ordering::Relaxed);
        }
        self.next(String::new(), None, out)
    }
}

impl Attempt {
    pub(crate) fn key(&self) -> &str {
        &self.round.key
    }

    pub(crate) fn ended(self, outcome: &'static str) {
        // A write that took an hour has hung long ago.
        let took_us = u32::try_from(now_us() - self.start_us).unwrap_or(u32::MAX);
        let written =
            Written { number: self.number, start_us: self.start_us, took_us, outcome: self::outcome(outcome) };
        lock(&self.round.records).written.push(written);
        lock(&self.round.on_the_way).retain(|(number, _)| *number != self.number);
    }
}

impl Round {
    fn new(key: String, room: Vec<Written>) -> Self {
        let records = Records { written: room, ..Records::default() };
        Self { key, on_the_way: Mutex::default(), records: Mutex::new(records) }
    }

    /// The records as JSON lines; gives back the room. Names of errors and reasons contain nothing that JSON would escape.
    fn tell(&self, hung: bool, out: &mut impl Write) -> io::Result<Vec<Written>> {
        let Records { written, heard, gaps, dropped } = std::mem::take(&mut *lock(&self.records));
        for Written { number, start_us, took_us, outcome } in &written {
            let (end_us, outcome) = (start_us + i64::from(*took_us), lock(&OUTCOMES)[usize::from(*outcome)]);
            writeln!(out, "[\"w\",{number},{start_us},{end_us},\"{outcome}\"]")?;
        }
        if hung {
            for (number, start_us) in lock(&self.on_the_way).iter() {
                writeln!(out, "[\"w\",{number},{start_us},{},\"Hung\"]", now_us())?;
            }
        }
        for (number, at_us) in &heard {
            writeln!(out, "[\"m\",{number},{at_us}]")?;
        }
        for gap in &gaps {
            let (since, until) = (unix_micros(gap.since), unix_micros(gap.until));
            writeln!(out, "[\"g\",{since},{until},\"{}\"]", gap.reason)?;
        }
        if dropped > 0 {
            writeln!(out, "[\"d\",{dropped}]")?;
        }
        Ok(written)
    }
}

/// Room whose every page is there.
fn room() -> Vec<Written> {
    let mut room = vec![Written { number: 1, start_us: 1, took_us: 1, outcome: 1 }; ROOM];
    room.clear();
    room
}

/// Whether the condition came to hold within a time.
fn wait(limit: Duration, condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn now_us() -> i64 {
    unix_micros(SystemTime::now())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
