//! Opening, closing, giving up: nothing may hang, and no reply may go to the wrong call.

use std::time::{Duration, Instant};

use standfast::{Channels, Client, Config, ErrorKind, Queue, Request, Timeout, Value};
use standfast_behaviour::{LIMIT, client, lab, nowhere, raw, run, run_within, until};

#[test]
fn a_closed_client_says_so() {
    let lab = lab();
    let client = client(&lab, "");
    let subscription = client.subscribe(Channels::new(["x"])).unwrap();
    client.close();
    client.close();
    assert!(client.is_closed());
    assert_eq!(run(&client, "PING").unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(client.subscribe(Channels::new(["x"])).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(client.blocking().wait_ready(None, None).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(subscription.try_next().unwrap_err().kind(), ErrorKind::EndOfStream);
    assert_eq!(Queue::open(&client).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(client.status().to_tree().get("state"), Some(&"closed".into()));
}

#[test]
fn closing_wakes_whoever_waits() {
    let lab = lab();
    let client = client(&lab, "");
    let subscription = client.subscribe(Channels::new(["silent"])).unwrap();
    let pop = {
        let client = client.clone();
        std::thread::spawn(move || run(&client, "BLPOP nothing 0"))
    };
    let next = std::thread::spawn(move || subscription.next_blocking(None, None));
    until("the command has arrived", || {
        let list = raw(&lab, lab.node_addrs()[0]).command(&["CLIENT", "LIST"]).ok()?.text();
        list.contains("cmd=blpop").then_some(())
    });
    let closing = Instant::now();
    client.close();
    assert_eq!(next.join().unwrap().unwrap_err().kind(), ErrorKind::EndOfStream);
    let error = pop.join().unwrap().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MaybeExecuted | ErrorKind::Closed), "{error}");
    assert!(closing.elapsed() < Duration::from_secs(1), "{:?}", closing.elapsed());
}

#[test]
fn a_late_reply_goes_to_nobody_else() {
    let lab = lab();
    let client = client(&lab, "");
    run(&client, "SET mine 1").unwrap();
    let error = run_within(&client, "DEBUG SLEEP 0.3", Timeout::After(Duration::from_millis(50))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeExecuted, "{error}");
    assert_eq!(run(&client, "GET mine").unwrap(), Value::BulkString(b"1".to_vec()));

    let queue = Queue::open(&client).unwrap();
    queue
        .submit(Request::new(["DEBUG", "SLEEP", "0.3"]).unwrap(), Timeout::After(Duration::from_millis(50)), 1)
        .unwrap();
    queue.submit(Request::new(["GET", "mine"]).unwrap(), Timeout::Default, 2).unwrap();
    let first = queue.next_blocking(Some(LIMIT), None).unwrap().unwrap();
    let second = queue.next_blocking(Some(LIMIT), None).unwrap().unwrap();
    assert_eq!((first.tag, first.result.unwrap_err().kind()), (1, ErrorKind::MaybeExecuted));
    assert_eq!((second.tag, second.result.unwrap()), (2, Value::BulkString(b"1".to_vec())));
}

#[test]
fn a_cancelled_submission_never_completes_and_says_what_may_be_said() {
    let lab = lab();
    let client = client(&lab, "");
    let queue = Queue::open(&client).unwrap();
    queue.submit(Request::new(["BLPOP", "nothing", "0"]).unwrap(), Timeout::Default, 7).unwrap();
    until("the command has arrived", || {
        let list = raw(&lab, lab.node_addrs()[0]).command(&["CLIENT", "LIST"]).ok()?.text();
        list.contains("cmd=blpop").then_some(())
    });
    assert_eq!(queue.cancel(7).unwrap().kind(), ErrorKind::MaybeExecuted);
    assert!(queue.cancel(7).is_none());
    queue.submit(Request::new(["PING"]).unwrap(), Timeout::Default, 7).unwrap();
    assert_eq!(queue.next_blocking(Some(LIMIT), None).unwrap().unwrap().tag, 7);
}

#[test]
fn errors_of_the_server_are_typed_and_the_client_goes_on() {
    let lab = lab();
    let client = client(&lab, "");
    run(&client, "SET text x").unwrap();
    let error = run(&client, "INCR text").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReplyError);
    assert_eq!(error.server_reply().unwrap().0, "ERR");
    let error = run(&client, "NOSUCHCOMMAND canary").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReplyError);
    assert!(!error.to_string().contains("canary"), "{error}");
    let error = run(&client, "SUBSCRIBE x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    assert!(run(&client, "PING").is_ok());
}

#[test]
fn several_runtimes_share_one_client() {
    let lab = lab();
    let client = client(&lab, "");
    for round in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let count = runtime.block_on(client.command(redis::cmd("INCR").arg("rounds"))).unwrap();
        assert_eq!(count, Value::Int(round + 1));
    }
}

#[test]
fn a_thousand_tasks_get_their_own_replies() {
    let lab = lab();
    let client = client(&lab, "");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..1000)
            .map(|number| {
                let client = client.clone();
                tokio::spawn(async move {
                    let reply = client.command(redis::cmd("ECHO").arg(number)).await.unwrap();
                    assert_eq!(reply, Value::BulkString(number.to_string().into_bytes()));
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn more_than_max_pending_is_refused_at_once() {
    let client = Client::open(Config::from_url(&format!("redis://{}?max_pending=5", nowhere())).unwrap()).unwrap();
    let queue = Queue::open(&client).unwrap();
    for tag in 0..10 {
        queue.submit(Request::new(["PING"]).unwrap(), Timeout::After(Duration::from_secs(1)), tag).unwrap();
    }
    let mut kinds: Vec<_> =
        (0..10).map(|_| queue.next_blocking(Some(LIMIT), None).unwrap().unwrap().result.unwrap_err().kind()).collect();
    kinds.sort_by_key(|kind| kind.code());
    assert_eq!(kinds, [[ErrorKind::Timeout; 5], [ErrorKind::QueueFull; 5]].concat());
}
