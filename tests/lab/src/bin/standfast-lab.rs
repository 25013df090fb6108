//! `standfast-lab`: the lab for tests in other languages. One JSON object a line in, one out, in the same order; `tests/lab/README.md` lists the requests.
//! End of input, SIGINT and SIGTERM end everything. What the requests mean is decided in the library.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
    net::SocketAddr,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use standfast_lab::{Fault, Lab, LabOptions, Publisher, Side, Value, clean_up, now_us};

fn main() -> Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).context("listening to signals")?;
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            clean_up();
            std::process::exit(128 + signal);
        }
    });
    let mut session = Session::default();
    for line in io::stdin().lock().lines() {
        // A line that is not UTF-8 is as wrong as one that is not JSON; it does not end the session.
        let answer = match line {
            Ok(line) if line.trim().is_empty() => continue,
            Ok(line) => session.answer(&line),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => failure(Json::Null, "the line is not UTF-8"),
            Err(e) => return Err(e).context("reading standard input"),
        };
        // Whoever closed our output does not want an answer, and will close our input next.
        let _ = writeln!(io::stdout(), "{answer}").and_then(|()| io::stdout().flush());
    }
    Ok(())
}

/// What is asked, as in the README. `node` may be a sentinel where that makes sense.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    Start(StartRequest),
    Master {},
    KillMaster {},
    StopMaster {},
    ShutdownMaster {},
    KillNode {
        node: SocketAddr,
    },
    StopNode {
        node: SocketAddr,
    },
    ShutdownNode {
        node: SocketAddr,
    },
    /// Without `node`: everything that is stopped.
    Cont {
        node: Option<SocketAddr>,
    },
    Restart {
        node: SocketAddr,
    },
    PlannedFailover {
        master_name: Option<String>,
    },
    Fault(FaultRequest),
    /// Without `node`: those of every server.
    HealFaults {
        node: Option<SocketAddr>,
    },
    Partition {
        between: [Vec<SocketAddr>; 2],
    },
    Traffic {
        node: SocketAddr,
    },
    Remonitor {
        sentinel: SocketAddr,
        node: SocketAddr,
    },
    /// Without `sentinels`: all of them.
    Redeploy {
        sentinels: Option<Vec<SocketAddr>>,
    },
    Heal {},
    WaitHealthy {
        timeout_ms: Option<u64>,
    },
    WaitReplicating {
        timeout_ms: Option<u64>,
    },
    WaitWritable {
        timeout_ms: Option<u64>,
    },
    WaitEvent {
        kind: String,
        since_us: Option<i64>,
        timeout_ms: Option<u64>,
    },
    Timeline {
        since_us: Option<i64>,
    },
    PublisherStart {
        channel: String,
        every_ms: Option<u64>,
    },
    PublisherStop {
        publisher: u64,
    },
    /// Without `node`: the master.
    Redis {
        node: Option<SocketAddr>,
        args: Vec<String>,
    },
    Stop {},
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartRequest {
    replicas: Option<usize>,
    sentinels: Option<usize>,
    quorum: Option<usize>,
    down_after_ms: Option<u64>,
    failover_timeout_ms: Option<u64>,
    master_name: Option<String>,
    password: Option<String>,
    sentinel_password: Option<String>,
    #[serde(default)]
    proxied: bool,
    #[serde(default)]
    more_masters: Vec<String>,
    #[serde(default)]
    server_args: Vec<String>,
}

#[derive(Deserialize)]
struct FaultRequest {
    node: SocketAddr,
    side: Option<Side>,
    next: Option<u32>,
    #[serde(default)]
    newest: bool,
    /// Takes what is left, and refuses what it does not know.
    #[serde(flatten)]
    fault: Fault,
}

