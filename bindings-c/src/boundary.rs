//! What every call passes on its way in and out: the panic boundary, and the checks of pointers, texts and time-outs.
//!
//! Every export runs its body through [`status`] or [`value`]. The body gets a [`Caller`], the only thing that can read or
//! write the caller's memory; that is why `unsafe` code lives in this file (and, for `fork`, in `handle.rs`) and nowhere
//! else. What an export trusts is exactly what the header asks of its caller: a pointer that is not NULL points to what its
//! type says, a length is the length of what it stands beside.

use std::any::Any;
use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use standfast::{Error, ErrorKind, Result, Timeout};

use crate::error::{self, STANDFAST_OK, standfast_status};

/// As a length: the bytes end at the first NUL.
pub(crate) const TERMINATED: usize = usize::MAX;

/// Longer waits are waits for ever: no clock of ours gets there, and adding them to an instant could overflow.
const LONGEST: Duration = Duration::from_secs(34 * 365 * 24 * 3600);

/// Run the body of an export that reports by its status.
pub(crate) fn status(body: impl FnOnce(&Caller) -> Result<()>) -> standfast_status {
    match guarded(body) {
        Ok(()) => STANDFAST_OK,
        Err(error) => error::record(error),
    }
}

/// Run the body of an export that returns a value, and something harmless on failure.
pub(crate) fn value<T>(on_failure: T, body: impl FnOnce(&Caller) -> Result<T>) -> T {
    match guarded(body) {
        Ok(value) => value,
        Err(error) => {
            error::record(error);
            on_failure
        }
    }
}

fn guarded<T>(body: impl FnOnce(&Caller) -> Result<T>) -> Result<T> {
    // Dropped when the body is done: an argument may be the text of the last error.
    let _outgoing = error::take();
    // Unwind safety: locks recover from poison deliberately (core and handle table), and what the body had in hand is
    // dropped by the unwinding.
    catch_unwind(AssertUnwindSafe(|| body(&Caller(())))).unwrap_or_else(|payload| Err(panicked(payload.as_ref())))
}

fn panicked(payload: &(dyn Any + Send)) -> Error {
    // Only a literal is repeated: a formatted panic text may contain what the program was working on.
    let what = payload.downcast_ref::<&'static str>().copied().unwrap_or("see standard error");
    Error::new(ErrorKind::Panic, format!("a panic was caught; this is a bug in Standfast ({what})"))
}

/// How long a `next` or a `wait` may take: 0 = look only, -1 = for ever.
pub(crate) fn wait_timeout(timeout_ms: i64) -> Result<Option<Duration>> {
    match timeout_ms {
        -1 => Ok(None),
        _ => match u64::try_from(timeout_ms).map(Duration::from_millis) {
            Ok(timeout) if timeout > LONGEST => Ok(None),
            Ok(timeout) => Ok(Some(timeout)),
            Err(_) => Err(Error::new(
                ErrorKind::InvalidArgument,
                "timeout_ms is negative; a wait takes 0 or more milliseconds, or STANDFAST_FOREVER (-1)",
            )),
        },
    }
}

/// How long a command may take: -1 = as configured, INT64_MAX = no time-out, 0 is invalid.
pub(crate) fn command_timeout(timeout_ms: i64) -> Result<Timeout> {
    match timeout_ms {
        -1 => Ok(Timeout::Default),
        _ => match u64::try_from(timeout_ms).map(Duration::from_millis) {
            Ok(timeout) if timeout > LONGEST => Ok(Timeout::Never),
            Ok(timeout) if !timeout.is_zero() => Ok(Timeout::After(timeout)),
            _ => Err(Error::new(
                ErrorKind::InvalidArgument,
                "timeout_ms is 0 or negative; a command takes 1 or more milliseconds, STANDFAST_DEFAULT_TIMEOUT or \
                 STANDFAST_NO_TIMEOUT",
            )),
        },
    }
}

/// The right to use the pointers that the caller passed, for the time of the call.
pub(crate) struct Caller(());

/// A place of the caller's that takes a result. It was emptied when it was checked, so that it is empty on failure.
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// Hand the result over.
    pub(crate) fn set(self, value: T) {
        // SAFETY: `Caller::out` checked that the pointer is not NULL and wrote through it; the caller guarantees that it
        // stays valid until the call returns.
        unsafe { self.0.write(value) }
    }
}

impl Caller {
    /// A place for a result. It must not be NULL.
    pub(crate) fn out<T>(&self, pointer: *mut T, empty: T, name: &str) -> Result<Out<T>> {
        if pointer.is_null() {
            return Err(null(name));
        }
        // SAFETY: not NULL; the caller guarantees that an output points to a place of its type.
        unsafe { pointer.write(empty) };
        Ok(Out(pointer))
    }

