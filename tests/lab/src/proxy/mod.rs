//! TCP proxies with faults, one in front of each server of a lab: whoever knows a server only by its announced address, client or peer, goes
//! through its proxy. All proxies of a lab live on one thread.
//!
//! Here is who connects and which faults are in force; the address itself is in `gate`, the bytes in `connection`, what a fault means in `fault`.

mod connection;
mod fault;
mod frames;
mod gate;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{self, Handle},
    sync::{oneshot, watch},
};

use self::{
    connection::{Connection, Order},
    fault::{Origin, Plan, Rule},
    gate::Gate,
};
use crate::error::{LabError, Result};

pub use self::fault::{Direction, Fault, Side};
pub(crate) use self::{fault::Scope, gate::source_of};

/// How long a connection may take to end after it was told to.
const END: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(5);

/// The thread on which the proxies of a lab live. They end with it.
#[derive(Debug)]
pub(crate) struct Proxies {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxies {
    pub(crate) fn start() -> Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(|e| LabError::io("starting the proxies", e))?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("lab-proxies".into())
            .spawn(move || {
                // An error means that the lab is gone, which is what it waits for.
                let _ = runtime.block_on(stopped);
            })
            .expect("a thread can be started");
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// A proxy in front of `server`, on an address of its own, closed until the server runs.
    pub(crate) fn proxy(&self, server: SocketAddr) -> Result<Proxy> {
        let gate = Gate::new().map_err(|e| LabError::io(format_args!("a proxy for {server}"), e))?;
        let addr = gate.addr();
        let state = State {
            gate,
            up: false,
            rules: Vec::new(),
            last_id: 0,
            connections: BTreeMap::new(),
            traffic: Traffic::default(),
        };
        let shared = Arc::new(Shared {
            server,
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
            fewer: Condvar::new(),
        });
        self.handle.spawn(accept(shared.clone()));
        Ok(Proxy { addr, shared })
    }
}

impl Drop for Proxies {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // It can only have panicked, and whoever drops a lab wants to hear of the first panic, not of this one.
            let _ = thread.join();
        }
    }
}

/// What went through a proxy since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Of whoever is no server of the lab.
    pub clients: Count,
    /// Of the lab's other servers.
    pub peers: Count,
}

/// One side's part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Connections that are open now.
    pub open: u64,
    /// All connections that were accepted, those that were refused at once included.
    pub total: u64,
    /// Bytes that were passed on to the server.
    pub to_server: u64,
    /// Bytes that were passed on from the server.
    pub to_client: u64,
}

impl Traffic {
    fn of(&mut self, origin: Origin) -> &mut Count {
        match origin {
            Origin::Client => &mut self.clients,
            Origin::Peer(_) => &mut self.peers,
        }
    }
}

/// Which of the connections a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// All that are there, and all to come.
    All,
    /// So many to come.
    Next(u32),
    /// The newest that is there.
    Newest,
}

/// A handle on one proxy.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// The address that the server announces.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// While its server does not run, a proxy refuses connections as the server's own port would.
    pub(crate) fn set_up(&self, up: bool) -> Result<()> {
        self.shared.change(|state| state.up = up).map(|_| ())
    }

    /// A fault that begins now.
    pub(crate) fn inject(&self, scope: Scope, fault: Fault, which: Which) -> Result<()> {
        if let Fault::Cut { direction: Direction::Both, .. } = fault {
            return Err(LabError::new("a cut counts one direction: to_server or to_client"));
        }
        if which != Which::All && !fault.can_be_limited() {
            return Err(LabError::new("this fault cannot be for single connections"));
        }
        if fault.is_momentary() {
            let order = if fault == Fault::Reset { Order::Reset } else { Order::HalfOpen };
            let told = self.shared.change(|state| {
                state.order(order, |connection| scope.holds(connection.origin));
                state.ids(|connection| order == Order::Reset && scope.holds(connection.origin))
            })?;
            return self.shared.wait_for_end(&told);
        }
        self.shared.change(|state| {
            state.last_id += 1;
            let id = state.last_id;
            let left = match which {
                Which::All => None,
                Which::Next(connections) => Some(connections),
                Which::Newest => {
                    let newest = state.connections.values_mut().rfind(|connection| scope.holds(connection.origin));
                    newest.ok_or_else(|| LabError::new("there is no such connection"))?.own.push(id);
                    Some(0)
                }
            };
            state.rules.push(Rule { id, scope, fault, left });
            Ok(())
        })?
    }

    /// Ends all faults. Connections that have lost bytes are reset.
    pub(crate) fn heal(&self) -> Result<()> {
        let told = self.shared.change(|state| {
            state.rules.clear();
            let spoiled = |connection: &Connection| connection.spoiled;
            state.order(Order::Reset, spoiled);
            state.ids(spoiled)
        })?;
        self.shared.wait_for_end(&told)
    }

    pub(crate) fn traffic(&self) -> Traffic {
        self.shared.state().traffic
    }
}

