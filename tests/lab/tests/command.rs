//! The command `standfast-lab`: its answers, its patience with bad input, and that nothing outlives it.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};

struct Session {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    temp: std::path::PathBuf,
}

impl Session {
    /// Every session has a place for temporary files of its own, so that leftovers can be told from other people's labs.
    fn new(name: &str) -> Self {
        // In memory where there is such a place, as the lab itself would do.
        let memory = std::path::Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let temp = base.join(format!("lab-test-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&temp).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_standfast-lab"))
            .env("STANDFAST_LAB_DIR", &temp)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self { input: child.stdin.take(), output: BufReader::new(child.stdout.take().unwrap()), child, temp }
    }

    fn ask(&mut self, request: Json) -> Json {
        self.say(request.to_string().as_bytes())
    }

    fn say(&mut self, line: &[u8]) -> Json {
        let input = self.input.as_mut().unwrap();
        input.write_all(line).unwrap();
        input.write_all(b"\n").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    fn started(name: &str) -> (Self, Json) {
        let mut session = Self::new(name);
        let started = session.ask(json!({"id": 1, "do": "start", "replicas": 1, "sentinels": 1}));
        assert_eq!(started["ok"], true, "{started}");
        (session, started)
    }

    /// Processes whose working directory lies in this session's temporary directory: its servers.
    fn servers(&self) -> Vec<String> {
        let mine = |entry: &std::fs::DirEntry| {
            std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&self.temp))
        };
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        entries.filter(mine).map(|e| e.file_name().to_string_lossy().into_owned()).collect()
    }

    fn leftovers(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.temp).unwrap().flatten();
        entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect()
    }

    /// There is no event for the death of somebody else's child.
    fn wait_until_no_server_runs(&self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while !self.servers().is_empty() {
            assert!(Instant::now() < deadline, "still running: {:?}", self.servers());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.temp);
    }
}

fn signal(session: &Session, name: &str) {
    let pid = session.child.id().to_string();
    // The shell's own kill: the program of that name is missing on a bare Debian.
    assert!(Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]).status().unwrap().success());
}

#[test]
fn a_failover_can_be_told_in_json() {
    let mut session = Session::new("story");
    let started = session.ask(json!({"id": "a", "do": "start"}));
    assert_eq!((&started["id"], &started["ok"]), (&json!("a"), &json!(true)), "{started}");
    assert!(started["url"].as_str().unwrap().starts_with("redis+sentinel://127.0.0.1:"));
    assert_eq!(started["sentinels"].as_array().unwrap().len(), 3);
    assert_eq!(started["nodes"].as_array().unwrap().len(), 3);
    let publisher = session.ask(json!({"id": 2, "do": "publisher_start", "channel": "c"}))["publisher"].clone();
    let killed = session.ask(json!({"id": 3, "do": "kill_master"}));
    assert_eq!(killed["node"], started["master"]);
    let writable = session.ask(json!({"id": 4, "do": "wait_writable"}));
    assert_ne!(writable["node"], started["master"]);
    assert!(writable["at_us"].as_i64() > killed["at_us"].as_i64());
    let switched =
        session.ask(json!({"id": 5, "do": "wait_event", "kind": "+switch-master", "since_us": killed["at_us"]}));
    assert_eq!(switched["entry"]["kind"], "+switch-master");
    assert_eq!(session.ask(json!({"id": 6, "do": "heal"}))["master"], writable["node"]);
    let set = session.ask(json!({"id": 7, "do": "redis", "args": ["SET", "a", "1"]}));
    assert_eq!((&set["reply"], &set["node"]), (&json!("OK"), &writable["node"]));
    let log = session.ask(json!({"id": 8, "do": "publisher_stop", "publisher": publisher}))["log"].clone();
    assert_eq!(log[0]["n"], 0);
    assert!(log.as_array().unwrap().iter().any(|p| p["error"].is_string()));
    let timeline = session.ask(json!({"id": 9, "do": "timeline"}))["timeline"].clone();
    assert!(timeline.as_array().unwrap().iter().any(|e| e["kind"] == "writable"));
}

#[test]
fn a_bad_request_gets_an_error_line_and_the_next_one_an_answer() {
    let mut session = Session::new("bad");
    for line in [
        &b"not json"[..],
        b"[1]",
        b"\xff\xfe",
        b"{}",
        br#"{"do":"dance"}"#,
        br#"{"do":"start","replicas":"two"}"#,
        br#"{"do":"start","replicas":9}"#,
        br#"{"do":"start","colour":"red"}"#,
        br#"{"do":"kill_master"}"#,
        br#"{"do":"kill_node","node":"nowhere"}"#,
        br#"{"do":"publisher_stop","publisher":7}"#,
    ] {
        let answer = session.say(line);
        let shown = String::from_utf8_lossy(line);
        assert_eq!(answer["ok"], false, "{shown}: {answer}");
        assert!(!answer["error"].as_str().unwrap().is_empty(), "{shown}: {answer}");
    }
    let answer = session.ask(json!({"id": 5, "do": "master"}));
    assert_eq!((&answer["id"], &answer["ok"]), (&json!(5), &json!(false)));
    assert_eq!(session.ask(json!({"id": 6, "do": "stop"}))["ok"], true);
}

