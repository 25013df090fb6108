//! The subscriber link to the master of one generation, driven by the supervisor: it makes the server have what the
//! subscriptions want, hands out what comes, and says from when on something may be missing.
//!
//! After a switch the old link stays, read-only, until the old master closes it: other publishers may still publish there.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use redis::{PushKind, Value};
use tokio::time::{Instant, sleep, sleep_until};

use super::Target;
use super::desired::{Interruption, News};
use super::item::Gap;
use crate::command::encode;
use crate::config::HostPort;
use crate::error::{Error, ErrorKind};
use crate::event::EventKind;
use crate::link::engine::Incoming;
use crate::link::handshake::{self, Hop, Protocol};
use crate::link::talk::Talk;
use crate::node::probe::Prober;
use crate::node::role::Role;
use crate::shared::{Master, Shared};
use crate::status::ClientState;
use crate::supervisor::backoff::Backoff;

/// How long a link to a demoted master is read at the most; Sentinel closes it within some ten seconds.
const LEAVING_LIMIT: Duration = Duration::from_secs(30);
/// How often a link that is being left asks whether the node is still a master. As a replica it would repeat what the new
/// master publishes, and not everybody who demotes a master closes its connections, as Sentinel does.
const LEAVING_LOOK: Duration = Duration::from_millis(50);

/// A link that is being left and ends in disorder may have lost what was published since its last answer, if that is longer ago.
const LEAVING_QUIET: Duration = Duration::from_millis(200);

/// Keep subscriptions alive on this master. Ends only when the master was replaced and the old link has ended.
pub(crate) async fn run(shared: Arc<Shared>, prober: Prober, master: Arc<Master>) {
    let mut backoff = Backoff::new(&shared.config.options);
    let mut gate = shared.gate.watch();
    let mut changes = shared.hub.changes();
    loop {
        // Without subscriptions there is no link.
        while shared.hub.is_empty() {
            tokio::select! {
                _ = changes.changed() => {}
                _ = gate.changed() => {}
            }
            if shared.gate.load().generation != master.generation {
                return;
            }
        }
        let began = Instant::now();
        if let Ok((talk, Role::Master)) = prober.open(&master.node).await {
            let registered = shared.links.register("subscriber", &master.node, master.generation, None);
            let mut link = Link::new(&shared, &master, talk, began.elapsed());
            let error = link.serve(&mut backoff).await;
            drop(registered);
            tracing::debug!(target: "standfast", node = %master.node, %error, "subscriber link lost");
            if link.is_left() {
                // The switch interrupted the subscriptions already; this end is only the last word of the old master.
                link.left(&prober).await;
                return;
            }
            link.interrupted();
        }
        backoff.wait().await;
        if shared.gate.load().generation != master.generation {
            return;
        }
    }
}

struct Link<'a> {
    shared: &'a Shared,
    master: &'a Master,
    talk: Talk,
    /// What the server was asked for.
    requested: BTreeSet<Target>,
    /// Requests in the order in which they will be confirmed, or refused as a whole.
    batches: VecDeque<Vec<Target>>,
    /// When there was last nothing more to read: what was published before was received, if the link is alive.
    drained_at: SystemTime,
    /// When the server last gave a sign of life: what was published before was received.
    alive_at: SystemTime,
    /// How long a question to the server took last: what it said is at most that old.
    round_trip: Duration,
    /// Set as soon as commands go to another master.
    leaving: Option<Leaving>,
}

/// A link to a master that was replaced.
struct Leaving {
    /// When it is given up at the latest.
    by: Instant,
    /// When the old master answered last.
    answered: Instant,
    /// The old master says that it is a replica.
    demoted: bool,
    /// How many subscriptions had been opened before it was left.
    opened: u64,
}