/// What the proxy's thread and everybody else look at.
#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    state: Mutex<State>,
    /// The faults in force, or the gate, are not what they were.
    changed: watch::Sender<()>,
    /// A connection has ended.
    fewer: Condvar,
}

#[derive(Debug)]
struct State {
    gate: Gate,
    /// The server runs.
    up: bool,
    rules: Vec<Rule>,
    last_id: u64,
    connections: BTreeMap<u64, Connection>,
    traffic: Traffic,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is in force; when it returns, the sockets obey.
    fn change<T>(&self, act: impl FnOnce(&mut State) -> T) -> Result<T> {
        let mut state = self.state();
        let result = act(&mut state);
        state.set_sockets().map_err(|e| LabError::io(format_args!("the proxy of {}", self.server), e))?;
        drop(state);
        self.changed.send_replace(());
        Ok(result)
    }

    fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn plan(&self, id: u64, way: Direction) -> Plan {
        let state = self.state();
        let connection = state.connections.get(&id);
        connection.map_or_else(Plan::default, |connection| state.plan(connection, way))
    }

    fn orders(&self, id: u64) -> Option<watch::Receiver<Order>> {
        Some(self.state().connections.get(&id)?.order.subscribe())
    }

    fn spoil(&self, id: u64) {
        if let Some(connection) = self.state().connections.get_mut(&id) {
            connection.spoiled = true;
        }
    }

    fn count(&self, id: u64, way: Direction, bytes: usize) {
        let mut state = self.state();
        let Some(origin) = state.connections.get(&id).map(|connection| connection.origin) else {
            return;
        };
        let count = state.traffic.of(origin);
        let counted = if way == Direction::ToServer { &mut count.to_server } else { &mut count.to_client };
        *counted += bytes as u64;
    }

    fn wait_for_end(&self, ids: &[u64]) -> Result<()> {
        let deadline = Instant::now() + END;
        let mut state = self.state();
        while ids.iter().any(|id| state.connections.contains_key(id)) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(LabError::new(format!("the proxy of {}: a connection does not end", self.server)));
            }
            state = self.fewer.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// Enters a new connection; nothing when it is turned away. Also gives where it leads.
    fn enter(&self, stream: TcpStream, from: SocketAddr) -> Option<(u64, Arc<TcpStream>, SocketAddr)> {
        let origin = gate::origin_of(from.ip());
        let mut state = self.state();
        let state = &mut *state;
        let count = state.traffic.of(origin);
        count.total += 1;
        let mut own = Vec::new();
        for rule in state.rules.iter_mut().filter(|rule| rule.scope.holds(origin)) {
            if rule.left.as_ref().is_some_and(|left| *left > 0) {
                own.push(rule.id);
                rule.left = rule.left.map(|left| left - 1);
            }
        }
        state.last_id += 1;
        let id = state.last_id;
        let stream = Arc::new(stream);
        let (order, _) = watch::channel(Order::Live);
        let connection = Connection { id, origin, own, stream: stream.clone(), order, spoiled: false };
        if state.in_force(&connection).any(|rule| rule.fault == Fault::Refuse) {
            connection::reset(&connection.stream);
            return None;
        }
        let to = state.in_force(&connection).find_map(|rule| match rule.fault {
            Fault::Reroute { to } => Some(to),
            _ => None,
        });
        count_open(&mut state.traffic, origin, 1);
        // It may have been accepted by the kernel before its packets were dropped.
        let dark = state.plan(&connection, Direction::Both).hole;
        let _ = stream.set_nodelay(true);
        state.connections.insert(id, connection);
        if dark {
            // Nothing worse can follow than a connection that is not quite dark.
            let _ = gate::drop_all_packets(&stream, true);
        }
        Some((id, stream, to.unwrap_or(self.server)))
    }