#[test]
fn a_server_of_nobody_and_an_error_reply_are_errors() {
    let (mut session, _) = Session::started("errors");
    let stranger = session.ask(json!({"do": "kill_node", "node": "127.0.0.1:1"}));
    assert!(stranger["error"].as_str().unwrap().contains("127.0.0.1:1"), "{stranger}");
    let refused = session.ask(json!({"do": "redis", "args": ["NOSUCH"]}));
    assert!(refused["error"].as_str().unwrap().contains("unknown command"), "{refused}");
    let second = session.ask(json!({"do": "start"}));
    assert_eq!(second["ok"], false);
    let impatient = session.ask(json!({"do": "wait_event", "kind": "+never", "timeout_ms": 1}));
    assert_eq!(impatient["ok"], false);
}

#[test]
fn faults_of_connections_can_be_told_in_json() {
    let mut session = Session::new("faults");
    let plain = session.ask(json!({"do": "start", "replicas": 0, "sentinels": 1}));
    let refused = session.ask(json!({"do": "fault", "node": plain["master"], "kind": "reset"}));
    assert!(refused["error"].as_str().unwrap().contains("proxied"), "{refused}");
    session.ask(json!({"do": "stop"}));

    let request = json!({"do": "start", "replicas": 1, "sentinels": 1, "proxied": true, "more_masters": ["other"]});
    let started = session.ask(request);
    assert_eq!(started["ok"], true, "{started}");
    assert_eq!(started["more_masters"]["other"]["nodes"].as_array().unwrap().len(), 2);
    let (node, sentinel) = (started["master"].clone(), started["sentinels"][0].clone());
    for (fault, mut answered) in [
        (json!({"kind": "swallow", "direction": "both"}), false),
        (json!({"kind": "answer", "text": "-ERR no\r\n"}), true),
        (json!({"kind": "reroute", "to": sentinel, "next": 1}), true),
        (json!({"kind": "delay", "ms": 1}), true),
    ] {
        let mut request = json!({"do": "fault", "node": node, "side": "clients"});
        request.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        let done = session.ask(request);
        assert!(done["at_us"].is_i64(), "{done}");
        let mut client = std::net::TcpStream::connect(node.as_str().unwrap()).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        client.write_all(b"PING\r\n").unwrap();
        answered ^= std::io::Read::read(&mut client, &mut [0; 16]).is_ok();
        assert!(!answered, "{fault}");
        assert_eq!(session.ask(json!({"do": "heal_faults"}))["ok"], true);
    }
    let traffic = session.ask(json!({"do": "traffic", "node": node}))["traffic"].clone();
    assert_eq!(traffic["clients"]["total"], 4, "{traffic}");
    for (wrong, says) in [
        (json!({"kind": "explode"}), "explode"),
        (json!({"kind": "swallow", "direction": "up"}), "up"),
        (json!({"kind": "delay", "ms": 1, "after": 2}), "after"),
        (json!({"kind": "reset", "side": "nobody"}), "side"),
        (json!({"kind": "cut", "direction": "both", "after": 1}), "one direction"),
    ] {
        let mut request = json!({"do": "fault", "node": node});
        request.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let refused = session.ask(request);
        assert_eq!(refused["ok"], false, "{wrong}");
        assert!(refused["error"].as_str().unwrap().contains(says), "{refused}");
    }
    let parted = session.ask(json!({"do": "partition", "between": [[node], [sentinel]]}));
    assert!(parted["at_us"].is_i64(), "{parted}");
    assert_eq!(session.ask(json!({"do": "heal"}))["ok"], true);
    let again = session.ask(json!({"do": "redeploy"}));
    assert!(again["at_us"].is_i64(), "{again}");
    let other = session.ask(json!({"do": "planned_failover", "master_name": "other"}));
    assert_eq!(other["node"], started["more_masters"]["other"]["master"], "{other}");
}

#[test]
fn sigkill_leaves_no_server_behind() {
    let (mut session, _) = Session::started("sigkill");
    assert_eq!(session.servers().len(), 3);
    session.child.kill().unwrap();
    session.child.wait().unwrap();
    session.wait_until_no_server_runs();
    // The dead cannot tidy up; the next lab in the same place does it for them.
    assert_eq!(session.leftovers().len(), 1);
    let mut next = Command::new(env!("CARGO_BIN_EXE_standfast-lab"))
        .env("STANDFAST_LAB_DIR", &session.temp)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let request = br#"{"do":"start","replicas":0,"sentinels":1}"#;
    next.stdin.take().unwrap().write_all(request).unwrap();
    assert!(next.wait().unwrap().success());
    assert_eq!(session.leftovers(), Vec::<String>::new());
}

#[test]
fn sigterm_and_sigint_leave_nothing_behind() {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let (mut session, _) = Session::started(name);
        signal(&session, name);
        assert_eq!(session.child.wait().unwrap().code(), Some(code));
        session.wait_until_no_server_runs();
        assert_eq!(session.leftovers(), Vec::<String>::new());
    }
}

#[test]
fn end_of_input_ends_everything() {
    let (mut session, _) = Session::started("eof");
    session.input = None;
    assert_eq!(session.child.wait().unwrap().code(), Some(0));
    assert_eq!(session.servers(), Vec::<String>::new());
    assert_eq!(session.leftovers(), Vec::<String>::new());
}
