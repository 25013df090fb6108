//! The driver for hosts with an event loop: the host's own thread reads and writes, and nobody hops to another one.
//!
//! The host watches one descriptor, and takes a turn when it is readable: read, settle, leave, write. A command is written at
//! once when nothing is in flight, otherwise with all others of that turn. What needs time or another thread (a link, a
//! change of the gate, the end of a wait) comes through an inbox and rings a bell in the same descriptor. Everything is done
//! by whoever calls, under one lock that nobody holds for longer than a system call that does not block.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use super::gate::GateWord;
use super::host_lane::{HostLane, MAIN, Socket, TURN_BYTES, lane_of};
use super::lane::{Lane, Settled};
use super::open::Opened;
use super::poller::Poller;
use super::slots::{Key, Slots};
use crate::client::Timeout;
use crate::command::facts::Blocks;
use crate::command::{Answer, Request};
use crate::completion::{Completion, Host, Turned};
use crate::config::UnavailablePolicy;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::shared::Shared;
use crate::status::ClientState;
use crate::sync::lock;

/// The timer is not set closer than this: many deadlines that are close together cost one wake-up.
const TIMER_GRAIN: Duration = Duration::from_millis(1);

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Hosted {
    shared: Arc<Shared>,
    host: Host,
    poller: Poller,
    state: Mutex<State>,
    inbox: Mutex<Vec<Letter>>,
    /// Something waits for the gate: a change of it is of interest.
    holds: AtomicBool,
}

#[derive(Debug)]
struct State {
    main: HostLane,
    /// One lane for each blocking command.
    blocking: Slots<HostLane>,
    tags: HashMap<u64, Under, BuildHasherDefault<TagHasher>>,
    done: VecDeque<Completion>,
    settled: Vec<Settled<u64>>,
    buffer: Box<[u8]>,
    /// The moment for which the timer is set.
    armed: Option<Instant>,
    /// The host was told that a flush is wanted, and has not flushed yet.
    wanted: bool,
    /// Commands since the last turn, and between the two turns before that.
    submitted: usize,
    burst: usize,
    closed: bool,
    /// Calls the host when the descriptor becomes readable.
    caller: Option<AbortHandle>,
}

/// What is under way with a tag.
#[derive(Debug)]
enum Under {
    Main(Key),
    /// The lane of a blocking command, and the command in it.
    Blocking(Key, Key),
    /// A wait, the task that waits, and whether it may have executed something when it is given up.
    Wait(Option<AbortHandle>, bool),
}

/// What other threads have to say.
#[derive(Debug)]
pub(super) enum Letter {
    Opened {
        token: u64,
        opened: Opened,
    },
    /// Trying again is of no use.
    Refused {
        token: u64,
        error: Error,
    },
    Waited {
        tag: u64,
        result: Result<Answer>,
    },
}

impl Hosted {
    /// # Errors
    /// [`ErrorKind::Internal`] when the system has no descriptor left.
    pub(crate) fn open(shared: &Arc<Shared>, host: Host) -> Result<Arc<Hosted>> {
        let hosted = Arc::new(Hosted {
            host,
            poller: Poller::new()?,
            state: Mutex::new(State {
                main: HostLane::new(MAIN, Lane::new(shared, false)),
                blocking: Slots::default(),
                tags: HashMap::default(),
                done: VecDeque::new(),
                settled: Vec::new(),
                buffer: vec![0; TURN_BYTES].into_boxed_slice(),
                armed: None,
                wanted: false,
                submitted: 0,
                burst: 0,
                closed: false,
                caller: None,
            }),
            inbox: Mutex::default(),
            holds: AtomicBool::new(false),
            shared: Arc::clone(shared),
        });
        let waker: Arc<dyn super::gate::Waker> = hosted.clone();
        shared.gate.wake(&waker);
        Ok(hosted)
    }

    pub(crate) fn poller(&self) -> &Poller {
        &self.poller
    }

    pub(crate) fn submit(self: &Arc<Self>, request: Request, timeout: Timeout, tag: u64) -> Result<bool> {
        let shared = &self.shared;
        shared.check_process()?;
        let limit = shared.limit(&request, timeout);
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        state.check(tag)?;
        let word = shared.gate.load();
        match word.state {
            ClientState::Closed => return Err(Error::closed()),
            ClientState::Connecting | ClientState::NoMaster
                if shared.config.options.when_unavailable == UnavailablePolicy::Fail =>
            {
                return Err(shared.not_ready());
            }
            _ => {}
        }
        // The lane gives the place back, whatever becomes of the command.
        shared.admit(&request)?.keep();
        state.submitted += 1;
        if request.blocks() == Blocks::No {
            let key = state.main.lane.submit(request, limit, tag);
            state.tags.insert(tag, Under::Main(key));
            let wanted = self.begin(state, word);
            self.arm(state);
            Ok(wanted)
        } else {
            let place = state.blocking.insert(HostLane::new(0, Lane::new(shared, true)));
            if let Some(lane) = state.blocking.get(place) {
                lane.token = place.token();
                let key = lane.lane.submit(request, limit, tag);
                state.tags.insert(tag, Under::Blocking(place, key));
                lane.open(self);
            }
            self.arm(state);
            Ok(false)
        }
    }

