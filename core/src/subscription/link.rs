//! The subscriber link to the master of one generation, driven by the supervisor: it makes the server have what the
//! subscriptions want, hands out what comes, and says from when on something may be missing.
//!
//! After a switch the old link stays, read-only: see [`leaving`](super::leaving).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use redis::Value;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use super::ahead::Ahead;
use super::desired::News;
use super::ear::{Ear, Question, Said};
use super::item::Gap;
use super::leaving::{LOOK, Leaving};
use super::pair::Side;
use super::verdict::{Interruption, Joined};
use crate::command::encode;
use crate::config::HostPort;
use crate::error::{Error, ErrorKind, Result};
use crate::event::EventKind;
use crate::link::handshake::{self, Hop, Protocol};
use crate::node::offsets::{Position, position_question};
use crate::node::probe::Prober;
use crate::node::role::Role;
use crate::shared::{Master, Shared};
use crate::status::ClientState;
use crate::supervisor::backoff::Backoff;
use crate::timer::at;

/// A link that listened ahead has this long to turn up: it reacts to the same moment as whoever found the new master.
const AHEAD: Duration = Duration::from_millis(200);
/// A new link waits so long for the word of the old one, whether it goes on.
const UNDECIDED: Duration = Duration::from_secs(1);

/// Keep subscriptions alive on this master. Ends only when the master was replaced and the old link has ended.
pub(crate) async fn run(
    shared: Arc<Shared>,
    prober: Prober,
    master: Arc<Master>,
    mut ahead: Option<oneshot::Receiver<Ahead>>,
) {
    let mut backoff = Backoff::new(&shared.config.options);
    let mut gate = shared.gate.watch();
    let mut changes = shared.hub.changes();
    let is_over = || shared.gate.load().generation != master.generation;
    loop {
        // Without subscriptions there is no link.
        while shared.hub.is_empty() {
            tokio::select! {
                _ = changes.changed() => {}
                _ = gate.changed() => {}
            }
            if is_over() {
                return;
            }
        }
        let began = Instant::now();
        let ear = match ahead.take() {
            Some(found) => timeout(AHEAD, found).await.ok().and_then(|found| found.ok()).map(|Ahead(ear)| ear),
            None => None,
        };
        let ear = match ear {
            Some(ear) => Some(ear),
            None => match prober.open(&master.node).await {
                Ok((talk, Role::Master)) => Some(Ear::new(talk)),
                _ => None,
            },
        };
        if let Some(ear) = ear {
            let registered = shared.links.register("subscriber", &master.node, master.generation, None);
            shared.link_restored("subscriber", &master);
            let mut link = Link::new(&shared, &master, ear, began.elapsed());
            let error = link.serve(&mut backoff).await;
            drop(registered);
            tracing::debug!(target: "standfast", node = %master.node, %error, "subscriber link lost");
            if is_over() {
                link.left(&prober).await;
                return;
            }
            link.interrupted();
            shared.link_lost("subscriber", &master, error.kind(), &link.why_lost(&error));
        }
        backoff.wait().await;
        if is_over() {
            return;
        }
    }
}

pub(super) struct Link<'a> {
    pub(super) shared: &'a Shared,
    pub(super) master: &'a Master,
    pub(super) ear: Ear,
    /// When there was last nothing more to read: what was published before was received, if the link is alive.
    pub(super) drained_at: SystemTime,
    /// When the server last gave a sign of life: what was published before was received.
    pub(super) alive_at: SystemTime,
    /// How long a question to the server took last: what it said is at most that old.
    round_trip: Duration,
    /// Set as soon as commands go to another master.
    pub(super) leaving: Option<Leaving>,
    /// When the next heartbeat is due; while one is on its way, its deadline.
    beat: Instant,
    /// When the heartbeat on its way was sent.
    beating: Option<Instant>,
    /// Why the heartbeat on its way was sent, if somebody was silent for too long.
    silence: bool,
    marks: Marks,
    /// Until when the new link waits for the word of the old one.
    held_until: Option<Instant>,
}

