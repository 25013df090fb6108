//! Looks at a deployment and says what is wrong with it, or will be when something fails.
//!
//! `examine` asks every sentinel and every node, `sentinels` and `nodes` judge what was seen, `finding` is THE list of what can be said.
//! It is *not* part of following failovers: it has links of its own, changes nothing, and nothing depends on it.

mod examine;
mod facts;
mod finding;
mod nodes;
mod sentinels;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use finding::{FINDINGS, Finding, FindingKind, Severity};

use crate::bell::Interrupt;
use crate::error::{Error, Result};
use crate::handover;
use crate::shared::Shared;
use crate::status::ClientState;
use crate::tree::Tree;
use facts::Facts;
use finding::Kind;

/// Everything that is wrong, the worst first.
fn judge(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(why) = &facts.no_master {
        found.push(Finding::new(Kind::NoMaster, why.clone(), Vec::new()));
    }
    if facts.by_sentinel {
        found.extend(sentinels::judge(facts));
    }
    found.extend(nodes::judge(facts));
    // Stable: within a severity the order is that of the rules.
    found.sort_by_key(|finding| finding.severity);
    found
}

/// The findings as a report.
pub(crate) fn tree(findings: &[Finding]) -> Tree {
    Tree::List(findings.iter().map(Finding::to_tree).collect())
}

/// Examine on the core's thread.
pub(crate) async fn doctor(shared: &Arc<Shared>) -> Result<Vec<Finding>> {
    shared.check_process()?;
    let subject = Arc::clone(shared);
    // The task ends without a result when the runtime does.
    shared.runtime()?.spawn(async move { examined(&subject).await }).await.unwrap_or_else(|_| Err(Error::closed()))
}

/// The same for a thread that waits.
pub(crate) fn doctor_blocking(shared: &Arc<Shared>, interrupt: Interrupt<'_>) -> Result<Vec<Finding>> {
    shared.check_process()?;
    let subject = Arc::clone(shared);
    handover::wait(shared, async move { examined(&subject).await }, interrupt)
}

async fn examined(shared: &Arc<Shared>) -> Result<Vec<Finding>> {
    let mut gate = shared.gate.watch();
    let closed = async {
        while shared.gate.load().state != ClientState::Closed {
            if gate.changed().await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        facts = examine::examine(shared) => Ok(judge(&facts)),
        () = closed => Err(Error::closed()),
    }
}
