//! `misconfigurations.json` in Rust.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use standfast::{Config, Error, Request, Timeout, Value, blocking};
use standfast_vectors::servers::Servers;

/// What became of a vector.
fn run(vector: &Json) -> Result<Value, Error> {
    let client = blocking::connect(Config::from_url(vector["url"].as_str().unwrap())?, None)?;
    let command = vector["command"].as_array().expect("a command, since connecting works");
    let request = Request::new(command.iter().map(|word| word.as_str().unwrap()))?;
    client.blocking().command(request, Timeout::Default, None)
}

fn check(vector: &Json, error: &Error, took: Duration) {
    let expected = &vector["error"];
    assert_eq!(error.code(), expected["code"].as_i64().unwrap() as i32);
    assert_eq!(error.name(), expected["name"]);
    assert_eq!(error.retry().as_str(), expected["retry"]);
    assert!(error.message().contains(expected["says"].as_str().unwrap()), "{}", error.message());
    assert_eq!(error.phase().map(|phase| phase.as_str()), expected["phase"].as_str());
    assert_eq!(error.server_reply().map(|(code, _)| code), expected["server"].as_str());
    assert!(!format!("{error} {error:?}").contains("canary"), "a secret is shown");
    let found: BTreeSet<&str> = error.causes().iter().map(|cause| cause.address.as_str()).collect();
    let addresses: BTreeSet<&str> =
        expected["addresses"].as_str().map(|list| list.split(',').collect()).unwrap_or_default();
    assert_eq!(found, addresses);
    for cause in expected["causes"].as_array().into_iter().flatten() {
        let [step, name, text] = [0, 1, 2].map(|at| cause[at].as_str().unwrap());
        let is = |cause: &&standfast::Cause| {
            cause.step.as_str() == step && cause.kind.name() == name && cause.text.contains(text)
        };
        let found = error.causes().iter().find(is).unwrap_or_else(|| panic!("no cause {cause} in {error}"));
        // Whoever was found was found somewhere.
        assert_eq!(
            found.resolved.is_none(),
            step == "resolve" || name == "Timeout" && text.contains("not answered yet")
        );
    }
    match expected["at_once"].as_bool() {
        Some(true) => assert!(took < Duration::from_secs(5), "it took {took:?} of 10 s"),
        Some(false) => assert!(took >= Duration::from_millis(200), "it took {took:?}"),
        None => {}
    }
}

#[test]
fn every_misconfiguration_is_named_as_the_file_says() {
    let servers = Servers::start();
    let mut wrong = Vec::new();
    for vector in servers.vectors() {
        let begun = Instant::now();
        let result = run(vector);
        let verdict = std::panic::catch_unwind(|| match &result {
            Ok(Value::BulkString(reply)) => {
                assert_eq!(String::from_utf8_lossy(reply), vector["reply"].as_str().unwrap())
            }
            Ok(reply) => panic!("it works: {reply:?}"),
            Err(error) => check(vector, error, begun.elapsed()),
        });
        if verdict.is_err() {
            wrong.push(format!("{}: {result:?}", vector["name"]));
        }
    }
    assert!(servers.vectors().len() >= 30);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
