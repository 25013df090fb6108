//! The control link to the master in use: it notices at once when the connection ends, and asks at intervals whether the
//! master lives and is still the master.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::probe::{Prober, ask_role};
use super::role::Role;
use crate::config::HostPort;
use crate::link::talk::Talk;
use crate::sentinel::topology::{Input, Proof};
use crate::sentinel::watch::Report;

/// How long a node whose heartbeat was not answered has for the greeting of another link: a slow master is not a dead one.
const SECOND_LOOK: Duration = Duration::from_secs(1);
/// A link that ends sooner after its beginning is not worth another one.
const WORTH_ANOTHER: Duration = Duration::from_secs(1);

/// How the guard of a link ended.
enum End {
    /// There is no link.
    Lost(String),
    /// The connection was closed by the other side, or broke.
    Closed(String),
    /// Its heartbeat was not answered.
    Silent,
    /// The node says that it is not, or no longer, the master.
    NotMaster(Role, SocketAddr),
}

/// Guard the master of this generation until it is lost, or stops being the master.
///
/// A link that is closed is no proof: somebody may have killed just this one. Neither is one that is silent: it may have been
/// cut without a word. Only a node that refuses the next link, closes that at once as well, or leaves it unanswered, is lost.
pub(crate) async fn guard(prober: Prober, node: HostPort, generation: u64, reports: mpsc::Sender<Report>) {
    let input = loop {
        let begun = Instant::now();
        let open = match prober.open(&node).await {
            Ok((talk, role)) => watch(&prober, talk, role).await,
            Err(cause) => End::Lost(cause.text),
        };
        break match open {
            End::Closed(_) if begun.elapsed() >= WORTH_ANOTHER => continue,
            End::Closed(why) | End::Lost(why) => Input::MasterLost { generation, why },
            End::NotMaster(role, socket) => {
                Input::Role { node, role, proof: Proof { socket, not_before: None, redirects: false } }
            }
            End::Silent => {
                // The sentinels may know more by now.
                let _ = reports.send(Report::Input(Input::MasterSilent { generation })).await;
                if let Ok(Ok(_)) = tokio::time::timeout(SECOND_LOOK, prober.open(&node)).await {
                    continue;
                }
                Input::MasterLost { generation, why: "its heartbeat was not answered".to_owned() }
            }
        };
    };
    let _ = reports.send(Report::Input(input)).await;
}

async fn watch(prober: &Prober, mut talk: Talk, mut role: Role) -> End {
    let options = &prober.config.options;
    let mut beat = Instant::now() + options.heartbeat_interval;
    loop {
        if role != Role::Master {
            return End::NotMaster(role, talk.peer);
        }
        tokio::select! {
            incoming = talk.incoming() => match incoming {
                // Nothing is expected here but the end.
                Ok(_) => {}
                Err(error) => return End::Closed(error.message().to_owned()),
            },
            () = sleep_until(beat) => match ask_role(&mut talk, options.heartbeat_timeout).await {
                Some(answer) => {
                    role = answer;
                    beat = Instant::now() + options.heartbeat_interval;
                }
                None => return End::Silent,
            },
        }
    }
}
