//! One line for each step: what runs and for how long, then how it ended.
//!
//! On a terminal the line is rewritten while the step runs; into a file or a pipe each line is written once.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

/// The line of the step that runs now.
#[derive(Debug)]
pub(crate) struct Progress {
    label: String,
    live: bool,
    shown: Option<u64>,
}

impl Progress {
    /// Announce a step: `[3/18] core tests`.
    pub(crate) fn start(label: String) -> Self {
        let live = io::stdout().is_terminal();
        let mut progress = Self { label, live, shown: None };
        progress.tick(Duration::ZERO);
        progress
    }

    /// Shows nothing.
    #[cfg(test)]
    pub(crate) fn silent() -> Self {
        Self { label: String::new(), live: false, shown: None }
    }

    /// Show that it still runs.
    pub(crate) fn tick(&mut self, elapsed: Duration) {
        if self.live && self.shown != Some(elapsed.as_secs()) {
            self.shown = Some(elapsed.as_secs());
            print!("\r\x1b[K{} … {}", self.label, seconds(elapsed));
            // A terminal that is gone is no reason to stop testing.
            let _ = io::stdout().flush();
        }
    }

    /// Say how it ended.
    pub(crate) fn finish(self, verdict: &str, took: Duration) {
        let clear = if self.live { "\r\x1b[K" } else { "" };
        println!("{clear}{}: {verdict} ({})", self.label, seconds(took));
    }
}

/// `7 s`, or `2 min 5 s`.
pub(crate) fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0 if !time.is_zero() => format!("{:.1} s", time.as_secs_f64()),
        short @ 0..=119 => format!("{short} s"),
        long => format!("{} min {} s", long / 60, long % 60),
    }
}
