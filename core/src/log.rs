//! Log records, for languages that have no `tracing`: bounded queues that are pulled, one for each reader.
//!
//! The core reports through `tracing`; a Rust program installs the subscriber that it likes and needs nothing of this. The
//! bindings call [`Logs::open`], which installs a subscriber of our own for the whole process, once, and for as long as nobody
//! reads it is deaf. Records never contain a secret or a command's arguments.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant, SystemTime};

use tracing::field::{Field, Visit};
use tracing::span;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata};

use crate::bell::{Bell, Interrupt, Waited};
use crate::error::{Error, ErrorKind, Result};
use crate::supervisor::process::check_process;
use crate::sync::lock;
use crate::tree::Tree;

/// Records that one reader may leave unread; older ones make room, and the next one says how many.
const UNREAD: usize = 1024;

/// How much is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LogLevel {
    /// Something that somebody must mend.
    Error = 1,
    /// Something is not as it should be; the client goes on.
    Warn = 2,
    /// The milestones: ready, switched, lost.
    Info = 3,
    /// Every decision, and every event of a sentinel.
    Debug = 4,
}

impl LogLevel {
    const ALL: [LogLevel; 4] = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug];

    /// The level as a word, the same in every language.
    pub const fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
        }
    }

    fn of(level: Level) -> Option<LogLevel> {
        match level {
            Level::ERROR => Some(LogLevel::Error),
            Level::WARN => Some(LogLevel::Warn),
            Level::INFO => Some(LogLevel::Info),
            Level::DEBUG => Some(LogLevel::Debug),
            _ => None,
        }
    }
}

impl std::str::FromStr for LogLevel {
    type Err = Error;

    fn from_str(word: &str) -> Result<LogLevel> {
        LogLevel::ALL
            .into_iter()
            .find(|level| level.as_str() == word)
            .ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "a log level is one of: error warn info debug"))
    }
}

/// One record.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogRecord {
    /// When.
    pub at: SystemTime,
    /// How serious.
    pub level: LogLevel,
    /// What happened, with its fields as `name=value`.
    pub message: String,
    /// Records before this one that this reader was too slow for.
    pub dropped_before: u64,
}

impl LogRecord {
    /// The record as a report: a map with `at`, `level`, `message`, `dropped_before`.
    pub fn to_tree(&self) -> Tree {
        let LogRecord { at, level, message, dropped_before } = self;
        Tree::Map(vec![
            ("at", (*at).into()),
            ("level", level.as_str().into()),
            ("message", message.clone().into()),
            ("dropped_before", (*dropped_before).into()),
        ])
    }
}

/// A reader of the log records of this process. Clones read from the same queue; the last one to go ends it.
#[derive(Clone, Debug)]
pub struct Logs {
    queue: Arc<Queue>,
    pid: u32,
}

#[derive(Debug)]
struct Queue {
    level: LogLevel,
    unread: Mutex<Unread>,
    bell: Bell,
}

#[derive(Debug, Default)]
struct Unread {
    records: VecDeque<LogRecord>,
    dropped: u64,
    closed: bool,
}

impl Logs {
    /// Record from now on everything up to this level.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] in a program that has installed a `tracing` subscriber of its own: it has the records.
    pub fn open(level: LogLevel) -> Result<Logs> {
        let recorder = Recorder::installed()?;
        let queue = Arc::new(Queue { level, unread: Mutex::default(), bell: Bell::default() });
        recorder.join(&queue);
        Ok(Logs { queue, pid: std::process::id() })
    }

    /// The next record, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::EndOfStream`] after [`Logs::close`], [`ErrorKind::Forked`] in a child of the process.
    pub fn try_next(&self) -> Result<Option<LogRecord>> {
        check_process(self.pid)?;
        let mut unread = lock(&self.queue.unread);
        match unread.records.pop_front() {
            Some(mut record) => {
                record.dropped_before = std::mem::take(&mut unread.dropped);
                if unread.records.is_empty() && !unread.closed {
                    self.queue.bell.silence();
                }
                Ok(Some(record))
            }
            None if unread.closed => Err(Error::new(ErrorKind::EndOfStream, "the log reader is closed")),
            None => Ok(None),
        }
    }

    /// The next record; `None` when the timeout passes first. A timeout of `None` waits for ever.
    ///
    /// # Errors
    /// As [`Logs::try_next`], and [`ErrorKind::Cancelled`] when interrupted.
    pub fn next_blocking(&self, timeout: Option<Duration>, interrupt: Interrupt<'_>) -> Result<Option<LogRecord>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if let Some(record) = self.try_next()? {
                return Ok(Some(record));
            }
            match self.queue.bell.wait(deadline, interrupt) {
                Waited::Rang => {}
                Waited::TimedOut => return Ok(None),
                Waited::Interrupted => {
                    return Err(Error::new(ErrorKind::Cancelled, "the wait for a log record was given up"));
                }
            }
        }
    }

    /// Stop recording; what waits may still be read. Does nothing in a child of the process.
    pub fn close(&self) {
        if check_process(self.pid).is_err() {
            return;
        }
        lock(&self.queue.unread).closed = true;
        self.queue.bell.ring();
        if let Ok(recorder) = Recorder::installed() {
            recorder.review();
        }
    }

    /// Rings while there is a record to read.
    pub fn bell(&self) -> &Bell {
        &self.queue.bell
    }
}