    /// A command was put into the main lane. `true`: the host is to flush at the end of its turn.
    fn begin(self: &Arc<Self>, state: &mut State, word: GateWord) -> bool {
        if state.main.link.is_none() {
            state.main.open(self);
            return false;
        }
        if word.state != ClientState::Ready {
            self.hold(word);
            return false;
        }
        // After a turn with many commands there are many more to come, and one write for all of them is better.
        let alone = self.host == Host::Polls || (state.burst <= 1 && !state.wanted);
        if alone && !state.main.lane.owes() {
            self.write(state);
            return false;
        }
        match self.host {
            Host::Turns => !std::mem::replace(&mut state.wanted, true),
            Host::Polls => {
                self.poller.ring();
                false
            }
        }
    }

    /// Something waits for the gate to change from `seen`.
    fn hold(&self, seen: GateWord) {
        self.holds.store(true, Ordering::SeqCst);
        // The publisher stores the word and then looks at `holds`: one of the two sees the other.
        if self.shared.gate.load() != seen {
            self.poller.ring();
        }
    }

    /// Something that another task waits for. The tag is taken before the task begins.
    pub(crate) fn begin_wait(&self, tag: u64, writes: bool) -> Result<()> {
        self.shared.check_process()?;
        let mut state = lock(&self.state);
        state.check(tag)?;
        state.tags.insert(tag, Under::Wait(None, writes));
        Ok(())
    }

    pub(crate) fn waits_by(&self, tag: u64, task: AbortHandle) {
        if let Some(Under::Wait(known, _)) = lock(&self.state).tags.get_mut(&tag) {
            *known = Some(task);
            return;
        }
        // It ended, or was given up, in the meantime; aborting what has ended does nothing.
        task.abort();
    }

    /// Hand something over to the host's thread.
    pub(super) fn post(&self, letter: Letter) {
        lock(&self.inbox).push(letter);
        self.poller.ring();
    }

    pub(crate) fn waited(&self, tag: u64, result: Result<Answer>) {
        self.post(Letter::Waited { tag, result });
    }

    /// Whether a lane still wants a link. If it does not, whoever asked stops making one.
    pub(super) fn wants_link(&self, token: u64) -> bool {
        let mut state = lock(&self.state);
        let Some(lane) = state.lane(token) else { return false };
        let wants = lane.link.is_none() && lane.lane.has_waiting();
        lane.opening = wants;
        wants
    }

    pub(crate) fn flush(&self) {
        if self.shared.check_process().is_err() {
            return;
        }
        let mut state = lock(&self.state);
        state.wanted = false;
        self.write(&mut state);
        self.arm(&mut state);
        if !state.done.is_empty() {
            self.poller.ring();
        }
    }

    pub(crate) fn turn(self: &Arc<Self>) -> Turned {
        if self.shared.check_process().is_err() {
            return Turned { completions: VecDeque::new(), more: false };
        }
        let mut state = lock(&self.state);
        let more = self.work(&mut state);
        Turned { completions: std::mem::take(&mut state.done), more }
    }

    /// The next completion, without waiting; `Err` at the end.
    pub(crate) fn next(self: &Arc<Self>) -> Result<Option<Completion>> {
        self.shared.check_process()?;
        let mut state = lock(&self.state);
        if state.done.is_empty() && self.work(&mut state) {
            self.poller.ring();
        }
        let next = state.done.pop_front();
        if state.closed && next.is_none() {
            return Err(Error::new(ErrorKind::EndOfStream, "the queue is closed"));
        }
        if !state.done.is_empty() {
            self.poller.ring();
        } else if next.is_some() && !state.closed && self.poller.is_rung() {
            self.poller.hush();
            if !lock(&self.inbox).is_empty() || state.main.has_work() {
                self.poller.ring();
            }
        }
        Ok(next)
    }

