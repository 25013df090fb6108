//! The write probe: at intervals a field is written to the master, on a link of its own, to see whether writing works. Nobody
//! else notices a master that answers and does not write.
//!
//! An error reply or a time-out forces rediscovery: every sentinel is asked and the node has to prove its role again. What
//! becomes of the master is the topology's to decide, as ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redis::Value;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::command::Request;
use crate::driver::gate::GateWord;
use crate::error::{Error, ErrorKind, Result};
use crate::event::EventKind;
use crate::node::line::{Line, Target};
use crate::node::probe::Prober;
use crate::node::role::Role;
use crate::sentinel::topology::Input;
use crate::sentinel::watch::Report;
use crate::shared::{Master, Shared};
use crate::status::{ClientState, WriteProbe};

/// The key outlives so many probes, and a minute at least.
const KEPT_FOR: u32 = 10;

/// Probe for as long as the client lives.
pub(super) async fn run(shared: Arc<Shared>, interval: Duration, reports: mpsc::Sender<Report>) {
    let client = client_id();
    let key = match shared.config.options.write_probe_key.as_str() {
        "" => format!("standfast:probe:{}:{client}", host_name()),
        key => key.to_owned(),
    };
    let probe = Probe { key, client, kept_for: (interval * KEPT_FOR).max(Duration::from_secs(60)) };
    let mut line: Option<(u64, Line)> = None;
    loop {
        sleep(interval).await;
        let word = shared.gate.load();
        // While commands are held a write could be one that the next master does not have.
        if word.state != ClientState::Ready {
            continue;
        }
        let Some(master) = shared.master(word.generation) else { continue };
        let (at, begun) = (SystemTime::now(), Instant::now());
        let options = &shared.config.options;
        let limit = options.write_probe_timeout.unwrap_or(options.heartbeat_timeout);
        let outcome = tokio::time::timeout(limit, probe.write(&shared, &mut line, word, &master)).await;
        let outcome = outcome.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout, format!("no reply within {} ms", limit.as_millis())))
        });
        if shared.gate.load() != word && outcome.is_err() {
            // It met a change of the master; the next probe says how the new one is.
            line = None;
            continue;
        }
        let error = outcome.err();
        let result = WriteProbe {
            at,
            master: master.node.clone(),
            ok: error.is_none(),
            duration: begun.elapsed(),
            error: error.as_ref().map(Error::name),
            why: error.as_ref().map(|error| error.message().to_owned()),
        };
        let WriteProbe { master: node, ok, duration, error: name, why, .. } = result.clone();
        shared.known(|known| known.write_probe = Some(result));
        shared.announce(
            EventKind::WriteProbe,
            vec![
                ("master", node.to_string().into()),
                ("ok", ok.into()),
                ("duration", duration.into()),
                ("error", name.into()),
                ("why", why.into()),
            ],
        );
        if let Some(error) = error {
            line = None;
            rediscover(&shared, &master, &error, &reports).await;
        }
    }
}

/// Ask everybody who knows something, the node included.
async fn rediscover(shared: &Arc<Shared>, master: &Master, error: &Error, reports: &mpsc::Sender<Report>) {
    let says_replica = matches!(error.server_reply(), Some(("READONLY" | "MASTERDOWN" | "REDIRECT", _)));
    if says_replica || error.kind() == ErrorKind::NotMaster {
        shared.doubt_role(master.generation);
        return;
    }
    let _ = reports.send(Report::Input(Input::MasterSilent { generation: master.generation })).await;
    let prober = Prober::of(shared);
    let _ = reports.send(Report::Input(prober.ask(master.node.clone()).await)).await;
}

struct Probe {
    key: String,
    client: String,
    kept_for: Duration,
}

impl Probe {
    async fn write(
        &self,
        shared: &Arc<Shared>,
        line: &mut Option<(u64, Line)>,
        word: GateWord,
        master: &Master,
    ) -> Result<()> {
        if !line.as_ref().is_some_and(|(generation, line)| *generation == word.generation && line.is_open()) {
            let open = Line::open(shared, &Target::Node(master.node.clone()), "write_probe").await;
            let open = open.map_err(|cause| Error::new(cause.kind, cause.text.clone()).with_causes(vec![cause]))?;
            if open.role != Some(Role::Master) {
                return Err(Error::new(ErrorKind::NotMaster, format!("{} says that it is no master", master.node)));
            }
            *line = Some((word.generation, open));
        }
        let Some((_, line)) = line else { return Err(Error::new(ErrorKind::Internal, "a link is missing")) };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().to_string();
        let kept_for = self.kept_for.as_millis().to_string();
        for words in [["HSET", &self.key, &self.client, &now].as_slice(), &["PEXPIRE", &self.key, &kept_for]] {
            let values = line.ask(&Request::new(words)?, None).await.map_err(|unanswered| unanswered.error)?;
            if let Some(Value::ServerError(error)) = values.first() {
                return Err(Error::from_reply(error));
            }
        }
        Ok(())
    }
}

/// What no other client of any process on any host has.
fn client_id() -> String {
    static CLIENTS: AtomicU64 = AtomicU64::new(0);
    let number = CLIENTS.fetch_add(1, Ordering::Relaxed);
    format!("{}-{number}-{:08x}", std::process::id(), fastrand::u32(..))
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
