//! What became of a command: the table of `design.md` section 4 as one pure function for all drivers.

use redis::Value;

use super::{Replies, Request, outcome_unit};
use crate::error::{Error, ErrorKind, Phase, Result, is_refusal};

/// How an attempt to execute a request on one link ended.
#[derive(Debug)]
pub(crate) enum End {
    /// All replies came. `stale`: they were read after another master had been published.
    Replied { values: Vec<Value>, stale: bool },
    /// The link was lost or shut down.
    Lost { partial: Partial, stale: bool, error: Error },
}

/// How far a request came before its link or its time ended.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Partial {
    /// The replies that came.
    pub(crate) values: Vec<Value>,
    /// So many bytes of it were handed to the kernel.
    pub(crate) handed: usize,
}

impl Partial {
    /// All that is known is whether it was sent.
    pub(crate) fn sent(sent: bool) -> Partial {
        Partial { values: Vec::new(), handed: if sent { usize::MAX } else { 0 } }
    }

    /// Whether a byte was handed to the kernel.
    pub(crate) fn was_sent(&self) -> bool {
        self.handed > 0
    }
}

/// What is to be done with the request now.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The caller gets this.
    Settle(Result<Replies>),
    /// It was certainly not executed, or twice is as good as once: try again inside the deadline.
    Again(Again),
    /// It was certainly not executed: send this one in its place, at once, on the same link.
    Instead(Request),
}

/// Why a request is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// The link was lost.
    LinkLost,
    /// The node says that it is not a master that can take this.
    Refused { code: String, text: String },
}

/// Decide what became of a request.
pub(crate) fn judge(request: &Request, end: End) -> Verdict {
    if let Some(unit) = request.unit() {
        return outcome_unit::judge(request, unit, end);
    }
    match end {
        End::Replied { values, stale } => {
            if let Some(Value::ServerError(error)) = values.first()
                && is_refusal(error.code())
            {
                let text = error.details().unwrap_or_default().to_owned();
                return Verdict::Again(Again::Refused { code: error.code().to_owned(), text });
            }
            if let Some(instead) = values.first().and_then(|value| request.instead(value)) {
                return Verdict::Instead(instead);
            }
            if !stale || request.reads_only() {
                Verdict::Settle(Ok(values.into()))
            } else if request.is_idempotent() {
                Verdict::Again(Again::LinkLost)
            } else {
                Verdict::Settle(Err(Error::maybe_executed(
                    Phase::Reply,
                    "its reply came after the master had been replaced",
                )))
            }
        }
        End::Lost { partial, .. } if !partial.was_sent() || request.is_repeatable() => Verdict::Again(Again::LinkLost),
        End::Lost { error, .. } => Verdict::Settle(Err(Error::maybe_executed(
            Phase::Reply,
            format_args!("the link was lost: {}", error.message()),
        ))),
    }
}

/// The caller's time is over.
pub(crate) fn expired(
    request: &Request,
    partial: Partial,
    phase: Phase,
    after: std::time::Duration,
    detail: &str,
) -> Result<Replies> {
    match request.unit() {
        Some(unit) if outcome_unit::is_told_apart(unit, &partial) => {
            Ok(outcome_unit::expired(unit, partial, || Error::timeout(phase, after, detail), || unknown(phase, after)))
        }
        _ => Err(expired_whole(request, &partial, phase, after, detail)),
    }
}

/// The caller's time is over: one word for all of it.
pub(crate) fn expired_whole(
    request: &Request,
    partial: &Partial,
    phase: Phase,
    after: std::time::Duration,
    detail: &str,
) -> Error {
    match partial.was_sent() && !request.reads_only() {
        true => unknown(phase, after),
        false => Error::timeout(phase, after, detail),
    }
}

fn unknown(phase: Phase, after: std::time::Duration) -> Error {
    Error::maybe_executed(phase, format_args!("no reply within {} ms", after.as_millis()))
}

/// The caller gave up.
pub(crate) fn cancelled(request: &Request, sent: bool) -> Error {
    if sent && !request.reads_only() {
        Error::maybe_executed(Phase::Reply, "the caller gave it up")
    } else {
        Error::new(ErrorKind::Cancelled, format!("{} was given up by the caller", request.name()))
    }
}

impl Verdict {
    /// Whether the node itself is in doubt as a master.
    pub(crate) fn doubts_master(&self) -> bool {
        match self {
            Verdict::Again(Again::Refused { code, .. }) => doubts_master(code),
            Verdict::Again(Again::LinkLost) | Verdict::Instead(_) => false,
            Verdict::Settle(result) => outcome_unit::doubts(result),
        }
    }
}

