//! `tests/vectors/replies.json`: what a client makes of what servers send. The other languages have the same test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value as Json, json};
use standfast::{Config, Request, Timeout, Value, blocking};

/// The server that sends them, while this lives.
struct Replies {
    process: Child,
    ports: [u16; 2],
}

impl Replies {
    fn start() -> Replies {
        let mut process = Command::new(program())
            .arg(vectors())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("standfast-replies starts; `cargo build -p standfast-lab --bins` builds it");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ports: Vec<u16> = line.split_whitespace().map(|port| port.parse().unwrap()).collect();
        Replies { process, ports: ports.try_into().unwrap() }
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/replies.json")
}

/// Beside the lab.
fn program() -> PathBuf {
    let executable = std::env::current_exe().unwrap();
    let lab = std::env::var_os("STANDFAST_LAB").map(PathBuf::from);
    lab.unwrap_or_else(|| executable.ancestors().nth(2).unwrap().join("standfast-lab"))
        .with_file_name("standfast-replies")
}

/// A value as the file writes it.
fn written(value: &Value) -> Json {
    let list = |items: &[Value]| items.iter().map(written).collect::<Vec<_>>();
    // Each byte is one character.
    let text = |bytes: &[u8]| json!(["text", bytes.iter().map(|byte| *byte as char).collect::<String>()]);
    match value {
        Value::Nil => json!(["nil"]),
        Value::Boolean(yes) => json!(["bool", yes]),
        Value::Int(number) => json!(["int", number.to_string()]),
        Value::Double(number) => json!(["double", number.to_string()]),
        Value::BigNumber(digits) => json!(["big", String::from_utf8_lossy(digits)]),
        Value::Okay => json!(["status", "OK"]),
        Value::SimpleString(status) => json!(["status", status]),
        Value::BulkString(bytes) => text(bytes),
        Value::VerbatimString { text: verbatim, .. } => text(verbatim.as_bytes()),
        Value::ServerError(error) => json!(["error", error.code(), error.details().unwrap_or_default()]),
        Value::Array(items) => json!(["list", list(items)]),
        Value::Set(items) => json!(["set", list(items)]),
        Value::Map(pairs) => {
            json!(["map", pairs.iter().map(|(key, value)| [written(key), written(value)]).collect::<Vec<_>>()])
        }
        other => panic!("{other:?}"),
    }
}

/// The same number in the same digits, however the file writes it.
fn same_digits(value: &mut Json) {
    match value {
        Json::Array(parts) if parts.first() == Some(&json!("double")) => {
            let number: f64 = parts[1].as_str().unwrap().parse().unwrap();
            parts[1] = json!(number.to_string());
        }
        Json::Array(parts) => parts.iter_mut().for_each(same_digits),
        _ => {}
    }
}

#[test]
fn every_reply_becomes_its_value() {
    let server = Replies::start();
    let connect =
        |port: u16| blocking::connect(Config::from_url(&format!("redis://127.0.0.1:{port}")).unwrap(), None).unwrap();
    let clients = server.ports.map(connect);
    let file: Json = serde_json::from_slice(&std::fs::read(vectors()).unwrap()).unwrap();
    let mut count = 0;
    for vector in file["replies"].as_array().unwrap() {
        let name = &vector["name"];
        let client = &clients[usize::from(vector["resp"] == 2)];
        let words = vector["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
        match client.blocking().command(Request::new(words).unwrap(), Timeout::Default, None) {
            Ok(value) => {
                let mut expected = vector["value"].clone();
                same_digits(&mut expected);
                assert_eq!(written(&value), expected, "{name}");
            }
            Err(error) => {
                let server = error.server_reply().unwrap_or_else(|| panic!("{name}: {error}"));
                assert_eq!(json!([error.kind().name(), server.0, server.1]), vector["error"], "{name}");
            }
        }
        count += 1;
    }
    assert!(count > 80, "{count}");
}