    /// Whatever can be done now. `true`: there is more of it.
    fn work(self: &Arc<Self>, state: &mut State) -> bool {
        state.burst = std::mem::take(&mut state.submitted);
        if self.poller.is_rung() && !state.closed {
            self.poller.hush();
            self.read_inbox(state);
        }
        let mut more = self.read(state, MAIN);
        if !state.blocking.is_empty() {
            let mut tokens = Vec::new();
            self.poller.ready(&mut tokens, state.blocking.len() + 3);
            for token in tokens.into_iter().filter(|token| *token != MAIN) {
                more |= self.read(state, token);
            }
        }
        self.look_at_clock(state);
        state.wanted = false;
        self.write(state);
        self.arm(state);
        more
    }

    fn read_inbox(self: &Arc<Self>, state: &mut State) {
        let letters = std::mem::take(&mut *lock(&self.inbox));
        for letter in letters {
            match letter {
                Letter::Opened { token, opened } => {
                    let current = self.shared.gate.load().generation == opened.generation;
                    let Some(lane) = state.lane(token) else { continue };
                    lane.opening = false;
                    if current && lane.link.is_none() && self.poller.watch(&opened.stream, token).is_ok() {
                        lane.lane.attach(opened.engine, opened.generation);
                        lane.link =
                            Some(Socket { stream: opened.stream, wants_room: false, _registered: opened.registered });
                    } else if lane.link.is_none() && lane.lane.has_waiting() {
                        lane.open(self);
                    }
                    if token != MAIN {
                        self.write_lane(state, token);
                    }
                }
                Letter::Refused { token, error } => {
                    let State { main, blocking, settled, .. } = state;
                    let Some(lane) = lane_of(main, blocking, token) else { continue };
                    lane.opening = false;
                    lane.lane.fail(&self.shared, &error, settled);
                    self.finish(state, token);
                }
                Letter::Waited { tag, result } => {
                    // Without an entry it was given up.
                    if state.tags.remove(&tag).is_some() {
                        state.done.push_back(Completion { tag, result });
                    }
                }
            }
        }
    }

    /// Read what has come on a link and settle it. `true`: there is more.
    fn read(self: &Arc<Self>, state: &mut State, token: u64) -> bool {
        let State { main, blocking, settled, buffer, .. } = state;
        let Some(lane) = lane_of(main, blocking, token) else { return false };
        let outcome = lane.read(&self.shared, buffer, settled);
        let more = outcome.as_ref().is_ok_and(|more| *more);
        if let Err(error) = outcome {
            self.lose(state, token, &error);
        }
        self.finish(state, token);
        more
    }

    fn lose(self: &Arc<Self>, state: &mut State, token: u64, error: &Error) {
        let State { main, blocking, settled, .. } = state;
        let Some(lane) = lane_of(main, blocking, token) else { return };
        if let Some(link) = lane.link.take() {
            self.poller.unwatch(&link.stream);
        }
        lane.left_over = false;
        lane.lane.lose(&self.shared, error, settled);
        if lane.lane.has_waiting() {
            lane.open(self);
        }
    }

    /// What was settled becomes completions. A blocking lane ends with its command.
    fn finish(&self, state: &mut State, token: u64) {
        for Settled { job: tag, request, result } in state.settled.drain(..) {
            state.tags.remove(&tag);
            state.done.push_back(Completion { tag, result: result.and_then(|replies| request.answer(replies)) });
        }
        if token != MAIN {
            self.retire(state, Key::from_token(token));
        }
    }

    fn retire(&self, state: &mut State, place: Key) {
        if state.blocking.get(place).is_some_and(|lane| lane.lane.is_empty())
            && let Some(lane) = state.blocking.remove(place)
            && let Some(link) = lane.link
        {
            self.poller.unwatch(&link.stream);
        }
    }

    /// Write what waits in the main lane; without `self` as an `Arc`, so that a flush may do it.
    fn write(&self, state: &mut State) {
        self.write_lane(state, MAIN);
        let waits = state.main.lane.has_waiting();
        if waits != self.holds.load(Ordering::Relaxed) {
            self.holds.store(waits, Ordering::SeqCst);
            if waits {
                self.hold(self.shared.gate.load());
            }
        }
    }

    fn write_lane(&self, state: &mut State, token: u64) {
        let State { main, blocking, .. } = state;
        let Some(lane) = lane_of(main, blocking, token) else { return };
        // An error of writing is heard by the next read, which finds the replies that came before it, too.
        if lane.write(&self.shared, &self.poller).is_err() {
            lane.left_over = true;
            self.poller.ring();
        }
    }

