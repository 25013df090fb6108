//! Child processes that cannot outlive us: killed when dropped, when we leave in a hurry, and by the kernel when we are killed.
//! What runs inside them is not its concern. The only file of the lab with `unsafe`.

use std::{
    collections::BTreeSet,
    io,
    os::unix::process::CommandExt,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        mpsc::{self, Sender},
    },
    thread,
};

use rustix::process::{
    Pid, Signal, WaitOptions, getpid, getppid, kill_process, kill_process_group, set_parent_process_death_signal,
    waitpid,
};

/// Process groups to kill should this process have to leave in a hurry. A group leaves the set before it is reaped,
/// so no number in it can have been given to somebody else.
static LIVE: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// A running child in a process group of its own. Killed and reaped when dropped.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    child: Child,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` so that it dies with this process, whatever ends it.
    pub fn spawn(command: Command) -> io::Result<Self> {
        static SPAWNER: OnceLock<Mutex<Sender<Job>>> = OnceLock::new();
        let (answer, result) = mpsc::channel();
        SPAWNER
            .get_or_init(|| Mutex::new(start_spawner()))
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .send(Job { command, answer })
            .expect("the spawner thread never ends");
        result.recv().expect("the spawner thread answers every job")
    }

    /// The process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The pipe to its standard input, once, if there is one.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The pipe from its standard output, once, if there is one.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// The pipe from its standard error, once, if there is one.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// How it ended, if it has.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            let mut live = live();
            self.status = self.child.try_wait()?;
            if self.status.is_some() {
                live.remove(&self.pid.as_raw_nonzero().get());
            }
        }
        Ok(self.status)
    }

    /// Sends a signal to the process alone. Does nothing once it has been reaped.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        if self.status.is_none() {
            kill_process(self.pid, signal)?;
        }
        Ok(())
    }

    /// Kills the whole group with SIGKILL and waits for the process to be gone.
    pub fn kill(&mut self) -> io::Result<()> {
        if self.status.is_none() {
            kill_process_group(self.pid, Signal::KILL)?;
            live().remove(&self.pid.as_raw_nonzero().get());
            self.status = Some(self.child.wait()?);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It can only fail if the process is already gone.
        let _ = self.kill();
    }
}

/// Kills every child and removes every directory of this process's labs at once. For signal handlers' threads that are about to
/// call [`std::process::exit`]; labs that still live are of no use afterwards.
pub fn clean_up() {
    let groups = live();
    for pid in groups.iter().filter_map(|raw| Pid::from_raw(*raw)) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
    // A server that is still dying could write into a directory that is being removed.
    for pid in groups.iter().filter_map(|raw| Pid::from_raw(*raw)) {
        let _ = waitpid(Some(pid), WaitOptions::empty());
    }
    crate::dir::remove_all();
}

fn live() -> MutexGuard<'static, BTreeSet<i32>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Job {
    command: Command,
    answer: Sender<io::Result<Process>>,
}

/// The kernel ties a child's parent-death signal to the *thread* that made it, so all children come from one thread
/// that ends only with the process.
fn start_spawner() -> Sender<Job> {
    let (jobs, inbox) = mpsc::channel::<Job>();
    thread::Builder::new()
        .name("lab-spawner".into())
        .spawn(move || {
            for Job { command, answer } in inbox {
                // Nobody waits any more: the process is dropped, which kills it.
                let _ = answer.send(spawn_here(command));
            }
        })
        .expect("a thread can be started");
    jobs
}

fn spawn_here(mut command: Command) -> io::Result<Process> {
    let parent = getpid();
    command.process_group(0);
    // SAFETY: between fork and exec the closure makes two system calls and neither allocates nor locks.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // The parent may have died before the kernel knew that we wish to follow it.
            if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
        });
    }
    let mut groups = live();
    let child = command.spawn()?;
    let raw = i32::try_from(child.id()).expect("a process number fits into pid_t");
    groups.insert(raw);
    let pid = Pid::from_raw(raw).expect("a process number is never 0");
    Ok(Process { pid, child, status: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_outlives_the_thread_that_asked_for_it_and_dies_when_dropped() {
        let mut child = thread::spawn(|| {
            let mut command = Command::new("sleep");
            command.arg("60");
            Process::spawn(command).unwrap()
        })
        .join()
        .unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        let pid = child.pid;
        drop(child);
        assert!(kill_process(pid, Signal::CONT).is_err());
    }

    #[test]
    fn a_program_that_does_not_exist_is_an_error() {
        assert!(Process::spawn(Command::new("/nonexistent/standfast")).is_err());
    }
}
