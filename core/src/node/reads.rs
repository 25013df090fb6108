//! Reads from replicas: which requests may go to one, which node gets them, and what becomes of a read whose node fails.
//!
//! A request has a route: where it may be executed. Everything but a command that certainly only reads goes to the master,
//! whatever was asked for. Reads are sent on lines of the supervisor (`line.rs`), one to each node in use, shared by all drivers.
//! A node gets reads while most sentinels see nothing wrong with it (`ReplicaReport::is_healthy`) and it says itself, at least
//! every second, that it follows its master closely enough.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis::Value;

use super::line::{Line, Target};
use super::role::Role;
use crate::command::Request;
use crate::command::facts::Blocks;
use crate::config::{HostPort, ReadFrom, UnavailablePolicy};
use crate::error::{Error, ErrorKind, Phase, Result, is_refusal};
use crate::link::resp::text;
use crate::shared::{Limit, Shared};
use crate::status::ClientState;
use crate::supervisor::backoff::Backoff;
use crate::sync::lock;

/// How often a node that is read from is asked whether it still follows its master.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// For so long a node that failed is left alone.
const LEFT_ALONE: Duration = Duration::from_millis(500);

/// Where this request may be executed: anything but the master only for a single command that certainly only reads.
pub(crate) fn route(request: &Request, default: ReadFrom) -> ReadFrom {
    let may_leave = request.reads_only() && !request.may_write() && request.unit().is_none();
    match request.blocks() {
        Blocks::No if may_leave => request.wanted_route().unwrap_or(default),
        _ => ReadFrom::Master,
    }
}

/// The nodes that are read from.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    seats: Mutex<HashMap<HostPort, Arc<Seat>>>,
}

/// One node that is read from, or was.
#[derive(Debug)]
struct Seat {
    address: HostPort,
    /// One connection at a time is made.
    line: tokio::sync::Mutex<Option<Line>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Reads that wait for their replies.
    load: u64,
    /// Mean time of a read, in seconds; nothing before the first.
    latency: f64,
    /// When it last said that it may be read from.
    looked_at: Option<Instant>,
    /// Not before then.
    failed_until: Option<Instant>,
}

impl Reads {
    fn seat(&self, address: &HostPort) -> Arc<Seat> {
        let mut seats = lock(&self.seats);
        let seat = seats.entry(address.clone()).or_insert_with(|| {
            Arc::new(Seat { address: address.clone(), line: tokio::sync::Mutex::default(), state: Mutex::default() })
        });
        Arc::clone(seat)
    }

    /// The client is closed: its lines hold what belongs to it.
    pub(crate) fn close(&self) {
        lock(&self.seats).clear();
    }

    /// Forget nodes that nobody reports any more.
    fn retain(&self, nodes: &[HostPort]) {
        lock(&self.seats).retain(|address, seat| nodes.contains(address) || Arc::strong_count(seat) > 1);
    }
}

/// Who is asked first: the one with the least to do; of several, the one that answers fastest. A node that was never asked goes
/// before those that were, so that its time becomes known.
fn best(mut seats: Vec<Arc<Seat>>, now: Instant) -> Option<Arc<Seat>> {
    seats.retain(|seat| lock(&seat.state).failed_until.is_none_or(|until| until <= now));
    fastrand::shuffle(&mut seats);
    seats.into_iter().min_by(|a, b| {
        let (a, b) = (rank(&lock(&a.state)), rank(&lock(&b.state)));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    })
}

/// Times are compared by their magnitude: a node that is a little slower still gets its share.
fn rank(state: &State) -> (u64, f64) {
    let magnitude = if state.latency > 0.0 { state.latency.log2().floor() } else { f64::MIN };
    (state.load, magnitude)
}

/// [`read`], to be run by somebody else.
pub(crate) async fn errand(
    shared: Arc<Shared>,
    request: Request,
    route: ReadFrom,
    limit: Limit,
) -> Result<Option<Value>> {
    read(&shared, &request, route, limit).await
}

