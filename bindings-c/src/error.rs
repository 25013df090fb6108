//! The last error of each thread, and its accessors.
//!
//! A failing call leaves its error here; the next call on the same thread takes it away. The texts are made once, with a
//! NUL behind them, and live as long as the error. The table of codes is the core's; the header's constants are generated
//! from it.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use standfast::{Cause, Error, ErrorKind};

use crate::handle;

/// The result of a call: STANDFAST_OK, or one of STANDFAST_ERR_...
pub type standfast_status = i32;

/// The call did what it should.
pub const STANDFAST_OK: standfast_status = 0;

/// What went wrong in the last call on this thread. Not an object: there is nothing to free.
pub struct standfast_error {
    _private: [u8; 0],
}

/// An error with its texts as C reads them.
struct Report {
    number: u64,
    code: i32,
    name: CString,
    category: CString,
    retry: CString,
    message: CString,
    text: CString,
    phase: CString,
    server_code: CString,
    server_text: CString,
    causes: Vec<CauseReport>,
}

struct CauseReport {
    address: CString,
    resolved: CString,
    step: CString,
    code: i32,
    text: CString,
}

impl Report {
    fn new(number: u64, error: &Error) -> Report {
        let (server_code, server_text) = error.server_reply().unwrap_or_default();
        Report {
            number,
            code: error.code(),
            name: c_text(error.name()),
            category: c_text(error.category()),
            retry: c_text(error.retry().as_str()),
            message: c_text(error.message()),
            text: c_text(&error.to_string()),
            phase: c_text(error.phase().map_or("", |phase| phase.as_str())),
            server_code: c_text(server_code),
            server_text: c_text(server_text),
            causes: error.causes().iter().map(CauseReport::new).collect(),
        }
    }
}

impl CauseReport {
    fn new(cause: &Cause) -> CauseReport {
        CauseReport {
            address: c_text(&cause.address),
            resolved: c_text(&cause.resolved.map_or_else(String::new, |address| address.to_string())),
            step: c_text(cause.step.as_str()),
            code: cause.kind.code(),
            text: c_text(&cause.text),
        }
    }
}

/// A server may put a NUL into its text; C would not see what comes behind it.
fn c_text(text: &str) -> CString {
    CString::new(text).or_else(|_| CString::new(text.replace('\0', "\u{fffd}"))).unwrap_or_default()
}

/// Counts the errors of all threads, so that an error of one thread is not taken for one of another.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

thread_local!(static LAST: RefCell<Option<Box<Report>>> = const { RefCell::new(None) });

/// Keep this error as the last one of this thread.
pub(crate) fn record(error: Error) -> standfast_status {
    let report = Box::new(Report::new(NUMBERS.fetch_add(1, Ordering::Relaxed), &error));
    // A thread that is ending has no last error any more; it still gets the status.
    let _ = LAST.try_with(|last| *last.borrow_mut() = Some(report));
    error.code()
}

/// What [`take`] took: the texts of an error that is no longer the last one.
pub(crate) struct Outgoing(#[expect(dead_code, reason = "held for its drop")] Option<Box<Report>>);

/// Forget the last error of this thread. Its texts live as long as the result, so that a program may pass the text of an
/// error to the next call.
pub(crate) fn take() -> Outgoing {
    Outgoing(LAST.try_with(|last| last.borrow_mut().take()).unwrap_or_default())
}

/// Read the error behind a handle, if it is still the last one of this thread. The accessors are no calls in the sense of
/// the header: they leave the last error alone.
fn read<T: Copy>(error: *const standfast_error, otherwise: T, body: impl FnOnce(&Report) -> T) -> T {
    LAST.try_with(|last| match last.borrow().as_deref() {
        Some(report) if pointer(report) == error => body(report),
        _ => otherwise,
    })
    .unwrap_or(otherwise)
}

fn pointer(report: &Report) -> *const standfast_error {
    handle::error_pointer(report.number)
}

const EMPTY: *const c_char = c"".as_ptr();

fn cause<T: Copy>(
    error: *const standfast_error,
    index: usize,
    otherwise: T,
    body: impl FnOnce(&CauseReport) -> T,
) -> T {
    read(error, otherwise, |report| report.causes.get(index).map_or(otherwise, body))
}

/// What went wrong in the last call on this thread.
///
/// @return The error, until the next call on this thread that is not one of standfast_error_...(); NULL when the last call
/// succeeded.
///
/// Threads: any; each has its own. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_last_error() -> *const standfast_error {
    LAST.try_with(|last| last.borrow().as_deref().map_or(std::ptr::null(), pointer)).unwrap_or(std::ptr::null())
}

