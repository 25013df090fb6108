//! The task that makes a link for a hosted lane: the host's thread neither waits for a connection nor shakes hands.

use std::sync::{Arc, Weak};

use super::gate::GateWord;
use super::hosted::{Hosted, Letter};
use super::open;
use crate::error::Error;
use crate::shared::Shared;
use crate::status::ClientState;
use crate::supervisor::backoff::Backoff;

/// The kinds of the links, as the status shows them.
const HOSTED: &str = "hosted";
const BLOCKING: &str = "blocking";

/// Have a link made for this lane, as long as it wants one. `false` if there is nobody to do it: the client is closed.
pub(super) fn spawn(hosted: &Arc<Hosted>, token: u64) -> bool {
    let shared = Arc::clone(hosted.shared());
    let Ok(runtime) = shared.runtime() else { return false };
    let kind = if token == super::poller::FIRST_TOKEN { HOSTED } else { BLOCKING };
    runtime.spawn(make(Arc::downgrade(hosted), shared, token, kind));
    true
}

async fn make(hosted: Weak<Hosted>, shared: Arc<Shared>, token: u64, kind: &'static str) {
    let mut gate = shared.gate.watch();
    let mut backoff = Backoff::new(&shared.config.options);
    loop {
        gate.borrow_and_update();
        let word = shared.gate.load();
        if word.state == ClientState::Closed {
            return;
        }
        match hosted.upgrade() {
            Some(hosted) if hosted.wants_link(token) => {}
            _ => return,
        }
        let master = shared.master(word.generation).filter(|_| word.state == ClientState::Ready);
        let Some(master) = master else {
            if gate.changed().await.is_err() {
                return;
            }
            continue;
        };
        let opened = tokio::select! {
            opened = open::open(&shared, kind, &master) => opened,
            // A link to somebody who is not the master any more is of no use, however far it has come.
            () = other(&shared, &mut gate, word) => continue,
        };
        let error = match opened {
            Ok(opened) => {
                tell(&hosted, Letter::Opened { token, opened });
                return;
            }
            Err(error) => error,
        };
        if !shared.doubt(word.generation, &error) {
            // Waiting does not heal a wrong password.
            refuse(&hosted, token, error);
            return;
        }
        let pause = tokio::time::sleep(backoff.pause());
        tokio::select! { () = pause => {}, _ = gate.changed() => {} }
    }
}

/// Returns when there is another generation, or no client any more.
async fn other(shared: &Shared, gate: &mut tokio::sync::watch::Receiver<u64>, seen: GateWord) {
    loop {
        if gate.changed().await.is_err() {
            return;
        }
        let word = shared.gate.load();
        if word.generation != seen.generation || !matches!(word.state, ClientState::Ready | ClientState::Fenced) {
            return;
        }
    }
}

fn refuse(hosted: &Weak<Hosted>, token: u64, error: Error) {
    tell(hosted, Letter::Refused { token, error });
}

fn tell(hosted: &Weak<Hosted>, letter: Letter) {
    if let Some(hosted) = hosted.upgrade() {
        hosted.post(letter);
    }
}
