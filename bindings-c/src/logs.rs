//! Log records: pulling what the library has to tell about its work. What is recorded, and how it is bounded, is the core's
//! business; the records of a program that uses the core from Rust go to that program's own `tracing` subscriber.

use std::ffi::{c_char, c_int};

use standfast::{LogLevel, Logs};

use crate::error::standfast_status;
use crate::reply::{self, standfast_reply};
use crate::{boundary, handle};

/// A reader of the log records of this process.
pub struct standfast_logs {
    _private: [u8; 0],
}

/// Record from now on, for this reader, what all clients of the process have to tell.
///
/// Nothing is recorded for nobody: without a reader the library is silent. A reader that is slow keeps the latest 1024
/// records; older ones are forgotten and counted.
///
/// @param level  "error", "warn", "info" or "debug": this one, and what is more serious.
/// @param out    Receives the reader. Free with standfast_logs_free().
/// @return STANDFAST_OK; STANDFAST_ERR_INVALID_ARGUMENT for another level, and in a Rust program that has installed a
/// `tracing` subscriber of its own, which has the records.
///
/// Threads: any. Never blocks. No client is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_logs_open(level: *const c_char, out: *mut *mut standfast_logs) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(out, std::ptr::null_mut(), "out")?;
        let level: LogLevel = caller.text(level, "level")?.parse()?;
        out.set(handle::insert(Logs::open(level)?)?);
        Ok(())
    })
}

/// The next record.
///
/// @param timeout_ms  0 = look only, STANDFAST_FOREVER = no limit.
/// @param record      Receives a map with "at" (microseconds since 1970-01-01 UTC), "level" ("error", "warn", "info" or
///                    "debug"), "message" (one line without secrets and without arguments of commands) and
///                    "dropped_before" (records that were forgotten just before this one); NULL, with STANDFAST_OK, when
///                    the time-out passed first. Free with standfast_reply_free().
/// @return STANDFAST_OK; STANDFAST_ERR_END_OF_STREAM when the reader was closed and everything was read.
///
/// Threads: any; each record goes to one of those that read. Blocks up to timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_logs_next(
    logs: *const standfast_logs,
    timeout_ms: i64,
    record: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(record, std::ptr::null_mut(), "record")?;
        let logs = handle::find(logs)?;
        if let Some(record) = logs.next_blocking(boundary::wait_timeout(timeout_ms)?, None)? {
            out.set(reply::insert(record.to_tree().into_value())?);
        }
        Ok(())
    })
}

/// A descriptor for poll(): readable while standfast_logs_next() has something to say. Never read it, never close it; it
/// lives until the reader is freed.
///
/// @return The descriptor, or -1.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_logs_fd(logs: *const standfast_logs) -> c_int {
    boundary::value(-1, |_| handle::find(logs)?.bell().descriptor())
}

/// Close a reader: nothing more is recorded for it. What was recorded can still be read, then standfast_logs_next() returns
/// STANDFAST_ERR_END_OF_STREAM, also on threads that are waiting in it. Closing twice is harmless.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_logs_close(logs: *const standfast_logs) -> standfast_status {
    boundary::status(|_| {
        handle::find(logs)?.close();
        Ok(())
    })
}

/// Close and free a reader. NULL is ignored.
///
/// Threads: any, also while other threads wait on it.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_logs_free(logs: *mut standfast_logs) -> standfast_status {
    boundary::status(|_| {
        if let Some(logs) = handle::remove(logs)? {
            logs.close();
        }
        Ok(())
    })
}
