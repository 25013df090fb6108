//! What happened, as a stream: each client keeps its last events in a ring that any number of readers follow.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant, SystemTime};

use crate::bell::{Bell, Interrupt, Waited};
use crate::error::{Error, ErrorKind, Result};
use crate::supervisor::process::check_process;
use crate::sync::lock;
use crate::tree::Tree;

macro_rules! kinds {
    ($( $(#[$doc:meta])* $name:ident = $word:literal; )*) => {
        /// What an [`Event`] says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum EventKind { $( $(#[$doc])* $name, )* }

        impl EventKind {
            /// The kind as a word, the same in every language.
            pub const fn as_str(self) -> &'static str {
                match self { $( EventKind::$name => $word, )* }
            }
        }
    };
}

kinds! {
    /// The client looks for its first master.
    Connecting = "connecting";
    /// There is a verified master.
    Ready = "ready";
    /// There is no usable master just now.
    NotReady = "not_ready";
    /// The control link to the master was lost.
    LinkLost = "link_lost";
    /// The control link to the same master is back.
    LinkRestored = "link_restored";
    /// A sentinel selected a replica for promotion.
    FailoverStarted = "failover_started";
    /// Commands are held.
    Fenced = "fenced";
    /// Commands are no longer held.
    Unfenced = "unfenced";
    /// Commands go to another master from here on.
    MasterSwitched = "master_switched";
    /// The sentinels confirmed an eager switch.
    SwitchConfirmed = "switch_confirmed";
    /// The sentinels named another node than the one switched to.
    SwitchCorrected = "switch_corrected";
    /// What a switch cost.
    SwitchReport = "switch_report";
    /// A lower epoch was accepted, because a majority of the seeds reports it.
    EpochReset = "epoch_reset";
    /// A sentinel answers.
    SentinelUp = "sentinel_up";
    /// A sentinel does not answer.
    SentinelDown = "sentinel_down";
    /// The sentinels reported another sentinel.
    SentinelAdded = "sentinel_added";
    /// A sentinel does not trust its own clock, or trusts it again.
    Tilt = "tilt";
    /// The server confirmed every channel and pattern.
    SubscriptionReady = "subscription_ready";
    /// Messages may be missing.
    SubscriptionGap = "subscription_gap";
    /// A subscription's queue was full.
    SubscriptionDropped = "subscription_dropped";
    /// The result of a write probe.
    WriteProbe = "write_probe";
    /// Too many commands wait.
    QueueFull = "queue_full";
    /// A server refused our credentials.
    AuthFailed = "auth_failed";
    /// The client was closed. The last event.
    Closed = "closed";
}

/// Something that happened to a client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// Counts up by one per event of this client; a jump means that a reader was too slow.
    pub seq: u64,
    /// When.
    pub at: SystemTime,
    /// What.
    pub kind: EventKind,
    /// The generation of the master at that moment; 0 before the first.
    pub generation: u64,
    /// The `config-epoch` at that moment, when it is known.
    pub epoch: Option<u64>,
    /// What else there is to say.
    pub details: Vec<(&'static str, Tree)>,
}

impl Event {
    /// The event as a report: a map with `seq`, `at`, `kind`, `generation`, `epoch` and the details.
    pub fn to_tree(&self) -> Tree {
        let Event { seq, at, kind, generation, epoch, details } = self;
        let mut fields = vec![
            ("seq", (*seq).into()),
            ("at", (*at).into()),
            ("kind", kind.as_str().into()),
            ("generation", (*generation).into()),
            ("epoch", (*epoch).into()),
        ];
        fields.extend(details.iter().cloned());
        Tree::Map(fields)
    }
}

/// How many events a client remembers for its readers.
const RING: usize = 1024;

/// The events of one client, and its readers.
#[derive(Debug)]
pub(crate) struct EventLog {
    state: Mutex<LogState>,
    pid: u32,
}

impl Default for EventLog {
    fn default() -> EventLog {
        EventLog { state: Mutex::default(), pid: std::process::id() }
    }
}

#[derive(Debug, Default)]
struct LogState {
    next_seq: u64,
    ring: VecDeque<Arc<Event>>,
    ended: bool,
    readers: Vec<Weak<Reader>>,
}

/// Every event is a log record, too.
fn log(event: &Event) {
    let (kind, generation, details) = (event.kind.as_str(), event.generation, Details(&event.details));
    match event.kind {
        EventKind::AuthFailed => tracing::error!(target: "standfast", generation, %details, "{kind}"),
        EventKind::NotReady
        | EventKind::LinkLost
        | EventKind::SentinelDown
        | EventKind::Tilt
        | EventKind::EpochReset
        | EventKind::SwitchCorrected
        | EventKind::SubscriptionGap
        | EventKind::SubscriptionDropped
        | EventKind::QueueFull => tracing::warn!(target: "standfast", generation, %details, "{kind}"),
        _ => tracing::info!(target: "standfast", generation, %details, "{kind}"),
    }
}

/// Details on one line. Events carry no secrets and no arguments of commands.
struct Details<'a>(&'a [(&'static str, Tree)]);

impl fmt::Display for Details<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            match value {
                Tree::Text(text) => write!(f, "{comma}{name}: {text}")?,
                Tree::Nil => write!(f, "{comma}{name}: unknown")?,
                Tree::Bool(yes) => write!(f, "{comma}{name}: {yes}")?,
                Tree::Int(number) => write!(f, "{comma}{name}: {number}")?,
                Tree::Duration(length) => write!(f, "{comma}{name}: {length:?}")?,
                other => write!(f, "{comma}{name}: {other:?}")?,
            }
        }
        Ok(())
    }
}

