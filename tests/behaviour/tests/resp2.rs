//! Servers that speak RESP2 only: real ones whose HELLO was taken away, and real ones that are asked for RESP2.

use std::time::Duration;

use standfast::{Channels, Client, Config, Item, Request, Value, blocking};
use standfast_lab::{Lab, LabOptions};

fn lab(hello: bool) -> Lab {
    let server_args = if hello { vec![] } else { ["--rename-command", "HELLO", ""].map(str::to_owned).to_vec() };
    Lab::start(LabOptions { replicas: 1, sentinels: 1, quorum: Some(1), server_args, ..LabOptions::default() }).unwrap()
}

fn text(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

fn config(lab: &Lab, options: &str) -> Config {
    Config::from_url(&format!("{}?{options}", lab.url())).unwrap()
}

#[test]
fn a_server_without_hello_gives_replies_of_the_same_form() {
    let lab = lab(false);
    let client = blocking::connect(config(&lab, "db=3"), None).unwrap();
    let run = |line: &str| {
        let request = Request::new(line.split(' ')).unwrap();
        client.blocking().command(request, standfast::Timeout::Default, None).unwrap()
    };
    run("FLUSHDB");
    run("HSET h a 1");
    run("ZADD z 1.5 m");
    run("SADD s x");
    run("XADD x 1-1 f v");
    assert_eq!(run("HGETALL h"), Value::Map(vec![(text("a"), text("1"))]));
    assert_eq!(run("SMEMBERS s"), Value::Set(vec![text("x")]));
    assert_eq!(run("ZSCORE z m"), Value::Double(1.5));
    assert_eq!(run("ZRANGE z 0 -1 WITHSCORES"), Value::Array(vec![Value::Array(vec![text("m"), Value::Double(1.5)])]));
    let Value::Map(streams) = run("XREAD STREAMS x 0") else { panic!("no map") };
    assert_eq!(streams[0].0, text("x"));
    let Value::Map(settings) = run("CONFIG GET maxmemory") else { panic!("no map") };
    assert_eq!(settings, [(text("maxmemory"), text("0"))]);
    let Value::BulkString(info) = run("CLIENT INFO") else { panic!("no text") };
    let info = String::from_utf8(info).unwrap();
    assert!(info.contains(" db=3 ") && info.contains("name=standfast") && info.contains(" resp=2"), "{info}");
}

#[test]
fn subscriptions_and_a_failover_work_without_hello() {
    let lab = lab(false);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(subscribe_and_fail_over(&lab));
}

async fn subscribe_and_fail_over(lab: &Lab) {
    let mut client = Client::connect(config(lab, "db=0")).await.unwrap();
    let news = client.subscribe(Channels::new(["news"]).pattern("n*")).unwrap();
    news.ready().await.unwrap();
    client.publish("news", "one").await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 2 {
        match tokio::time::timeout(Duration::from_secs(10), news.next()).await.unwrap() {
            Some(Item::Message(message)) => heard.push((message.pattern.is_some(), message.payload)),
            other => panic!("{other:?}"),
        }
    }
    heard.sort();
    assert_eq!(heard, [(false, b"one".to_vec()), (true, b"one".to_vec())]);

    lab.planned_failover().unwrap();
    // The new master is found, and the subscription is restored there.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while client.status().generation < 2 {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", client.status());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let () = redis::AsyncCommands::set(&mut client, "k", "v").await.unwrap();
    loop {
        assert!(tokio::time::Instant::now() < deadline, "the message was not heard");
        client.publish("news", "two").await.unwrap();
        if let Ok(Some(Item::Message(message))) = tokio::time::timeout(Duration::from_millis(100), news.next()).await
            && &message.payload[..] == b"two"
        {
            break;
        }
    }
}

#[test]
fn resp2_is_spoken_where_it_is_asked_for_and_resp3_alone_is_not_replaced() {
    let with = lab(true);
    let client = blocking::connect(config(&with, "protocol=2"), None).unwrap();
    let request = Request::new(["CLIENT", "INFO"]).unwrap();
    let info = client.blocking().command(request, standfast::Timeout::Default, None).unwrap();
    assert!(format!("{info:?}").contains("resp=2"), "{info:?}");
    drop(client);
    drop(with);
    let without = lab(false);
    let error = blocking::connect(config(&without, "protocol=3&connect_deadline=1s"), None).unwrap_err();
    assert!(error.to_string().contains("unknown command"), "{error}");
}
