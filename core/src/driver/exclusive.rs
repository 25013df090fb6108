//! A link that one task has alone, for as long as it likes: the task drives it itself, one request at a time, and nothing is
//! sent again on it. It ends with its future, with its master, and when its task lets it go.

use std::sync::Arc;
use std::time::Duration;

use super::gate::GateWord;
use super::links::Registered;
use crate::command::Request;
use crate::command::facts::Blocks;
use crate::command::outcome::{self, End, Partial};
use crate::config::UnavailablePolicy;
use crate::error::{Cause, Error, ErrorKind, Phase, Result};
use crate::link::handshake::{self, Hop};
use crate::link::socket;
use crate::link::talk::{Greeting, Talk};
use crate::shared::{Limit, Master, Shared};
use crate::status::ClientState;
use crate::supervisor::backoff::Backoff;
use crate::timer::at;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Exclusive {
    talk: Talk,
    generation: u64,
    _registered: Registered,
}

impl Exclusive {
    /// A link to the master, as soon as there is one.
    ///
    /// # Errors
    /// As of a command that was not sent.
    pub(crate) async fn open(shared: &Arc<Shared>, limit: Limit) -> Result<Exclusive> {
        let mut gate = shared.gate.watch();
        let mut backoff = Backoff::new(&shared.config.options);
        let deadline = limit.deadline.map(Into::into);
        loop {
            gate.borrow_and_update();
            let word = shared.gate.load();
            match word.state {
                ClientState::Closed => return Err(Error::closed()),
                ClientState::Connecting | ClientState::NoMaster
                    if shared.config.options.when_unavailable == UnavailablePolicy::Fail =>
                {
                    return Err(shared.not_ready());
                }
                _ => {}
            }
            let master = shared.master(word.generation).filter(|_| word.state == ClientState::Ready);
            let (phase, wait) = match master {
                None => (word.phase(), None),
                Some(master) => {
                    let opened = tokio::select! {
                        opened = Exclusive::try_open(shared, &master) => opened,
                        () = at(deadline) => return Err(expired(shared, limit, Phase::Connect)),
                    };
                    match opened {
                        Ok(link) => return Ok(link),
                        Err(error) if !shared.doubt(word.generation, &error) => return Err(error),
                        Err(_) => (Phase::Connect, Some(tokio::time::Instant::now() + backoff.pause())),
                    }
                }
            };
            tokio::select! {
                () = at(deadline) => return Err(expired(shared, limit, phase)),
                () = at(wait), if wait.is_some() => {}
                changed = gate.changed() => if changed.is_err() { return Err(Error::closed()) },
            }
        }
    }

    async fn try_open(shared: &Shared, master: &Master) -> Result<Exclusive> {
        let greeting = Greeting {
            door: &shared.access.door(Hop::Data),
            name: &shared.client_name,
            within: shared.config.options.connect_timeout,
            first: Some(master.socket),
        };
        let opened = Talk::open(&master.node, &shared.config, greeting).await;
        let (talk, hello) = opened.map_err(|cause| failed(&cause))?;
        handshake::prove_master(&master.node, &hello)?;
        let registered = shared.links.register("exclusive", &master.node, master.generation, None);
        Ok(Exclusive { talk, generation: master.generation, _registered: registered })
    }

    /// Of which master it is.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// One request. What is not to be sent, because the master is not the one of the link any more, is lost without having
    /// been sent.
    ///
    /// # Errors
    /// The caller's time is over, or the client was closed; the link is of no more use then.
    pub(crate) async fn call(&mut self, shared: &Shared, request: &Request, limit: Limit) -> Result<End> {
        let deadline = limit.deadline.map(Into::into);
        let mut gate = shared.gate.watch();
        loop {
            gate.borrow_and_update();
            let word = shared.gate.load();
            if !self.is_of(word) {
                return Ok(replaced(Partial::default()));
            }
            if word.state == ClientState::Ready {
                break;
            }
            tokio::select! {
                () = at(deadline) => return Err(expired(shared, limit, word.phase())),
                changed = gate.changed() => if changed.is_err() { return Err(Error::closed()) },
            }
        }
        let silence = match request.blocks() {
            Blocks::No => Some(tokio::time::Instant::now() + shared.config.options.heartbeat_timeout),
            _ => None,
        };
        let generation = self.generation;
        let mut execution = Box::pin(self.talk.execute(request));
        let replied = loop {
            tokio::select! {
                replied = &mut execution => break replied,
                () = at(deadline) => {
                    drop(execution);
                    let partial = self.talk.unanswered();
                    let why = shared.why_waiting(Phase::Reply);
                    return Err(outcome::expired_whole(request, &partial, Phase::Reply, limit.total, &why));
                }
                () = at(silence) => break Err(socket::silent(shared.config.options.heartbeat_timeout)),
                // A shut link is told by the socket of other drivers; here it is the gate that says so.
                changed = gate.changed() => {
                    let word = shared.gate.load();
                    if changed.is_err() || word.generation != generation || word.state == ClientState::Closed {
                        break Err(Error::new(ErrorKind::Disconnected, "the master was replaced"));
                    }
                }
            }
        };
        drop(execution);
        let stale = shared.gate.load().generation != generation;
        Ok(match replied {
            Ok(values) => End::Replied { values, stale },
            Err(error) => End::Lost { partial: self.talk.unanswered(), stale, error },
        })
    }

    fn is_of(&self, word: GateWord) -> bool {
        word.generation == self.generation && matches!(word.state, ClientState::Ready | ClientState::Fenced)
    }
}

fn replaced(partial: Partial) -> End {
    let error = Error::new(ErrorKind::Disconnected, "the master was replaced");
    End::Lost { partial, stale: true, error }
}

fn expired(shared: &Shared, limit: Limit, phase: Phase) -> Error {
    Error::timeout(phase, limit.total.min(Duration::MAX), shared.why_waiting(phase))
}

fn failed(cause: &Cause) -> Error {
    Error::new(cause.kind, format!("{}: {}", cause.address, cause.text))
}