/// The number, one of STANDFAST_ERR_...; STANDFAST_OK for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_error_code(error: *const standfast_error) -> standfast_status {
    read(error, STANDFAST_OK, |report| report.code)
}

/// The name of the number, "UnknownMaster".
#[unsafe(no_mangle)]
pub extern "C" fn standfast_error_name(error: *const standfast_error) -> *const c_char {
    read(error, EMPTY, |report| report.name.as_ptr())
}

/// "usage", "configuration", "discovery", "network", "server", "subscription" or "internal": the number divided by 100.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_error_category(error: *const standfast_error) -> *const c_char {
    read(error, EMPTY, |report| report.category.as_ptr())
}

/// Whether the same call may be made again: "never", "now", "later", or "if_idempotent" when it may have been executed.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_error_retry(error: *const standfast_error) -> *const c_char {
    read(error, EMPTY, |report| report.retry.as_ptr())
}

/// What happened, in one line. Contains no secret and no argument of a command.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_error_message(error: *const standfast_error) -> *const c_char {
    read(error, EMPTY, |report| report.message.as_ptr())
}

/// Everything in one line, for a log: the name, the message and the causes.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_error_text(error: *const standfast_error) -> *const c_char {
    read(error, EMPTY, |report| report.text.as_ptr())
}

/// Where a command was when it failed: "discovering", "no_master", "fenced", "connect", "pending", "reply", or "".
#[unsafe(no_mangle)]
pub extern "C" fn standfast_error_phase(error: *const standfast_error) -> *const c_char {
    read(error, EMPTY, |report| report.phase.as_ptr())
}

/// For an error that the server gave: its first word, "WRONGTYPE"; otherwise "".
#[unsafe(no_mangle)]
pub extern "C" fn standfast_error_server_code(error: *const standfast_error) -> *const c_char {
    read(error, EMPTY, |report| report.server_code.as_ptr())
}

/// For an error that the server gave: what follows the first word; otherwise "".
#[unsafe(no_mangle)]
pub extern "C" fn standfast_error_server_text(error: *const standfast_error) -> *const c_char {
    read(error, EMPTY, |report| report.server_text.as_ptr())
}

/// How many sentinels or nodes contributed to the failure.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_error_cause_count(error: *const standfast_error) -> usize {
    read(error, 0, |report| report.causes.len())
}

/// The address of a sentinel or node, as configured or announced; "" when there is no cause of this index.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_error_cause_address(error: *const standfast_error, index: usize) -> *const c_char {
    cause(error, index, EMPTY, |cause| cause.address.as_ptr())
}

/// The address that was really dialled, or "".
#[unsafe(no_mangle)]
pub extern "C" fn standfast_error_cause_resolved(error: *const standfast_error, index: usize) -> *const c_char {
    cause(error, index, EMPTY, |cause| cause.resolved.as_ptr())
}

/// How far the attempt came: "resolve", "connect", "tls", "auth", "query" or "role"; or "".
#[unsafe(no_mangle)]
pub extern "C" fn standfast_error_cause_step(error: *const standfast_error, index: usize) -> *const c_char {
    cause(error, index, EMPTY, |cause| cause.step.as_ptr())
}