/// Execute a read where its route allows. `None`: its route leads to the master now.
async fn read(shared: &Arc<Shared>, request: &Request, route: ReadFrom, limit: Limit) -> Result<Option<Value>> {
    let _place = shared.enter(request)?;
    let mut backoff = Backoff::new(&shared.config.options);
    loop {
        let word = shared.gate.load();
        if word.state == ClientState::Closed {
            return Err(Error::closed());
        }
        let mut nodes = shared.known(|known| known.healthy_replicas());
        if route == ReadFrom::Any && word.state == ClientState::Ready {
            nodes.extend(shared.master(word.generation).map(|master| master.node.clone()));
        }
        shared.reads.retain(&nodes);
        let seats = nodes.iter().map(|node| shared.reads.seat(node)).collect();
        if let Some(seat) = best(seats, Instant::now()) {
            match seat.read(shared, request, route, limit).await {
                Ok(value) => return Ok(Some(value)),
                Err(Failed::Final(error)) => return Err(error),
                Err(Failed::Node) => {
                    lock(&seat.state).failed_until = Some(Instant::now() + LEFT_ALONE);
                    // Another node at once.
                    continue;
                }
            }
        }
        if route != ReadFrom::Replica {
            return Ok(None);
        }
        let late = limit.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if late || shared.config.options.when_unavailable == UnavailablePolicy::Fail {
            return Err(Error::new(ErrorKind::NoReplica, "there is no healthy replica to read from"));
        }
        let pause = backoff.pause().max(shared.config.options.retry_backoff_base);
        let pause =
            limit.deadline.map_or(pause, |deadline| pause.min(deadline.saturating_duration_since(Instant::now())));
        tokio::time::sleep(pause.min(LEFT_ALONE)).await;
    }
}

/// Why a seat gave no value.
enum Failed {
    /// The caller is told.
    Final(Error),
    /// Another node may do better.
    Node,
}

/// Counts a read for as long as it waits.
struct Busy<'a>(&'a Seat);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).load -= 1;
    }
}

impl Seat {
    async fn read(
        &self,
        shared: &Arc<Shared>,
        request: &Request,
        route: ReadFrom,
        limit: Limit,
    ) -> std::result::Result<Value, Failed> {
        let busy = {
            lock(&self.state).load += 1;
            Busy(self)
        };
        let line = self.line(shared, route).await.ok_or(Failed::Node)?;
        let begun = Instant::now();
        let answer = line.ask(request, limit.deadline).await;
        drop(busy);
        match answer.map(|mut values| values.pop()) {
            Ok(Some(Value::ServerError(error))) if is_refusal(error.code()) => Err(Failed::Node),
            Ok(Some(Value::ServerError(error))) => Err(Failed::Final(Error::from_reply(&error))),
            Ok(Some(value)) => {
                let took = begun.elapsed().as_secs_f64();
                let mut state = lock(&self.state);
                state.latency = if state.latency > 0.0 { state.latency * 0.8 + took * 0.2 } else { took };
                Ok(value)
            }
            Ok(None) => Err(Failed::Final(Error::new(ErrorKind::Internal, "a reply is missing"))),
            Err(unanswered) if unanswered.error.kind() == ErrorKind::Closed => Err(Failed::Final(unanswered.error)),
            Err(unanswered) if unanswered.error.kind() == ErrorKind::Timeout => {
                Err(Failed::Final(Error::timeout(Phase::Reply, limit.total, "no reply came")))
            }
            // It only reads: whatever became of it, another node may be asked.
            Err(_) => Err(Failed::Node),
        }
    }

    /// The link, if the node says that it may be read from.
    async fn line(&self, shared: &Arc<Shared>, route: ReadFrom) -> Option<Line> {
        let mut line = self.line.lock().await;
        if !line.as_ref().is_some_and(Line::is_open) {
            lock(&self.state).looked_at = None;
            *line = Line::open(shared, &Target::Node(self.address.clone()), "replica").await.ok();
        }
        let open = line.clone()?;
        let fresh = lock(&self.state).looked_at.is_some_and(|at| at.elapsed() < LOOK_AGAIN);
        if !fresh {
            let within = shared.config.options.heartbeat_timeout;
            let may = tokio::time::timeout(within, may_be_read(&open, shared, &self.address, route)).await;
            if may != Ok(true) {
                *line = None;
                return None;
            }
            lock(&self.state).looked_at = Some(Instant::now());
        }
        Some(open)
    }
}

