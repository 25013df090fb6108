//! The process object: one runtime and one thread for all clients of a process, made with the first client and gone with the
//! last one. Nothing happens when the library is loaded.
//!
//! A child made by `fork` inherits the memory but not the thread. The slot remembers whose it is: the child gets a new object
//! for its own clients, and clients of the parent refuse to work in it.

use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;

use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::error::{Error, ErrorKind, Result};
use crate::sentinel::watches::Watches;
use crate::sync::lock;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    runtime: OnceCell<Runtime>,
    watches: Arc<Watches>,
}

#[derive(Debug)]
struct Runtime {
    handle: Handle,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// # Errors
/// [`ErrorKind::Forked`] in a child of the process that made the handle.
pub(crate) fn check_process(owner: u32) -> Result<()> {
    if owner == std::process::id() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Forked, "it was made before fork(); make a new one in the child"))
}

static SLOT: Mutex<Option<(u32, Weak<Process>)>> = Mutex::new(None);

impl Process {
    /// The object of this process, made if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the system has no thread or descriptor left.
    pub(crate) fn current() -> Result<Arc<Process>> {
        let pid = std::process::id();
        let process = {
            let mut slot = lock(&SLOT);
            let known = slot.as_ref().filter(|(owner, _)| *owner == pid).and_then(|(_, process)| process.upgrade());
            known.unwrap_or_else(|| {
                let process = Arc::new(Process { pid, runtime: OnceCell::new(), watches: Arc::default() });
                *slot = Some((pid, Arc::downgrade(&process)));
                process
            })
        };
        process.runtime.get_or_try_init(Runtime::start)?;
        Ok(process)
    }

    /// Whether this is still the process that made it.
    pub(crate) fn is_ours(&self) -> bool {
        self.pid == std::process::id()
    }

    /// The links to sentinels that all clients share.
    pub(crate) fn watches(&self) -> &Arc<Watches> {
        &self.watches
    }

    /// Where the supervisor's tasks run.
    pub(crate) fn handle(&self) -> Result<&Handle> {
        self.runtime
            .get()
            .map(|runtime| &runtime.handle)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "the supervisor was not started"))
    }

    /// Whether the caller is the supervisor's own thread.
    pub(crate) fn is_own_thread(&self) -> bool {
        let Some(runtime) = self.runtime.get() else { return false };
        lock(&runtime.thread).as_ref().is_some_and(|thread| thread.thread().id() == std::thread::current().id())
    }

    /// The last client is closing on a plain thread: wait until the supervisor's thread is gone, too.
    pub(crate) fn stop_and_join(process: Arc<Process>) {
        // Others still use it.
        let Ok(mut process) = Arc::try_unwrap(process) else { return };
        if process.is_ours()
            && !process.is_own_thread()
            && let Some(runtime) = process.runtime.get_mut()
        {
            runtime.stop();
            // Without the lock: the thread itself may want to know whether it is the one.
            let thread = lock(&runtime.thread).take();
            if let Some(thread) = thread {
                let _ = thread.join();
            }
        }
    }
}

impl Runtime {
    fn start() -> Result<Runtime> {
        let refused =
            |error: std::io::Error| Error::new(ErrorKind::Internal, format!("the supervisor cannot start: {error}"));
        let runtime = Builder::new_current_thread().enable_io().enable_time().build().map_err(refused)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("standfast".to_owned())
            .spawn(move || {
                let _ = runtime.block_on(stopped);
                // Name resolution that hangs in the system's resolver must not hold anybody up.
                runtime.shutdown_background();
            })
            .map_err(refused)?;
        Ok(Runtime { handle, stop: Mutex::new(Some(stop)), thread: Mutex::new(Some(thread)) })
    }

    fn stop(&self) {
        if let Some(stop) = lock(&self.stop).take() {
            let _ = stop.send(());
        }
    }
}

impl Drop for Process {
    /// Never joins: this may be a finalizer, or the thread itself. In a forked child nothing is touched at all.
    fn drop(&mut self) {
        if !self.is_ours() {
            if let Some(runtime) = self.runtime.take() {
                std::mem::forget(runtime);
            }
            return;
        }
        if let Some(runtime) = self.runtime.get() {
            runtime.stop();
        }
    }
}
