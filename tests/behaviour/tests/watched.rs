//! Transactions over watched keys, and scripts: what a switch, a lost link and somebody else's write do to them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::{cmd, from_redis_value};
use standfast::{Client, ClientState, Error, ErrorKind, Request, Timeout, Value};
use standfast_behaviour::{client, lab, proxied, raw, run, run_within, until};
use standfast_lab::{Fault, Lab, Side};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn text(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

fn request(line: &str) -> Request {
    Request::new(line.split(' ')).unwrap()
}

fn number(value: Value) -> i64 {
    from_redis_value(value).unwrap_or(0)
}

/// Count a key up by reading and writing, with something happening in between.
async fn count_up(client: &Client, key: &str, between: impl Fn()) -> Result<Vec<Result<Value, Error>>, Error> {
    let counting = client.watch([key]).timeout(Timeout::After(Duration::from_secs(20)));
    counting
        .run(async |now| {
            let found = number(now.command(cmd("GET").arg(key)).await?);
            between();
            Ok(vec![cmd("SET").arg(key).arg(found + 1).into()])
        })
        .await
}

fn count_up_blocking(client: &Client, key: &str, between: impl Fn()) -> Result<Vec<Result<Value, Error>>, Error> {
    let counting = client.watch([key]).timeout(Timeout::After(Duration::from_secs(20)));
    counting.run_blocking(None, |now| {
        let found = number(now.command_blocking(cmd("GET").arg(key), None)?);
        between();
        Ok(vec![cmd("SET").arg(key).arg(found + 1).into()])
    })
}

/// Count a key up while `between` happens in the first rounds; how many rounds it took.
fn rounds(waiting: bool, client: &Client, key: &str, between: impl Fn(u64)) -> u64 {
    let rounds = AtomicU64::new(0);
    let round = || between(rounds.fetch_add(1, Ordering::Relaxed));
    let outcomes = match waiting {
        true => count_up_blocking(client, key, round),
        false => runtime().block_on(count_up(client, key, round)),
    };
    assert!(matches!(outcomes.unwrap()[..], [Ok(Value::Okay)]));
    rounds.into_inner()
}

/// The same with both drivers.
fn with_both(client: &Client, key: &str, between: impl Fn(u64)) -> [u64; 2] {
    [true, false].map(|waiting| rounds(waiting, client, key, &between))
}

#[test]
fn a_watched_transaction_is_run_again_until_nobody_writes_in_between() {
    let lab = lab();
    let client = client(&lab, "");
    let interfere = |round| {
        if round < 2 {
            run(&client, "INCRBY n 10").unwrap();
        }
    };
    assert_eq!(with_both(&client, "n", interfere), [3, 3]);
    assert_eq!(run(&client, "GET n").unwrap(), text("42"), "four of the others, two of our own");
    assert_eq!(with_both(&client, "n", |_| {}), [1, 1]);
}

#[test]
fn many_counters_lose_nothing() {
    let lab = lab();
    let client = client(&lab, "");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|_| _ = count_up_blocking(&client, "n", || {}).unwrap()));
        }
        runtime().block_on(async {
            for _ in 0..10 {
                count_up(&client, "n", || {}).await.unwrap();
            }
        });
    });
    assert_eq!(run(&client, "GET n").unwrap(), text("50"));
}

#[test]
fn a_watch_that_is_lost_with_its_link_is_an_abort() {
    let lab = proxied();
    let client = client(&lab, "");
    let master = lab.master().unwrap();
    let reset = |round| {
        if round == 0 {
            lab.inject(master, Side::Clients, Fault::Reset).unwrap();
        }
    };
    assert_eq!(with_both(&client, "n", reset), [2, 2]);
    assert_eq!(run(&client, "GET n").unwrap(), text("2"));
}

#[test]
fn a_switch_between_watch_and_exec_is_an_abort() {
    for waiting in [true, false] {
        let lab = lab();
        let client = client(&lab, "");
        let fail_over = |round| {
            if round == 0 {
                let before = client.status().generation;
                lab.planned_failover().unwrap();
                until("the client follows", || {
                    let status = client.status();
                    (status.generation > before && status.state == ClientState::Ready).then_some(())
                });
            }
        };
        assert_eq!(rounds(waiting, &client, "n", fail_over), 2);
        assert_eq!(run(&client, "GET n").unwrap(), text("1"));
    }
}

