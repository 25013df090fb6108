//! What is wrong with the sentinels, judged from what was seen. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Facts, address, has_flag, number};
use super::finding::{Finding, Kind};
use crate::config::HostPort;
use crate::tree::Tree;

/// No failover begins before this has passed: what Sentinel's own example has, and too long for most.
const LONG_DOWN_AFTER_MS: u64 = 30_000;
const SHORT_DOWN_AFTER_MS: u64 = 500;
const LONG_FAILOVER_TIMEOUT_MS: u64 = 60_000;
const SHORT_FAILOVER_TIMEOUT_MS: u64 = 3_000;
/// What every sentinel must have alike.
const SETTINGS: [&str; 3] = ["quorum", "down-after-milliseconds", "failover-timeout"];

/// The findings.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    unreachable(facts, &mut found);
    agreement(facts, &mut found);
    majority(facts, &mut found);
    settings(facts, &mut found);
    each(facts, &mut found);
    found
}

fn unreachable(facts: &Facts, found: &mut Vec<Finding>) {
    for seen in &facts.sentinels {
        let Err(cause) = &seen.answer else { continue };
        found.push(Finding::new(
            Kind::SentinelUnreachable,
            format!("the sentinel {cause}"),
            vec![
                ("sentinel", seen.address.to_string().into()),
                ("step", cause.step.as_str().into()),
                ("error", cause.kind.name().into()),
            ],
        ));
    }
}

/// Whether they say the same about the master.
fn agreement(facts: &Facts, found: &mut Vec<Finding>) {
    let mut masters: BTreeMap<&HostPort, Vec<&HostPort>> = BTreeMap::new();
    let mut epochs = Vec::new();
    for (sentinel, said) in facts.answers() {
        match &said.master {
            Some(master) => masters.entry(master).or_default().push(sentinel),
            None if said.denied.is_empty() => found.push(Finding::new(
                Kind::MasterUnknown,
                format!("the sentinel {sentinel} does not know this master name"),
                vec![("sentinel", sentinel.to_string().into())],
            )),
            None => {}
        }
        if let Some(epoch) = number(&said.about, "config-epoch") {
            epochs.push((sentinel, epoch));
        }
    }
    // During a failover the leader is ahead of the others, which is as it should be.
    if facts.is_in_motion() {
        return;
    }
    if masters.len() > 1 {
        let told = masters.iter().map(|(master, by)| format!("{master} by {}", joined(by)));
        found.push(Finding::new(
            Kind::MastersDiffer,
            format!("different masters are named: {}", told.collect::<Vec<_>>().join("; ")),
            vec![("masters", table(masters.iter().map(|(master, by)| (master.to_string(), texts(by)))))],
        ));
    }
    if epochs.iter().any(|(_, epoch)| *epoch != epochs[0].1) {
        let told: Vec<_> = epochs.iter().map(|(sentinel, epoch)| format!("{epoch} at {sentinel}")).collect();
        found.push(Finding::new(
            Kind::EpochsDiffer,
            format!("the configuration epochs differ: {}", told.join(", ")),
            vec![("epochs", table(epochs.iter().map(|(sentinel, epoch)| (sentinel.to_string(), (*epoch).into()))))],
        ));
    }
}

/// Whether enough of them are there to replace the master.
fn majority(facts: &Facts, found: &mut Vec<Finding>) {
    let known = facts.sentinels.len();
    let mut dead = BTreeSet::new();
    for (sentinel, said) in facts.answers() {
        if let Some(why) = &said.no_quorum {
            found.push(Finding::new(
                Kind::FailoverImpossible,
                format!("the sentinel {sentinel} says that no failover is possible: {why}"),
                vec![("sentinel", sentinel.to_string().into())],
            ));
        }
        dead.extend(said.others.iter().filter(|other| has_flag(other, "s_down")).filter_map(address));
    }
    if known < 3 {
        found.push(Finding::new(
            Kind::SentinelsTooFew,
            format!("{known} {} known", if known == 1 { "sentinel is" } else { "sentinels are" }),
            vec![("sentinels", known.into())],
        ));
    }
    if !dead.is_empty() {
        let dead: Vec<_> = dead.iter().collect();
        found.push(Finding::new(
            Kind::DeadSentinels,
            format!("{} of {known} sentinels are down and still counted: {}", dead.len(), joined(&dead)),
            vec![("dead", texts(&dead)), ("sentinels", known.into())],
        ));
    }
    for (sentinel, quorum) in settings_of(facts, "quorum") {
        let details =
            || vec![("sentinel", sentinel.to_string().into()), ("quorum", quorum.into()), ("sentinels", known.into())];
        if known > 1 && quorum >= known as u64 {
            let reason = format!("the quorum is {quorum} of {known} sentinels, at {sentinel}");
            found.push(Finding::new(Kind::QuorumTooHigh, reason, details()));
        } else if quorum == 1 && known > 2 {
            let reason = format!("the quorum is 1 of {known} sentinels, at {sentinel}");
            found.push(Finding::new(Kind::QuorumTooLow, reason, details()));
        }
    }
    hosts(facts, found);
}

