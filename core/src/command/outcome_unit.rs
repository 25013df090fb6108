//! What became of several commands that were sent together: the rows "pipeline" and "MULTI … EXEC" of the table of
//! `design.md` section 4, as pure functions for all drivers.
//!
//! A unit is sent again only as a whole, and only if no command of it can come to be executed twice by that. What cannot be
//! sent again is settled: in a pipeline each command by itself, in a transaction all at once.

use redis::Value;

use super::outcome::{Again, End, Partial, Verdict};
use super::unit::{Kind, Part, Unit};
use super::{Replies, Request};
use crate::error::{Error, ErrorKind, Phase, Result, is_refusal};

/// Decide what became of a unit.
pub(super) fn judge(request: &Request, unit: &Unit, end: End) -> Verdict {
    let (partial, stale, lost) = match end {
        End::Replied { values, stale } => (Partial { values, handed: usize::MAX }, stale, None),
        End::Lost { partial, stale, error } => (partial, stale, Some(error)),
    };
    match unit.kind {
        Kind::Pipeline => pipeline(request, unit, partial, stale, lost.as_ref()),
        Kind::Transaction => transaction(request, unit, partial, stale, lost.as_ref()),
    }
}

/// The caller's time is over: what may be said of each command of a pipeline that was sent.
pub(super) fn expired(
    unit: &Unit,
    partial: Partial,
    timeout: impl Fn() -> Error,
    unknown: impl Fn() -> Error,
) -> Replies {
    Replies::of(fates(unit, partial, false).map(|(part, fate)| match fate {
        Fate::Done(value) => Ok(value),
        Fate::Refused { code, text } => Err(Error::server(ErrorKind::Unavailable, &code, &text)),
        Fate::Unknown if !part.reads_only => Err(unknown()),
        Fate::Unknown | Fate::Unsent => Err(timeout()),
    }))
}

/// What is known of one command of a pipeline.
enum Fate {
    /// It was answered, if only with an error.
    Done(Value),
    /// The answer proves that it was not executed.
    Refused {
        code: String,
        text: String,
    },
    /// It was sent, and may have been executed.
    Unknown,
    Unsent,
}

fn fates(unit: &Unit, partial: Partial, stale: bool) -> impl Iterator<Item = (&Part, Fate)> {
    let Partial { values, handed } = partial;
    let mut values = values.into_iter();
    unit.parts.iter().map(move |part| {
        let fate = match values.next() {
            Some(Value::ServerError(error)) if is_refusal(error.code()) => {
                Fate::Refused { code: error.code().to_owned(), text: error.details().unwrap_or_default().to_owned() }
            }
            Some(value) if stale && !part.reads_only && !matches!(value, Value::ServerError(_)) => Fate::Unknown,
            Some(value) => Fate::Done(value),
            None if part.start < handed => Fate::Unknown,
            None => Fate::Unsent,
        };
        (part, fate)
    })
}

fn pipeline(request: &Request, unit: &Unit, partial: Partial, stale: bool, lost: Option<&Error>) -> Verdict {
    let fates: Vec<(&Part, Fate)> = fates(unit, partial, stale).collect();
    let done = fates.iter().all(|(_, fate)| matches!(fate, Fate::Done(_)));
    let harmless = |(part, fate): &(&Part, Fate)| match fate {
        Fate::Refused { .. } | Fate::Unsent => true,
        Fate::Done(_) | Fate::Unknown => part.repeatable || request.is_idempotent(),
    };
    if !done && fates.iter().all(harmless) {
        let refused = fates.into_iter().find_map(|(_, fate)| match fate {
            Fate::Refused { code, text } => Some(Again::Refused { code, text }),
            _ => None,
        });
        return Verdict::Again(refused.unwrap_or(Again::LinkLost));
    }
    Verdict::Settle(Ok(Replies::of(fates.into_iter().map(|(part, fate)| match fate {
        Fate::Done(value) => Ok(value),
        Fate::Refused { code, text } => Err(Error::server(ErrorKind::Unavailable, &code, &text)),
        Fate::Unknown if part.reads_only => {
            Err(Error::new(ErrorKind::Disconnected, format!("{} was not answered: {}", part.name, reason(lost))))
        }
        Fate::Unknown => Err(Error::maybe_executed(Phase::Reply, reason(lost))),
        Fate::Unsent => {
            Err(Error::new(ErrorKind::Disconnected, format!("{} was not sent: {}", part.name, reason(lost))))
        }
    }))))
}

