//! R67, B-116: a secret goes through everything that can fail and is told nowhere: `tests/vectors/canary.json`, which every language runs.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value as Json;
use standfast::{Config, LogLevel, Logs};
use standfast_behaviour::{connect, run, until};
use standfast_lab::{Lab, LabOptions};

const QUICK: &str = "connect_deadline=700ms&connect_timeout=500ms&sentinel_timeout=300ms";

#[test]
fn a_secret_is_told_nowhere() {
    let password = |word: &str| Some(word.to_owned());
    let lab = Lab::start(LabOptions {
        replicas: 1,
        password: password("data-canary"),
        sentinel_password: password("sentinel-canary"),
        ..LabOptions::default()
    })
    .unwrap();
    let logs = Logs::open(LogLevel::Debug).unwrap();
    let hosts: Vec<_> = lab.sentinel_addrs().iter().map(ToString::to_string).collect();
    let client = connect(&lab.url()).unwrap();
    run(&client, "SET a-string x").unwrap();
    let scenarios = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/canary.json")).unwrap();
    let scenarios: Vec<Json> = serde_json::from_str(&scenarios).unwrap();
    assert!(scenarios.len() >= 30);
    let mut told = String::new();
    for scenario in &scenarios {
        let name = scenario["name"].as_str().unwrap();
        let error = if let Some(url) = scenario["url"].as_str() {
            let url = url.replace("{hosts}", &hosts.join(",")).replace("{sentinel}", &hosts[0]);
            let url = url.replace("{node}", &lab.node_addrs()[0].to_string());
            let quick = if url.contains("127.0.0.1") || url.contains("invalid") {
                format!("{url}{}{QUICK}", if url.contains('?') { "&" } else { "?" })
            } else {
                url
            };
            if let Ok(config) = Config::from_url(&quick) {
                write!(told, "{config:?} {:?}", config.describe()).unwrap();
            }
            connect(&quick).map(|client| write!(told, "{client:?} {:?}", client.status()).unwrap()).err()
        } else {
            let words: Vec<_> =
                scenario["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
            run(&client, &words.join(" ")).err()
        };
        assert_eq!(error.is_none(), name == "everything right", "{name}: {error:?}");
        if let Some(error) = error {
            write!(told, "{name}: {error} {error:?} {:?} {:?}", error.causes(), error.server_reply()).unwrap();
        }
    }
    write!(told, "{client:?} {:?} {:?} {:?}", client.config(), client.status(), client.nodes()).unwrap();
    write!(told, "{:?}", client.blocking().doctor(None)).unwrap();
    while let Ok(Some(event)) = client.blocking().event_next(Some(Duration::ZERO), None) {
        write!(told, "{event:?}").unwrap();
    }
    client.close();
    until("the log tells of the close", || {
        let record = logs.try_next().unwrap()?;
        write!(told, "{record:?}").unwrap();
        record.message.starts_with("closed").then_some(())
    });
    for word in ["MasterAuthFailed", "SentinelAuthFailed", "InvalidUrl", "ReplyError"] {
        assert!(told.contains(word), "the scenarios do not come to {word}");
    }
    if let Some(at) = told.find("canary") {
        panic!("told: …{}…", &told[at.saturating_sub(200)..(at + 50).min(told.len())]);
    }
}

/// What `ps` shows to everybody.
#[test]
fn no_process_has_a_secret_among_its_arguments() {
    let lab = Lab::start(LabOptions {
        replicas: 1,
        password: Some("argument-canary".into()),
        sentinel_password: Some("argument-canary".into()),
        ..LabOptions::default()
    })
    .unwrap();
    let mut servers = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(arguments) = std::fs::read(entry.path().join("cmdline")) else { continue };
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
        let text = String::from_utf8_lossy(&arguments);
        servers += usize::from(lab.node_addrs().iter().any(|node| text.contains(&node.port().to_string())));
        assert!(!text.contains("argument-canary"), "{text:?}");
        assert!(!String::from_utf8_lossy(&environment).contains("argument-canary"), "in the environment of {text:?}");
    }
    assert!(servers >= 2, "the lab's servers were not among those looked at");
}
