//! The lab itself: starts the servers, breaks and mends them, and knows who they are.
//! When something is healthy is decided in `health`; how servers come up the first time, in `start`; what a server process is, in `server`;
//! what may go wrong between servers that run, in `inject`.

use std::{
    cell::Cell,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    clock::now_us,
    credentials::{Credentials, Kind},
    dir::LabDir,
    error::{LabError, Result},
    health::{self, Role},
    options::LabOptions,
    poll,
    probe::{Probe, Writable},
    proxy::Proxies,
    publisher::Publisher,
    raw::{Raw, Value},
    recorder::Recorder,
    sentinels::Sentinels,
    server::{Server, Site, StartError, info_field},
    start,
    timeline::{Entry, Timeline},
};

const ASK_AGAIN: Duration = Duration::from_millis(10);
/// A replica acknowledges every second.
const STREAMING_TIMEOUT: Duration = Duration::from_secs(10);
pub(crate) const RAW_TIMEOUT: Duration = Duration::from_secs(2);
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(45);
const HEAL_TIMEOUT: Duration = Duration::from_secs(40);

/// `SENTINEL DEBUG`: how often sentinels look at healthy replicas, ask (and believe) each other about the master, and how long they distrust their clock.
/// The period of pings stays as it is: a sentinel that has just pinged or connected sees a dead master up to a second later,
/// so hurried pings would make every failover after a healing a slow one.
type Pace = [&'static str; 6];
const NATURAL: Pace = ["INFO-PERIOD", "10000", "ASK-PERIOD", "1000", "TILT-PERIOD", "30000"];
const HURRIED: Pace = ["INFO-PERIOD", "200", "ASK-PERIOD", "100", "TILT-PERIOD", "1000"];

/// A running topology: one master, its replicas, its sentinels. Everything ends when it is dropped.
///
/// All methods take `&self` and may be called from several threads. Addresses are those of [`Lab::node_addrs`] and
/// [`Lab::sentinel_addrs`]; a server keeps its address for the lab's whole life.
#[derive(Debug)]
pub struct Lab {
    // The order is the order of their end: who listens, who runs, where they live.
    recorder: Option<Recorder>,
    probe: Mutex<Option<Probe>>,
    servers: Mutex<Vec<Server>>,
    // Invariant: never empty. The first is the one that all methods speak of unless they take a name.
    groups: Vec<Group>,
    sentinels: Sentinels,
    _proxies: Option<Proxies>,
    options: LabOptions,
    timeline: Timeline,
    _dir: LabDir,
}

/// A master name and the nodes behind it.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// The first was the first master.
    pub(crate) nodes: Vec<SocketAddr>,
}

impl Lab {
    /// Starts everything and returns when every sentinel agrees.
    pub fn start(options: LabOptions) -> Result<Self> {
        options.check()?;
        let credentials = Credentials::new(options.password.clone(), options.sentinel_password.clone());
        let dir = LabDir::create()?;
        let proxies = options.proxied.then(Proxies::start).transpose()?;
        let site = Site {
            dir: &dir,
            options: &options,
            credentials: &credentials,
            proxies: proxies.as_ref(),
            servers: Cell::new(0),
        };
        let (mut servers, mut groups) = (Vec::new(), Vec::new());
        let names = [&options.master_name].into_iter().chain(&options.more_masters);
        for (index, name) in names.enumerate() {
            let nodes = start::nodes(&site, if index == 0 { options.replicas } else { 1 })?;
            groups.push(Group { name: name.clone(), nodes: nodes.iter().map(Server::addr).collect() });
            servers.extend(nodes);
        }
        let sentinels = start::sentinels(&site, &groups)?;
        let mut lab = Self {
            recorder: None,
            probe: Mutex::new(None),
            groups,
            _proxies: proxies,
            sentinels: Sentinels {
                addrs: sentinels.iter().map(Server::addr).collect(),
                master_name: options.master_name.clone(),
                credentials,
            },
            servers: Mutex::new(servers.into_iter().chain(sentinels).collect()),
            options,
            timeline: Timeline::default(),
            _dir: dir,
        };
        lab.recorder = Some(Recorder::start(&lab.sentinels, &lab.timeline)?);
        lab.wait_healthy(START_TIMEOUT)?;
        Ok(lab)
    }

    /// The canonical URL of this topology, passwords included.
    pub fn url(&self) -> String {
        self.url_of(&self.options.master_name)
    }