    /// Text: UTF-8 up to the first NUL.
    pub(crate) fn text<'a>(&'a self, pointer: *const c_char, name: &str) -> Result<&'a str> {
        let bytes = self.bytes(pointer.cast(), TERMINATED, name)?;
        std::str::from_utf8(bytes)
            .map_err(|_| Error::new(ErrorKind::InvalidArgument, format!("argument {name} is not UTF-8")))
    }

    /// Bytes. (NULL, 0) is empty; the length [`TERMINATED`] means up to the first NUL.
    pub(crate) fn bytes<'a>(&'a self, pointer: *const c_void, length: usize, name: &str) -> Result<&'a [u8]> {
        if length == 0 {
            return Ok(&[]);
        }
        if pointer.is_null() {
            return Err(null(name));
        }
        if length == TERMINATED {
            // SAFETY: not NULL; the caller guarantees a NUL at the end when it says so.
            return Ok(unsafe { CStr::from_ptr(pointer.cast()) }.to_bytes());
        }
        self.slice(pointer.cast(), length, name)
    }

    /// The arguments of a command. Without lengths each of them ends at its first NUL.
    pub(crate) fn arguments(
        &self,
        argc: usize,
        argv: *const *const c_char,
        argvlen: *const usize,
    ) -> Result<Vec<&[u8]>> {
        if argc == 0 {
            return Err(Error::new(ErrorKind::InvalidArgument, "argc is 0; a command has at least a name"));
        }
        let pointers = self.slice(argv, argc, "argv")?;
        let lengths = if argvlen.is_null() { None } else { Some(self.slice(argvlen, argc, "argvlen")?) };
        let mut arguments = Vec::with_capacity(argc);
        for (at, pointer) in pointers.iter().enumerate() {
            let length = lengths.map_or(TERMINATED, |lengths| lengths[at]);
            // The name is formatted only when it is needed: this is the path of every command.
            let argument = self
                .bytes(pointer.cast(), length, "argv")
                .map_err(|error| Error::new(error.kind(), format!("{} (element {at})", error.message())))?;
            arguments.push(argument);
        }
        Ok(arguments)
    }

    fn slice<'a, T>(&'a self, pointer: *const T, length: usize, name: &str) -> Result<&'a [T]> {
        if pointer.is_null() {
            return Err(null(name));
        }
        if !pointer.is_aligned() || length > isize::MAX as usize / size_of::<T>() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("the pointer or the length of argument {name} cannot be right"),
            ));
        }
        // SAFETY: not NULL, aligned, and no longer than an object can be; the caller guarantees that as many elements are
        // there, and leaves them alone until the call returns.
        Ok(unsafe { std::slice::from_raw_parts(pointer, length) })
    }
}

fn null(name: &str) -> Error {
    Error::new(ErrorKind::NullArgument, format!("argument {name} is NULL"))
}

/// Panic, as a bug would. For tests of the boundary only: not in the header, not in the library.
#[cfg(any(test, feature = "debug-panic"))]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn standfast_debug_panic() -> standfast_status {
    status(|_| panic!("standfast_debug_panic was called"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_becomes_a_status_and_a_formatted_text_is_not_repeated() {
        assert_eq!(standfast_debug_panic(), ErrorKind::Panic.code());
        let secret = String::from("hunter2");
        assert_eq!(status(|_| panic!("while sending {secret}")), ErrorKind::Panic.code());
        assert!(!error::last_message().contains("hunter2"), "{}", error::last_message());
    }

    #[test]
    fn timeouts_are_read_as_the_header_says() {
        let ms = Duration::from_millis;
        assert_eq!(wait_timeout(-1).unwrap(), None);
        assert_eq!(wait_timeout(0).unwrap(), Some(ms(0)));
        assert_eq!(wait_timeout(250).unwrap(), Some(ms(250)));
        assert_eq!(wait_timeout(i64::MAX).unwrap(), None);
        assert_eq!(wait_timeout(-2).unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(command_timeout(-1).unwrap(), Timeout::Default);
        assert_eq!(command_timeout(7).unwrap(), Timeout::After(ms(7)));
        assert_eq!(command_timeout(i64::MAX).unwrap(), Timeout::Never);
        for wrong in [0, -2, i64::MIN] {
            assert_eq!(command_timeout(wrong).unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
    }

    #[test]
    fn bytes_are_read_as_the_header_says() {
        let caller = Caller(());
        let text = c"a\xc3\xa4";
        assert_eq!(caller.bytes(std::ptr::null(), 0, "x").unwrap(), b"");
        assert_eq!(caller.bytes(std::ptr::null(), 1, "x").unwrap_err().kind(), ErrorKind::NullArgument);
        assert_eq!(caller.bytes(text.as_ptr().cast(), 1, "x").unwrap(), b"a");
        assert_eq!(caller.bytes(text.as_ptr().cast(), TERMINATED, "x").unwrap(), "aä".as_bytes());
        assert_eq!(
            caller.bytes(text.as_ptr().cast(), usize::MAX - 1, "x").unwrap_err().kind(),
            ErrorKind::InvalidArgument
        );
        assert_eq!(caller.text(c"\xff".as_ptr(), "x").unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}
