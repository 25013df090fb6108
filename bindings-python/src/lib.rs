//! The extension module `standfast._native`: what the Python package `standfast` is built on.
//!
//! This file only lists what is exported. Nothing in this crate decides anything about Redis: it converts values, releases
//! the interpreter while a thread waits, and hands completions to event loops. The public API is written in Python, in
//! `python/standfast`.

mod client;
mod errors;
mod logs;
mod loop_driver;
mod subscription;
mod values;
mod waiting;

#[pyo3::pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::client::{Client, option_table, parse_url};
    #[pymodule_export]
    use crate::errors::{error_table, panic_for_test};
    #[pymodule_export]
    use crate::logs::Logs;
    #[pymodule_export]
    use crate::loop_driver::LoopDriver;
    #[pymodule_export]
    use crate::subscription::{Events, Subscription};
    #[pymodule_export]
    use crate::values::wait_seconds;
    #[pymodule_export]
    use crate::waiting::{after_fork_in_child, at_exit};

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the name that Python programs look for")]
    const __version__: &str = standfast::VERSION;
}