    /// The URL for another master name.
    pub fn url_of(&self, master_name: &str) -> String {
        let user = self.options.password.as_ref().map_or(String::new(), |p| format!(":{}@", percent(p)));
        let hosts: Vec<_> = self.sentinels.addrs.iter().map(ToString::to_string).collect();
        let query = self
            .options
            .sentinel_password
            .as_ref()
            .map_or(String::new(), |p| format!("?sentinel_password={}", percent(p)));
        let name = percent(master_name);
        format!("redis+sentinel://{user}{}/{name}{query}", hosts.join(","))
    }

    /// The options it was started with.
    pub fn options(&self) -> &LabOptions {
        &self.options
    }

    /// All sentinels, running or not.
    pub fn sentinel_addrs(&self) -> &[SocketAddr] {
        &self.sentinels.addrs
    }

    /// All data nodes of the first master name, running or not. The first was the first master.
    pub fn node_addrs(&self) -> &[SocketAddr] {
        &self.groups[0].nodes
    }

    /// The same for another master name.
    pub fn nodes_of(&self, master_name: &str) -> Result<&[SocketAddr]> {
        Ok(&self.group(master_name)?.nodes)
    }

    /// The node that most of the running sentinels call the master.
    pub fn master(&self) -> Result<SocketAddr> {
        self.master_of(&self.options.master_name)
    }

    /// The same for another master name.
    pub fn master_of(&self, master_name: &str) -> Result<SocketAddr> {
        let about = self.sentinels.about(master_name);
        let running = Sentinels { addrs: self.running(&self.sentinels.addrs), ..about };
        running.master().ok_or_else(|| LabError::new("the sentinels do not agree on a master"))
    }

    /// A raw connection to a node or a sentinel that has said its password.
    pub fn connect(&self, addr: SocketAddr) -> Result<Raw> {
        let kind = self.kind(addr)?;
        self.sentinels
            .credentials
            .connect(kind, addr, RAW_TIMEOUT)
            .map_err(|e| LabError::io(format_args!("connecting to {addr}"), e))
    }

    /// The servers' version, as the first running node gives it.
    pub fn version(&self) -> Result<String> {
        let node = self.running(self.node_addrs()).first().copied().ok_or_else(|| LabError::new("no node runs"))?;
        let info = self
            .connect(node)?
            .command(&["INFO", "server"])
            .map_err(|e| LabError::io(format_args!("asking {node}"), e))?
            .text();
        let version = info_field(&info, "valkey_version").or_else(|| info_field(&info, "redis_version"));
        Ok(version.unwrap_or("unknown").to_owned())
    }

    // ---- faults. Each returns its time, which is also in the timeline. ----

    /// SIGKILL. For a node or a sentinel.
    pub fn kill(&self, addr: SocketAddr) -> Result<i64> {
        self.fault(addr, "kill", Server::kill)
    }

    /// SIGSTOP: the server keeps its connections and says nothing. For a node or a sentinel.
    pub fn stop(&self, addr: SocketAddr) -> Result<i64> {
        self.fault(addr, "stop", Server::stop)
    }

    /// SIGCONT after [`Lab::stop`].
    pub fn cont(&self, addr: SocketAddr) -> Result<i64> {
        let at_us = now_us();
        self.server(addr, Server::cont)?;
        self.note(at_us, addr, "cont");
        Ok(at_us)
    }

    /// SIGCONT for everything that is stopped; tells what that was.
    pub fn cont_all(&self) -> Result<Vec<SocketAddr>> {
        let mut woken = Vec::new();
        for addr in self.all() {
            if self.server(addr, |server| Ok(server.exists() && server.is_stopped()))? {
                self.cont(addr)?;
                woken.push(addr);
            }
        }
        Ok(woken)
    }

    /// SIGTERM: the server ends in its own way. Returns when it has.
    pub fn shutdown(&self, addr: SocketAddr) -> Result<i64> {
        let at_us = self.fault(addr, "shutdown", Server::terminate)?;
        poll::until(&format!("{addr} ends"), ASK_AGAIN, START_TIMEOUT, || {
            match self.server(addr, Server::has_ended) {
                Ok(true) => Ok(()),
                Ok(false) => Err("it still runs".into()),
                Err(error) => Err(error.to_string()),
            }
        })?;
        Ok(at_us)
    }

    /// `SENTINEL FAILOVER`, asked of the first running sentinel, as soon as every running replica has what the master has now.
    ///
    /// A replica calls itself connected up to a second before the command stream reaches it; a failover in that second loses
    /// writes that no client could have saved.
    pub fn planned_failover(&self) -> Result<i64> {
        self.planned_failover_of(&self.options.master_name)
    }

