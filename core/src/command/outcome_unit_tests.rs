//! The rows "pipeline" and "MULTI … EXEC" of the outcome table.

use super::*;
use crate::command::outcome;
use std::time::Duration;

fn requests(lines: &[&str]) -> Vec<Request> {
    lines.iter().map(|line| Request::new(line.split(' ')).unwrap()).collect()
}

fn pipe(lines: &[&str]) -> Request {
    Request::pipeline(requests(lines)).unwrap()
}

fn multi(lines: &[&str]) -> Request {
    Request::transaction(requests(lines)).unwrap()
}

fn value(line: &str) -> Value {
    redis::parse_redis_value(line.replace(' ', "\r\n").as_bytes()).unwrap()
}

fn error(line: &str) -> Value {
    redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap()
}

fn replied(values: Vec<Value>, stale: bool) -> End {
    End::Replied { values, stale }
}

fn lost(values: Vec<Value>, handed: usize) -> End {
    let partial = Partial { values, handed };
    End::Lost { partial, stale: false, error: Error::new(ErrorKind::Disconnected, "reset") }
}

fn outcomes(verdict: Verdict) -> Vec<Result<Value, ErrorKind>> {
    match verdict {
        Verdict::Settle(Ok(replies)) => replies.each().into_iter().map(|each| each.map_err(|e| e.kind())).collect(),
        other => panic!("{other:?}"),
    }
}

fn whole(verdict: Verdict) -> Error {
    match verdict {
        Verdict::Settle(Err(error)) => error,
        other => panic!("{other:?}"),
    }
}

const ALL: usize = usize::MAX;

#[test]
fn a_pipeline_has_one_outcome_for_each_command() {
    let request = pipe(&["INCR k", "HSET k f v", "INCR l"]);
    let replies = vec![Value::Int(1), error("WRONGTYPE x"), Value::Int(1)];
    assert_eq!(
        outcomes(judge(&request, request.unit().unwrap(), replied(replies, false))),
        [Ok(Value::Int(1)), Err(ErrorKind::ReplyError), Ok(Value::Int(1))]
    );
}

#[test]
fn the_tail_behind_what_was_executed_is_not_sent_again_by_itself() {
    let request = pipe(&["INCR k", "GET k", "INCR l", "INCR m"]);
    let third = request.unit().unwrap().parts[3].start;
    assert_eq!(
        outcomes(outcome::judge(&request, lost(vec![Value::Int(1)], third))),
        [Ok(Value::Int(1)), Err(ErrorKind::Disconnected), Err(ErrorKind::MaybeExecuted), Err(ErrorKind::Disconnected)]
    );
    // One byte more, and the last one may have been executed, too.
    let kinds = outcomes(outcome::judge(&request, lost(vec![], third + 1)));
    assert_eq!(kinds[3], Err(ErrorKind::MaybeExecuted));
}

#[test]
fn a_pipeline_is_sent_again_as_a_whole_if_that_executes_nothing_twice() {
    let again = |request: &Request, end| matches!(outcome::judge(request, end), Verdict::Again(_));
    let (reads, mixed) = (pipe(&["GET k", "GET l"]), pipe(&["GET k", "INCR l"]));
    assert!(again(&reads, lost(vec![Value::Nil], ALL)));
    assert!(again(&mixed, lost(vec![], 0)));
    assert!(again(&mixed, lost(vec![], 1)), "only the read was sent");
    assert!(!again(&mixed, lost(vec![], ALL)));
    assert!(again(&mixed, replied(vec![Value::Nil, error("READONLY x")], false)), "a demoted master reads, too");
    assert!(!again(&pipe(&["INCR k", "INCR l"]), replied(vec![Value::Int(1), error("READONLY x")], false)));
    assert!(again(&mixed.clone().idempotent(), lost(vec![], ALL)));
    assert!(
        !again(&pipe(&["BLPOP k 1", "GET l"]), lost(vec![], ALL)),
        "a blocking command is never sent again silently"
    );
}

#[test]
fn a_refused_tail_is_unavailable_and_raises_a_doubt() {
    let request = pipe(&["INCR k", "INCR l"]);
    let verdict = outcome::judge(&request, replied(vec![Value::Int(1), error("READONLY x")], false));
    assert!(verdict.doubts_master());
    assert_eq!(outcomes(verdict), [Ok(Value::Int(1)), Err(ErrorKind::Unavailable)]);
}

#[test]
fn what_a_replaced_master_acknowledged_may_be_gone_command_by_command() {
    let request = pipe(&["GET k", "INCR l", "HSET l f v"]);
    let replies = vec![Value::Nil, Value::Int(1), error("WRONGTYPE x")];
    assert_eq!(
        outcomes(outcome::judge(&request, replied(replies, true))),
        [Ok(Value::Nil), Err(ErrorKind::MaybeExecuted), Err(ErrorKind::ReplyError)]
    );
}

