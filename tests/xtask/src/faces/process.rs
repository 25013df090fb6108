//! One face's process: started, listened to, stopped, and killed when it hangs. What its records mean is decided elsewhere.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::mpsc::{self, Receiver, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Context;
use standfast_lab::{Process, now_us};

use super::records::{Line, Records, parse};

/// How much of a face's complaints is worth showing.
const STDERR_LINES: usize = 20;

/// How to start the program of one face. `<url> <face-name> <channel>` is added to the command.
#[derive(Clone, Debug)]
pub(crate) struct FaceSpec {
    /// `rust`, `c`, `csharp`, `python`, `asyncio` or `node`.
    pub(crate) name: String,
    /// The program and its first arguments.
    pub(crate) command: Vec<String>,
    /// Added to this process's own environment.
    pub(crate) env: Vec<(String, String)>,
}

/// A running face.
#[derive(Debug)]
pub(crate) struct Face {
    name: String,
    process: Process,
    input: Option<std::process::ChildStdin>,
    ready: Receiver<i64>,
    rounds: Receiver<Records>,
    output: JoinHandle<Output>,
    errors: JoinHandle<VecDeque<String>>,
}

/// What a face has left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) records: Records,
    /// When it was asked to stop.
    pub(crate) stop_us: i64,
    /// Why it is not to be trusted, if so.
    pub(crate) problem: Option<String>,
}

#[derive(Debug, Default)]
struct Output {
    records: Records,
    garbage: Option<String>,
}

impl Face {
    pub(crate) fn start(spec: &FaceSpec, url: &str, channel: &str) -> anyhow::Result<Self> {
        let (program, arguments) =
            spec.command.split_first().with_context(|| format!("face {}: empty command", spec.name))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .args([url, &spec.name, channel])
            .envs(spec.env.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process =
            Process::spawn(command).with_context(|| format!("starting face {}: {program:?}", spec.name))?;
        let stdout = process.take_stdout().expect("the output is a pipe");
        let stderr = process.take_stderr().expect("the error output is a pipe");
        let (is_ready, ready) = mpsc::channel();
        let (done, rounds) = mpsc::channel();
        Ok(Self {
            name: spec.name.clone(),
            input: process.take_stdin(),
            process,
            ready,
            rounds,
            output: thread::spawn(move || read_records(BufReader::new(stdout), &is_ready, done)),
            errors: thread::spawn(move || read_tail(BufReader::new(stderr))),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// When it said that it is ready, or what it did instead.
    pub(crate) fn wait_ready(&mut self, deadline: Instant) -> Result<i64, &'static str> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.ready.recv_timeout(left).map_err(|e| match e {
            mpsc::RecvTimeoutError::Timeout => "did not become ready",
            mpsc::RecvTimeoutError::Disconnected => "ended before it was ready",
        })
    }

    /// Kills it and gives its last words.
    pub(crate) fn give_up(mut self, what: &str) -> String {
        let _ = self.process.kill();
        describe(what, &self.errors.join().expect("the reader of complaints does not panic"))
    }

    /// Its process number.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends a round of a face that knows rounds (`standfast-load`): the next one writes to `key`. Gives its records, or says how it failed
    /// to tell them.
    pub(crate) fn round(&mut self, key: &str, last_message: u64, patience: Duration) -> Result<Records, &'static str> {
        let asked = self.input.as_mut().map(|input| writeln!(input, "round {key} {last_message}"));
        if !matches!(asked, Some(Ok(()))) {
            return Err("is gone");
        }
        self.rounds.recv_timeout(patience).map_err(|e| match e {
            mpsc::RecvTimeoutError::Timeout => "did not end its round",
            mpsc::RecvTimeoutError::Disconnected => "ended before it was asked to",
        })
    }

    /// Asks it to stop; [`Face::collect`] waits for it.
    pub(crate) fn ask_to_stop(&mut self) -> i64 {
        let stop_us = now_us();
        // A face that is already dead cannot be asked; its end will be noticed. Closing the pipe says the same as the word.
        if let Some(mut input) = self.input.take() {
            let _ = input.write_all(b"stop\n");
        }
        stop_us
    }

    /// What it told. If it has not ended at the deadline it hangs, and is killed.
    pub(crate) fn collect(mut self, stop_us: i64, deadline: Instant) -> Ended {
        let left = deadline.saturating_duration_since(Instant::now());
        let told = self.rounds.recv_timeout(left);
        let ended = match told {
            Err(mpsc::RecvTimeoutError::Timeout) => None,
            _ => self.wait_for_exit(deadline),
        };
        // This closes the pipes, so the readers end.
        let _ = self.process.kill();
        let Output { records, garbage } = self.output.join().expect("the reader of records does not panic");
        // What a face told before it hung or crashed is true all the same.
        let records = told.unwrap_or(records);
        let errors = self.errors.join().expect("the reader of complaints does not panic");
        let problem = match ended {
            None => Some("hung: it did not end after `stop` and was killed".to_owned()),
            Some(status) if !status.success() => Some(format!("ended with {status}")),
            Some(_) if !records.done => Some("ended without saying that it was done".to_owned()),
            Some(_) => garbage.map(|line| format!("said something that is no record: {line}")),
        };
        Ended { records, stop_us, problem: problem.map(|what| describe(&what, &errors)) }
    }

    /// The exit follows the end of the output at once; there is no event for it without a thread more.
    fn wait_for_exit(&mut self, deadline: Instant) -> Option<std::process::ExitStatus> {
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(2)),
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

fn describe(what: &str, errors: &VecDeque<String>) -> String {
    errors.iter().fold(what.to_owned(), |text, line| text + "\n    | " + line)
}

/// Records go out whenever the face is done with a round; `done` is dropped at the end of the output, and that is how others learn of it.
fn read_records(output: impl BufRead, ready: &Sender<i64>, done: Sender<Records>) -> Output {
    let mut read = Output::default();
    for line in output.lines().map_while(std::result::Result::ok) {
        match parse(&line) {
            Some(Line::Ready) => {
                // Nobody waits any more when it comes too late.
                let _ = ready.send(now_us());
            }
            Some(line) => {
                read.records.add(line);
                if read.records.done {
                    // Nobody waits any more when it comes too late.
                    let _ = done.send(std::mem::take(&mut read.records));
                }
            }
            None => read.garbage = read.garbage.or(Some(line)),
        }
    }
    read
}

fn read_tail(errors: impl BufRead) -> VecDeque<String> {
    let mut tail = VecDeque::new();
    for line in errors.lines().map_while(std::result::Result::ok) {
        tail.push_back(line);
        if tail.len() > STDERR_LINES {
            tail.pop_front();
        }
    }
    tail
}