    /// The same for another master name.
    pub fn planned_failover_of(&self, master_name: &str) -> Result<i64> {
        let group = self.group(master_name)?;
        let master = self.master_of(master_name)?;
        self.wait_streaming(group, master)?;
        let sentinel =
            self.running(&self.sentinels.addrs).first().copied().ok_or_else(|| LabError::new("no sentinel runs"))?;
        let mut raw = self.connect(sentinel)?;
        self.arm(master, "planned");
        let at_us = now_us();
        raw.command(&["SENTINEL", "FAILOVER", master_name])
            .and_then(|reply| reply.into_result())
            .map_err(|e| LabError::io("SENTINEL FAILOVER", e))?;
        self.note(at_us, master, "planned");
        Ok(at_us)
    }

    /// Starts a dead server again on its old port: a node as a replica of the present master, a sentinel with its own configuration.
    pub fn restart(&self, addr: SocketAddr) -> Result<i64> {
        if self.server(addr, |server| Ok(server.exists()))? {
            return Err(LabError::new(format!("{addr} still runs")));
        }
        let master = match self.kind(addr)? {
            Kind::Node => self.master_of(&self.group_of(addr)?.name).ok().filter(|master| *master != addr),
            Kind::Sentinel => None,
        };
        let at_us = now_us();
        poll::until(&format!("{addr} restarts"), ASK_AGAIN, START_TIMEOUT, || {
            self.server(addr, |server| {
                server.spawn(&self.options, master)?;
                match server.wait_until_up(&self.sentinels.credentials) {
                    Ok(()) => Ok(Ok(())),
                    Err(StartError::PortTaken) => Ok(Err("somebody else has its port".to_owned())),
                    Err(StartError::Failed(error)) => Err(error),
                }
            })
            .unwrap_or_else(|error| Err(error.to_string()))
        })?;
        self.note(at_us, addr, "restart");
        Ok(at_us)
    }

    // ---- waiting ----

    /// Waits until the node that takes writes after the latest fault of a master is known.
    pub fn wait_writable(&self, timeout: Duration) -> Result<Writable> {
        let watcher = lock(&self.probe).as_ref().map(Probe::watcher);
        watcher
            .ok_or_else(|| LabError::new("no master had a fault yet"))?
            .wait(timeout)
            // Why a failover did not happen is told only by what happened instead.
            .map_err(|error| LabError::new(format!("{error}; {}", self.timeline.last_words())))
    }

    /// Waits until every node and sentinel runs and every sentinel agrees on everything. Changes nothing: after a fault this takes
    /// as long as Sentinel does, up to 20 seconds, or 30 after the machine has stalled.
    pub fn wait_healthy(&self, timeout: Duration) -> Result<SocketAddr> {
        poll::until("the lab is healthy", ASK_AGAIN, timeout, || self.agreement())
    }

    /// Waits until no failover goes on, the sentinels name one master, and every running node follows it: the moment from which the
    /// next failover is an ordinary one, though a server may be missing.
    pub fn wait_replicating(&self, timeout: Duration) -> Result<SocketAddr> {
        poll::until("the nodes follow one master", ASK_AGAIN, timeout, || {
            let sentinels = self.running(&self.sentinels.addrs);
            let follows = |group: &Group| {
                let about = self.sentinels.about(&group.name);
                let views: Vec<_> = sentinels.iter().filter_map(|s| Some((*s, about.view(*s).ok()?))).collect();
                health::replicating(health::calm(&views)?, &self.roles(group))
            };
            self.in_every_group(follows)
        })
    }

    /// Waits until every running replica has acknowledged what the master has written so far.
    fn wait_streaming(&self, group: &Group, master: SocketAddr) -> Result<()> {
        let role = || -> std::result::Result<Value, String> {
            let reply = self.connect(master).map_err(|e| e.to_string())?.command(&["ROLE"]);
            reply.map_err(|e| e.to_string())
        };
        let offset = |value: Option<&Value>| value.and_then(|value| value.text().parse::<u64>().ok()).unwrap_or(0);
        let replicas = self.running(&group.nodes).len().saturating_sub(1);
        // The first look only says how far the master is; nothing was acknowledged before its first ping.
        let written = offset(role().map_err(LabError::new)?.items().get(1)).max(1);
        poll::until("every replica receives the command stream", ASK_AGAIN, STREAMING_TIMEOUT, || {
            let role = role()?;
            let acknowledged = role.items().get(2).map(Value::items).unwrap_or_default();
            let caught_up = acknowledged.iter().filter(|replica| offset(replica.items().get(2)) >= written).count();
            if caught_up >= replicas { Ok(()) } else { Err(format!("{caught_up} of {replicas} do")) }
        })
    }

