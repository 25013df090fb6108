//! What a switch cost: measured while it happens, told when it is over (`switch_report`).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::config::HostPort;
use crate::counters::Counter;
use crate::event::EventKind;
use crate::node::offsets::{self, Offsets};
use crate::node::probe::Prober;
use crate::shared::Shared;
use crate::sync::lock;
use crate::tree::Tree;

/// How often the old master is asked how far it is, while commands are held.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Looks that are remembered: the last one before the promotion counts, and that moment is known only afterwards.
const LOOKS: usize = 16;
/// How long the two masters have to tell how far they are.
const ASK_LIMIT: Duration = Duration::from_secs(1);

/// The course of one change of the master, from the first sign to the switch.
#[derive(Debug)]
pub(super) struct Course {
    lost_at: Option<Instant>,
    announced_at: Option<Instant>,
    fenced_at: Option<Instant>,
    held_for: Option<Duration>,
    /// The count of unknown outcomes when it began.
    unknown_before: u64,
    watch: Option<OldMaster>,
}

/// The old master's offsets, looked at while commands are held.
#[derive(Debug)]
struct OldMaster {
    looks: Arc<Mutex<VecDeque<(Instant, Offsets)>>>,
    task: JoinHandle<()>,
}

impl Drop for OldMaster {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The change of the master as it was decided.
#[derive(Debug)]
pub(super) struct Switched {
    pub(super) old: HostPort,
    pub(super) new: HostPort,
    pub(super) eager: bool,
    /// When the new master last said that it was none.
    pub(super) not_before: Option<Instant>,
}

impl Course {
    pub(super) fn begin(shared: &Shared) -> Course {
        Course {
            lost_at: None,
            announced_at: None,
            fenced_at: None,
            held_for: None,
            unknown_before: shared.counters.get(Counter::MaybeExecuted),
            watch: None,
        }
    }

    pub(super) fn lost(&mut self) {
        self.lost_at.get_or_insert_with(Instant::now);
    }

    pub(super) fn announced(&mut self) {
        self.announced_at.get_or_insert_with(Instant::now);
    }

    /// Commands are held: from now on the old master is asked how far it is.
    pub(super) fn fenced(&mut self, old: &HostPort, prober: &Prober) {
        self.fenced_at = Some(Instant::now());
        let looks = Arc::default();
        let task = tokio::spawn(look(old.clone(), prober.clone(), Arc::clone(&looks)));
        self.watch = Some(OldMaster { looks, task });
    }

    pub(super) fn unfenced(&mut self) {
        self.held_for = self.fenced_at.take().map(|at| at.elapsed());
    }

    /// How long commands have been without a master, or held.
    pub(super) fn interrupted_for(&self) -> Option<Duration> {
        self.announced_at.or(self.lost_at).map(|at| at.elapsed())
    }

    /// Tell what the switch cost, as soon as both masters have told how far they are.
    pub(super) async fn tell(mut self, shared: Arc<Shared>, prober: Prober, switched: Switched, held: u64) {
        self.unfenced();
        let now = Instant::now();
        let since = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        let steps = [
            ("since_lost", since(self.lost_at)),
            ("since_announced", since(self.announced_at)),
            ("since_replica", since(switched.not_before)),
            ("held_for", self.held_for),
        ];
        let drained = self.drained(switched.not_before);
        drop(self.watch.take());
        // A master that is dead cannot be asked; then it is unknown.
        let at_risk = compare(&prober, &switched, drained).await;
        let unknown = shared.counters.get(Counter::MaybeExecuted) - self.unknown_before;
        let mut details: Vec<(&'static str, Tree)> = vec![
            ("old_master", switched.old.to_string().into()),
            ("new_master", switched.new.to_string().into()),
            ("eager", switched.eager.into()),
        ];
        details.extend(steps.map(|(name, length)| (name, length.into())));
        details.extend([
            ("commands_held", held.into()),
            ("maybe_executed", unknown.into()),
            ("bytes_at_risk", at_risk.into()),
        ]);
        shared.announce(EventKind::SwitchReport, details);
    }

    /// The last look at the old master that was certainly before the promotion.
    fn drained(&self, not_before: Option<Instant>) -> Option<Offsets> {
        let looks = lock(&self.watch.as_ref()?.looks);
        looks
            .iter()
            .rev()
            .find(|(at, _)| not_before.is_some_and(|before| *at <= before))
            .map(|(_, offsets)| offsets.clone())
    }
}

async fn look(old: HostPort, prober: Prober, looks: Arc<Mutex<VecDeque<(Instant, Offsets)>>>) {
    let Ok((mut talk, _)) = prober.open(&old).await else { return };
    while let Some(offsets) = offsets::ask(&mut talk, Instant::now() + ASK_LIMIT).await {
        {
            let mut looks = lock(&looks);
            if looks.len() == LOOKS {
                looks.pop_front();
            }
            looks.push_back((Instant::now(), offsets));
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn compare(prober: &Prober, switched: &Switched, drained: Option<Offsets>) -> Option<u64> {
    let until = Instant::now() + ASK_LIMIT;
    let ask = async |node: &HostPort| {
        let (mut talk, _) = prober.open(node).await.ok()?;
        offsets::ask(&mut talk, until).await
    };
    let both = async { tokio::join!(ask(&switched.old), ask(&switched.new)) };
    let (left, new) = tokio::time::timeout_at(until, both).await.ok()?;
    offsets::bytes_at_risk(drained.as_ref(), &left?, &new?)
}