impl StartRequest {
    fn options(self) -> LabOptions {
        let usual = LabOptions::default();
        LabOptions {
            replicas: self.replicas.unwrap_or(usual.replicas),
            sentinels: self.sentinels.unwrap_or(usual.sentinels),
            quorum: self.quorum,
            down_after: self.down_after_ms.map_or(usual.down_after, Duration::from_millis),
            failover_timeout: self.failover_timeout_ms.map_or(usual.failover_timeout, Duration::from_millis),
            master_name: self.master_name.unwrap_or(usual.master_name),
            password: self.password,
            sentinel_password: self.sentinel_password,
            proxied: self.proxied,
            more_masters: self.more_masters,
            server_args: self.server_args,
            server: usual.server,
        }
    }
}

/// At most one lab, and its publishers.
#[derive(Default)]
struct Session {
    publishers: BTreeMap<u64, Publisher>,
    last_publisher: u64,
    lab: Option<Lab>,
}

impl Session {
    fn answer(&mut self, line: &str) -> Json {
        let mut request: Map<String, Json> = match serde_json::from_str(line) {
            Ok(request) => request,
            Err(e) => return failure(Json::Null, format!("not a JSON object: {e}")),
        };
        let id = request.remove("id").unwrap_or(Json::Null);
        let result = serde_json::from_value(Json::Object(request))
            .map_err(anyhow::Error::from)
            .and_then(|request| self.obey(request));
        match result {
            Ok(mut answer) => {
                answer["id"] = id;
                answer["ok"] = true.into();
                answer
            }
            Err(e) => failure(id, format!("{e:#}")),
        }
    }

