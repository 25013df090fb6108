//! Replicas that may be read from: what the sentinels say of them, and what they say themselves.

use std::sync::Arc;
use std::time::Instant;

use redis::Value;
use tokio::time::timeout_at;

use super::line::{Line, Target};
use super::role::Role;
use crate::command::Request;
use crate::config::HostPort;
use crate::error::{Error, Result};
use crate::link::resp::text;
use crate::shared::Shared;
use crate::status::ClientState;
use crate::supervisor::backoff::Backoff;

/// A node to read from, with a link to it.
pub(crate) struct Found {
    pub(crate) line: Line,
    pub(crate) address: HostPort,
    /// The generation of the master that it is; a replica has none.
    pub(crate) master: Option<u64>,
}

/// Find a node for work that takes several reads: the one before, if it can still be read from, a healthy replica, or the
/// master. Waits until the deadline, or fails at once with `when_unavailable=fail`.
pub(crate) async fn find(
    shared: &Arc<Shared>,
    before: Option<&str>,
    only_master: bool,
    kind: &'static str,
    deadline: Instant,
) -> Result<Found> {
    let mut backoff = Backoff::new(&shared.config.options);
    let mut gate = shared.gate.watch();
    loop {
        gate.borrow_and_update();
        let word = shared.gate.load();
        if word.state == ClientState::Closed {
            return Err(Error::closed());
        }
        let mut nodes = if only_master { Vec::new() } else { shared.known(|known| known.healthy_replicas()) };
        fastrand::shuffle(&mut nodes);
        let master = shared.master(word.generation).filter(|_| word.state == ClientState::Ready);
        nodes.extend(master.iter().map(|master| master.node.clone()));
        // The one before goes first: only there a position means something.
        nodes.sort_by_key(|node| before != Some(node.to_string().as_str()));
        for address in nodes {
            let of_master = master.as_ref().filter(|master| master.node == address).map(|master| master.generation);
            let line = timeout_at(deadline.into(), open(shared, &address, of_master.is_some(), kind)).await;
            match line {
                Ok(Some(line)) => return Ok(Found { line, address, master: of_master }),
                Ok(None) => {}
                Err(_) => break,
            }
        }
        if Instant::now() >= deadline {
            let after = shared.config.options.command_timeout;
            return Err(Error::timeout(word.phase(), after, "no node can be read from"));
        }
        let pause = backoff.pause().max(shared.config.options.retry_backoff_base);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = gate.changed() => {}
        }
    }
}

/// A link to a node that is what it should be, or nothing.
async fn open(shared: &Arc<Shared>, address: &HostPort, is_master: bool, kind: &'static str) -> Option<Line> {
    let line = Line::open(shared, &Target::Node(address.clone()), kind).await.ok()?;
    match (is_master, line.role) {
        (true, Some(Role::Master)) => Some(line),
        (false, Some(Role::Replica)) => is_connected(&line).await.then_some(line),
        _ => None,
    }
}

/// Whether a replica says itself that it follows its master. One that does not tell this user is believed.
pub(crate) async fn is_connected(line: &Line) -> bool {
    let Ok(request) = Request::new(["ROLE"]) else { return false };
    let Ok(values) = line.ask(&request, None).await else { return false };
    match values.first() {
        Some(Value::Array(parts)) => parts.get(3).and_then(text) == Some("connected"),
        Some(Value::ServerError(error)) => error.code() == "NOPERM",
        _ => false,
    }
}
