//! Listening ahead: while a replica is about to be promoted, a link to it subscribes already. Sentinel closes it in the moment
//! of the promotion; that is the signal to connect and subscribe again at once, in one breath, so that the new master's first
//! message finds us there.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use super::ear::{Ear, Prepared};
use crate::config::HostPort;
use crate::node::probe::{Prober, ask_role};
use crate::node::role::Role;
use crate::shared::Shared;

/// A node that cannot be reached is tried again after this, doubled up to the cap.
const PAUSE: Duration = Duration::from_millis(1);
const CAP: Duration = Duration::from_secs(1);
/// Whoever promotes by hand closes no links: then the role has to be asked for.
const LOOK: Duration = Duration::from_millis(20);

/// Listen to the node until it is a master; then hand over the link that heard it first.
pub(crate) async fn listen(shared: Arc<Shared>, prober: Prober, node: HostPort, mut found: oneshot::Sender<Ahead>) {
    let ear = tokio::select! {
        () = found.closed() => return,
        ear = find(&shared, &prober, &node) => ear,
    };
    if let Some(ear) = ear {
        let _ = found.send(Ahead(ear));
    }
}

/// A link that has begun to listen to a new master.
#[derive(Debug)]
pub(crate) struct Ahead(pub(super) Ear);

async fn find(shared: &Shared, prober: &Prober, node: &HostPort) -> Option<Ear> {
    let mut changes = shared.hub.changes();
    let mut pause = PAUSE;
    loop {
        while shared.hub.is_empty() {
            changes.changed().await.ok()?;
        }
        let prepared = Prepared::new(&shared.hub.wanted(), shared.hub.mark());
        let began = Instant::now();
        match prober.listen(node, &prepared.behind).await {
            Ok((talk, Role::Master)) => return Some(Ear::prepared(talk, prepared)),
            Ok((talk, _)) => {
                pause = PAUSE;
                until_closed(Ear::prepared(talk, prepared), prober).await;
                if began.elapsed() < PAUSE {
                    sleep(PAUSE).await;
                }
            }
            Err(_) => {
                sleep(pause).await;
                pause = (pause * 2).min(CAP);
            }
        }
    }
}

/// What a replica repeats is heard from its master.
async fn until_closed(mut ear: Ear, prober: &Prober) {
    let mut look = Instant::now() + LOOK;
    loop {
        tokio::select! {
            received = ear.talk.receive() => {
                if received.is_err() || ear.forget().is_err() {
                    return;
                }
            }
            () = sleep_until(look) => {
                look = Instant::now() + LOOK;
                let role = ask_role(&mut ear.talk, prober.config.options.heartbeat_timeout).await;
                if role != Some(Role::Replica) {
                    return;
                }
            }
        }
    }
}
