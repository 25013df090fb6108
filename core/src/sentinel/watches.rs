//! The watches of a process: at most one link to each sentinel, shared by all clients and master names with the same key.
//!
//! A client joins the watch of a sentinel and is told everything that concerns its master name; the watch ends, and its link
//! is closed, when the last member has left. The watch itself is in [`super::watch`].

use std::sync::{Arc, Mutex};

use tokio::sync::{mpsc, oneshot};
use tracing::Instrument;

use super::topology::SentinelId;
use super::watch::{self, Report};
use crate::config::{Config, Credentials, HostPort, Options};
use crate::sync::lock;

/// What two clients must have in common to share the link to a sentinel: where it is, who they are, and what the link does.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) address: HostPort,
    pub(crate) config: Arc<Config>,
    pub(crate) client_name: String,
}

impl Key {
    pub(crate) fn credentials(&self) -> &Credentials {
        self.config.sentinel_credentials()
    }

    /// The name of the link is the first client's; it does not keep others from sharing it.
    fn is_shared_with(&self, other: &Key) -> bool {
        self.address == other.address
            && self.credentials() == other.credentials()
            && link_options(&self.config.options) == link_options(&other.config.options)
    }
}

/// The options that a link to a sentinel is made of.
fn link_options(options: &Options) -> impl PartialEq {
    (
        (options.sentinel_timeout, options.poll_interval, options.retry_backoff_base, options.retry_backoff_cap),
        (options.tcp_keepalive_idle, options.tcp_keepalive_interval, options.tcp_keepalive_probes),
        (options.heartbeat_interval, options.heartbeat_timeout),
        (options.tcp_user_timeout, options.max_reply_bytes, options.max_reply_depth),
    )
}

/// One client's interest in one master name at one sentinel.
#[derive(Clone, Debug)]
pub(crate) struct Interest {
    /// What the client calls this sentinel.
    pub(crate) sentinel: SentinelId,
    /// The master name.
    pub(crate) master: String,
    pub(crate) reports: mpsc::Sender<Report>,
}

/// What members tell a watch.
#[derive(Debug)]
pub(super) enum Command {
    Join {
        member: u64,
        interest: Interest,
    },
    /// Answered when the member hears nothing any more, and, if it was the last one, the link is closed.
    Leave {
        member: u64,
        left: oneshot::Sender<()>,
    },
    /// Ask for the master of this name soon.
    Ask {
        master: String,
    },
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    id: u64,
    key: Key,
    commands: mpsc::UnboundedSender<Command>,
}

/// A place in a watch. Dropping it leaves, too, but nobody waits for that.
#[derive(Debug)]
pub(crate) struct Membership {
    member: u64,
    master: String,
    commands: mpsc::UnboundedSender<Command>,
}

impl Watches {
    /// Join the watch of a sentinel, or begin it. Called on the supervisor's runtime.
    pub(crate) fn join(self: &Arc<Self>, key: &Key, interest: Interest) -> Membership {
        let master = interest.master.clone();
        let mut begun = None;
        let mut state = lock(&self.state);
        let member = state.next;
        let commands = match state.open.iter().find(|open| open.key.is_shared_with(key)) {
            Some(open) => open.commands.clone(),
            None => {
                let (commands, inbox) = mpsc::unbounded_channel();
                state.open.push(Open { id: member, key: key.clone(), commands: commands.clone() });
                begun = Some(inbox);
                commands
            }
        };
        state.next += 1;
        // Under the lock: a watch looks at its inbox once more before it ends.
        let _ = commands.send(Command::Join { member, interest });
        drop(state);
        if let Some(inbox) = begun {
            let span = tracing::info_span!(target: "standfast", parent: None, "watch", sentinel = %key.address);
            tokio::spawn(watch::run(Arc::clone(self), member, key.clone(), inbox).instrument(span));
        }
        Membership { member, master, commands }
    }

    /// A watch without members wants to end. `false` if somebody joined in the meantime.
    pub(super) fn end(&self, id: u64, inbox: &mpsc::UnboundedReceiver<Command>) -> bool {
        let mut state = lock(&self.state);
        if !inbox.is_empty() {
            return false;
        }
        state.open.retain(|open| open.id != id);
        true
    }
}

impl Membership {
    /// Ask the sentinel for the master soon.
    pub(crate) fn ask(&self) {
        let _ = self.commands.send(Command::Ask { master: self.master.clone() });
    }

    /// Leave, and wait until that is done.
    pub(crate) async fn leave(self) {
        let (left, done) = oneshot::channel();
        if self.commands.send(Command::Leave { member: self.member, left }).is_ok() {
            let _ = done.await;
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let (left, _) = oneshot::channel();
        let _ = self.commands.send(Command::Leave { member: self.member, left });
    }
}