impl EventLog {
    /// Record an event. `seq` and `at` are given here.
    pub(crate) fn record(
        &self,
        kind: EventKind,
        generation: u64,
        epoch: Option<u64>,
        details: Vec<(&'static str, Tree)>,
    ) {
        let mut state = lock(&self.state);
        if state.ended {
            return;
        }
        let event = Event { seq: state.next_seq, at: SystemTime::now(), kind, generation, epoch, details };
        log(&event);
        state.next_seq += 1;
        state.ring.push_back(Arc::new(event));
        if state.ring.len() > RING {
            state.ring.pop_front();
        }
        state.ended = kind == EventKind::Closed;
        state.readers.retain(|reader| reader.upgrade().map(|reader| reader.bell.ring()).is_some());
    }

    /// A reader that sees every event from the oldest that is remembered.
    pub(crate) fn reader(self: &Arc<Self>) -> Events {
        let reader = Arc::new(Reader { next: Mutex::new(0), bell: Bell::default() });
        let mut state = lock(&self.state);
        if !state.ring.is_empty() || state.ended {
            reader.bell.ring();
        }
        state.readers.push(Arc::downgrade(&reader));
        Events { log: Arc::clone(self), reader }
    }
}

#[derive(Debug)]
struct Reader {
    next: Mutex<u64>,
    bell: Bell,
}

/// A reader of a client's events with a position of its own. Clones share the position.
#[derive(Clone, Debug)]
pub struct Events {
    log: Arc<EventLog>,
    reader: Arc<Reader>,
}

impl Events {
    /// The next event, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::EndOfStream`] after the `closed` event was read, [`ErrorKind::Forked`] in a child of the process.
    pub fn try_next(&self) -> Result<Option<Arc<Event>>> {
        check_process(self.log.pid)?;
        // Lock order: log, then position, then bell.
        let state = lock(&self.log.state);
        let mut next = lock(&self.reader.next);
        let oldest = state.next_seq - state.ring.len() as u64;
        *next = (*next).max(oldest);
        let found = state.ring.get((*next - oldest) as usize).cloned();
        match found {
            Some(event) => {
                *next += 1;
                if *next == state.next_seq && !state.ended {
                    self.reader.bell.silence();
                }
                Ok(Some(event))
            }
            None if state.ended => {
                Err(Error::new(ErrorKind::EndOfStream, "the client is closed; there are no more events"))
            }
            None => Ok(None),
        }
    }

    /// The next event; `None` when the timeout passes first. A timeout of `None` waits for ever.
    ///
    /// # Errors
    /// [`ErrorKind::EndOfStream`] after the `closed` event was read, [`ErrorKind::Cancelled`] when interrupted.
    pub fn next_blocking(&self, timeout: Option<Duration>, interrupt: Interrupt<'_>) -> Result<Option<Arc<Event>>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if let Some(event) = self.try_next()? {
                return Ok(Some(event));
            }
            match self.reader.bell.wait(deadline, interrupt) {
                Waited::Rang => {}
                Waited::TimedOut => return Ok(None),
                Waited::Interrupted => {
                    return Err(Error::new(ErrorKind::Cancelled, "the wait for an event was given up"));
                }
            }
        }
    }

    /// The next event; `None` after the `closed` event was read.
    pub async fn next(&self) -> Option<Arc<Event>> {
        loop {
            match self.try_next() {
                Ok(Some(event)) => return Some(event),
                Ok(None) => self.reader.bell.rung().await,
                Err(_) => return None,
            }
        }
    }

    /// Rings while there is an event to read.
    pub fn bell(&self) -> &Bell {
        &self.reader.bell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reader_sees_a_jump_in_seq_and_the_end() {
        let log = Arc::new(EventLog::default());
        let events = log.reader();
        for _ in 0..RING + 5 {
            log.record(EventKind::Ready, 1, None, Vec::new());
        }
        log.record(EventKind::Closed, 1, None, Vec::new());
        log.record(EventKind::Ready, 1, None, Vec::new());
        let first = events.try_next().unwrap().unwrap();
        assert_eq!(first.seq, 6);
        let mut last = first;
        while let Ok(Some(event)) = events.try_next() {
            last = event;
        }
        assert_eq!(last.kind, EventKind::Closed);
        assert_eq!(events.try_next().unwrap_err().kind(), ErrorKind::EndOfStream);
    }
}