/// Messages of our own.
#[derive(Debug, Default)]
struct Marks {
    /// When the next one is due.
    due: Option<Instant>,
    /// The one that is waited for, and when it was sent.
    awaited: Option<(u64, Instant)>,
    refused: bool,
    /// Since when the second link has been in charge although this one is there.
    second_in_charge: Option<Instant>,
}

impl<'a> Link<'a> {
    fn new(shared: &'a Shared, master: &'a Master, ear: Ear, round_trip: Duration) -> Link<'a> {
        Link {
            shared,
            master,
            ear,
            drained_at: SystemTime::now(),
            alive_at: SystemTime::now(),
            round_trip,
            leaving: None,
            beat: Instant::now() + shared.config.options.heartbeat_interval,
            beating: None,
            silence: false,
            marks: Marks::default(),
            held_until: None,
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

    async fn try_serve(&mut self, backoff: &mut Backoff) -> Result<std::convert::Infallible> {
        let mut gate = self.shared.gate.watch();
        let mut changes = self.shared.hub.changes();
        let mut decisions = self.shared.hub.decisions();
        self.begin().await?;
        // Whoever listened ahead may have asked for what is wanted no longer.
        changes.mark_changed();
        loop {
            self.hear()?;
            if self.is_left() {
                self.leave()?;
            } else {
                self.follow(&mut changes).await?;
            }
            let marks = self.marks_due();
            let proof = self.leaving.as_ref().and_then(|leaving| leaving.proof_by);
            let silent = if self.leaving.is_none() && !self.silence { self.silent_at() } else { None };
            tokio::select! {
                received = self.ear.talk.receive(), if self.held_until.is_none() => {
                    received?;
                    self.heard();
                    backoff.succeeded();
                }
                _ = decisions.changed(), if self.held_until.is_some() => {}
                () = at(self.held_until) => self.old_link_is_late(),
                _ = changes.changed(), if self.leaving.is_none() => changes.mark_changed(),
                _ = gate.changed() => {}
                () = at(marks) => self.send_mark().await?,
                () = at(silent) => self.check_silence().await?,
                () = at(proof) => self.proved(false),
                () = sleep_until(self.beat) => self.on_beat().await?,
            }
        }
    }

    /// Subscribe, and ask where the stream stands.
    async fn begin(&mut self) -> Result<()> {
        if !self.ear.requested.is_empty() {
            // It listened ahead, and has asked already.
            return Ok(());
        }
        let hub = &self.shared.hub;
        let plan = hub.plan(&self.ear.requested);
        if self.ear.talk.protocol() == Protocol::Resp2 {
            // While it subscribes it can be asked nothing.
            self.joined(None);
            return self.ear.follow(plan, hub.mark()).await;
        }
        self.ear.follow(plan, hub.mark()).await?;
        self.ear.ask(Question::Position, &position_question()).await
    }

    fn joined(&self, position: Option<Position>) {
        let (node, generation) = (self.master.node.clone(), self.master.generation);
        announce_all(self.shared, self.shared.hub.joined(Joined { node, generation, position }));
    }

    /// Hand out everything that has arrived.
    fn hear(&mut self) -> Result<()> {
        let (hub, generation) = (&self.shared.hub, self.master.generation);
        loop {
            if hub.is_undecided(generation) {
                self.held_until.get_or_insert_with(|| Instant::now() + UNDECIDED);
                return Ok(());
            }
            self.held_until = None;
            let (brought, said) = self.ear.hand_out(hub, Side::First, generation)?;
            if brought.overflowed > 0 {
                let queues = vec![("queues", brought.overflowed.into())];
                self.shared.announce(EventKind::SubscriptionDropped, queues);
            }
            if let Some(gap) = &brought.gap {
                announce_gap(self.shared, gap);
            }
            self.marks.awaited =
                self.marks.awaited.filter(|(number, _)| brought.mark.is_none_or(|mark| mark < *number));
            match said {
                None => return Ok(()),
                Some(said) => self.understand(said)?,
            }
        }
    }

    fn understand(&mut self, said: Said) -> Result<()> {
        let hub = &self.shared.hub;
        match said {
            Said::Confirmed(target) if !self.is_left() => announce_all(self.shared, hub.confirm(&target)),
            Said::Confirmed(_) => {}
            Said::Refused(targets, why) if targets.contains(hub.mark()) => self.marks_refused(&why),
            Said::Refused(targets, why) => hub.refuse(&targets, &why),
            Said::Answered(Question::Beat, _) => {
                self.silence = false;
                hub.proved_alive();
            }
            Said::Answered(Question::Role, values) => self.role(&values)?,
            Said::Answered(Question::Position, values) => self.joined(values.first().and_then(Position::read)),
            Said::Answered(Question::Mark, values) => {
                if let Some(Value::ServerError(error)) = values.first() {
                    self.marks_refused(&format!("{} {}", error.code(), error.details().unwrap_or_default()));
                }
            }
        }
        Ok(())
    }

    /// Any byte is life.
    fn heard(&mut self) {
        if self.leaving.is_none() {
            if let Some(sent) = self.beating.take() {
                self.round_trip = sent.elapsed();
            }
            self.beat = Instant::now() + self.shared.config.options.heartbeat_interval;
        }
        self.alive_at = SystemTime::now() - self.round_trip;
        if !self.is_left() {
            self.shared.set_heard_until(self.alive_at);
        }
    }

    /// Ask the server for what is wanted and not asked for yet, and take back what nobody wants any more.
    async fn follow(&mut self, changes: &mut tokio::sync::watch::Receiver<u64>) -> Result<()> {
        if changes.has_changed().unwrap_or(false) {
            changes.mark_unchanged();
            let plan = self.shared.hub.plan(&self.ear.requested);
            self.ear.follow(plan, self.shared.hub.mark()).await?;
        }
        // A master that is about to be replaced is asked at once and often: the closer its last sign of life, the shorter the
        // gap.
        if self.beating.is_none() && self.shared.gate.load().state == ClientState::Fenced {
            self.beat = self.beat.min(Instant::now() + LOOK);
        }
        self.drained_at = SystemTime::now() - self.round_trip;
        Ok(())
    }

    /// Commands go to another master.
    fn leave(&mut self) -> Result<()> {
        if self.leaving.is_none() {
            if self.ear.talk.protocol() == Protocol::Resp2 {
                // While it subscribes it cannot be asked for its role, so it might repeat the new master unnoticed.
                return Err(Error::new(ErrorKind::Disconnected, "the master was replaced"));
            }
            self.leaving = Some(Leaving::new(self.shared.hub.opened(), self.beating));
            self.held_until = None;
            self.beat = Instant::now();
        }
        Ok(())
    }

    async fn on_beat(&mut self) -> Result<()> {
        let limit = self.shared.config.options.heartbeat_timeout;
        let lost = |why: &str| Err(Error::new(ErrorKind::Disconnected, why));
        let (question, words): (_, &[u8]) = match &self.leaving {
            None if self.beating.is_some() => return lost("its heartbeat was not answered"),
            None => {
                self.beating = Some(Instant::now());
                self.beat = Instant::now() + limit;
                (Question::Beat, b"PING")
            }
            Some(leaving) if leaving.by <= Instant::now() => return lost("the old master did not close the link"),
            Some(leaving) if leaving.answered.elapsed() > limit => return lost("the old master does not answer"),
            Some(_) => {
                self.beat = Instant::now() + LOOK;
                (Question::Role, b"HELLO")
            }
        };
        self.ear.ask(question, &encode(&[words])).await
    }

    /// The node's own word about its role, when it is being left or was silent for too long.
    fn role(&mut self, replies: &[Value]) -> Result<()> {
        let is_master = !matches!(handshake::judge(Hop::Data, replies), Ok(hello) if hello.role != Role::Master);
        match &mut self.leaving {
            None if is_master => {
                self.silence = false;
                self.shared.hub.proved_alive();
                Ok(())
            }
            None => {
                self.shared.doubt_role(self.master.generation);
                Err(Error::new(ErrorKind::NotMaster, "it was silent for `max_silence`, and is no master any more"))
            }
            Some(leaving) => {
                leaving.answered = Instant::now();
                leaving.demoted = !is_master;
                // What a master had published before it was demoted lay before this answer.
                self.proved(true);
                match is_master {
                    true => Ok(()),
                    false => Err(Error::new(ErrorKind::Disconnected, "the old master is a replica by now")),
                }
            }
        }
    }

    fn silent_at(&self) -> Option<Instant> {
        self.shared.hub.silent_at().map(Instant::from_std)
    }

    /// A subscription heard nothing for longer than it may: does the link live, and is it the master's?
    async fn check_silence(&mut self) -> Result<()> {
        self.silence = true;
        let now = Instant::now();
        self.beating = Some(self.beating.unwrap_or(now));
        self.beat = now + self.shared.config.options.heartbeat_timeout;
        let resp2 = self.ear.talk.protocol() == Protocol::Resp2;
        let (question, words): (_, &[u8]) = if resp2 { (Question::Beat, b"PING") } else { (Question::Role, b"HELLO") };
        self.ear.ask(question, &encode(&[words])).await
    }

    /// When a mark has to be sent, or has been missed.
    fn marks_due(&mut self) -> Option<Instant> {
        let Some(every) = self.shared.hub.mark_interval() else {
            self.marks = Marks { refused: self.marks.refused, ..Marks::default() };
            return None;
        };
        if self.marks.refused || self.leaving.is_some() || self.ear.talk.protocol() == Protocol::Resp2 {
            return None;
        }
        let due = self.marks.due.get_or_insert_with(Instant::now);
        *due = (*due).min(Instant::now() + every);
        Some(*due)
    }

    async fn send_mark(&mut self) -> Result<()> {
        let (hub, limit) = (&self.shared.hub, self.shared.config.options.heartbeat_timeout);
        let now = Instant::now();
        if self.marks.awaited.is_some_and(|(_, since)| since + limit <= now) && hub.wants_pulse() {
            self.shared.doubt_role(self.master.generation);
            return Err(Error::new(ErrorKind::Disconnected, "its pulse did not come back"));
        }
        // The second link hears nothing of what this one does.
        if hub.second_in_charge(self.master.generation) {
            if *self.marks.second_in_charge.get_or_insert(now) + limit <= now {
                self.marks.second_in_charge = None;
                if let Some(gap) = hub.give_up_second(self.master.generation) {
                    announce_gap(self.shared, &gap);
                }
            }
        } else {
            self.marks.second_in_charge = None;
        }
        self.marks.due = hub.mark_interval().map(|every| now + every);
        let number = hub.next_mark();
        self.marks.awaited.get_or_insert((number, now));
        let number = number.to_string();
        let request = encode(&[b"PUBLISH".as_slice(), &hub.mark().name, number.as_bytes()]);
        self.ear.ask(Question::Mark, &request).await
    }

    fn marks_refused(&mut self, why: &str) {
        self.marks.refused = true;
        tracing::warn!(target: "standfast", node = %self.master.node, why, "messages of our own are refused");
        self.shared.hub.refuse_marks(why);
    }

    /// The old link did not say in time whether it goes on.
    fn old_link_is_late(&self) {
        let news = self.shared.hub.old_link_is_late(self.master.generation);
        announce_all(self.shared, news);
    }

    fn interrupted(&self) {
        // A link that fell silent, or was reset, may have lost what was published since it last gave a sign of life.
        let since = if self.ear.talk.closed { self.drained_at } else { self.alive_at };
        self.shared.set_heard_until(since);
        let old_master = self.master.node.clone();
        let interruption = Interruption { since, reason: "link_lost", old_master };
        self.shared.hub.lost(self.master.generation, &interruption);
    }

    fn why_lost(&self, error: &Error) -> String {
        match self.silence {
            true => format!("no message for `max_silence`, and then: {}", error.message()),
            false => error.message().to_owned(),
        }
    }
}

pub(super) fn announce_all(shared: &Shared, news: Vec<News>) {
    for news in news {
        match news {
            News::Ready { subscription } => {
                shared.announce(EventKind::SubscriptionReady, vec![("subscription", subscription.into())]);
            }
            News::Gap(gap) => announce_gap(shared, &gap),
        }
    }
}

pub(super) fn announce_gap(shared: &Shared, gap: &Gap) {
    let text = |node: &Option<HostPort>| node.as_ref().map(ToString::to_string).into();
    shared.announce(
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
