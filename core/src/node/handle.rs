//! One node or one sentinel, asked by its address. For looking and for administration: a command that may write data is
//! refused, because whether this node is the master is not known when the command arrives; [`crate::Client::command`] knows.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use redis::Value;

use super::line::{Line, Target};
use super::role::Role;
use crate::bell::Interrupt;
use crate::client::{ClientHandle, Timeout};
use crate::command::Request;
use crate::config::HostPort;
use crate::errand::{self, Errand};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::shared::{Limit, Shared};
use crate::sync::lock;
use crate::tree::Tree;

/// A node or a sentinel that this client knows: see [`crate::Client::node`] and [`crate::Client::sentinel`]. Clones share its
/// connection, which is made with the first command and closed when it was not used for `pool_idle`.
#[derive(Clone)]
pub struct NodeHandle {
    seat: Arc<Seat>,
    client: Arc<ClientHandle>,
}

struct Seat {
    shared: Arc<Shared>,
    target: Target,
    line: tokio::sync::Mutex<Option<Line>>,
    role: Mutex<&'static str>,
}

/// An address as it is written: a host and a port.
fn address(text: &str) -> Result<HostPort> {
    let wrong = || Error::new(ErrorKind::InvalidArgument, "an address is a host and a port, such as 10.0.0.1:6379");
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
    if host.is_empty() {
        return Err(wrong());
    }
    Ok(HostPort::new(host, port))
}

impl NodeHandle {
    pub(crate) fn node(client: &Arc<ClientHandle>, text: &str) -> Result<NodeHandle> {
        let wanted = address(text)?;
        let nodes = client.shared().known(|known| known.nodes());
        if !nodes.iter().any(|node| node.address == wanted) {
            return Err(unknown("node", &wanted));
        }
        NodeHandle::new(client, Target::Node(wanted), "unknown")
    }

    pub(crate) fn sentinel(client: &Arc<ClientHandle>, text: &str) -> Result<NodeHandle> {
        let wanted = address(text)?;
        let sentinels = client.shared().known(|known| known.sentinels());
        if !sentinels.iter().any(|sentinel| sentinel.address == wanted) {
            return Err(unknown("sentinel", &wanted));
        }
        NodeHandle::new(client, Target::Sentinel(wanted), "sentinel")
    }

    fn new(client: &Arc<ClientHandle>, target: Target, role: &'static str) -> Result<NodeHandle> {
        client.shared().check_process()?;
        let shared = Arc::clone(client.shared());
        let seat = Seat { shared, target, line: tokio::sync::Mutex::default(), role: Mutex::new(role) };
        Ok(NodeHandle { seat: Arc::new(seat), client: Arc::clone(client) })
    }

    /// The address.
    pub fn address(&self) -> &HostPort {
        match &self.seat.target {
            Target::Node(address) | Target::Sentinel(address) => address,
        }
    }

