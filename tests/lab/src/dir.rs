//! The lab's temporary directory: made at the start, removed at the end, and removed by the next lab when its owner was killed.
//! It knows nothing of what lies inside.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rustix::fs::{Access, FlockOperation, access, flock};

use crate::error::{LabError, Result};

const PREFIX: &str = "standfast-lab-";

/// Directories that this process must remove should it have to leave in a hurry.
static LIVE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A directory that belongs to one lab. Removed when dropped.
#[derive(Debug)]
pub(crate) struct LabDir {
    path: PathBuf,
    // Invariant: holds the lock on the directory itself. The kernel lets go of it when this process ends, however it ends.
    _lock: File,
}

impl LabDir {
    /// Makes a new directory, and removes those whose owners are dead.
    pub(crate) fn create() -> Result<Self> {
        let base = base();
        remove_stale(&base);
        let name = format!("{:016x}", fastrand::u64(..));
        // The lock is taken under another name: a directory that a sweeper can see is always locked while it is in use.
        let hidden = base.join(format!(".{PREFIX}{name}"));
        let path = base.join(format!("{PREFIX}{name}"));
        let make = || {
            fs::create_dir(&hidden)?;
            let lock = File::open(&hidden)?;
            flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
            fs::rename(&hidden, &path)?;
            Ok(lock)
        };
        let lock = make().map_err(|e: io::Error| LabError::io(format_args!("making {}", path.display()), e))?;
        live().insert(path.clone());
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LabDir {
    fn drop(&mut self) {
        live().remove(&self.path);
        remove(&self.path);
    }
}

/// Removes the directories of all labs of this process, which is about to end without unwinding.
pub(crate) fn remove_all() {
    for path in live().iter() {
        remove(path);
    }
}

/// In memory if possible: a sentinel writes its configuration to the disk in the middle of a failover, and waits for the disk. On a
/// busy machine that takes seconds; then the sentinel distrusts its clock and does nothing for 30 seconds more.
fn base() -> PathBuf {
    if let Some(chosen) = std::env::var_os("STANDFAST_LAB_DIR") {
        return chosen.into();
    }
    let memory = Path::new("/dev/shm");
    if access(memory, Access::WRITE_OK | Access::EXEC_OK).is_ok() { memory.to_owned() } else { std::env::temp_dir() }
}

fn live() -> std::sync::MutexGuard<'static, BTreeSet<PathBuf>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Failing to tidy is no reason to fail a test: the next lab tries again.
fn remove(path: &Path) {
    let _ = fs::remove_dir_all(path);
}

fn remove_stale(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        if let Ok(dir) = File::open(entry.path())
            && flock(&dir, FlockOperation::NonBlockingLockExclusive).is_ok()
        {
            remove(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_lab_removes_only_directories_without_an_owner() {
        let stale = base().join(format!("{PREFIX}stale-{:x}", fastrand::u64(..)));
        fs::create_dir_all(stale.join("6379")).unwrap();
        let owned = LabDir::create().unwrap();
        let other = LabDir::create().unwrap();
        assert!(!stale.exists());
        assert!(owned.path().exists() && other.path().exists());
        let path = owned.path().to_owned();
        drop(owned);
        assert!(!path.exists());
    }
}
