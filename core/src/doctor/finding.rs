//! THE list of what can be found: identifiers, how bad it is, what it is about, and what to do. `core/docs/doctor.md` is written from it.

use std::fmt;

use crate::tree::Tree;

/// How bad a finding is. The order is that of reports: the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Something does not work now, or no failover can succeed.
    Error,
    /// It works until something fails.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// The word in reports: `error`, `warning`, `info`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that is wrong with a deployment, or may go wrong.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is, as in `core/docs/doctor.md`; the same in every language and version.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was seen, in one sentence with the addresses and numbers.
    pub reason: String,
    /// What to do about it.
    pub remedy: &'static str,
    /// What was seen, as data; the names depend on the finding.
    pub details: Vec<(&'static str, Tree)>,
}

impl Finding {
    pub(super) fn new(kind: Kind, reason: String, details: Vec<(&'static str, Tree)>) -> Finding {
        let FindingKind { id, severity, remedy, .. } = *kind.describe();
        Finding { id, severity, reason, remedy, details }
    }

    /// The finding as a report.
    pub fn to_tree(&self) -> Tree {
        let Finding { id, severity, reason, remedy, details } = self;
        Tree::Map(vec![
            ("id", (*id).into()),
            ("severity", severity.as_str().into()),
            ("reason", reason.clone().into()),
            ("remedy", (*remedy).into()),
            ("details", Tree::Map(details.clone())),
        ])
    }
}

/// A line of the list.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FindingKind {
    /// The identifier.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// When it is reported.
    pub when: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

macro_rules! kinds {
    ($($kind:ident $id:literal $severity:ident: $when:literal => $remedy:literal)*) => {
        /// What can be found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Kind {
            $($kind,)*
        }

        impl Kind {
            fn describe(self) -> &'static FindingKind {
                &FINDINGS[self as usize]
            }
        }

        /// Everything that can be found, in the order of the documentation.
        pub const FINDINGS: &[FindingKind] = &[
            $(FindingKind { id: $id, severity: Severity::$severity, when: $when, remedy: $remedy },)*
        ];
    };
}