    /// What it said of itself when it was connected to last: `master`, `replica`, `sentinel`; `unknown` before.
    pub fn role(&self) -> &'static str {
        *lock(&self.seat.role)
    }

    /// Both as a report.
    pub fn to_tree(&self) -> Tree {
        Tree::Map(vec![("address", self.address().to_string().into()), ("role", self.role().into())])
    }

    /// Execute a command on this node, whatever its role is.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a command that may write data; [`ErrorKind::ConnectFailed`], [`ErrorKind::Timeout`],
    /// [`ErrorKind::Disconnected`]; [`ErrorKind::MaybeExecuted`] when it was sent and does not only read.
    pub async fn execute(&self, request: impl Into<Request>, timeout: Timeout) -> Result<Value> {
        let work = self.work(request.into(), timeout)?;
        errand::run(self.client.shared(), work).await
    }

    /// The same on a waiting thread.
    ///
    /// # Errors
    /// As [`NodeHandle::execute`], and [`ErrorKind::Cancelled`] when interrupted: then it may have been executed.
    pub fn execute_blocking(
        &self,
        request: impl Into<Request>,
        timeout: Timeout,
        interrupt: Interrupt<'_>,
    ) -> Result<Value> {
        errand::wait(self.client.shared(), self.work(request.into(), timeout)?, interrupt)
    }

    /// The same for a completion queue.
    ///
    /// # Errors
    /// Those that are known before anything is asked.
    pub fn errand(&self, request: impl Into<Request>, timeout: Timeout) -> Result<Errand> {
        Ok(Errand::new(self.work(request.into(), timeout)?))
    }

    fn work(
        &self,
        request: Request,
        timeout: Timeout,
    ) -> Result<impl Future<Output = Result<Value>> + Send + 'static + use<>> {
        request.check()?;
        let seat = Arc::clone(&self.seat);
        if matches!(seat.target, Target::Node(_)) && request.may_write() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{} may write data; what writes goes to the master, through the client", request.name()),
            ));
        }
        let limit = seat.shared.limit(&request, timeout);
        Ok(async move { seat.execute(&request, limit).await })
    }
}

impl Seat {
    async fn execute(&self, request: &Request, limit: Limit) -> Result<Value> {
        let mut again = true;
        loop {
            let line = self.line(limit).await?;
            match line.ask(request, limit.deadline).await {
                Ok(mut values) => {
                    return match values.pop() {
                        Some(Value::ServerError(error)) => Err(Error::from_reply(&error)),
                        Some(value) => Ok(value),
                        None => Err(Error::new(ErrorKind::Internal, "a reply is missing")),
                    };
                }
                // The link that was there had ended unnoticed.
                Err(unanswered) if !unanswered.sent && again && unanswered.error.kind() != ErrorKind::Timeout => {
                    again = false;
                }
                Err(unanswered) if unanswered.sent && !request.reads_only() => {
                    return Err(Error::maybe_executed(Phase::Reply, unanswered.error.message()));
                }
                Err(unanswered) if unanswered.error.kind() == ErrorKind::Timeout => {
                    return Err(Error::timeout(Phase::Reply, limit.total, "no reply came"));
                }
                Err(unanswered) => return Err(unanswered.error),
            }
        }
    }

    async fn line(&self, limit: Limit) -> Result<Line> {
        let mut line = self.line.lock().await;
        if let Some(open) = line.as_ref().filter(|line| line.is_open()) {
            return Ok(open.clone());
        }
        let until = limit.deadline.unwrap_or_else(|| Instant::now() + self.shared.config.options.command_timeout);
        let kind = if matches!(self.target, Target::Node(_)) { "node" } else { "sentinel" };
        let opened = tokio::time::timeout_at(until.into(), Line::open(&self.shared, &self.target, kind)).await;
        let opened = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(cause)) => return Err(Error::new(cause.kind, cause.to_string()).with_causes(vec![cause])),
            Err(_) => return Err(Error::timeout(Phase::Connect, limit.total, "the node could not be reached")),
        };
        *lock(&self.role) = match opened.role {
            Some(Role::Master) => "master",
            Some(Role::Replica) => "replica",
            Some(Role::Unknown) => "unknown",
            None => "sentinel",
        };
        *line = Some(opened.clone());
        Ok(opened)
    }
}

fn unknown(what: &str, wanted: &HostPort) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("{wanted} is no {what} that this client knows"))
}

impl fmt::Debug for NodeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeHandle").field("address", self.address()).field("role", &self.role()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_host_and_a_port() {
        assert_eq!(address("10.0.0.1:6379").unwrap(), HostPort::new("10.0.0.1", 6379));
        assert_eq!(address("[::1]:6379").unwrap(), HostPort::new("::1", 6379));
        for wrong in ["", "host", "host:", ":1", "host:0", "host:99999"] {
            assert_eq!(address(wrong).unwrap_err().kind(), ErrorKind::InvalidArgument, "{wrong}");
        }
    }
}