fn reason(lost: Option<&Error>) -> String {
    match lost {
        Some(error) => format!("the link was lost: {}", error.message()),
        None => "its reply came after the master had been replaced".to_owned(),
    }
}

fn transaction(request: &Request, unit: &Unit, partial: Partial, stale: bool, lost: Option<&Error>) -> Verdict {
    let Partial { values, handed } = partial;
    if let Some(verdict) = refused(unit, &values, lost.is_some()) {
        return verdict;
    }
    let repeatable = request.is_idempotent() || unit.parts.iter().all(|part| part.repeatable);
    if lost.is_some() {
        // Without its last byte the server has no EXEC.
        return if repeatable || handed < request.bytes().len() {
            Verdict::Again(Again::LinkLost)
        } else {
            Verdict::Settle(Err(Error::maybe_executed(Phase::Reply, reason(lost))))
        };
    }
    match values.into_iter().next_back() {
        Some(Value::Nil) => Verdict::Settle(Err(Error::new(
            ErrorKind::TransactionAborted,
            "a watched key was changed; nothing was executed",
        ))),
        Some(Value::Array(_)) if stale && !request.reads_only() => match repeatable {
            true => Verdict::Again(Again::LinkLost),
            false => Verdict::Settle(Err(Error::maybe_executed(Phase::Reply, reason(None)))),
        },
        Some(Value::Array(results)) => Verdict::Settle(Ok(Replies::from(results))),
        Some(Value::ServerError(error)) => match refusal(&error) {
            Some(again) => Verdict::Again(again),
            None => Verdict::Settle(Err(Error::from_reply(&error))),
        },
        _ => Verdict::Settle(Err(Error::new(ErrorKind::Protocol, "the reply to EXEC is not a list"))),
    }
}

/// MULTI or a command behind it was refused. What became of the rest is known from that, even if no more replies came.
fn refused(unit: &Unit, values: &[Value], lost: bool) -> Option<Verdict> {
    let (at, error) = values.iter().take(unit.parts.len() + 1).enumerate().find_map(|(at, value)| match value {
        Value::ServerError(error) => Some((at, error)),
        _ => None,
    })?;
    if at > 0 {
        // EXEC then executes nothing.
        return Some(match refusal(error) {
            Some(again) => Verdict::Again(again),
            None => Verdict::Settle(Err(discarded(at, &unit.parts[at - 1], error))),
        });
    }
    let executed = values.iter().any(|value| !matches!(value, Value::ServerError(_)));
    match refusal(error) {
        _ if lost || executed => Some(Verdict::Settle(Err(Error::maybe_executed(
            Phase::Reply,
            format_args!("MULTI was refused ({}), so that its commands stood alone", error.code()),
        )))),
        Some(again) => Some(Verdict::Again(again)),
        None => Some(Verdict::Settle(Err(Error::from_reply(error)))),
    }
}

fn discarded(at: usize, part: &Part, error: &redis::ServerError) -> Error {
    let cause = Error::from_reply(error);
    let kind = match cause.kind() {
        ErrorKind::NoPermission => ErrorKind::NoPermission,
        _ => ErrorKind::ReplyError,
    };
    let text = format!("nothing was executed, because command {at} ({}) was refused: {}", part.name, cause.message());
    Error::server(kind, "EXECABORT", &text)
}

/// Why a node that is no master any more, or not ready, executed nothing; EXEC says it in its text.
fn refusal(error: &redis::ServerError) -> Option<Again> {
    let text = error.details().unwrap_or_default();
    let (code, text) = match text.split_once("because of: ") {
        Some((_, reason)) if error.code() == "EXECABORT" => reason.split_once(' ').unwrap_or((reason, "")),
        _ => (error.code(), text),
    };
    is_refusal(code).then(|| Again::Refused { code: code.to_owned(), text: text.to_owned() })
}

/// Whether more is known of its commands than what goes for all of them.
pub(super) fn is_told_apart(unit: &Unit, partial: &Partial) -> bool {
    partial.was_sent() && unit.kind == Kind::Pipeline
}

/// What a verdict says of the node.
pub(super) fn doubts(result: &Result<Replies>) -> bool {
    let doubts = |error: &Error| error.server_reply().is_some_and(|(code, _)| super::outcome::doubts_master(code));
    result.as_ref().is_ok_and(|replies| replies.failures().any(doubts))
}

#[cfg(test)]
#[path = "outcome_unit_tests.rs"]
mod tests;
