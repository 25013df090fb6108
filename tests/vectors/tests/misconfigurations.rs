//! `misconfigurations.json` in Rust.

use std::time::Instant;

use serde_json::Value as Json;
use standfast::{Config, Error, Request, Timeout, Value, blocking};
use standfast_vectors::check;
use standfast_vectors::servers::Servers;

/// What became of a vector.
fn run(vector: &Json) -> Result<Value, Error> {
    let client = blocking::connect(Config::from_url(vector["url"].as_str().unwrap())?, None)?;
    let command = vector["command"].as_array().expect("a command, since connecting works");
    let request = Request::new(command.iter().map(|word| word.as_str().unwrap()))?;
    client.blocking().command(request, Timeout::Default, None)
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
            Err(error) => check::misconfigured(&vector["error"], &check::found(error), begun.elapsed()),
        });
        if verdict.is_err() {
            wrong.push(format!("{}: {result:?}", vector["name"]));
        }
    }
    assert!(servers.vectors().len() >= 30);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