kinds! {
    NoMaster "no_master" Error:
        "the client has no master at this moment"
        => "The other findings say why; while a failover goes on, wait for its end."
    SentinelUnreachable "sentinel_unreachable" Warning:
        "a configured or reported sentinel cannot be reached, or refuses this client"
        => "Start it, open the network to it, or correct its address or the credentials for sentinels."
    MasterUnknown "master_unknown" Error:
        "a sentinel does not know the master name"
        => "SENTINEL MONITOR the master there, or remove the sentinel from the configuration."
    MastersDiffer "masters_differ" Error:
        "the sentinels name different masters, and none of them sees a failover going on"
        => "Make them agree: SENTINEL REMOVE and MONITOR at those that are wrong, after looking which node has the data."
    EpochsDiffer "epochs_differ" Warning:
        "the sentinels' configuration epochs differ"
        => "Let the sentinels reach each other; one that stays behind has missed a failover and may name an old master."
    FailoverImpossible "failover_impossible" Error:
        "fewer sentinels than a majority, or than the quorum, can be reached from a sentinel (SENTINEL CKQUORUM)"
        => "Bring the missing sentinels back, or SENTINEL RESET the name so that those that are gone for good are no longer counted."
    SentinelsTooFew "sentinels_too_few" Warning:
        "there are fewer than three sentinels"
        => "Run at least three sentinels on independent machines: with fewer, the loss of one prevents every failover."
    DeadSentinels "dead_sentinels" Warning:
        "sentinels that are gone are still counted for the majority"
        => "Start them again, or SENTINEL RESET the name at the others, one after another, so that they are forgotten."
    QuorumTooHigh "quorum_too_high" Warning:
        "the quorum is the number of all sentinels, or more"
        => "Set the quorum to a majority of the sentinels (SENTINEL SET name quorum n): now the loss of one prevents every failover."
    QuorumTooLow "quorum_too_low" Info:
        "one sentinel alone may declare the master down, though there are several"
        => "Set the quorum to a majority of the sentinels: a single sentinel with a bad network can start a needless failover."
    SettingsDiffer "settings_differ" Warning:
        "the sentinels have different quorums or time-outs for this master"
        => "Give all sentinels the same settings (SENTINEL SET goes to one sentinel only): which of them counts depends on who leads the failover."
    SentinelsOnOneHost "sentinels_on_one_host" Warning:
        "a majority of the sentinels runs on one host"
        => "Spread the sentinels over machines that fail independently: without that host there is no failover."
    NodesOnOneHost "nodes_on_one_host" Warning:
        "all data nodes run on one host"
        => "Run the replicas on other machines than the master."
    Tilt "tilt" Warning:
        "a sentinel distrusts its clock (TILT) and takes part in no failover"
        => "Find out why its machine stalls or its clock jumps; TILT ends by itself 30 s after the last time."
    DownAfterLong "down_after_long" Warning:
        "down-after-milliseconds is 30 s or more"
        => "Lower it (SENTINEL SET name down-after-milliseconds 5000): no failover begins before that time has passed."
    DownAfterShort "down_after_short" Warning:
        "down-after-milliseconds is less than 500 ms"
        => "Raise it: a master that is slow for a moment is replaced, and writes may be lost."
    FailoverTimeoutLong "failover_timeout_long" Info:
        "failover-timeout is more than a minute"
        => "Lower it (SENTINEL SET name failover-timeout 20000): a failover that failed is tried again only after twice that time."
    FailoverTimeoutShort "failover_timeout_short" Warning:
        "failover-timeout is less than 3 s"
        => "Raise it: a replica that takes longer to be promoted is given up, and the failover begins again."
    HostNamesDiffer "host_names_differ" Warning:
        "the sentinels treat host names differently (resolve-hostnames, announce-hostnames)"
        => "Set both alike on all sentinels: otherwise the same node is announced by name here and by address there."
    SentinelRights "sentinel_rights" Warning:
        "the user on the sentinels lacks rights that the client makes use of"
        => "Give the user the rights named in the details, or live with what is missing: see README, Least privilege."
    NodeUnreachable "node_unreachable" Error:
        "a node that the sentinels announce cannot be reached at that address, or refuses this client"
        => "Start it or open the network to it; if the address is valid elsewhere only, set replica-announce-ip and -port (or announce-ip of the sentinel), or rewrite addresses in this client."
    NoReplica "no_replica" Error:
        "the sentinels know no replica"
        => "Add a replica: without one there is nobody to take over."
    NoPromotableReplica "no_promotable_replica" Error:
        "no replica could be promoted: all are down, cut off, or have replica-priority 0"
        => "Bring a replica back, or give one a replica-priority above 0."
    ReplicaLinkDown "replica_link_down" Warning:
        "a replica's link to its master is down, or it follows somebody else"
        => "Look at the replica's log: wrong masterauth, a network between the nodes that is closed, or a full synchronisation that never ends."
    SecondMaster "second_master" Error:
        "a node that the sentinels call a replica says that it is a master"
        => "Sentinel demotes it within some ten seconds of its return; if it stays, REPLICAOF it. What is written to it is lost."
    NodeRights "node_rights" Warning:
        "the user on the data nodes lacks rights that the client makes use of"
        => "Give the user the rights named in the details, or live with what is missing: see README, Least privilege."
    MinReplicasUnset "min_replicas_unset" Warning:
        "min-replicas-to-write is 0 on the master though it has replicas"
        => "CONFIG SET min-replicas-to-write 1 (and min-replicas-max-lag 10) on every node: a master that is cut off then refuses writes that would be lost."
    MinReplicasTooMany "min_replicas_too_many" Error:
        "min-replicas-to-write is more than there are replicas in good order: writes are refused"
        => "Lower min-replicas-to-write, or bring replicas back."
    KeyspaceEventsDiffer "keyspace_events_differ" Warning:
        "notify-keyspace-events differs between the nodes"
        => "Set it alike on every node: after a failover subscribers of keyspace events would otherwise hear nothing, or something else."
    NotChecked "not_checked" Info:
        "something could not be looked at, because the user may not (CONFIG GET, INFO, SENTINEL CONFIG)"
        => "Run doctor once as a user with +config|get +info, or look at those settings by hand."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_given_once() {
        let mut ids: Vec<_> = FINDINGS.iter().map(|kind| kind.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), FINDINGS.len());
        assert_eq!(Kind::NotChecked.describe().id, "not_checked");
    }
}