    fn obey(&mut self, request: Request) -> Result<Json> {
        Ok(match request {
            Request::Start(start) => {
                if self.lab.is_some() {
                    bail!("a lab runs already: `stop` it first");
                }
                let lab = Lab::start(start.options())?;
                let others = &lab.options().more_masters;
                let more: Result<Map<String, Json>> = others
                    .iter()
                    .map(|name| {
                        let (url, nodes) = (lab.url_of(name), lab.nodes_of(name)?);
                        Ok((name.clone(), json!({"url": url, "nodes": nodes, "master": lab.master_of(name)?})))
                    })
                    .collect();
                let answer = json!({
                    "more_masters": more?,
                    "url": lab.url(),
                    "sentinels": lab.sentinel_addrs(),
                    "nodes": lab.node_addrs(),
                    "master": lab.master()?,
                    "master_name": lab.options().master_name,
                    "version": lab.version()?,
                });
                self.lab = Some(lab);
                answer
            }
            Request::Master {} => json!({"master": self.lab()?.master()?}),
            Request::KillMaster {} => self.fault_of_master(Lab::kill)?,
            Request::StopMaster {} => self.fault_of_master(Lab::stop)?,
            Request::ShutdownMaster {} => self.fault_of_master(Lab::shutdown)?,
            Request::KillNode { node } => json!({"node": node, "at_us": self.lab()?.kill(node)?}),
            Request::StopNode { node } => json!({"node": node, "at_us": self.lab()?.stop(node)?}),
            Request::ShutdownNode { node } => {
                json!({"node": node, "at_us": self.lab()?.shutdown(node)?})
            }
            Request::Cont { node: Some(node) } => {
                json!({"node": node, "at_us": self.lab()?.cont(node)?})
            }
            Request::Cont { node: None } => json!({"nodes": self.lab()?.cont_all()?}),
            Request::Restart { node } => json!({"node": node, "at_us": self.lab()?.restart(node)?}),
            Request::PlannedFailover { master_name } => {
                let lab = self.lab()?;
                let name = master_name.unwrap_or_else(|| lab.options().master_name.clone());
                json!({"node": lab.master_of(&name)?, "at_us": lab.planned_failover_of(&name)?})
            }
            Request::Fault(FaultRequest { node, side, next, newest, fault }) => {
                let (lab, side) = (self.lab()?, side.unwrap_or(Side::All));
                let at_us = match next {
                    Some(_) if newest => bail!("next or newest, not both"),
                    None if newest => lab.inject_newest(node, side, fault)?,
                    Some(connections) => lab.inject_next(node, connections, side, fault)?,
                    None => lab.inject(node, side, fault)?,
                };
                json!({"node": node, "at_us": at_us})
            }
            Request::HealFaults { node: Some(node) } => {
                json!({"node": node, "at_us": self.lab()?.heal_faults_of(node)?})
            }
            Request::HealFaults { node: None } => json!({"at_us": self.lab()?.heal_faults()?}),
            Request::Partition { between: [some, others] } => {
                json!({"at_us": self.lab()?.partition(&some, &others)?})
            }
            Request::Traffic { node } => json!({"node": node, "traffic": self.lab()?.traffic(node)?}),
            Request::Remonitor { sentinel, node } => {
                json!({"node": node, "at_us": self.lab()?.remonitor(sentinel, node)?})
            }
            Request::Redeploy { sentinels } => {
                let lab = self.lab()?;
                let sentinels = sentinels.unwrap_or_else(|| lab.sentinel_addrs().to_vec());
                json!({"at_us": lab.redeploy(&sentinels)?})
            }
            Request::Heal {} => json!({"master": self.lab()?.heal()?}),
            Request::WaitHealthy { timeout_ms } => {
                json!({"master": self.lab()?.wait_healthy(patience(timeout_ms))?})
            }
            Request::WaitReplicating { timeout_ms } => {
                json!({"master": self.lab()?.wait_replicating(patience(timeout_ms))?})
            }
            Request::WaitWritable { timeout_ms } => {
                let writable = self.lab()?.wait_writable(patience(timeout_ms))?;
                json!({"node": writable.node, "at_us": writable.at_us})
            }
            Request::WaitEvent { kind, since_us, timeout_ms } => {
                json!({"entry": self.lab()?.wait_entry(&kind, since_us.unwrap_or(0), patience(timeout_ms))?})
            }
            Request::Timeline { since_us } => {
                let mut entries = self.lab()?.timeline();
                entries.retain(|entry| entry.at_us >= since_us.unwrap_or(0));
                json!({"timeline": entries, "now_us": now_us()})
            }
            Request::PublisherStart { channel, every_ms } => {
                let every = Duration::from_millis(every_ms.unwrap_or(5).clamp(1, 60_000));
                let publisher = self.lab()?.publisher(&channel, every);
                self.last_publisher += 1;
                self.publishers.insert(self.last_publisher, publisher);
                json!({"publisher": self.last_publisher})
            }
            Request::PublisherStop { publisher } => {
                let running = self.publishers.remove(&publisher).context("there is no such publisher")?;
                json!({"log": running.stop()})
            }
            Request::Redis { node, args } => {
                let lab = self.lab()?;
                let node = node.map_or_else(|| lab.master(), Ok)?;
                let reply = lab.connect(node)?.command(&args).and_then(Value::into_result)?;
                json!({"node": node, "reply": to_json(&reply)})
            }
            Request::Stop {} => {
                self.publishers.clear();
                self.lab = None;
                json!({})
            }
        })
    }

    fn lab(&self) -> Result<&Lab> {
        self.lab.as_ref().context("no lab runs: `start` one first")
    }

    fn fault_of_master(&self, fault: impl Fn(&Lab, SocketAddr) -> standfast_lab::Result<i64>) -> Result<Json> {
        let lab = self.lab()?;
        let node = lab.master()?;
        Ok(json!({"node": node, "at_us": fault(lab, node)?}))
    }
}

/// Nobody's patience lasts longer than an hour, and a clock cannot count for ever.
fn patience(timeout_ms: Option<u64>) -> Duration {
    Duration::from_millis(timeout_ms.unwrap_or(30_000).min(3_600_000))
}

fn failure(id: Json, error: impl ToString) -> Json {
    json!({"id": id, "ok": false, "error": error.to_string()})
}

/// Bytes that are not UTF-8 come out with replacement characters: JSON has nothing better.
fn to_json(value: &Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Int(n) => (*n).into(),
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Simple(_) | Value::Bulk(_) | Value::Error(_) => value.text().into(),
    }
}