fn hosts(facts: &Facts, found: &mut Vec<Finding>) {
    let mut hosts: BTreeMap<&str, usize> = BTreeMap::new();
    for seen in &facts.sentinels {
        *hosts.entry(seen.address.host.as_str()).or_default() += 1;
    }
    let known = facts.sentinels.len();
    for (host, count) in hosts {
        if known > 1 && count * 2 > known {
            found.push(Finding::new(
                Kind::SentinelsOnOneHost,
                format!("{count} of {known} sentinels run on {host}"),
                vec![("host", host.into()), ("there", count.into()), ("sentinels", known.into())],
            ));
        }
    }
}

/// Whether they would act alike, and in good time.
fn settings(facts: &Facts, found: &mut Vec<Finding>) {
    for name in SETTINGS {
        let told = settings_of(facts, name);
        if told.iter().any(|(_, value)| *value != told[0].1) {
            differ(Kind::SettingsDiffer, name, &told, found);
        }
    }
    for name in ["resolve-hostnames", "announce-hostnames"] {
        let told: Vec<_> =
            facts.answers().filter_map(|(sentinel, said)| Some((sentinel, said.config.get(name)?))).collect();
        if told.iter().any(|(_, value)| *value != told[0].1) {
            differ(Kind::HostNamesDiffer, name, &told, found);
        }
    }
    type Bad = fn(u64) -> Option<Kind>;
    let limits: [(&'static str, Bad); 2] = [
        ("down-after-milliseconds", |ms| match ms {
            LONG_DOWN_AFTER_MS.. => Some(Kind::DownAfterLong),
            ..SHORT_DOWN_AFTER_MS => Some(Kind::DownAfterShort),
            _ => None,
        }),
        ("failover-timeout", |ms| match ms {
            LONG_FAILOVER_TIMEOUT_MS.. => Some(Kind::FailoverTimeoutLong),
            ..SHORT_FAILOVER_TIMEOUT_MS => Some(Kind::FailoverTimeoutShort),
            _ => None,
        }),
    ];
    for (name, bad) in limits {
        for (sentinel, ms) in settings_of(facts, name) {
            if let Some(kind) = bad(ms) {
                found.push(Finding::new(
                    kind,
                    format!("{name} is {ms}, at {sentinel}"),
                    vec![("sentinel", sentinel.to_string().into()), ("milliseconds", ms.into())],
                ));
            }
        }
    }
}

fn differ<T: ToString>(kind: Kind, name: &'static str, told: &[(&HostPort, T)], found: &mut Vec<Finding>) {
    let told: Vec<_> = told.iter().map(|(sentinel, value)| (sentinel.to_string(), value.to_string())).collect();
    let words: Vec<_> = told.iter().map(|(sentinel, value)| format!("{value} at {sentinel}")).collect();
    found.push(Finding::new(
        kind,
        format!("{name} is not the same everywhere: {}", words.join(", ")),
        vec![
            ("setting", name.into()),
            ("values", table(told.into_iter().map(|(sentinel, value)| (sentinel, value.into())))),
        ],
    ));
}

/// What a single sentinel says of itself, or does not.
fn each(facts: &Facts, found: &mut Vec<Finding>) {
    for (sentinel, said) in facts.answers() {
        let who = || ("sentinel", Tree::from(sentinel.to_string()));
        if said.tilt {
            let reason = format!("the sentinel {sentinel} is in TILT mode");
            found.push(Finding::new(Kind::Tilt, reason, vec![who()]));
        }
        if !said.denied.is_empty() {
            let reason = format!("the user may not {} at the sentinel {sentinel}", said.denied.join(", "));
            found.push(Finding::new(Kind::SentinelRights, reason, vec![who(), ("commands", words(&said.denied))]));
        }
        if !said.not_checked.is_empty() {
            let reason = format!("not looked at, at the sentinel {sentinel}: {}", said.not_checked.join(", "));
            found.push(Finding::new(Kind::NotChecked, reason, vec![who(), ("commands", words(&said.not_checked))]));
        }
    }
}

fn settings_of<'a>(facts: &'a Facts, name: &'a str) -> Vec<(&'a HostPort, u64)> {
    facts.answers().filter_map(|(sentinel, said)| Some((sentinel, number(&said.about, name)?))).collect()
}

fn joined(addresses: &[&HostPort]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn texts(addresses: &[&HostPort]) -> Tree {
    Tree::List(addresses.iter().map(|address| address.to_string().into()).collect())
}

/// A list of words, as data.
pub(super) fn words(words: &[&'static str]) -> Tree {
    Tree::List(words.iter().map(|word| (*word).into()).collect())
}

/// Values by address, as data.
pub(super) fn table(rows: impl Iterator<Item = (String, Tree)>) -> Tree {
    Tree::Table(rows.collect())
}
