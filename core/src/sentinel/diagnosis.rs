//! Why there is no master yet: one error out of what every sentinel and node said. Pure.
//!
//! Before the first success a mistake in the configuration looks the same from everywhere, and waiting does not heal it; so
//! those who answered are asked for their common complaint, and those who did not are listed beside it.

use crate::config::HostPort;
use crate::error::{Cause, Error, ErrorKind, Step};

/// What became of the question to one sentinel.
#[derive(Debug)]
pub(super) enum Heard<'a> {
    /// It answered; `knows` if it knows the master name.
    Answer { seed: &'a HostPort, knows: bool },
    /// It could not be asked.
    Failure(&'a Cause),
}

/// Every sentinel was heard. `None`: one of them named a master, and that one has not been heard yet.
pub(super) fn of_sentinels(master: &str, heard: &[Heard<'_>], nodes: Vec<Cause>) -> Option<Error> {
    if heard.iter().any(|heard| matches!(heard, Heard::Answer { knows: true, .. })) {
        return (!nodes.is_empty()).then(|| of_nodes(nodes));
    }
    let causes: Vec<Cause> = heard
        .iter()
        .map(|heard| match heard {
            Heard::Failure(cause) => (*cause).clone(),
            Heard::Answer { seed, .. } => Cause {
                address: seed.to_string(),
                resolved: None,
                step: Step::Query,
                kind: ErrorKind::UnknownMaster,
                text: "it does not know the name".to_owned(),
            },
        })
        .collect();
    if heard.iter().any(|heard| matches!(heard, Heard::Answer { .. })) {
        let text = format!("no sentinel knows the master name {master:?}");
        return Some(Error::new(ErrorKind::UnknownMaster, text).with_causes(causes));
    }
    // Sentinels that cannot be reached do not answer; those that refuse us must agree on why.
    let mut refusals = causes.iter().map(|cause| cause.kind).filter(|kind| kind.is_configuration());
    let (kind, text) = match refusals.next() {
        Some(first) if refusals.all(|kind| kind == first) => (first, complaint(first)),
        _ => (ErrorKind::SentinelsUnreachable, "no sentinel could be asked"),
    };
    Some(Error::new(kind, text).with_causes(causes))
}

fn complaint(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotASentinel => "what answers at the addresses of the sentinels is not a sentinel",
        ErrorKind::SentinelAuthRequired => "the sentinels ask for a password (option sentinel_password)",
        ErrorKind::SentinelAuthFailed => "the sentinels refuse the user or password",
        ErrorKind::NoPermission => "the sentinels do not allow this user to ask for the master",
        _ => "the sentinels refuse the client",
    }
}

/// Some sentinels name a master, but too few of all that are known for `minority=refuse`.
pub(super) fn of_minority(heard: &[Heard<'_>], known: usize) -> Error {
    let causes = heard.iter().filter_map(|heard| match heard {
        Heard::Failure(cause) => Some((*cause).clone()),
        Heard::Answer { .. } => None,
    });
    let text = format!("fewer than a majority of {known} known sentinels answer (option minority=refuse)");
    Error::new(ErrorKind::NoQuorum, text).with_causes(causes.collect())
}

/// The nodes that should be the master could not be used.
pub(super) fn of_nodes(causes: Vec<Cause>) -> Error {
    let first = causes.iter().map(|cause| cause.kind).find(|kind| kind.is_configuration());
    let kind = first.or(causes.first().map(|cause| cause.kind)).unwrap_or(ErrorKind::NotMaster);
    let text = match kind {
        ErrorKind::MasterAuthRequired => "the master asks for a password (user:password@ in the URL)",
        ErrorKind::MasterAuthFailed => "the master refuses the user or password",
        ErrorKind::NotMaster => "no node says that it is the master",
        _ => "the master could not be used",
    };
    Error::new(kind, text).with_causes(causes)
}