    /// Mends everything and returns the master when the lab is healthy: ends the faults of the proxies, goes on with what was stopped, restarts
    /// what is dead, and does at once what Sentinel would do in ten seconds, namely tell a stale master whom to follow.
    pub fn heal(&self) -> Result<SocketAddr> {
        if self.options.proxied {
            self.heal_faults()?;
        }
        self.cont_all()?;
        for addr in self.all() {
            if !self.server(addr, |server| Ok(server.exists()))? {
                self.restart(addr)?;
            }
        }
        self.set_pace(HURRIED);
        let healed = poll::until("the lab heals", ASK_AGAIN, HEAL_TIMEOUT, || {
            self.agreement().inspect_err(|_| self.groups.iter().for_each(|group| self.lead_strays_back(group)))
        });
        self.set_pace(NATURAL);
        healed
    }

    // ---- records ----

    /// Every fault, every word of every sentinel, and each new master's first write, by time.
    pub fn timeline(&self) -> Vec<Entry> {
        self.timeline.entries_by_time()
    }

    /// Waits for the first entry of this kind at or after `since_us`.
    pub fn wait_entry(&self, kind: &str, since_us: i64, timeout: Duration) -> Result<Entry> {
        self.timeline.wait_for(kind, timeout, |entry| entry.kind == kind && entry.at_us >= since_us)
    }

    /// Starts publishing 0, 1, 2, … on `channel`, one message `every` so often.
    pub fn publisher(&self, channel: &str, every: Duration) -> Publisher {
        Publisher::start(&self.sentinels, channel, every)
    }

    // ---- inside ----

    fn fault(&self, addr: SocketAddr, kind: &'static str, act: impl Fn(&mut Server) -> Result<()>) -> Result<i64> {
        if !self.server(addr, |server| Ok(server.exists()))? {
            return Err(LabError::new(format!("{addr} does not run")));
        }
        self.arm_if_master(addr, kind);
        let mut at_us = 0;
        self.server(addr, |server| {
            at_us = now_us();
            act(server)
        })?;
        self.note(at_us, addr, kind);
        Ok(at_us)
    }

    /// Before whatever may cost a master its place.
    pub(crate) fn arm_if_master(&self, addr: SocketAddr, fault: &'static str) {
        if let Ok(group) = self.group_of(addr)
            && self.master_of(&group.name).ok() == Some(addr)
        {
            self.arm(addr, fault);
        }
    }

    fn arm(&self, master: SocketAddr, fault: &'static str) {
        let group = self.group_of(master).map(|group| &group.nodes[..]).unwrap_or_default();
        let others = group.iter().copied().filter(|node| *node != master).collect();
        *lock(&self.probe) = Some(Probe::arm(others, &self.sentinels.credentials, &self.timeline, fault));
    }

    /// A sentinel's fault has a name of its own: a reader of the timeline looks for the master's.
    fn note(&self, at_us: i64, addr: SocketAddr, kind: &str) {
        match self.kind(addr) {
            Ok(Kind::Sentinel) => self.note_more(at_us, addr, &format!("{kind}_sentinel"), ""),
            _ => self.note_more(at_us, addr, kind, ""),
        }
    }

    pub(crate) fn note_more(&self, at_us: i64, addr: SocketAddr, kind: &str, more: &str) {
        self.timeline.record(at_us, "lab", kind, format!("{addr} {more}").trim_end());
    }

    fn kind(&self, addr: SocketAddr) -> Result<Kind> {
        if self.group_of(addr).is_ok() {
            Ok(Kind::Node)
        } else if self.sentinels.addrs.contains(&addr) {
            Ok(Kind::Sentinel)
        } else {
            Err(LabError::new(format!("{addr} is no server of this lab")))
        }
    }

    /// Every master name with its present master.
    pub(crate) fn masters(&self) -> Result<Vec<(String, SocketAddr)>> {
        self.groups.iter().map(|group| Ok((group.name.clone(), self.master_of(&group.name)?))).collect()
    }

    /// Where the server with this address really listens; an address that is none of the lab's stays as it is.
    pub(crate) fn behind(&self, addr: SocketAddr) -> SocketAddr {
        self.sentinels.credentials.behind(addr)
    }