/// What kind of failure it was, one of STANDFAST_ERR_...
#[unsafe(no_mangle)]
pub extern "C" fn standfast_error_cause_code(error: *const standfast_error, index: usize) -> standfast_status {
    cause(error, index, STANDFAST_OK, |cause| cause.code)
}

/// What happened there, in words.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_error_cause_text(error: *const standfast_error, index: usize) -> *const c_char {
    cause(error, index, EMPTY, |cause| cause.text.as_ptr())
}

/// The name of a number: "UnknownMaster" for STANDFAST_ERR_UNKNOWN_MASTER, "Ok" for 0, "" for a number that is none.
///
/// @return Static text.
///
/// Threads: any. Never blocks. Leaves the last error alone.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_status_name(status: standfast_status) -> *const c_char {
    static NAMES: LazyLock<Vec<(i32, CString)>> =
        LazyLock::new(|| ErrorKind::ALL.iter().map(|kind| (kind.code(), c_text(kind.name()))).collect());
    if status == STANDFAST_OK {
        return c"Ok".as_ptr();
    }
    NAMES.iter().find(|(code, _)| *code == status).map_or(EMPTY, |(_, name)| name.as_ptr())
}

/// The message of the last error, for tests of other files.
#[cfg(test)]
pub(crate) fn last_message() -> String {
    LAST.with(|last| {
        last.borrow().as_deref().map(|report| report.message.to_string_lossy().into_owned()).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pointer: *const c_char) -> String {
        // SAFETY: every accessor returns text with a NUL behind it, alive until the next call.
        unsafe { std::ffi::CStr::from_ptr(pointer) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn an_error_lasts_until_the_next_call_and_belongs_to_its_thread() {
        take();
        assert!(standfast_last_error().is_null());
        record(Error::new(ErrorKind::NotReady, "no master yet\0really"));
        let error = standfast_last_error();
        assert_eq!(standfast_error_code(error), 307);
        assert_eq!(text(standfast_error_name(error)), "NotReady");
        assert_eq!(text(standfast_error_category(error)), "discovery");
        assert_eq!(text(standfast_error_retry(error)), "later");
        assert_eq!(text(standfast_error_message(error)), "no master yet\u{fffd}really");
        assert_eq!(text(standfast_error_phase(error)), "");
        assert_eq!(standfast_error_cause_count(error), 0);
        assert_eq!(text(standfast_error_cause_address(error, 0)), "");

        let address = error.addr();
        std::thread::spawn(move || {
            record(Error::new(ErrorKind::Closed, "other"));
            assert_eq!(standfast_error_code(std::ptr::without_provenance(address)), STANDFAST_OK);
        })
        .join()
        .unwrap();

        record(Error::new(ErrorKind::Closed, "next"));
        assert_eq!(standfast_error_code(error), STANDFAST_OK);
        assert_eq!(text(standfast_error_name(error)), "");
        take();
        assert!(standfast_last_error().is_null());
    }

    #[test]
    fn the_text_of_an_error_may_be_an_argument_of_the_next_call() {
        let mut options = std::ptr::null_mut();
        record(Error::new(ErrorKind::NotReady, "redis://not.a.real.host/0"));
        let text = standfast_error_message(standfast_last_error());
        // SAFETY: text with a NUL behind it, and a place for the result.
        let status = unsafe { crate::options::standfast_options_new(text, &raw mut options) };
        assert_eq!(status, STANDFAST_OK);
        assert_eq!(crate::options::standfast_options_free(options), STANDFAST_OK);
    }

    #[test]
    fn every_number_has_its_name() {
        for kind in ErrorKind::ALL {
            assert_eq!(text(standfast_status_name(kind.code())), kind.name());
        }
        assert_eq!(text(standfast_status_name(0)), "Ok");
        assert_eq!(text(standfast_status_name(100)), "");
    }
}