#[test]
fn attempts_and_time_are_bounded_and_mistakes_are_told() {
    let lab = lab();
    let client = client(&lab, "");
    let always = |watched: standfast::Watched| {
        watched.run_blocking(None, |now| {
            now.command_blocking(cmd("GET").arg("n"), None)?;
            run(&client, "INCR n").unwrap();
            Ok(vec![request("SET n 0")])
        })
    };
    let error = always(client.watch(["n"]).attempts(3)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);
    assert!(error.message().contains("3 attempts"), "{error}");
    assert_eq!(run(&client, "GET n").unwrap(), text("3"));
    let short = client.watch(["n"]).timeout(Timeout::After(Duration::from_millis(200)));
    assert_eq!(always(short).unwrap_err().kind(), ErrorKind::TransactionAborted);
    assert_eq!(
        client.watch(Vec::<String>::new()).run_blocking(None, |_| Ok(vec![])).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    // Its own error ends it, and nothing is watched or executed any more.
    let own = client.watch(["n"]).run_blocking(None, |_| Err(Error::new(ErrorKind::InvalidArgument, "mine")));
    assert_eq!(own.unwrap_err().message(), "mine");
    assert!(client.watch(["n"]).run_blocking(None, |_| Ok(vec![])).unwrap().is_empty());
    let refused = client.watch(["n"]).run_blocking(None, |_| Ok(vec![request("NO.SUCH")])).unwrap_err();
    assert_eq!(refused.server_reply().unwrap().0, "EXECABORT");
    let error = client
        .watch(["n"])
        .run_blocking(None, |now| now.command_blocking(request("UNWATCH"), None).map(|_| vec![]))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

const SCRIPT: &str =
    "-- long enough to be sent by its digest\nlocal n = redis.call('INCR', KEYS[1])\nreturn n + tonumber(ARGV[1])";

fn eval(client: &Client) -> Result<Value, Error> {
    client.blocking().command(Request::new(["EVAL", SCRIPT, "1", "n", "100"])?, Timeout::Default, None)
}

fn calls(lab: &Lab, command: &str) -> u64 {
    let stats = raw(lab, lab.master().unwrap()).command(&["INFO", "commandstats"]).unwrap().text().to_owned();
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

#[test]
fn a_script_is_sent_by_its_digest_and_whole_where_it_is_unknown() {
    let lab = lab();
    let client = client(&lab, "");
    for n in 1..=3 {
        assert_eq!(eval(&client).unwrap(), Value::Int(100 + n));
    }
    assert_eq!((calls(&lab, "eval"), calls(&lab, "evalsha")), (1, 3), "the first digest was unknown");
    runtime().block_on(async {
        let command = || Request::new(["EVAL", SCRIPT, "1", "n", "100"]).unwrap();
        assert_eq!(client.command(command()).await.unwrap(), Value::Int(104));
        raw(&lab, lab.master().unwrap()).command(&["SCRIPT", "FLUSH"]).unwrap();
        let (one, two) = tokio::join!(client.command(command()), client.command(command()));
        let mut found = [one.unwrap(), two.unwrap()];
        found.sort_by_key(|value| format!("{value:?}"));
        assert_eq!(found, [Value::Int(105), Value::Int(106)]);
    });
    // The new master has never heard of it.
    lab.planned_failover().unwrap();
    standfast_behaviour::follows(&client, lab.master().unwrap());
    assert_eq!(eval(&client).unwrap(), Value::Int(107));
    // Inside a unit it goes as a whole.
    raw(&lab, lab.master().unwrap()).command(&["SCRIPT", "FLUSH"]).unwrap();
    for mut unit in [client.pipeline(), client.transaction()] {
        unit.command(Request::new(["EVAL", SCRIPT, "1", "n", "100"]).unwrap());
        assert!(matches!(unit.execute_blocking(None).unwrap()[..], [Ok(Value::Int(_))]));
    }
    // Its own errors are its own, whatever they look like.
    let own = "return redis.error_reply('NOSCRIPT but this is what the script itself has to say, and not the server')";
    let error = client.blocking().command(Request::new(["EVAL", own, "0"]).unwrap(), Timeout::Default, None);
    assert_eq!(error.unwrap_err().server_reply().unwrap().0, "NOSCRIPT");
}

#[test]
fn a_script_that_only_reads_is_asked_again() {
    let lab = proxied();
    let client = client(&lab, "");
    run(&client, "SET k v").unwrap();
    let reading =
        "-- reads, and reads again where its link is lost on the way to the answer\nreturn redis.call('GET', KEYS[1])";
    let read = || {
        let request = Request::new(["EVAL_RO", reading, "1", "k"]).unwrap();
        client.blocking().command(request, Timeout::Default, None)
    };
    assert_eq!(read().unwrap(), text("v"));
    let master = lab.master().unwrap();
    let cut = Fault::Cut { direction: standfast_lab::Direction::ToClient, after: 2 };
    lab.inject_newest(master, Side::Clients, cut.clone()).unwrap();
    assert_eq!(read().unwrap(), text("v"));
    lab.heal_faults_of(master).unwrap();
    run_within(&client, "GET k", Timeout::Default).unwrap();
    lab.inject(master, Side::Clients, cut).unwrap();
    let error = client
        .blocking()
        .command(Request::new(["EVAL", reading, "1", "k"]).unwrap(), Timeout::Default, None)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeExecuted, "EVAL may write");
    lab.heal_faults_of(master).unwrap();
}

#[test]
fn what_is_idempotent_by_call_is_sent_again_after_a_loss() {
    let lab = proxied();
    let client = client(&lab, "");
    let master = lab.master().unwrap();
    let cut = Fault::Cut { direction: standfast_lab::Direction::ToClient, after: 1 };
    let with = |request: Request| {
        run(&client, "GET k").unwrap();
        lab.inject_newest(master, Side::Clients, cut.clone()).unwrap();
        let outcome = client.blocking().answer(request, Timeout::Default, None);
        lab.heal_faults_of(master).unwrap();
        outcome
    };
    assert_eq!(with(request("SET k v")).unwrap_err().kind(), ErrorKind::MaybeExecuted);
    assert!(with(request("SET k v").idempotent()).is_ok());
    let transaction = || Request::transaction([request("SET k v"), request("SET l v")]).unwrap();
    assert_eq!(with(transaction()).unwrap_err().kind(), ErrorKind::MaybeExecuted);
    assert!(with(transaction().idempotent()).is_ok());
}
