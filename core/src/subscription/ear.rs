//! A link that listens: what its server was asked for, what it confirmed and in which order it answers.

use std::collections::{BTreeSet, HashMap, VecDeque};

use redis::{PushKind, Value};

use super::Target;
use super::desired::{Hub, Plan};
use super::pair::Side;
use super::post::Brought;
use crate::command::encode;
use crate::error::Result;
use crate::link::engine::Incoming;
use crate::link::published::{Kind, Published};
use crate::link::talk::{Behind, Talk};
use crate::node::offsets::position_question;

/// What was asked between the subscriptions, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// PING: does it live?
    Beat,
    /// HELLO: does it live, and is it a master?
    Role,
    /// INFO: how far is its stream?
    Position,
    /// PUBLISH: a message of our own.
    Mark,
}

/// Something that the server said, beside messages.
#[derive(Debug)]
pub(super) enum Said {
    Confirmed(Target),
    Refused(BTreeSet<Target>, String),
    Answered(Question, Vec<Value>),
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Ear {
    pub(super) talk: Talk,
    /// What the server was asked for.
    pub(super) requested: BTreeSet<Target>,
    /// Requests about a target that the server has not answered: only the last answer counts.
    open: HashMap<Target, usize>,
    /// The subscriptions that may still be refused, in order, and how much of each is not confirmed.
    batches: VecDeque<(BTreeSet<Target>, usize)>,
    asked: VecDeque<Question>,
}

/// What is said behind the greeting, and what of it has to be remembered.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    pub(super) behind: Behind,
    batches: Vec<BTreeSet<Target>>,
}

impl Prepared {
    pub(super) fn new(wanted: &BTreeSet<Target>, mark: &Target) -> Prepared {
        let mut prepared = Prepared::default();
        for (request, batch) in requests(wanted, mark, true) {
            prepared.behind.subscriptions.push((request, batch.len()));
            prepared.batches.push(batch);
        }
        prepared.behind.question = position_question();
        prepared
    }
}

impl Ear {
    pub(super) fn new(talk: Talk) -> Ear {
        Ear { talk, requested: BTreeSet::new(), open: HashMap::new(), batches: VecDeque::new(), asked: VecDeque::new() }
    }

    /// A link that was greeted with subscriptions.
    pub(super) fn prepared(talk: Talk, prepared: Prepared) -> Ear {
        let mut ear = Ear::new(talk);
        for batch in prepared.batches {
            ear.remember(batch);
        }
        ear.asked.push_back(Question::Position);
        ear
    }

    fn remember(&mut self, batch: BTreeSet<Target>) {
        for target in &batch {
            *self.open.entry(target.clone()).or_default() += 1;
        }
        self.requested.extend(batch.iter().cloned());
        let open = batch.len();
        self.batches.push_back((batch, open));
    }

    /// Ask for what is wanted, and take back what is not.
    pub(super) async fn follow(&mut self, plan: Plan, mark: &Target) -> Result<()> {
        for (request, batch) in requests(&plan.more, mark, true) {
            let channels = batch.len();
            self.remember(batch);
            self.talk.subscribe(0, &request, channels).await?;
        }
        for (request, batch) in requests(&plan.less, mark, false) {
            for target in &batch {
                *self.open.entry(target.clone()).or_default() += 1;
                self.requested.remove(target);
            }
            // It is never refused.
            self.talk.subscribe(0, &request, batch.len()).await?;
        }
        Ok(())
    }

    pub(super) async fn ask(&mut self, question: Question, request: &[u8]) -> Result<()> {
        self.asked.push_back(question);
        self.talk.send_expecting(request, 1).await
    }

    /// Hand out the messages that have arrived, up to something else.
    pub(super) fn hand_out(&mut self, hub: &Hub, side: Side, generation: u64) -> Result<(Brought, Option<Said>)> {
        let mut post = hub.post(side, generation);
        loop {
            while let Some(message) = self.talk.message() {
                post.deliver(message);
            }
            match self.talk.arrived()? {
                None => return Ok((post.finish(), None)),
                // It had arrived in part when we looked.
                Some(Incoming::Push(Value::Push { kind, data })) if let Some(kind) = message_kind(&kind) => {
                    if let Some(message) = message(kind, &data) {
                        post.deliver(message);
                    }
                }
                Some(incoming) => {
                    if let Some(said) = self.understand(incoming) {
                        return Ok((post.finish(), Some(said)));
                    }
                }
            }
        }
    }