/// Who reads the records of a process.
///
/// A child made by `fork` inherits the subscriber and the memory of the readers, but they are not its own: their locks may
/// be held by threads that it does not have, and their bells ring in the parent. So a child gets a recorder of its own, and
/// never touches an older one.
#[derive(Debug)]
struct Recorder {
    pid: u32,
    /// The recorder of a child; made there.
    next: OnceLock<Box<Recorder>>,
    /// The most talkative level that anybody reads; 0 for none.
    level: AtomicU8,
    readers: Mutex<Vec<Weak<Queue>>>,
}

impl Recorder {
    fn new() -> Recorder {
        Recorder { pid: std::process::id(), next: OnceLock::new(), level: AtomicU8::new(0), readers: Mutex::default() }
    }

    /// The recorder of this process, if there is one.
    fn mine(&self) -> Option<&Recorder> {
        let pid = std::process::id();
        let mut recorder = self;
        while recorder.pid != pid {
            recorder = recorder.next.get()?;
        }
        Some(recorder)
    }

    /// The recorder of this process, made if there is none.
    fn mine_or_new(&self) -> &Recorder {
        let pid = std::process::id();
        let mut recorder = self;
        while recorder.pid != pid {
            // Nobody but a child fills this, so nobody was at it when the child was made.
            recorder = recorder.next.get_or_init(|| Box::new(Recorder::new()));
        }
        recorder
    }

    fn installed() -> Result<&'static Recorder> {
        static INSTALLED: OnceLock<Option<Arc<Recorder>>> = OnceLock::new();
        let recorder = INSTALLED.get_or_init(|| {
            let recorder = Arc::new(Recorder::new());
            tracing::subscriber::set_global_default(Sink(Arc::clone(&recorder))).ok().map(|()| recorder)
        });
        recorder.as_deref().map(Recorder::mine_or_new).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidArgument,
                "this program has a tracing subscriber of its own, which has the records",
            )
        })
    }

    fn join(&self, queue: &Arc<Queue>) {
        lock(&self.readers).push(Arc::downgrade(queue));
        self.review();
    }

    /// Forget readers that are gone, and record no more than the others want.
    fn review(&self) {
        let mut readers = lock(&self.readers);
        readers.retain(|reader| reader.upgrade().is_some_and(|queue| !lock(&queue.unread).closed));
        let most = readers.iter().filter_map(|reader| reader.upgrade().map(|queue| queue.level as u8)).max();
        self.level.store(most.unwrap_or(0), Ordering::Relaxed);
    }

    fn record(&self, record: &LogRecord) {
        let mut gone = false;
        for reader in lock(&self.readers).iter() {
            match reader.upgrade() {
                Some(queue) if queue.level >= record.level => queue.put(record.clone()),
                Some(_) => {}
                None => gone = true,
            }
        }
        if gone {
            self.review();
        }
    }
}

impl Queue {
    fn put(&self, record: LogRecord) {
        let mut unread = lock(&self.unread);
        if unread.closed {
            return;
        }
        if unread.records.len() == UNREAD {
            unread.records.pop_front();
            unread.dropped += 1;
        }
        unread.records.push_back(record);
        self.bell.ring();
    }
}

/// What `tracing` talks to.
struct Sink(Arc<Recorder>);

impl tracing::Subscriber for Sink {
    /// Asked anew each time: readers come and go.
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.target().starts_with("standfast") { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let wanted = self.0.mine().map_or(0, |recorder| recorder.level.load(Ordering::Relaxed));
        LogLevel::of(*metadata.level()).is_some_and(|level| level as u8 <= wanted)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        // Records do not name their spans, so nobody tells one span from another.
        span::Id::from_u64(1)
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let Some(level) = LogLevel::of(*event.metadata().level()) else { return };
        let mut line = Line::default();
        event.record(&mut line);
        let Line { mut message, fields } = line;
        message.push_str(&fields);
        let Some(recorder) = self.0.mine() else { return };
        recorder.record(&LogRecord { at: SystemTime::now(), level, message, dropped_before: 0 });
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// The message, and behind it the fields.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_get_what_they_want_and_a_slow_one_is_told_what_it_missed() {
        let all = Logs::open(LogLevel::Debug).unwrap();
        let warnings = Logs::open(LogLevel::Warn).unwrap();
        let mine = |logs: &Logs| loop {
            match logs.try_next().unwrap() {
                Some(record) if record.message.starts_with("a test") => return Some(record),
                Some(_) => {}
                None => return None,
            }
        };
        tracing::debug!(target: "standfast", node = "n:1", count = 2, "a test");
        tracing::warn!(target: "standfast", why = %"x", "a test");
        tracing::warn!(target: "elsewhere", "a test");
        let record = mine(&all).unwrap();
        assert_eq!((record.level, record.message.as_str()), (LogLevel::Debug, "a test node=n:1 count=2"));
        assert_eq!(mine(&all).unwrap().message, "a test why=x");
        assert_eq!(mine(&warnings).unwrap().level, LogLevel::Warn);
        assert!(mine(&all).is_none() && mine(&warnings).is_none());

        for _ in 0..UNREAD + 3 {
            tracing::warn!(target: "standfast", "a test of patience");
        }
        assert!(mine(&warnings).unwrap().dropped_before >= 3);

        warnings.close();
        while warnings.try_next().is_ok() {}
        assert_eq!(warnings.try_next().unwrap_err().kind(), ErrorKind::EndOfStream);
    }
}
