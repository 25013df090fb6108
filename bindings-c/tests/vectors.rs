//! The vectors of `tests/vectors` in C: one program reads URLs and says what became of each; here it is compared with the files.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use standfast_vectors::servers::Servers;
use standfast_vectors::{check, vectors};

struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    fn start() -> Program {
        let program = support::compile("vectors", &["tests/vectors.c"]);
        let mut command = support::limited(120, program);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().expect("a pipe"));
        Program { child, stdin, stdout: BufReader::new(stdout) }
    }

    fn ask(&mut self, url: &str, command: &[&str]) -> Value {
        let words: Vec<&str> = std::iter::once(url).chain(command.iter().copied()).collect();
        let stdin = self.stdin.as_mut().expect("it is open");
        writeln!(stdin, "{}", words.join("\t")).and_then(|()| stdin.flush()).expect("it reads");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{url}: {error}: {line}"))
    }

    fn end(mut self) {
        self.stdin = None;
        assert!(self.child.wait().expect("it ends").success());
    }
}

/// Reports of the C library have lengths of time in microseconds, the vectors in milliseconds.
fn milliseconds(mut report: Value) -> Value {
    let durations = standfast::Config::option_specs().filter(|spec| spec.kind == standfast::OptionKind::Duration);
    for spec in durations {
        if let Some(micros) = report["options"][spec.name].as_i64() {
            report["options"][spec.name] = (micros / 1000).into();
        }
    }
    report
}

#[test]
fn urls_are_read_as_the_file_says() {
    let mut program = Program::start();
    let mut parse = |url: &str| {
        let mut found = program.ask(url, &[]);
        found["parsed"] = milliseconds(found["parsed"].take());
        found
    };
    let defaults = parse("redis://h")["parsed"].take();
    let name = defaults["options"]["client_name"].as_str().expect("a name");
    assert_eq!(name, format!("standfast:c:{}", env!("CARGO_PKG_VERSION")));
    // Lines end at a newline here, so one vector cannot be asked for, nor can one that contains a tab.
    let vectors = vectors("urls.json");
    let (mut good, mut bad) = (0, 0);
    for vector in &vectors {
        let url = vector["url"].as_str().expect("a URL");
        if url.contains(['\n', '\t']) {
            continue;
        }
        let found = parse(url);
        if let Some(expected) = vector.get("parsed") {
            check::parsed(url, expected, &defaults, &found["parsed"]);
            good += 1;
        } else {
            check::refused(url, &vector["error"], &found["error"]);
            bad += 1;
        }
    }
    assert!(good >= 50 && bad >= 100 && good + bad + 2 == vectors.len(), "{good} {bad}");
    program.end();
}

#[test]
fn misconfigurations_are_named_as_the_file_says() {
    let servers = Servers::start();
    let mut program = Program::start();
    for vector in servers.vectors() {
        let url = vector["url"].as_str().expect("a URL");
        let command = vector["command"]
            .as_array()
            .map_or(vec!["PING"], |words| words.iter().map(|word| word.as_str().expect("a word")).collect());
        let begun = Instant::now();
        let found = program.ask(url, &command);
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(30), "{vector}");
        match vector.get("error") {
            Some(expected) => {
                println!("{}: {found}", vector["name"]);
                check::misconfigured(expected, &found["error"], took);
            }
            None => assert_eq!(found["reply"], vector["reply"], "{vector}"),
        }
    }
    program.end();
}
