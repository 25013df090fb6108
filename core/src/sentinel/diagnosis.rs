//! Why there is no master yet: one error out of what every sentinel and node said, and did not say. Pure.
//!
//! Before the first success a mistake in the configuration looks the same from everywhere, and waiting does not heal it: such an
//! error is a *mistake*, and `connect` fails with it at once. Every error lists every sentinel, whatever it said.

use std::collections::{BTreeMap, BTreeSet};

use super::reply::Answer;
use crate::config::HostPort;
use crate::error::{Cause, Error, ErrorKind, Step};

/// What became of the question to one sentinel.
#[derive(Debug)]
pub(super) enum Heard<'a> {
    /// It answered.
    Answer { seed: &'a HostPort, answer: &'a Answer },
    /// It could not be asked.
    Failure(&'a Cause),
    /// Neither, so far.
    Silence(&'a HostPort),
}

/// What the sentinels said about the master of this name, and what became of the nodes that they named.
pub(super) fn of_sentinels(master: &str, heard: &[Heard<'_>], nodes: &BTreeMap<HostPort, Cause>) -> Error {
    let named: BTreeSet<&HostPort> = heard.iter().filter_map(Heard::names).collect();
    if !named.is_empty() {
        return of_named(&named, heard, nodes);
    }
    let causes: Vec<Cause> = heard.iter().map(|heard| heard.cause(ErrorKind::UnknownMaster)).collect();
    if let Some(error) = not_heard(heard.iter().any(Heard::is_silence), &causes) {
        return error;
    }
    // A sentinel that cannot be reached says nothing. If all others see a mistake, it is one, whatever each of them sees.
    let mistakes: Vec<&Cause> = causes.iter().filter(|cause| is_mistake(cause)).collect();
    let Some(kind) = most_frequent(&mistakes) else {
        return Error::new(ErrorKind::SentinelsUnreachable, "no sentinel could be asked").with_causes(causes);
    };
    let text = match kind {
        ErrorKind::UnknownMaster => format!("no sentinel knows the master name {master:?}"),
        kind => complaint_of_sentinels(kind).to_owned(),
    };
    Error::new(kind, text).with_causes(causes).mistake()
}

/// What became of the hosts of direct mode.
pub(super) fn of_hosts(hosts: &[HostPort], nodes: &BTreeMap<HostPort, Cause>) -> Error {
    let causes: Vec<Cause> =
        hosts.iter().map(|host| nodes.get(host).cloned().unwrap_or_else(|| silence(host))).collect();
    let silent = hosts.iter().any(|host| !nodes.contains_key(host));
    not_heard(silent, &causes).unwrap_or_else(|| of_nodes(&causes).with_causes(causes))
}

/// The sentinels named nodes: first those, then who named them.
fn of_named(named: &BTreeSet<&HostPort>, heard: &[Heard<'_>], nodes: &BTreeMap<HostPort, Cause>) -> Error {
    let silent = named.iter().filter(|node| !nodes.contains_key(**node)).map(|node| silence(node));
    let mut causes: Vec<Cause> = nodes.values().cloned().collect();
    let error = if causes.is_empty() {
        Error::new(ErrorKind::Timeout, "the master that the sentinels name has not answered yet")
    } else {
        of_nodes(&causes)
    };
    causes.extend(silent);
    causes.extend(heard.iter().map(|heard| heard.cause(error.kind())));
    error.with_causes(causes)
}

/// The nodes that should be the master could not be used.
fn of_nodes(causes: &[Cause]) -> Error {
    let mistakes: Vec<&Cause> = causes.iter().filter(|cause| is_mistake(cause)).collect();
    let mistake = mistakes.first();
    let first = mistake.copied().or(causes.first());
    let kind = first.map_or(ErrorKind::NotMaster, |cause| cause.kind);
    let text = match kind {
        ErrorKind::MasterAuthRequired => "the master asks for a password (user:password@ in the URL)",
        ErrorKind::MasterAuthFailed => "the master refuses the user or password",
        ErrorKind::AuthNotExpected => "the master has no password, and was given one",
        ErrorKind::InvalidOption => "the master refuses the database",
        ErrorKind::NoPermission => "the master does not allow this user to connect",
        ErrorKind::NotMaster if mistake.is_some() => "what answers cannot be used as a master",
        ErrorKind::NotMaster => "no node says that it is the master",
        ErrorKind::ConnectFailed => "the master cannot be reached",
        _ => "the master could not be used",
    };
    let error = Error::new(kind, text);
    if mistake.is_some() { error.mistake() } else { error }
}

impl Heard<'_> {
    fn names(&self) -> Option<&HostPort> {
        match self {
            Heard::Answer { answer, .. } => answer.master.as_ref(),
            Heard::Failure(_) | Heard::Silence(_) => None,
        }
    }

    /// Whether it named anybody.
    pub(super) fn names_a_master(&self) -> bool {
        self.names().is_some()
    }

    /// Whether nothing was heard.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Heard::Silence(_))
    }

    /// Its line in the error. One that did its part has the kind of the whole.
    fn cause(&self, kind: ErrorKind) -> Cause {
        match self {
            Heard::Failure(cause) => (*cause).clone(),
            Heard::Silence(seed) => silence(seed),
            Heard::Answer { seed, answer } => {
                let (kind, text) = match &answer.master {
                    Some(node) => (kind, format!("it names {node} as the master")),
                    None => (ErrorKind::UnknownMaster, "it does not know the name".to_owned()),
                };
                Cause { address: seed.to_string(), resolved: answer.peer, step: Step::Query, kind, text }
            }
        }
    }
}

fn silence(address: &HostPort) -> Cause {
    Cause {
        address: address.to_string(),
        resolved: None,
        step: Step::Connect,
        kind: ErrorKind::Timeout,
        text: "it has not answered yet".to_owned(),
    }
}

/// While somebody may still say something better, nothing is certain.
fn not_heard(silent: bool, causes: &[Cause]) -> Option<Error> {
    silent.then(|| Error::new(ErrorKind::Timeout, "not all have answered yet").with_causes(causes.to_vec()))
}

/// Waiting does not heal it. A node whose very greeting shows that it can never be the master is one, too: a sentinel, or a
/// server in cluster mode.
fn is_mistake(cause: &Cause) -> bool {
    cause.kind.is_configuration() || (cause.kind == ErrorKind::NotMaster && cause.step == Step::Auth)
}

/// The kind that most of them have; the first of several.
fn most_frequent(causes: &[&Cause]) -> Option<ErrorKind> {
    let count = |kind| causes.iter().filter(|cause| cause.kind == kind).count();
    causes.iter().map(|cause| cause.kind).rev().max_by_key(|kind| count(*kind))
}

fn complaint_of_sentinels(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotASentinel => "what answers at the addresses of the sentinels is not a sentinel",
        ErrorKind::SentinelAuthRequired => "the sentinels ask for a password (option sentinel_password)",
        ErrorKind::SentinelAuthFailed => "the sentinels refuse the user or password",
        ErrorKind::AuthNotExpected => "the sentinels have no password, and were given one",
        ErrorKind::NoPermission => "the sentinels do not allow this user to ask for the master",
        _ => "the sentinels refuse the client",
    }
}

/// The sentinels name different masters, and none of them more often than another.
pub(super) fn of_disagreement(heard: &[Heard<'_>]) -> Error {
    let text = "as many sentinels name one master as another, with the same epoch";
    let causes = heard.iter().map(|heard| heard.cause(ErrorKind::NoQuorum)).collect();
    Error::new(ErrorKind::NoQuorum, text).with_causes(causes)
}

/// Some sentinels name a master, but too few of all that are known for `minority=refuse`.
pub(super) fn of_minority(heard: &[Heard<'_>], known: usize) -> Error {
    let text = format!("fewer than a majority of {known} known sentinels answer (option minority=refuse)");
    let causes = heard.iter().map(|heard| heard.cause(ErrorKind::NoQuorum)).collect();
    Error::new(ErrorKind::NoQuorum, text).with_causes(causes)
}