    /// Forget what has arrived.
    pub(super) fn forget(&mut self) -> Result<Option<Said>> {
        while self.talk.message().is_some() {}
        while let Some(incoming) = self.talk.arrived()? {
            if let Some(said) = self.understand(incoming) {
                return Ok(Some(said));
            }
            while self.talk.message().is_some() {}
        }
        Ok(None)
    }

    fn understand(&mut self, incoming: Incoming) -> Option<Said> {
        match incoming {
            Incoming::Push(Value::Push { kind, mut data }) => {
                let (kind, begins) = match kind {
                    PushKind::Subscribe => (Kind::Channel, true),
                    PushKind::PSubscribe => (Kind::Pattern, true),
                    PushKind::SSubscribe => (Kind::Shard, true),
                    PushKind::Unsubscribe => (Kind::Channel, false),
                    PushKind::PUnsubscribe => (Kind::Pattern, false),
                    PushKind::SUnsubscribe => (Kind::Shard, false),
                    _ => return None,
                };
                if begins && let Some((_, left)) = self.batches.front_mut() {
                    *left -= 1;
                    if *left == 0 {
                        self.batches.pop_front();
                    }
                }
                let name = match data.first_mut() {
                    Some(Value::BulkString(bytes)) => std::mem::take(bytes),
                    _ => return None,
                };
                let target = Target { kind, name: name.into() };
                let open = self.open.get_mut(&target)?;
                *open -= 1;
                if *open > 0 {
                    return None;
                }
                self.open.remove(&target);
                self.requested.contains(&target).then_some(Said::Confirmed(target))
            }
            Incoming::Push(_) => None,
            Incoming::Refused { why, .. } => {
                let (batch, _) = self.batches.pop_front()?;
                for target in &batch {
                    self.open.remove(target);
                    self.requested.remove(target);
                }
                Some(Said::Refused(batch, why))
            }
            Incoming::Replies { values, .. } => {
                let question = self.asked.pop_front()?;
                Some(Said::Answered(question, values))
            }
        }
    }
}

fn message_kind(kind: &PushKind) -> Option<Kind> {
    match kind {
        PushKind::Message => Some(Kind::Channel),
        PushKind::PMessage => Some(Kind::Pattern),
        PushKind::SMessage => Some(Kind::Shard),
        _ => None,
    }
}

fn message(kind: Kind, data: &[Value]) -> Option<Published<'_>> {
    let part = |at: usize| match data.get(at) {
        Some(Value::BulkString(bytes)) => Some(bytes.as_slice()),
        _ => None,
    };
    let behind = usize::from(kind == Kind::Pattern);
    Some(Published { kind, name: part(0)?, channel: part(behind)?, payload: part(behind + 1)? })
}

/// The commands for these targets: one for each kind, and one for our own channel, which may be refused by itself.
fn requests(targets: &BTreeSet<Target>, mark: &Target, begin: bool) -> Vec<(Vec<u8>, BTreeSet<Target>)> {
    let mut all = Vec::new();
    for (kind, word) in [(Kind::Channel, ""), (Kind::Pattern, "P"), (Kind::Shard, "S")] {
        let (own, others): (BTreeSet<Target>, BTreeSet<Target>) =
            targets.iter().filter(|target| target.kind == kind).cloned().partition(|target| target == mark);
        let command = format!("{word}{}", if begin { "SUBSCRIBE" } else { "UNSUBSCRIBE" });
        for batch in [others, own] {
            if batch.is_empty() {
                continue;
            }
            let mut args: Vec<&[u8]> = vec![command.as_bytes()];
            args.extend(batch.iter().map(|target| &*target.name));
            all.push((encode(&args), batch));
        }
    }
    all
}
