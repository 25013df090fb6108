//! A subscriber link whose master was replaced. It stays, read-only, until the old master closes it: other publishers may still
//! publish there. When it ends, somebody has to say whether anything was missed.

use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use super::item::Gap;
use super::link::{Link, announce_all, announce_gap};
use crate::node::probe::Prober;
use crate::node::role::Role;

/// How long a link to a demoted master is read at the most; Sentinel closes it within some ten seconds.
const LIMIT: Duration = Duration::from_secs(30);
/// How often it is asked whether the node is still a master. As a replica it would repeat what the new master publishes, and not
/// everybody who demotes a master closes its connections, as Sentinel does.
pub(super) const LOOK: Duration = Duration::from_millis(50);
/// A master that does not answer for so long while it is being left may be dead: from here on its silence is a gap.
const PROOF: Duration = Duration::from_millis(400);
/// A link that ends in disorder may have lost what was published since its last answer, if that is longer ago.
const QUIET: Duration = Duration::from_millis(200);

/// What is known of a link that is being left.
#[derive(Debug)]
pub(super) struct Leaving {
    /// When it is given up at the latest.
    pub(super) by: Instant,
    /// When the old master answered last.
    pub(super) answered: Instant,
    /// The old master says that it is a replica.
    pub(super) demoted: bool,
    /// Until when it may prove that it goes on; `None`: it is decided.
    pub(super) proof_by: Option<Instant>,
    /// How many subscriptions had been opened before it was left.
    opened: u64,
}

impl Leaving {
    /// `asked`: since when the old master owes an answer, if it does.
    pub(super) fn new(opened: u64, asked: Option<Instant>) -> Leaving {
        let now = Instant::now();
        let proof_by = Some(asked.unwrap_or(now) + PROOF);
        Leaving { by: now + LIMIT, answered: now, demoted: false, proof_by, opened }
    }
}

impl Link<'_> {
    /// The old master answered that it is one, or did not in time.
    pub(super) fn proved(&mut self, goes_on: bool) {
        if let Some(leaving) = &mut self.leaving
            && leaving.proof_by.take().is_some()
        {
            let news = self.shared.hub.old_link(self.master.generation, goes_on);
            announce_all(self.shared, news);
        }
    }

    /// The master that was left is heard no longer. If that was its own word, nothing is missing.
    pub(super) async fn left(mut self, prober: &Prober) {
        // The switch may have come together with the end.
        let answered = self.leaving.as_ref().is_some_and(|leaving| leaving.answered.elapsed() < QUIET);
        let opened = self.shared.hub.opened();
        let leaving = self.leaving.get_or_insert_with(|| Leaving::new(opened, None));
        let (demoted, opened) = (leaving.demoted, leaving.opened);
        let in_order = demoted || answered || self.ear.talk.closed;
        // Somebody may have closed just this link. While the node is a master others may publish there; it may also be
        // reachable again. The gap ends when it is none.
        let by = Instant::now() + LIMIT;
        let mut still_master = false;
        while !demoted && Instant::now() < by {
            match prober.open(&self.master.node).await {
                Ok((_, Role::Master)) => {
                    still_master = true;
                    // The new link must not wait for the end of this.
                    self.proved(false);
                    sleep(LOOK).await;
                }
                Ok(_) => break,
                Err(_) => break,
            }
        }
        if in_order && !still_master {
            self.proved(true);
            return;
        }
        self.proved(false);
        let gap = Gap {
            since: if self.ear.talk.closed { self.drained_at } else { self.alive_at },
            until: SystemTime::now(),
            reason: "old_master_silent",
            old_master: Some(self.master.node.clone()),
            new_master: self.shared.known(|known| known.master.clone()),
            generation: self.shared.gate.load().generation,
        };
        if let Some(gap) = self.shared.hub.left_in_silence(gap, opened) {
            announce_gap(self.shared, &gap);
        }
    }
}