/// Whether a node says itself that it may be read from. One that does not tell this user is believed.
async fn may_be_read(line: &Line, shared: &Shared, address: &HostPort, route: ReadFrom) -> bool {
    let master = shared.known(|known| known.master.clone());
    if master.as_ref() == Some(address) {
        return route == ReadFrom::Any && line.role == Some(Role::Master);
    }
    let Ok(request) = Request::new(["INFO", "replication"]) else { return false };
    match line.ask(&request, None).await.ok().and_then(|values| values.into_iter().next()) {
        Some(Value::ServerError(error)) if error.code() == "NOPERM" => super::replica::is_connected(line).await,
        Some(Value::VerbatimString { text, .. }) => follows(&text, shared.config.options.replica_max_lag),
        Some(value) => text(&value).is_some_and(|info| follows(info, shared.config.options.replica_max_lag)),
        None => false,
    }
}

/// What INFO replication says of a replica: its link is up, and it heard of its master lately enough.
fn follows(info: &str, max_lag: Option<Duration>) -> bool {
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let heard = || field("master_last_io_seconds_ago").and_then(|ago| ago.parse().ok()).map(Duration::from_secs);
    matches!(field("role"), Some("slave" | "replica"))
        && field("master_link_status") == Some("up")
        && max_lag.is_none_or(|most| heard().is_some_and(|heard| heard <= most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(load: u64, latency: f64) -> Arc<Seat> {
        let state = State { load, latency, ..State::default() };
        Arc::new(Seat { address: HostPort::new("h", 1), line: tokio::sync::Mutex::default(), state: Mutex::new(state) })
    }

    #[test]
    fn nothing_that_may_write_ever_leaves_the_master() {
        let of = |line: &str| route(&Request::new(line.split(' ')).unwrap(), ReadFrom::Replica);
        for read in ["GET k", "HGETALL h", "SCAN 0", "XRANGE s - +"] {
            assert_eq!(of(read), ReadFrom::Replica, "{read}");
        }
        for other in
            ["SET k v", "INCR k", "EVAL x 0", "SORT k STORE d", "GETEX k EX 5", "NOSUCH k", "BLPOP k 0", "PUBLISH c m"]
        {
            assert_eq!(of(other), ReadFrom::Master, "{other}");
        }
        let unit =
            Request::pipeline([Request::new(["GET", "k"]).unwrap(), Request::new(["GET", "k"]).unwrap()]).unwrap();
        assert_eq!(route(&unit, ReadFrom::Replica), ReadFrom::Master);
        let mine = Request::new(["GET", "k"]).unwrap().reading_from(ReadFrom::Any);
        assert_eq!(route(&mine, ReadFrom::Master), ReadFrom::Any, "the call goes before the client");
    }

    #[test]
    fn the_least_busy_is_asked_and_then_the_fastest() {
        let now = Instant::now();
        let chosen = |seats: &[&Arc<Seat>]| best(seats.iter().map(|seat| Arc::clone(seat)).collect(), now).unwrap();
        let (idle, busy, slow, new) = (seat(0, 0.001), seat(1, 0.0001), seat(0, 0.1), seat(0, 0.0));
        assert!(Arc::ptr_eq(&chosen(&[&busy, &idle]), &idle));
        assert!(Arc::ptr_eq(&chosen(&[&slow, &idle]), &idle));
        assert!(Arc::ptr_eq(&chosen(&[&idle, &new]), &new));
        lock(&idle.state).failed_until = Some(now + LEFT_ALONE);
        assert!(Arc::ptr_eq(&chosen(&[&busy, &idle]), &busy));
        assert!(best(vec![idle], now).is_none());
    }

    #[test]
    fn a_replica_follows_closely_enough_or_not() {
        let info = |link: &str, ago: &str| {
            format!("role:slave\r\nmaster_link_status:{link}\r\nmaster_last_io_seconds_ago:{ago}\r\n")
        };
        assert!(follows(&info("up", "0"), Some(Duration::from_secs(1))) && follows(&info("up", "9"), None));
        assert!(!follows(&info("down", "0"), None) && !follows(&info("up", "9"), Some(Duration::from_secs(1))));
        assert!(!follows("role:master\r\n", None) && !follows("", None));
    }
}
