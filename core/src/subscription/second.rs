//! The second link, for subscriptions with `redundancy = 2`: it listens to a replica, which repeats what the master publishes. What it
//! hears is kept, and handed out only where the first link fails; which of it that is, [`pair`](super::pair) knows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::desired::Plan;
use super::ear::{Ear, Question, Said};
use super::link::announce_gap;
use super::pair::Side;
use crate::command::encode;
use crate::config::HostPort;
use crate::error::{Error, ErrorKind, Result};
use crate::event::EventKind;
use crate::link::handshake::Protocol;
use crate::node::offsets::{Position, position_question};
use crate::node::probe::Prober;
use crate::node::role::Role;
use crate::shared::{Master, Shared};
use crate::supervisor::backoff::Backoff;

/// While the second link is in charge, it is asked so often how far it is: that decides whether a new master has anything that it
/// has not heard.
const LOOK: Duration = Duration::from_millis(50);
/// After a change of the master the second link stays until the new first one has begun, but no longer.
const LIMIT: Duration = Duration::from_secs(30);

/// Keep a second link while somebody wants one and this master is in use.
pub(crate) async fn run(shared: Arc<Shared>, prober: Prober, master: Arc<Master>) {
    let mut changes = shared.hub.changes();
    let mut decisions = shared.hub.decisions();
    let mut gate = shared.gate.watch();
    let mut backoff = Backoff::new(&shared.config.options);
    let mut failed: HashMap<HostPort, Instant> = HashMap::new();
    loop {
        while !shared.hub.wants_second(master.generation) {
            tokio::select! {
                _ = changes.changed() => {}
                _ = decisions.changed() => {}
                _ = gate.changed() => {}
            }
            if shared.gate.load().generation > master.generation {
                return;
            }
        }
        if let Some(node) = choose(&shared, &failed) {
            let error = match prober.open(&node).await {
                Ok((talk, Role::Replica)) if talk.protocol() == Protocol::Resp3 => {
                    let registered = shared.links.register("second_subscriber", &node, master.generation, None);
                    let mut second = Second { shared: &shared, master: &master, ear: Ear::new(talk) };
                    let error = second.serve(&node, &mut backoff).await;
                    let in_order = second.ear.talk.closed;
                    if let Some(gap) = shared.hub.second_lost(master.generation, in_order) {
                        announce_gap(&shared, &gap);
                    }
                    drop(registered);
                    error.to_string()
                }
                Ok(_) => "it is no replica, or does not speak RESP3".to_owned(),
                Err(cause) => cause.to_string(),
            };
            tracing::debug!(target: "standfast", %node, error, "second subscriber link lost");
            failed.insert(node, Instant::now());
        }
        if shared.gate.load().generation > master.generation {
            return;
        }
        sleep(backoff.pause()).await;
    }
}

/// A replica: one that the sentinels have nothing against, and that failed least recently.
fn choose(shared: &Shared, failed: &HashMap<HostPort, Instant>) -> Option<HostPort> {
    let nodes = shared.known(|known| known.nodes());
    let replicas = nodes.into_iter().filter(|node| node.role == "replica" && !node.used);
    let doubts = |node: &crate::status::Node| {
        let bad = |opinion: &&crate::status::Opinion| {
            opinion.flags.contains("down")
                || opinion.flags.contains("disconnected")
                || opinion.link.as_deref() == Some("err")
        };
        node.opinions.iter().filter(bad).count()
    };
    replicas.min_by_key(|node| (failed.get(&node.address).copied(), doubts(node))).map(|node| node.address)
}

struct Second<'a> {
    shared: &'a Shared,
    master: &'a Master,
    ear: Ear,
}

impl Second<'_> {
    async fn serve(&mut self, node: &HostPort, backoff: &mut Backoff) -> Error {
        match self.try_serve(node, backoff).await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    async fn try_serve(&mut self, node: &HostPort, backoff: &mut Backoff) -> Result<std::convert::Infallible> {
        let options = &self.shared.config.options;
        let (hub, generation) = (&self.shared.hub, self.master.generation);
        let over = |why: &str| Err(Error::new(ErrorKind::Disconnected, why));
        let mut changes = hub.changes();
        let mut decisions = hub.decisions();
        if !hub.second_began(generation, node) {
            return over("it is wanted no longer");
        }
        let mut beat = Instant::now() + options.heartbeat_interval;
        let mut beating = false;
        let mut heard = Instant::now();
        let until = Instant::now() + LIMIT;
        changes.mark_changed();
        loop {
            let (brought, said) = self.ear.hand_out(hub, Side::Second, generation)?;
            if brought.overflowed > 0 {
                let queues = vec![("queues", brought.overflowed.into())];
                self.shared.announce(EventKind::SubscriptionDropped, queues);
            }
            if let Some(gap) = &brought.gap {
                announce_gap(self.shared, gap);
            }
            match said {
                Some(Said::Answered(Question::Position, values)) => {
                    if let Some(position) = values.first().and_then(Position::read) {
                        hub.second_reached(generation, position);
                    }
                    continue;
                }
                Some(Said::Refused(_, why)) => return over(&why),
                Some(_) => continue,
                None => {}
            }
            if !hub.wants_second(generation) {
                return over("it is wanted no longer");
            }
            let gone = self.shared.gate.load().generation > generation;
            if gone && until <= Instant::now() {
                return over("the new link does not begin");
            }
            if changes.has_changed().unwrap_or(false) {
                changes.mark_unchanged();
                let wanted = hub.wanted_twice();
                let more = wanted.difference(&self.ear.requested).cloned().collect();
                let less = self.ear.requested.difference(&wanted).cloned().collect();
                self.ear.follow(Plan { more, less }, hub.mark()).await?;
            }
            if hub.second_in_charge(generation) {
                beat = beat.min(Instant::now() + LOOK);
            }
            tokio::select! {
                received = self.ear.talk.receive() => {
                    received?;
                    backoff.succeeded();
                    beating = false;
                    heard = Instant::now();
                    beat = Instant::now() + options.heartbeat_interval;
                }
                _ = changes.changed() => changes.mark_changed(),
                _ = decisions.changed() => {}
                () = sleep_until(beat) => {
                    if hub.second_in_charge(generation) {
                        if heard.elapsed() > options.heartbeat_interval + options.heartbeat_timeout {
                            return over("it does not answer");
                        }
                        self.ear.ask(Question::Position, &position_question()).await?;
                        beat = Instant::now() + LOOK;
                    } else if std::mem::replace(&mut beating, true) {
                        return over("its heartbeat was not answered");
                    } else {
                        self.ear.ask(Question::Beat, &encode(&[b"PING".as_slice()])).await?;
                        beat = Instant::now() + options.heartbeat_timeout;
                    }
                }
            }
        }
    }
}