    fn leave(&self, id: u64) {
        let mut state = self.state();
        if let Some(connection) = state.connections.remove(&id) {
            count_open(&mut state.traffic, connection.origin, -1);
        }
        drop(state);
        self.fewer.notify_all();
    }
}

fn count_open(traffic: &mut Traffic, origin: Origin, change: i64) {
    let count = traffic.of(origin);
    count.open = count.open.saturating_add_signed(change);
}

impl State {
    fn in_force<'a>(&'a self, connection: &'a Connection) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(|rule| match rule.left {
            None => rule.scope.holds(connection.origin),
            Some(_) => connection.own.contains(&rule.id),
        })
    }

    fn plan(&self, connection: &Connection, way: Direction) -> Plan {
        Plan::of(self.in_force(connection), way)
    }

    fn ids(&self, wanted: impl Fn(&Connection) -> bool) -> Vec<u64> {
        self.connections.values().filter(|connection| wanted(connection)).map(|connection| connection.id).collect()
    }

    fn order(&mut self, order: Order, whom: impl Fn(&Connection) -> bool) {
        for connection in self.connections.values().filter(|connection| whom(connection)) {
            connection.order.send_replace(order);
        }
    }

    /// Makes the kernel's part of it so: who may connect, and whose packets are dropped.
    fn set_sockets(&mut self) -> io::Result<()> {
        let refuses = |rule: &Rule| rule.fault == Fault::Refuse && rule.scope == Scope::All;
        self.gate.set_open(self.up && !self.rules.iter().any(refuses))?;
        let holes: Vec<Scope> =
            self.rules.iter().filter(|rule| rule.fault == Fault::BlackHole).map(|rule| rule.scope).collect();
        self.gate.drop_packets_of(&holes)?;
        for connection in self.connections.values() {
            gate::drop_all_packets(&connection.stream, holes.iter().any(|scope| scope.holds(connection.origin)))?;
        }
        Ok(())
    }
}

async fn accept(shared: Arc<Shared>) {
    let mut changed = shared.changes();
    loop {
        changed.borrow_and_update();
        let opening = {
            let state = shared.state();
            state.gate.opening().and_then(|opening| Some((opening, state.gate.listener().ok()?)))
        };
        if let Some((opening, listener)) = opening
            && let Ok(listener) = TcpListener::from_std(listener)
        {
            accept_while_open(&shared, opening, &listener, &mut changed).await;
        } else if changed.changed().await.is_err() {
            return;
        }
    }
}

/// Returns when this opening of the gate is over.
async fn accept_while_open(
    shared: &Arc<Shared>,
    opening: u64,
    listener: &TcpListener,
    changed: &mut watch::Receiver<()>,
) {
    while shared.state().gate.opening() == Some(opening) {
        let accepted = tokio::select! {
            // First, because a socket that was closed and opened again must not be asked.
            biased;
            _ = changed.changed() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => {
                if let Some((id, stream, to)) = shared.enter(stream, from) {
                    let shared = shared.clone();
                    tokio::spawn(async move {
                        connection::carry(&shared, id, stream, to).await;
                        shared.leave(id);
                    });
                }
            }
            // Closed this very moment, or the process is short of something.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
