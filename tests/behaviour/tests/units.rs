//! Pipelines and transactions: several commands in one write, with an outcome for each.

use std::time::Duration;

use redis::cmd;
use standfast::{Client, Error, ErrorKind, Request, Timeout, Value};
use standfast_behaviour::{client, lab, raw, run, run_within};
use standfast_lab::{Lab, LabOptions};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn text(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

fn request(line: &str) -> Request {
    Request::new(line.split(' ')).unwrap()
}

type Outcomes = Result<Vec<Result<Value, ErrorKind>>, Error>;

/// With both drivers: the outcomes of these commands.
fn with_both(client: &Client, transaction: bool, lines: &[&str]) -> [Outcomes; 2] {
    let unit = || {
        let mut unit = if transaction { client.transaction() } else { client.pipeline() };
        lines.iter().for_each(|line| _ = unit.command(request(line)));
        unit
    };
    let kinds = |outcomes: Vec<Result<Value, Error>>| {
        outcomes.into_iter().map(|outcome| outcome.map_err(|error| error.kind())).collect()
    };
    [unit().execute_blocking(None).map(kinds), runtime().block_on(async { unit().execute().await }).map(kinds)]
}

#[test]
fn a_pipeline_has_one_outcome_for_each_command() {
    let lab = lab();
    let client = client(&lab, "");
    for outcomes in with_both(&client, false, &["SET k v", "INCR k", "GET k", "NO.SUCH", "HGETALL h"]) {
        assert_eq!(
            outcomes.unwrap(),
            [
                Ok(Value::Okay),
                Err(ErrorKind::ReplyError),
                Ok(text("v")),
                Err(ErrorKind::ReplyError),
                Ok(Value::Map(vec![]))
            ]
        );
    }
    for outcomes in with_both(&client, false, &[]) {
        assert_eq!(outcomes.unwrap(), []);
    }
    for outcomes in with_both(&client, false, &["GET k", "SUBSCRIBE k"]) {
        let error = outcomes.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains("command 2") && error.message().contains("SUBSCRIBE"), "{error}");
    }
}

#[test]
fn a_transaction_is_executed_as_a_whole_or_not_at_all() {
    let lab = lab();
    let client = client(&lab, "");
    for (round, outcomes) in (1..).zip(with_both(&client, true, &["INCR n", "LPUSH n x", "INCR n"])) {
        let expected = [Ok(Value::Int(2 * round - 1)), Err(ErrorKind::ReplyError), Ok(Value::Int(2 * round))];
        assert_eq!(outcomes.unwrap(), expected);
    }
    for outcomes in with_both(&client, true, &["INCR n", "NO.SUCH x"]) {
        let error = outcomes.unwrap_err();
        assert_eq!((error.kind(), error.server_reply().unwrap().0), (ErrorKind::ReplyError, "EXECABORT"));
        assert!(error.message().contains("NO.SUCH"), "{error}");
    }
    assert_eq!(run(&client, "GET n").unwrap(), text("4"), "nothing of the refused ones was executed");
}

#[test]
fn several_commands_are_one_write() {
    let lab = lab();
    let client = client(&lab, "");
    let mut pipeline = client.pipeline();
    for n in 0..1000 {
        pipeline.command(cmd("RPUSH").arg("list").arg(n));
    }
    let outcomes = pipeline.execute_blocking(None).unwrap();
    assert_eq!(outcomes.len(), 1000);
    assert!((1..).zip(outcomes).all(|(n, outcome)| outcome.unwrap() == Value::Int(n)));
    let info = raw(&lab, lab.master().unwrap()).command(&["INFO", "commandstats"]).unwrap();
    assert!(info.text().contains("cmdstat_rpush:calls=1000,"), "{}", info.text());
}

#[test]
fn blocking_commands_of_a_pipeline_hold_up_nobody_else() {
    let lab = lab();
    let client = client(&lab, "");
    let waiting = client.clone();
    let thread = std::thread::spawn(move || {
        let mut pipeline = waiting.pipeline();
        pipeline.command(request("SET before 1")).command(request("BLPOP list 0")).command(request("SET after 1"));
        pipeline.execute_blocking(None).unwrap()
    });
    standfast_behaviour::until("it blocks", || {
        let info = raw(&lab, lab.master().unwrap()).command(&["INFO", "clients"]).unwrap();
        info.text().contains("blocked_clients:1").then_some(())
    });
    run_within(&client, "GET before", Timeout::After(Duration::from_secs(5))).unwrap();
    run(&client, "RPUSH list x").unwrap();
    let outcomes = thread.join().unwrap();
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    // In a transaction nothing blocks.
    for outcomes in with_both(&client, true, &["BLPOP list 0"]) {
        assert_eq!(outcomes.unwrap(), [Ok(Value::Nil)]);
    }
}

#[test]
fn pipelines_of_the_redis_crate_work_and_have_natural_replies_over_resp2() {
    let options = LabOptions { replicas: 1, sentinels: 1, quorum: Some(1), ..LabOptions::default() };
    let lab = Lab::start(options).unwrap();
    for protocol in ["2", "3"] {
        let mut client = client(&lab, &format!("protocol={protocol}"));
        runtime().block_on(async {
            let mut pipe = redis::pipe();
            pipe.hset("h", "a", 1).ignore().zadd("z", "m", 1.5).ignore().hgetall("h").zscore("z", "m");
            let commands = pipe.clone();
            type Found = (Value, Value);
            let found: Found = commands.query_async(&mut client).await.unwrap();
            let expected = (Value::Map(vec![(text("a"), text("1"))]), Value::Double(1.5));
            assert_eq!(found, expected, "RESP{protocol}");
            let found: Found = pipe.atomic().query_async(&mut client).await.unwrap();
            assert_eq!(found, expected, "RESP{protocol}, MULTI");
            let failed = redis::pipe().set("k", 1).cmd("LPUSH").arg("k").arg(1).exec_async(&mut client).await;
            assert!(failed.unwrap_err().to_string().contains("WRONGTYPE"));
            let nothing: Vec<Value> = redis::pipe().atomic().query_async(&mut client).await.unwrap();
            assert!(nothing.is_empty());
        });
        for transaction in [false, true] {
            for outcomes in with_both(&client, transaction, &["SMEMBERS none", "HGETALL h", "ZSCORE z m"]) {
                let map = Value::Map(vec![(text("a"), text("1"))]);
                assert_eq!(outcomes.unwrap(), [Ok(Value::Set(vec![])), Ok(map), Ok(Value::Double(1.5))]);
            }
        }
    }
}
