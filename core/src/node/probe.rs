//! Asking a node for its role: once, or every few milliseconds while it is about to be promoted.

use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use tokio::time::{Instant, sleep};

use super::role::Role;
use crate::command::encode;
use crate::config::{Config, HostPort};
use crate::error::{Cause, Error, ErrorKind, Step};
use crate::link::handshake::{self, Hop};
use crate::link::talk::{Greeting, Talk};
use crate::sentinel::topology::{Input, Proof};

/// How often a selected replica is asked whether it is the master yet.
const CHASE_INTERVAL: Duration = Duration::from_millis(2);
/// A selected replica that cannot be reached is tried again after `CHASE_INTERVAL`, doubled up to this.
const CHASE_CAP: Duration = Duration::from_secs(1);

/// What probes have in common.
#[derive(Clone, Debug)]
pub(crate) struct Prober {
    pub(crate) config: Arc<Config>,
    pub(crate) client_name: String,
    /// The moment that the topology's clock counts from.
    pub(crate) origin: Instant,
}

impl Prober {
    /// Connect to a node and prove its role. A node that is still loading its data is not ready for anything.
    pub(crate) async fn open(&self, node: &HostPort) -> Result<(Talk, Role), Cause> {
        let until = Instant::now() + self.config.options.connect_timeout;
        let (mut talk, role) = self.greet(node).await?;
        if let Err(error) = check_loaded(&mut talk, until).await {
            return Err(Cause {
                address: node.to_string(),
                resolved: Some(talk.peer),
                step: Step::Role,
                kind: error.kind(),
                text: error.message().to_owned(),
            });
        }
        Ok((talk, role))
    }

    async fn greet(&self, node: &HostPort) -> Result<(Talk, Role), Cause> {
        let greeting = Greeting {
            hop: Hop::Data,
            credentials: &self.config.data,
            name: &self.client_name,
            within: self.config.options.connect_timeout,
        };
        let (talk, hello) = Talk::open(node, &self.config, greeting).await?;
        Ok((talk, hello.role))
    }

    /// Ask once.
    pub(crate) async fn ask(&self, node: HostPort) -> Input {
        match self.open(&node).await {
            Ok((talk, role)) => Input::Role { node, role, proof: proof(&talk, None) },
            Err(cause) => Input::ProbeFailed { node, cause },
        }
    }

    /// Ask until the node says that it is the master. Sentinel kills the connections of a node as it promotes it, so a lost
    /// connection is the signal to ask again at once.
    pub(crate) async fn chase(&self, node: HostPort) -> Input {
        let mut not_before = None;
        let mut pause = CHASE_INTERVAL;
        loop {
            if let Ok((mut talk, mut role)) = self.open(&node).await {
                pause = CHASE_INTERVAL;
                loop {
                    if role == Role::Master {
                        return Input::Role { node, role, proof: proof(&talk, not_before) };
                    }
                    not_before = Some(self.origin.elapsed());
                    sleep(CHASE_INTERVAL).await;
                    match ask_role(&mut talk, self.config.options.heartbeat_timeout).await {
                        Some(answer) => role = answer,
                        None => break,
                    }
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(CHASE_CAP);
        }
    }
}

/// Life and role in one. `None`: the link is of no more use.
pub(crate) async fn ask_role(talk: &mut Talk, within: Duration) -> Option<Role> {
    let protocol = talk.protocol();
    let (question, replies) = handshake::role_question(protocol);
    let values = talk.ask(&question, replies, Instant::now() + within).await.ok()?;
    handshake::role_answer(protocol, &values)
}

fn proof(talk: &Talk, not_before: Option<Duration>) -> Proof {
    Proof { socket: talk.peer, not_before, redirects: talk.redirects }
}

/// HELLO is answered while data is being loaded, and so is PING to users who may not send it. DBSIZE needs no key and no
/// right beyond `@read`; whoever is not allowed to send it learns of LOADING with his first command.
async fn check_loaded(talk: &mut Talk, until: Instant) -> Result<(), Error> {
    let size = encode(&[b"DBSIZE".as_slice()]);
    match talk.ask(&size, 1, until).await?.first() {
        Some(Value::ServerError(error)) if error.code() == "LOADING" => {
            Err(Error::server(ErrorKind::Unavailable, error.code(), error.details().unwrap_or_default()))
        }
        _ => Ok(()),
    }
}
