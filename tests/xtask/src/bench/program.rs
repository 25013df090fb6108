//! A program of `tests/bench` that holds one client, and how it is asked to work: a line in, a line of JSON out (`tests/bench/README.md`).

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    process::{ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use standfast_lab::Process;

use super::clients::Client;
use crate::repo::Repo;

/// What a program answers, whatever it was asked: only what belongs to the question is there.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    pub(super) started: bool,
    pub(super) version: String,
    /// How long it took to load the client's code, where it is loaded while the program runs.
    pub(super) import_us: Option<f64>,
    pub(super) ready: bool,
    pub(super) connect_us: Option<f64>,
    pub(super) subscribed: bool,
    /// For messages that are to be published now.
    pub(super) waiting: bool,
    pub(super) ops: u64,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) p50_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
    /// Why the program gave up, from ours that can tell.
    pub(super) error: Option<String>,
}

/// Where a program may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cores {
    /// On the first core, and so does the server.
    One,
    /// Wherever the kernel likes.
    Free,
}

impl Cores {
    pub(super) const ALL: [Cores; 2] = [Cores::One, Cores::Free];

    pub(super) fn name(self) -> &'static str {
        match self {
            Cores::One => "one-core",
            Cores::Free => "free",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Cores::One => "client and server on one core",
            Cores::Free => "client and server where the kernel puts them",
        }
    }
}

/// One that runs.
#[derive(Debug)]
pub(super) struct Program {
    name: String,
    process: Process,
    input: ChildStdin,
    answers: Receiver<String>,
    log: std::path::PathBuf,
    pub(super) version: String,
    pub(super) import_us: Option<f64>,
}

impl Program {
    /// Starts it; its client does not exist yet.
    pub(super) fn start(repo: &Repo, client: &Client, cores: Cores) -> Result<Self> {
        let mut words = client.command.iter();
        let program = words.next().context("a client without a program")?;
        let mut command = match cores {
            Cores::Free => repo.command(program),
            Cores::One => {
                let mut command = repo.command("taskset");
                command.args(["-c", "0", program]);
                command
            }
        };
        command.args(words);
        Self::spawn(repo, client.name(), command, client)
    }

    fn spawn(repo: &Repo, name: String, mut command: Command, client: &Client) -> Result<Self> {
        let log = repo.output("bench/logs")?.join(format!("{}.log", name.replace([' ', '/', '(', ')'], "-")));
        let errors = File::create(&log).with_context(|| log.display().to_string())?;
        // Cargo's own, which leads to the library of another profile.
        command.env_remove("LD_LIBRARY_PATH");
        command.envs(client.env.iter().map(|(name, value)| (*name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut process = Process::spawn(command).with_context(|| format!("starting {name}"))?;
        let output = process.take_stdout().context("the output is a pipe")?;
        let input = process.take_stdin().context("the input is a pipe")?;
        let (lines, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        let mut this = Self { name, process, input, answers, log, version: String::new(), import_us: None };
        let Answer { started: true, version, import_us, .. } = this.answer(Duration::from_secs(60))? else {
            bail!("{} did not say that it started", this.name)
        };
        Ok(Self { version, import_us, ..this })
    }

    /// Makes its client; gives the microseconds.
    pub(super) fn connect(&mut self, url: &str) -> Result<f64> {
        let answer = self.ask(&format!("connect {url}"), Duration::from_secs(30))?;
        answer.connect_us.filter(|_| answer.ready).with_context(|| format!("{} did not connect", self.name))
    }

    /// One line, and the answer to it.
    pub(super) fn ask(&mut self, line: &str, patience: Duration) -> Result<Answer> {
        self.tell(line)?;
        self.answer(patience)
    }

    /// One line whose answer is taken later.
    pub(super) fn tell(&mut self, line: &str) -> Result<()> {
        writeln!(self.input, "{line}").with_context(|| format!("{} is gone: {}", self.name, self.log.display()))
    }

    pub(super) fn answer(&mut self, patience: Duration) -> Result<Answer> {
        let line = match self.answers.recv_timeout(patience) {
            Ok(line) => line,
            Err(error) => bail!("{}: no answer ({error}); its last words: {}", self.name, self.log.display()),
        };
        let answer: Answer = serde_json::from_str(&line).with_context(|| format!("{} said {line:?}", self.name))?;
        if let Some(error) = &answer.error {
            bail!("{}: {error}", self.name);
        }
        Ok(answer)
    }

    /// A number of `/proc/PID/status`, such as `VmRSS` in kB.
    pub(super) fn status(&self, field: &str) -> Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap_or_default();
        line.split_whitespace()
            .next()
            .and_then(|number| number.parse().ok())
            .with_context(|| format!("no {field} of {}", self.name))
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }
}