impl<'a> Link<'a> {
    fn new(shared: &'a Shared, master: &'a Master, talk: Talk, round_trip: Duration) -> Link<'a> {
        Link {
            shared,
            master,
            talk,
            requested: BTreeSet::new(),
            batches: VecDeque::new(),
            drained_at: SystemTime::now(),
            alive_at: SystemTime::now(),
            round_trip,
            leaving: None,
        }
    }

    /// Whether commands go to another master by now.
    fn is_left(&self) -> bool {
        self.shared.gate.load().generation != self.master.generation
    }

    async fn serve(&mut self, backoff: &mut Backoff) -> Error {
        match self.try_serve(backoff).await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    async fn try_serve(&mut self, backoff: &mut Backoff) -> Result<std::convert::Infallible, Error> {
        let options = &self.shared.config.options;
        let mut gate = self.shared.gate.watch();
        let mut changes = self.shared.hub.changes();
        let mut beat = Instant::now() + options.heartbeat_interval;
        // While a heartbeat is on its way `beat` is its deadline, and this is when it was sent.
        let mut beating: Option<Instant> = None;
        loop {
            if self.is_left() {
                if self.leaving.is_none() {
                    if self.talk.protocol() == Protocol::Resp2 {
                        // While it subscribes it cannot be asked for its role, so it might repeat the new master unnoticed.
                        return Err(Error::new(ErrorKind::Disconnected, "the master was replaced"));
                    }
                    let now = Instant::now();
                    let opened = self.shared.hub.opened();
                    self.leaving = Some(Leaving { by: now + LEAVING_LIMIT, answered: now, demoted: false, opened });
                    beat = now;
                }
            } else {
                self.reconcile().await?;
                // A master that is about to be replaced is asked at once and often: the closer its last sign of life, the
                // shorter the gap.
                if beating.is_none() && self.shared.gate.load().state == ClientState::Fenced {
                    beat = beat.min(Instant::now() + LEAVING_LOOK);
                }
                self.note_drained();
            }
            tokio::select! {
                // Cancel-safe: nothing is lost if another branch wins.
                incoming = self.talk.incoming() => {
                    match incoming {
                        Ok(Incoming::Push(push)) => {
                            self.note_alive();
                            self.push(push);
                            backoff.succeeded();
                        }
                        Ok(Incoming::Replies { values, .. }) => {
                            if self.leaving.is_none() {
                                self.round_trip = beating.map_or(self.round_trip, |sent| sent.elapsed());
                            }
                            self.note_alive();
                            self.still_master(&values)?;
                        }
                        Err(error) if error.kind() == ErrorKind::NoPermission => self.refused(&error),
                        Err(error) => return Err(error),
                    }
                    // Any byte is life.
                    if self.leaving.is_none() {
                        beating = None;
                        beat = Instant::now() + options.heartbeat_interval;
                    }
                }
                _ = changes.changed(), if self.leaving.is_none() => {}
                _ = gate.changed() => {}
                () = sleep_until(beat) => match &self.leaving {
                    None => {
                        if beating.is_some() {
                            return Err(Error::new(ErrorKind::Disconnected, "its heartbeat was not answered"));
                        }
                        beating = Some(Instant::now());
                        beat = Instant::now() + options.heartbeat_timeout;
                        self.talk.send_expecting(&encode(&[b"PING".as_slice()]), 1).await?;
                    }
                    Some(leaving) => {
                        if leaving.by <= Instant::now() {
                            return Err(Error::new(ErrorKind::Disconnected, "the old master did not close the link"));
                        }
                        if leaving.answered.elapsed() > options.heartbeat_timeout {
                            return Err(Error::new(ErrorKind::Disconnected, "the old master does not answer"));
                        }
                        beat = Instant::now() + LEAVING_LOOK;
                        self.talk.send_expecting(&encode(&[b"HELLO".as_slice()]), 1).await?;
                    }
                },
            }
        }
    }

    fn note_drained(&mut self) {
        self.drained_at = SystemTime::now() - self.round_trip;
    }

    fn note_alive(&mut self) {
        self.alive_at = SystemTime::now() - self.round_trip;
        if !self.is_left() {
            self.shared.set_heard_until(self.alive_at);
        }
    }

    /// Ask the server for what is wanted and not asked for yet, and take back what nobody wants any more.
    async fn reconcile(&mut self) -> Result<(), Error> {
        let wanted = self.shared.hub.wanted();
        let more: Vec<Target> = wanted.difference(&self.requested).cloned().collect();
        let less: Vec<Target> = self.requested.difference(&wanted).cloned().collect();
        for (command, targets) in [("SUBSCRIBE", &more), ("UNSUBSCRIBE", &less)] {
            for patterns in [false, true] {
                let of_kind: Vec<Target> =
                    targets.iter().filter(|target| matches!(target, Target::Pattern(_)) == patterns).cloned().collect();
                if of_kind.is_empty() {
                    continue;
                }
                let command = if patterns { format!("P{command}") } else { command.to_owned() };
                let mut args: Vec<&[u8]> = vec![command.as_bytes()];
                args.extend(of_kind.iter().map(|target| match target {
                    Target::Channel(name) | Target::Pattern(name) => name.as_slice(),
                }));
                self.talk.send(&encode(&args)).await?;
                if !command.contains("UN") {
                    self.batches.push_back(of_kind);
                }
            }
        }
        self.requested = wanted;
        Ok(())
    }

    fn push(&mut self, push: Value) {
        let Value::Push { kind, mut data } = push else { return };
        let mut bytes = |at: usize| match data.get_mut(at) {
            Some(Value::BulkString(bytes)) => std::mem::take(bytes),
            _ => Vec::new(),
        };
        match kind {
            PushKind::Message => {
                let (channel, payload) = (bytes(0), bytes(1));
                self.deliver(&Target::Channel(channel.clone()), &channel, &payload);
            }
            PushKind::PMessage => {
                let (pattern, channel, payload) = (bytes(0), bytes(1), bytes(2));
                self.deliver(&Target::Pattern(pattern), &channel, &payload);
            }
            PushKind::Subscribe => self.confirmed(&Target::Channel(bytes(0))),
            PushKind::PSubscribe => self.confirmed(&Target::Pattern(bytes(0))),
            PushKind::Unsubscribe if !self.is_left() => self.shared.hub.unconfirm(&Target::Channel(bytes(0))),
            PushKind::PUnsubscribe if !self.is_left() => self.shared.hub.unconfirm(&Target::Pattern(bytes(0))),
            _ => {}
        }
    }

    fn deliver(&self, target: &Target, channel: &[u8], payload: &[u8]) {
        let overflowed = self.shared.hub.deliver(target, channel, payload, self.master.generation);
        if overflowed > 0 {
            self.shared.announce(EventKind::SubscriptionDropped, vec![("queues", overflowed.into())]);
        }
    }

    fn confirmed(&mut self, target: &Target) {
        if let Some(batch) = self.batches.front_mut() {
            batch.retain(|asked| asked != target);
            if batch.is_empty() {
                self.batches.pop_front();
            }
        }
        if self.is_left() {
            return;
        }
        for news in self.shared.hub.confirm(target, &self.master.node, self.master.generation) {
            match news {
                News::Ready { subscription } => {
                    self.shared.announce(EventKind::SubscriptionReady, vec![("subscription", subscription.into())]);
                }
                News::Gap(gap) => self.announce_gap(&gap),
            }
        }
    }

    fn announce_gap(&self, gap: &Gap) {
        let text = |node: &Option<HostPort>| node.as_ref().map(ToString::to_string).into();
        self.shared.announce(
            EventKind::SubscriptionGap,
            vec![
                ("reason", gap.reason.into()),
                ("since", gap.since.into()),
                ("until", gap.until.into()),
                ("old_master", text(&gap.old_master)),
                ("new_master", text(&gap.new_master)),
            ],
        );
    }

    /// A subscription is answered by pushes, its refusal by an error: it is about the oldest request.
    fn refused(&mut self, error: &Error) {
        if let Some(batch) = self.batches.pop_front() {
            self.shared.hub.refuse(&batch, error.message());
        }
    }

    /// The master that was left is heard no longer. If that was its own word, nothing is missing.
    async fn left(&self, prober: &Prober) {
        // Without it the switch came last, and has marked what there is to mark.
        let Some(leaving) = &self.leaving else { return };
        if leaving.demoted || self.talk.closed || leaving.answered.elapsed() < LEAVING_QUIET {
            return;
        }
        // It may be reachable again, and others may take it for the master still: the gap ends when it is none.
        let by = Instant::now() + LEAVING_LIMIT;
        while Instant::now() < by
            && let Ok((_, Role::Master)) = prober.open(&self.master.node).await
        {
            sleep(LEAVING_LOOK).await;
        }
        let gap = Gap {
            since: self.alive_at,
            until: SystemTime::now(),
            reason: "old_master_silent",
            old_master: Some(self.master.node.clone()),
            new_master: self.shared.known(|known| known.master.clone()),
            generation: self.shared.gate.load().generation,
        };
        if let Some(gap) = self.shared.hub.left_in_silence(gap, leaving.opened) {
            self.announce_gap(&gap);
        }
    }

    /// The answer of a master that is being left. A heartbeat from before the switch may be answered in between.
    fn still_master(&mut self, replies: &[Value]) -> Result<(), Error> {
        let Some(leaving) = &mut self.leaving else { return Ok(()) };
        leaving.answered = Instant::now();
        match handshake::judge(Hop::Data, replies) {
            Ok(hello) if hello.role != Role::Master => {
                leaving.demoted = true;
                Err(Error::new(ErrorKind::Disconnected, "the old master is a replica by now"))
            }
            _ => Ok(()),
        }
    }

    fn interrupted(&self) {
        // A link that fell silent, or was reset, may have lost what was published since it last gave a sign of life.
        let since = if self.talk.closed { self.drained_at } else { self.alive_at };
        self.shared.set_heard_until(since);
        self.shared.hub.interrupt(&Interruption { since, reason: "link_lost", old_master: self.master.node.clone() });
    }
}