    fn group(&self, master_name: &str) -> Result<&Group> {
        let found = self.groups.iter().find(|group| group.name == master_name);
        found.ok_or_else(|| LabError::new(format!("{master_name} is no master of this lab")))
    }

    fn group_of(&self, node: SocketAddr) -> Result<&Group> {
        let found = self.groups.iter().find(|group| group.nodes.contains(&node));
        found.ok_or_else(|| LabError::new(format!("{node} is no node of this lab")))
    }

    /// Sentinels first: what is done to all servers one after another must not look like a failure to them.
    pub(crate) fn all(&self) -> Vec<SocketAddr> {
        self.sentinels.addrs.iter().chain(self.groups.iter().flat_map(|group| &group.nodes)).copied().collect()
    }

    /// The first group's master, if nothing is wrong with any group.
    fn in_every_group(
        &self,
        look: impl Fn(&Group) -> std::result::Result<SocketAddr, String>,
    ) -> std::result::Result<SocketAddr, String> {
        let masters = self.groups.iter().map(look).collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(masters[0])
    }

    pub(crate) fn server<T>(&self, addr: SocketAddr, act: impl FnOnce(&mut Server) -> Result<T>) -> Result<T> {
        self.kind(addr)?;
        let mut servers = lock(&self.servers);
        let server =
            servers.iter_mut().find(|server| server.addr() == addr).expect("every address of the lab has a server");
        act(server)
    }

    fn running(&self, addrs: &[SocketAddr]) -> Vec<SocketAddr> {
        let mut servers = lock(&self.servers);
        servers
            .iter_mut()
            .filter(|server| addrs.contains(&server.addr()))
            .filter_map(|server| server.runs().then_some(server.addr()))
            .collect()
    }

    fn agreement(&self) -> std::result::Result<SocketAddr, String> {
        let running = self.running(&self.all());
        if let Some(missing) = self.all().iter().find(|addr| !running.contains(addr)) {
            return Err(format!("{missing} does not run"));
        }
        self.in_every_group(|group| self.agreement_about(group))
    }

    fn agreement_about(&self, group: &Group) -> std::result::Result<SocketAddr, String> {
        let about = self.sentinels.about(&group.name);
        let mut views = Vec::new();
        for addr in self.sentinels.addrs.iter().copied() {
            let view = about.view(addr).map_err(|e| format!("sentinel {addr}: {e}"))?;
            views.push((addr, view));
        }
        let master = health::agreed(&views, &group.nodes)?;
        // Sentinels speak of what they saw up to ten seconds ago.
        health::replicating(master, &self.roles(group))
    }

    /// What each running node says of itself; one that does not answer is left out, and its replicas will complain.
    fn roles(&self, group: &Group) -> Vec<(SocketAddr, Role)> {
        let ask = |node| Role::read(&self.connect(node).ok()?.command(&["ROLE"]).ok()?);
        self.running(&group.nodes).into_iter().filter_map(|node| Some((node, ask(node)?))).collect()
    }

    fn lead_strays_back(&self, group: &Group) {
        let about = self.sentinels.about(&group.name);
        let views: Vec<_> = about.addrs.iter().filter_map(|s| about.view(*s).ok()).collect();
        let Some(master) = views.first().map(|view| view.master) else {
            return;
        };
        // A failover in progress must not be meddled with.
        if views.iter().any(|view| view.master != master || view.master_flags != "master") {
            return;
        }
        let wanted = master.to_string();
        for (node, role) in self.roles(group) {
            let strays = match role {
                Role::Master => node != master,
                Role::Replica { of, .. } => node != master && of != wanted,
            };
            if strays && let Ok(mut raw) = self.connect(node) {
                // Whether it worked shows at the next look.
                let _ = raw.command(&["REPLICAOF", &master.ip().to_string(), &master.port().to_string()]);
            }
        }
    }

    /// Sets the periods by which the running sentinels work: hurried while the lab is getting well, natural before anybody breaks it again.
    /// Servers before 7.0 have no such knobs; healing then just takes longer.
    fn set_pace(&self, pace: Pace) {
        let mut command = vec!["SENTINEL", "DEBUG"];
        command.extend(pace);
        for sentinel in self.running(&self.sentinels.addrs) {
            if let Ok(mut raw) = self.connect(sentinel) {
                let _ = raw.command(&command);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything but letters, digits and `-._~` as `%XX`.
fn percent(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
