//! Runs commands one after the other: output into a log, a time limit, nothing left behind.
//!
//! What the output means is `count`'s business; what is shown while it runs is `progress`'.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use standfast_lab::Process;

use crate::{guard, progress::Progress};

/// How a list of commands ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All of them with exit code 0.
    Well,
    /// One of them otherwise; the others were not started.
    Badly(String),
}

/// What is known after a list of commands has run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) ended: Ended,
    pub(crate) took: Duration,
    pub(crate) log: PathBuf,
}

impl Ran {
    /// The whole log. What is not UTF-8 in it is replaced.
    pub(crate) fn text(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The last lines of the log, for the terminal.
    pub(crate) fn tail(&self, lines: usize) -> String {
        let text = self.text();
        let all: Vec<&str> = text.trim_end().lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

/// Run the commands in order, all within one time limit, with their output in `log`.
pub(crate) fn run(commands: Vec<Command>, log: &Path, limit: Duration, progress: &mut Progress) -> Result<Ran> {
    let start = Instant::now();
    let mut file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut ended = Ended::Well;
    for command in commands {
        let line = shown(&command);
        writeln!(file, "$ {line}").with_context(|| format!("cannot write {}", log.display()))?;
        ended = one(command, &line, &mut file, start, limit, progress)?;
        let left = guard::sweep();
        if !left.is_empty() && ended == Ended::Well {
            ended = Ended::Badly(format!("`{line}` left processes behind: {}", left.join("; ")));
        }
        if ended != Ended::Well {
            break;
        }
    }
    Ok(Ran { ended, took: start.elapsed(), log: log.to_owned() })
}

fn one(
    mut command: Command,
    line: &str,
    file: &mut File,
    start: Instant,
    limit: Duration,
    progress: &mut Progress,
) -> Result<Ended> {
    file.seek(SeekFrom::End(0))?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file.try_clone()?);
    guard::stop_if_leaving();
    let mut process = match Process::spawn(command) {
        Ok(process) => process,
        Err(error) => return Ok(Ended::Badly(format!("cannot start `{line}`: {error}"))),
    };
    let pid = i32::try_from(process.id()).ok().and_then(Pid::from_raw).context("a process number is never 0")?;
    let handle = pidfd_open(pid, PidfdFlags::empty()).context("pidfd_open (Linux 5.3 or newer is needed)")?;
    let mut asked_to_end = None;
    let status = loop {
        let ended = process.try_wait();
        // Whoever ends everything also reaps what has ended: then it is not an error that somebody else did.
        guard::stop_if_leaving();
        if let Some(status) = ended? {
            break status;
        }
        progress.tick(start.elapsed());
        guard::ended(&handle, Duration::from_millis(250));
        match asked_to_end {
            None if start.elapsed() > limit => {
                // First politely: the lab then removes its folders.
                kill_process_group(pid, Signal::TERM)?;
                asked_to_end = Some(Instant::now());
            }
            Some(since) if since.elapsed() > Duration::from_secs(5) => {
                process.kill()?;
            }
            _ => {}
        }
    };
    if asked_to_end.is_some() {
        return Ok(Ended::Badly(format!("`{line}` was stopped after its time limit of {} s", limit.as_secs())));
    }
    Ok(if status.success() { Ended::Well } else { Ended::Badly(format!("`{line}` ended with {}", reason(status))) })
}

fn reason(status: ExitStatus) -> String {
    status.to_string()
}

/// A command as a person would type it in the root of the tree, without the environment.
pub(crate) fn shown(command: &Command) -> String {
    let mut line = String::new();
    for part in std::iter::once(command.get_program()).chain(command.get_args()) {
        let part = part.to_string_lossy();
        if !line.is_empty() {
            line.push(' ');
        }
        if part.is_empty() || part.contains([' ', '\'', '"', '$', '*', ';', '&', '|', '\\']) {
            line.push('\'');
            line.push_str(&part.replace('\'', r"'\''"));
            line.push('\'');
        } else {
            line.push_str(&part);
        }
    }
    line
}

/// Run a short command and return what it prints; none if it cannot be started or fails.
pub(crate) fn ask(mut command: Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether two files have the same content. A file that cannot be read is like no other.
pub(crate) fn same_content(a: &Path, b: &Path) -> bool {
    let read = |path: &Path| -> Option<Vec<u8>> {
        let mut content = Vec::new();
        File::open(path).ok()?.read_to_end(&mut content).ok()?;
        Some(content)
    };
    matches!((read(a), read(b)), (Some(a), Some(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::tests::alone;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    /// What a run left behind in a folder of its own, which goes with it.
    struct Here {
        ran: Ran,
        folder: PathBuf,
    }

    impl Drop for Here {
        fn drop(&mut self) {
            // What is left of it lies in the system's folder for such things.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }

    fn run_here(name: &str, commands: Vec<Command>, limit: Duration) -> Here {
        let folder = std::env::temp_dir().join(format!("standfast-xtask-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let ran = run(commands, &folder.join("log"), limit, &mut Progress::silent()).unwrap();
        Here { ran, folder }
    }

    #[test]
    fn output_and_errors_are_in_the_log_and_the_first_failure_ends_the_list() {
        let _alone = alone();
        let commands = vec![sh("echo one; echo two >&2"), sh("exit 3"), sh("echo never")];
        let here = run_here("list", commands, Duration::from_secs(30));
        assert_eq!(here.ran.ended, Ended::Badly("`sh -c 'exit 3'` ended with exit status: 3".into()));
        let text = here.ran.text();
        assert!(text.contains("one\ntwo\n") && !text.contains("\nnever"), "{text}");
        assert_eq!(here.ran.tail(1), "$ sh -c 'exit 3'");
    }

    #[test]
    fn a_time_limit_ends_the_whole_group() {
        let _alone = alone();
        let Here { ran, .. } = &run_here("limit", vec![sh("sleep 62 & sleep 62")], Duration::from_millis(100));
        assert!(matches!(&ran.ended, Ended::Badly(why) if why.contains("time limit")), "{:?}", ran.ended);
        assert!(ran.took < Duration::from_secs(30));
        assert_eq!(guard::sweep(), Vec::<String>::new());
    }

    #[test]
    fn a_process_left_behind_is_a_failure_and_is_ended() {
        let _alone = alone();
        let Here { ran, .. } =
            &run_here("left", vec![sh("setsid sleep 63 >/dev/null 2>&1 &")], Duration::from_secs(30));
        assert!(matches!(&ran.ended, Ended::Badly(why) if why.contains("sleep 63")), "{:?}", ran.ended);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let _alone = alone();
        let Here { ran, .. } = &run_here("missing", vec![Command::new("/nonexistent/tool")], Duration::from_secs(30));
        assert!(matches!(&ran.ended, Ended::Badly(why) if why.contains("/nonexistent/tool")), "{:?}", ran.ended);
    }
}