    fn look_at_clock(self: &Arc<Self>, state: &mut State) {
        let now = Instant::now();
        if state.armed.is_none_or(|at| at > now) {
            return;
        }
        self.poller.hush_timer();
        state.armed = None;
        let tokens: Vec<u64> =
            std::iter::once(MAIN).chain(state.blocking.iter().map(|(place, _)| place.token())).collect();
        for token in tokens {
            let State { main, blocking, settled, .. } = state;
            let Some(lane) = lane_of(main, blocking, token) else { continue };
            lane.lane.expire(&self.shared, now, settled);
            if let Some(error) = lane.lane.is_silent(now) {
                self.lose(state, token, &error);
            }
            self.finish(state, token);
        }
    }

    /// Set the timer, if it is not set for an earlier moment. What completes in time never touches it.
    fn arm(&self, state: &mut State) {
        let blocking = state.blocking.iter().filter_map(|(_, lane)| lane.lane.wake_at()).min();
        let Some(at) = [state.main.lane.wake_at(), blocking].into_iter().flatten().min() else { return };
        if state.armed.is_some_and(|armed| armed <= at) {
            return;
        }
        let now = Instant::now();
        let at = at.max(now + TIMER_GRAIN);
        state.armed = Some(at);
        self.poller.wake_after(at - now);
    }

    pub(crate) fn cancel(&self, tag: u64) -> Option<Error> {
        if let Err(forked) = self.shared.check_process() {
            return Some(forked);
        }
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        match state.tags.remove(&tag)? {
            Under::Main(key) => state.main.lane.cancel(&self.shared, key).map(|(_, error)| error),
            Under::Blocking(place, key) => {
                let told = state.blocking.get(place)?.lane.cancel(&self.shared, key).map(|(_, error)| error);
                self.retire(state, place);
                told
            }
            Under::Wait(task, writes) => {
                if let Some(task) = task {
                    task.abort();
                }
                Some(match writes {
                    true => Error::maybe_executed(Phase::Reply, "it was given up before replicas had confirmed it"),
                    false => Error::new(ErrorKind::Cancelled, "the wait was given up"),
                })
            }
        }
    }

    /// Give up everything without a word.
    pub(crate) fn close(&self) {
        if self.shared.check_process().is_err() {
            return;
        }
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        if std::mem::replace(&mut state.closed, true) {
            return;
        }
        let tags = std::mem::take(&mut state.tags);
        self.end_lanes(state, None);
        let caller = state.caller.take();
        // For good: every thread that waits is to see the end.
        self.poller.ring();
        drop(guard);
        lock(&self.inbox).clear();
        let waits = tags.into_values().filter_map(|under| if let Under::Wait(task, _) = under { task } else { None });
        waits.chain(caller).for_each(|task| task.abort());
    }

    /// End every lane; with an error, what was under way is told it.
    fn end_lanes(&self, state: &mut State, error: Option<&Error>) {
        let blocking = std::mem::take(&mut state.blocking);
        for lane in std::iter::once(&mut state.main).chain(blocking.into_values().collect::<Vec<_>>().iter_mut()) {
            if let Some(link) = lane.link.take() {
                self.poller.unwatch(&link.stream);
            }
            if let Some(error) = error {
                lane.lane.lose(&self.shared, error, &mut state.settled);
                lane.lane.fail(&self.shared, error, &mut state.settled);
            }
            lane.lane.abandon(&self.shared);
        }
        self.finish(state, MAIN);
    }

    /// Call the host whenever the descriptor becomes readable, from a task of the supervisor.
    pub(crate) fn set_caller(&self, task: AbortHandle) {
        if let Some(former) = lock(&self.state).caller.replace(task) {
            former.abort();
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl super::gate::Waker for Hosted {
    fn gate_changed(&self, word: GateWord) {
        if word.state == ClientState::Closed {
            // The links are closed here and now: the host's loop may be busy, or gone.
            let mut state = lock(&self.state);
            if !state.closed {
                self.end_lanes(&mut state, Some(&Error::closed()));
                self.poller.ring();
            }
        } else if self.holds.load(Ordering::SeqCst) {
            self.poller.ring();
        }
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        // In a forked child the links are the parent's: the descriptors are closed, and nothing else is touched.
        if self.shared.check_process().is_err() {
            return;
        }
        self.close();
    }
}

impl State {
    fn check(&self, tag: u64) -> Result<()> {
        if self.closed {
            return Err(Error::new(ErrorKind::Closed, "the queue is closed"));
        }
        if self.tags.contains_key(&tag) {
            return Err(Error::new(ErrorKind::InvalidArgument, format!("tag {tag} is in use")));
        }
        Ok(())
    }

    fn lane(&mut self, token: u64) -> Option<&mut HostLane> {
        lane_of(&mut self.main, &mut self.blocking, token)
    }
}

/// Tags are the host's own numbers, mostly counted upwards: one multiplication spreads them.
#[derive(Debug, Default)]
struct TagHasher(u64);

impl Hasher for TagHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}
