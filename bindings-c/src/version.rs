//! Which library this is, and what it holds: version, ABI, live handles. Knows nothing about clients.

use std::ffi::c_char;

use crate::{boundary, handle};

/// Incremented together with the SONAME whenever a program must be compiled anew.
pub const STANDFAST_ABI_VERSION: i32 = 1;

const VERSION: &std::ffi::CStr =
    match std::ffi::CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a version has no NUL"),
    };

/// The version of the library, "0.1.0". Compare with STANDFAST_VERSION, the version of the header.
///
/// @return Static text.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The version of the binary interface. A program works with a library for which this equals the STANDFAST_ABI_VERSION
/// that the program was compiled with.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_abi_version() -> i32 {
    STANDFAST_ABI_VERSION
}

/// The number of objects that were made and not freed: options, clients, channels, subscriptions, queues and replies. Leak
/// checkers cannot see handles; a test that has freed everything asserts 0.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_debug_live_handles() -> usize {
    boundary::value(0, |_| Ok(handle::live()))
}
