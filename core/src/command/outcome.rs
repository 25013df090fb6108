//! What became of a command: the table of `design.md` section 4 as one pure function for all drivers.

use redis::Value;

use super::Request;
use crate::error::{Error, ErrorKind, Phase, Result, is_refusal};

/// How an attempt to execute a request on one link ended.
#[derive(Debug)]
pub(crate) enum End {
    /// All replies came. `stale`: they were read after another master had been published.
    Replied { values: Vec<Value>, stale: bool },
    /// The link was lost or shut down. `sent`: a byte of the request was handed to the kernel.
    Lost { sent: bool, error: Error },
}

/// What is to be done with the request now.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The caller gets this.
    Settle(Result<Vec<Value>>),
    /// It was certainly not executed, or it only reads: try again inside the deadline.
    Again(Again),
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
    match end {
        End::Replied { values, stale } => {
            if let Some((code, text)) = refusal(&values) {
                return Verdict::Again(Again::Refused { code, text });
            }
            if stale && !request.reads_only() {
                return Verdict::Settle(Err(Error::maybe_executed(
                    Phase::Reply,
                    "its reply came after the master had been replaced",
                )));
            }
            Verdict::Settle(Ok(values))
        }
        End::Lost { sent: false, .. } => Verdict::Again(Again::LinkLost),
        End::Lost { sent: true, .. } if request.reads_only() && !request.is_blocking() => {
            Verdict::Again(Again::LinkLost)
        }
        End::Lost { sent: true, error } => Verdict::Settle(Err(Error::maybe_executed(
            Phase::Reply,
            format_args!("the link was lost: {}", error.message()),
        ))),
    }
}

/// The caller's time is over.
pub(crate) fn expired(request: &Request, sent: bool, phase: Phase, after: std::time::Duration, detail: &str) -> Error {
    if sent && !request.reads_only() {
        Error::maybe_executed(phase, format_args!("no reply within {} ms", after.as_millis()))
    } else {
        Error::timeout(phase, after, detail)
    }
}

/// The caller gave up.
pub(crate) fn cancelled(request: &Request, sent: bool) -> Error {
    if sent && !request.reads_only() {
        Error::maybe_executed(Phase::Reply, "the caller gave it up")
    } else {
        Error::new(ErrorKind::Cancelled, format!("{} was given up by the caller", request.name()))
    }
}

/// The single value of a command, or its error.
pub(crate) fn single(mut values: Vec<Value>) -> Result<Value> {
    match values.pop() {
        Some(Value::ServerError(error)) => Err(Error::from_reply(&error)),
        Some(value) => Ok(value),
        None => Err(Error::new(ErrorKind::Internal, "a reply is missing")),
    }
}

/// Every reply proves that nothing was executed. One that does not makes the whole request final, so that nothing is ever
/// executed twice.
fn refusal(values: &[Value]) -> Option<(String, String)> {
    let mut first = None;
    for value in values {
        let Value::ServerError(error) = value else { return None };
        let aborted_by_refusals = error.code() == "EXECABORT" && first.is_some();
        if !is_refusal(error.code()) && !aborted_by_refusals {
            return None;
        }
        first.get_or_insert_with(|| (error.code().to_owned(), error.details().unwrap_or_default().to_owned()));
    }
    first
}

impl Again {
    /// Whether the node itself is in doubt as a master.
    pub(crate) fn doubts_master(&self) -> bool {
        matches!(self, Again::Refused { code, .. } if matches!(code.as_str(), "READONLY" | "MASTERDOWN" | "REDIRECT"))
    }

    /// The error when the deadline comes before anything else.
    pub(crate) fn at_deadline(&self) -> Option<Error> {
        match self {
            Again::LinkLost => None,
            Again::Refused { code, text } => Some(Error::server(ErrorKind::Unavailable, code, text)),
        }
    }
}

impl Request {
    fn is_blocking(&self) -> bool {
        self.blocks() != super::facts::Blocks::No
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
        End::Lost { sent, error: Error::new(ErrorKind::Disconnected, "reset") }
    }

    fn kind(verdict: Verdict) -> Option<ErrorKind> {
        match verdict {
            Verdict::Settle(result) => result.err().map(|error| error.kind()),
            Verdict::Again(_) => None,
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
    fn a_unit_is_tried_again_only_if_nothing_of_it_was_executed() {
        let unit = Request::unit(Vec::new(), 2);
        let refused = || error("READONLY x");
        assert!(matches!(judge(&unit, replied(vec![refused(), refused()], false)), Verdict::Again(_)));
        assert!(matches!(judge(&unit, replied(vec![refused(), error("EXECABORT x")], false)), Verdict::Again(_)));
        assert!(matches!(judge(&unit, replied(vec![Value::Int(1), refused()], false)), Verdict::Settle(Ok(_))));
    }

    #[test]
    fn a_write_acknowledged_after_the_switch_may_be_gone() {
        assert_eq!(kind(judge(&request("SET k v"), replied(vec![Value::Okay], true))), Some(ErrorKind::MaybeExecuted));
        assert!(matches!(judge(&request("GET k"), replied(vec![Value::Nil], true)), Verdict::Settle(Ok(_))));
    }

    #[test]
    fn a_deadline_before_sending_is_a_timeout_and_after_it_a_maybe() {
        let after = std::time::Duration::from_millis(5);
        assert_eq!(expired(&request("SET k v"), false, Phase::Fenced, after, "x").kind(), ErrorKind::Timeout);
        assert_eq!(expired(&request("SET k v"), true, Phase::Reply, after, "x").kind(), ErrorKind::MaybeExecuted);
        assert_eq!(expired(&request("GET k"), true, Phase::Reply, after, "x").kind(), ErrorKind::Timeout);
    }
}
