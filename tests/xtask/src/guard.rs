//! Nothing outlives us: orphans come to this process instead of to init, and whoever presses Ctrl-C gets an empty process table.
//!
//! It knows processes only by their place in the tree under us, so it can end nothing that somebody else started.

use std::{
    fs, process,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::OwnedFd,
    process::{
        Pid, PidfdFlags, Signal, WaitOptions, getpid, pidfd_open, pidfd_send_signal, set_child_subreaper, waitpid,
    },
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

/// How long a process may take to follow a SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

static LEAVING: AtomicBool = AtomicBool::new(false);

/// Become the parent of every orphan below us, and end the whole tree on SIGINT, SIGTERM and SIGHUP.
pub(crate) fn install() -> Result<()> {
    set_child_subreaper(Some(getpid()))
        .context("cannot become the parent of orphans (prctl PR_SET_CHILD_SUBREAPER)")?;
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot watch for Ctrl-C")?;
    thread::Builder::new().name("guard".into()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            LEAVING.store(true, Ordering::SeqCst);
            eprintln!("\ninterrupted: ending every process that was started");
            end_all();
            standfast_lab::clean_up();
            process::exit(128 + signal);
        }
    })?;
    Ok(())
}

/// While we are being ended, the thread that works must neither start something new nor judge what it sees: it stops here.
pub(crate) fn stop_if_leaving() {
    while LEAVING.load(Ordering::SeqCst) {
        thread::park();
    }
}

/// Wait until every process that a finished step left below us has ended by itself; end those that do not.
/// Returns the command lines of those that had to be ended.
pub(crate) fn sweep() -> Vec<String> {
    let deadline = Instant::now() + GRACE;
    loop {
        let left = descendants();
        if left.is_empty() {
            // Those that were dead when they came to us were nobody's to reap, either.
            while let Ok(Some(_)) = waitpid(None, WaitOptions::NOHANG) {}
            return Vec::new();
        }
        if !left.iter().all(|process| process.wait(deadline)) {
            stop_if_leaving();
            let names = left.iter().filter(|process| !process.wait(Instant::now())).map(Below::shown).collect();
            end_all();
            return names;
        }
    }
}

/// End the whole tree below us: SIGTERM, then SIGKILL for whoever does not follow.
pub(crate) fn end_all() {
    for signal in [Signal::TERM, Signal::KILL] {
        let deadline = Instant::now() + GRACE;
        // A process may start another one while it ends: look again until there is none, or the time is over.
        loop {
            let left = descendants();
            if left.is_empty() {
                return;
            }
            for process in &left {
                // It can only fail when the process is already gone.
                let _ = pidfd_send_signal(&process.handle, signal);
            }
            if !left.iter().all(|process| process.wait(deadline)) {
                break;
            }
        }
    }
}

/// A process below us, by a handle that can never come to mean another process.
struct Below {
    pid: Pid,
    handle: OwnedFd,
    own: bool,
}

impl Below {
    /// Number and command line, as they are now.
    fn shown(&self) -> String {
        let pid = self.pid.as_raw_nonzero();
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        format!("{pid} {}", String::from_utf8_lossy(&line).replace('\0', " ").trim_end())
    }

    /// Whether it has ended by the deadline.
    fn wait(&self, deadline: Instant) -> bool {
        let ended = ended(&self.handle, deadline.saturating_duration_since(Instant::now()));
        if ended && self.own {
            // An orphan that came to us is ours to reap. The error is that somebody else in this process already has.
            let _ = waitpid(Some(self.pid), WaitOptions::NOHANG);
        }
        ended
    }
}

/// Wait at most this long for the process behind a handle to end.
pub(crate) fn ended(handle: &OwnedFd, patience: Duration) -> bool {
    let timeout = Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: i64::from(patience.subsec_nanos()) };
    let mut handles = [PollFd::new(handle, PollFlags::IN)];
    // An interrupted wait counts as "not yet": callers ask again.
    matches!(poll(&mut handles, Some(&timeout)), Ok(ready) if ready > 0)
}

/// Everything below this process that still runs, children before grandchildren.
fn descendants() -> Vec<Below> {
    let table = table();
    let me = getpid().as_raw_nonzero().get();
    let mut parents = vec![me];
    let mut found = Vec::new();
    while let Some(parent) = parents.pop() {
        for &(pid, ppid) in table.iter().filter(|(_, ppid)| *ppid == parent) {
            parents.push(pid);
            let Some(pid) = Pid::from_raw(pid) else {
                continue;
            };
            let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else {
                continue;
            };
            found.push(Below { pid, handle, own: ppid == me });
        }
    }
    found
}

/// (process, parent) for every process that is not already dead.
fn table() -> Vec<(i32, i32)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            parent(&stat).map(|parent| (pid, parent))
        })
        .collect()
}

/// The parent in a line of `/proc/<pid>/stat`; none for a zombie. The name before it may contain anything, `)` included.
fn parent(stat: &str) -> Option<i32> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.next()?.parse().ok(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        io::Read,
        sync::{Mutex, MutexGuard, PoisonError},
    };

    use super::*;

    /// Tests that start processes take turns: what is below this process belongs to one of them at a time.
    pub(crate) fn alone() -> MutexGuard<'static, ()> {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        set_child_subreaper(Some(getpid())).unwrap();
        turn
    }

    #[test]
    fn parent_is_read_after_the_last_parenthesis() {
        assert_eq!(parent("12 (a) S 1) R 7 12 12 0"), Some(7));
        assert_eq!(parent("12 (dead) Z 7 12 12 0"), None);
        assert_eq!(parent("nonsense"), None);
    }

    #[test]
    fn orphans_are_found_and_ended() {
        let _alone = alone();
        // The outer shell ends at once and leaves behind one that would run for a minute, and that says when it is there.
        let mut shell = process::Command::new("sh")
            .args(["-c", "sh -c 'echo up; exec 1>&-; sleep 61; true' &"])
            .stdout(process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        shell.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(shell.wait().unwrap().success());
        assert_eq!(said, "up\n");
        let found: Vec<String> = descendants().iter().map(Below::shown).collect();
        assert!(found.iter().any(|line| line.contains("sleep 61; true")), "{found:?}");
        end_all();
        assert!(descendants().is_empty());
    }
}
