//! `tests/vectors/replies.json` in C: one program runs the commands and says what it got; here it is compared with the file.

mod support;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use support::{compile, crate_dir, lab_command, limited};

/// Ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(vectors: &Path) -> (Server, Vec<String>) {
    let mut command = Command::new(lab_command().with_file_name("standfast-replies"));
    command.arg(vectors).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("standfast-replies starts");
    let mut ports = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    output.read_line(&mut ports).expect("it says its ports");
    let urls = ports.split_whitespace().map(|port| format!("redis://127.0.0.1:{port}")).collect();
    (Server(child), urls)
}

fn shown(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        match c {
            ' '..='~' if c != '\\' => shown.push(c),
            // Each character is one byte.
            _ => write!(shown, "\\x{:02x}", u32::from(c)).expect("a String"),
        }
    }
    shown
}

/// A value as the program shows it: for C a status is text, and so is a big number.
fn expected(value: &Value) -> String {
    let text = |at: usize| value[at].as_str().unwrap_or_default();
    let all = |show: &dyn Fn(&Value) -> String| {
        value[1].as_array().expect("a list").iter().map(show).collect::<Vec<_>>().join(", ")
    };
    match text(0) {
        "nil" => "nil".into(),
        "bool" => format!("bool {}", value[1]),
        "int" => format!("int {}", text(1)),
        // 17 digits tell every double from every other.
        "double" => format!("double {:.17}", text(1).parse::<f64>().expect("a number")),
        "error" => format!("error {} {}", text(1), shown(text(2))),
        kind @ ("list" | "set") => format!("{kind} [{}]", all(&expected)),
        "map" => format!("map [{}]", all(&|pair| format!("{}: {}", expected(&pair[0]), expected(&pair[1])))),
        _ => format!("text {}", shown(text(1))),
    }
}

/// The doubles that the program showed, shown as here.
fn same_digits(line: &str) -> String {
    let mut parts = line.split("double ");
    let mut same = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find([',', ']', ':']).unwrap_or(part.len());
        let number: f64 = part[..end].replace("-nan", "nan").parse().expect("a number");
        write!(same, "double {number:.17}{}", &part[end..]).expect("a String");
    }
    same
}

#[test]
fn every_reply_becomes_its_value() {
    let vectors = crate_dir().join("../tests/vectors/replies.json");
    let file: Value = serde_json::from_slice(&std::fs::read(&vectors).expect("the file")).expect("JSON");
    let replies = file["replies"].as_array().expect("a list");
    let (_server, urls) = start(&vectors);
    let mut program = limited(60, compile("replies", &["tests/replies.c"]));
    let mut program = program.args(urls).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut input = program.stdin.take().expect("a pipe");
    for vector in replies {
        let words: Vec<&str> = vector["words"].as_array().expect("words").iter().filter_map(Value::as_str).collect();
        let server = if vector["resp"] == 2 { "2" } else { "3" };
        writeln!(input, "{server}\t{}", words.join("\t")).expect("it reads");
    }
    drop(input);
    let output = program.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let lines: Vec<&str> = std::str::from_utf8(&output.stdout).expect("text").lines().collect();
    assert_eq!(lines.len(), replies.len());
    for (line, vector) in lines.into_iter().zip(replies) {
        let expected = match vector["error"].as_array() {
            Some(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
            None => expected(&vector["value"]),
        };
        assert_eq!(same_digits(line), expected, "{}", vector["name"]);
    }
    assert!(replies.len() > 80);
}