#[test]
fn a_deadline_tells_the_commands_of_a_pipeline_apart() {
    let request = pipe(&["INCR k", "GET k", "INCR l"]);
    let expired = |partial| outcome::expired(&request, partial, Phase::Reply, Duration::from_secs(1), "x");
    assert_eq!(expired(Partial::default()).unwrap_err().kind(), ErrorKind::Timeout);
    let partial = Partial { values: vec![Value::Int(1)], handed: ALL };
    assert_eq!(
        outcomes(Verdict::Settle(expired(partial))),
        [Ok(Value::Int(1)), Err(ErrorKind::Timeout), Err(ErrorKind::MaybeExecuted)]
    );
}

#[test]
fn a_transaction_gives_the_results_of_its_commands() {
    let request = multi(&["INCR k", "HSET k f v"]);
    let replies = || vec![Value::Okay, value("+QUEUED "), value("+QUEUED "), value("*2 :1 -WRONGTYPE ")];
    assert_eq!(
        outcomes(outcome::judge(&request, replied(replies(), false))),
        [Ok(Value::Int(1)), Err(ErrorKind::ReplyError)]
    );
    assert_eq!(whole(outcome::judge(&request, replied(replies(), true))).kind(), ErrorKind::MaybeExecuted);
    assert!(matches!(outcome::judge(&request.idempotent(), replied(replies(), true)), Verdict::Again(_)));
}

#[test]
fn a_transaction_is_aborted_by_a_watched_key_and_discarded_by_a_refused_command() {
    let request = multi(&["INCR k", "FOO"]);
    let nil = vec![Value::Okay, value("+QUEUED "), value("+QUEUED "), Value::Nil];
    assert_eq!(whole(outcome::judge(&request, replied(nil, false))).kind(), ErrorKind::TransactionAborted);
    let unknown = "ERR unknown command 'FOO', with args beginning with: 'canary'";
    let replies = vec![Value::Okay, value("+QUEUED "), error(unknown), error("EXECABORT Transaction discarded")];
    for end in [replied(replies.clone(), false), replied(replies.clone(), true), lost(replies[..3].to_vec(), ALL)] {
        let error = whole(outcome::judge(&request, end));
        assert_eq!((error.kind(), error.server_reply().unwrap().0), (ErrorKind::ReplyError, "EXECABORT"));
        assert!(error.message().contains("command 2 (FOO)") && !error.message().contains("canary"), "{error}");
    }
}

#[test]
fn a_refused_transaction_was_not_executed() {
    let request = multi(&["INCR k", "GET k"]);
    let discarded = "EXECABORT Transaction discarded because of: READONLY You can't write against a read only replica.";
    for replies in [
        vec![Value::Okay, error("READONLY x"), value("+QUEUED "), error("EXECABORT x")],
        vec![Value::Okay, value("+QUEUED "), value("+QUEUED "), error(discarded)],
        vec![Value::Okay, value("+QUEUED "), value("+QUEUED "), error("READONLY x")],
        vec![error("LOADING x"), error("LOADING x"), error("LOADING x"), error("LOADING x")],
    ] {
        let verdict = outcome::judge(&request, replied(replies, true));
        assert!(matches!(verdict, Verdict::Again(Again::Refused { .. })), "{verdict:?}");
    }
}

#[test]
fn without_the_last_byte_of_exec_nothing_was_executed() {
    let request = multi(&["INCR k"]);
    let length = request.bytes().len();
    for handed in 0..length {
        assert!(matches!(outcome::judge(&request, lost(vec![], handed)), Verdict::Again(Again::LinkLost)), "{handed}");
    }
    for partial in [vec![], vec![Value::Okay], vec![Value::Okay, value("+QUEUED ")]] {
        assert_eq!(whole(outcome::judge(&request, lost(partial, length))).kind(), ErrorKind::MaybeExecuted);
    }
    assert!(matches!(outcome::judge(&multi(&["GET k"]), lost(vec![], ALL)), Verdict::Again(Again::LinkLost)));
}

#[test]
fn commands_whose_multi_was_refused_stood_alone() {
    let request = multi(&["INCR k"]);
    let alone = vec![error("NOPERM x"), Value::Int(1), error("ERR EXEC without MULTI")];
    assert_eq!(whole(outcome::judge(&request, replied(alone, false))).kind(), ErrorKind::MaybeExecuted);
    let nothing = vec![error("NOPERM x"), error("NOPERM x"), error("ERR EXEC without MULTI")];
    assert_eq!(whole(outcome::judge(&request, replied(nothing, false))).kind(), ErrorKind::NoPermission);
}