/// Whether this refusal says that the node is no master.
pub(super) fn doubts_master(code: &str) -> bool {
    matches!(code, "READONLY" | "MASTERDOWN" | "REDIRECT")
}

impl Again {
    /// The error when the deadline comes before anything else.
    pub(crate) fn at_deadline(&self) -> Option<Error> {
        match self {
            Again::LinkLost => None,
            Again::Refused { code, text } => Some(Error::server(ErrorKind::Unavailable, code, text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str) -> Request {
        Request::new(line.split(' ')).unwrap()
    }

    fn error(line: &str) -> Value {
        redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap()
    }

    fn replied(values: Vec<Value>, stale: bool) -> End {
        End::Replied { values, stale }
    }

    fn lost(sent: bool) -> End {
        End::Lost { partial: Partial::sent(sent), stale: false, error: Error::new(ErrorKind::Disconnected, "reset") }
    }

    fn kind(verdict: Verdict) -> Option<ErrorKind> {
        match verdict {
            Verdict::Settle(result) => result.err().map(|error| error.kind()),
            Verdict::Again(_) | Verdict::Instead(_) => None,
        }
    }

    #[test]
    fn what_was_not_handed_over_is_tried_again() {
        assert!(matches!(judge(&request("INCR k"), lost(false)), Verdict::Again(Again::LinkLost)));
    }

    #[test]
    fn what_was_handed_over_may_have_been_executed_unless_it_only_reads() {
        assert_eq!(kind(judge(&request("INCR k"), lost(true))), Some(ErrorKind::MaybeExecuted));
        assert!(matches!(judge(&request("GET k"), lost(true)), Verdict::Again(_)));
    }

    #[test]
    fn a_blocking_command_is_never_sent_again_silently() {
        assert_eq!(kind(judge(&request("BLPOP k 0"), lost(true))), Some(ErrorKind::MaybeExecuted));
        assert_eq!(kind(judge(&request("XREAD BLOCK 0 STREAMS s $"), lost(true))), Some(ErrorKind::MaybeExecuted));
    }

    #[test]
    fn a_refusal_was_not_executed() {
        for line in ["READONLY You can't write", "LOADING x", "MASTERDOWN x", "NOREPLICAS x"] {
            let verdict = judge(&request("INCR k"), replied(vec![error(line)], true));
            assert!(matches!(verdict, Verdict::Again(Again::Refused { .. })), "{line}");
        }
    }

    #[test]
    fn an_unknown_script_is_sent_as_a_whole_once() {
        let script = "x".repeat(100);
        let by_digest = Request::new(["EVAL", &script, "0"]).unwrap();
        let unknown = || replied(vec![error("NOSCRIPT No matching script. Please use EVAL.")], true);
        let Verdict::Instead(whole) = judge(&by_digest, unknown()) else { panic!() };
        assert!(whole.bytes().len() > 100 && whole.name() == "EVAL" && by_digest.bytes().len() < 100);
        assert!(matches!(
            judge(&whole, replied(vec![error("NOSCRIPT No matching script.")], false)),
            Verdict::Settle(_)
        ));
        assert_eq!(kind(judge(&by_digest, lost(true))), Some(ErrorKind::MaybeExecuted));
    }

    #[test]
    fn what_is_idempotent_by_call_is_sent_again() {
        let idempotent = || request("SET k v").idempotent();
        assert!(matches!(judge(&idempotent(), lost(true)), Verdict::Again(Again::LinkLost)));
        assert!(matches!(judge(&idempotent(), replied(vec![Value::Okay], true)), Verdict::Again(Again::LinkLost)));
        let late = expired(&idempotent(), Partial::sent(true), Phase::Reply, std::time::Duration::from_secs(1), "x");
        assert_eq!(late.unwrap_err().kind(), ErrorKind::MaybeExecuted, "it may still have been executed");
    }

    #[test]
    fn a_write_acknowledged_after_the_switch_may_be_gone() {
        assert_eq!(kind(judge(&request("SET k v"), replied(vec![Value::Okay], true))), Some(ErrorKind::MaybeExecuted));
        assert!(matches!(judge(&request("GET k"), replied(vec![Value::Nil], true)), Verdict::Settle(Ok(_))));
    }

    #[test]
    fn a_deadline_before_sending_is_a_timeout_and_after_it_a_maybe() {
        let after = std::time::Duration::from_millis(5);
        let kind = |line: &str, sent| {
            expired(&request(line), Partial::sent(sent), Phase::Reply, after, "x").unwrap_err().kind()
        };
        assert_eq!(kind("SET k v", false), ErrorKind::Timeout);
        assert_eq!(kind("SET k v", true), ErrorKind::MaybeExecuted);
        assert_eq!(kind("GET k", true), ErrorKind::Timeout);
    }
}
