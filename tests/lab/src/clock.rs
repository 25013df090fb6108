//! The one clock of the lab: CLOCK_REALTIME in microseconds, because records of several processes are laid side by side.
//! It does not measure durations inside one process; that is `Instant`.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since the Unix epoch.
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock stands after 1970");
    i64::try_from(since.as_micros()).expect("microseconds fit into 63 bits until the year 294000")
}
