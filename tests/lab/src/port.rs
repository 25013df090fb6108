//! Free loopback ports. It promises a port that is free now; whoever binds it later must notice when it lost the race.

use std::{net::TcpListener, ops::Range};

use crate::error::{LabError, Result};

/// A loopback port on which nothing listens at this moment.
///
/// For a moment longer a process that is being started just now may hold the descriptor on which it was found free.
pub(crate) fn free() -> Result<u16> {
    let listener = listen()?;
    Ok(listener.local_addr().map_err(|error| LabError::io("a loopback port", error))?.port())
}

/// A loopback port of our own.
///
/// The port lies *outside* the range from which the kernel takes source ports. Inside it a client that keeps
/// knocking at a dead node can be given that very port as its own, connect to itself, and keep the node from
/// coming back.
pub(crate) fn listen() -> Result<TcpListener> {
    let range = quiet_range();
    for _ in 0..1000 {
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", fastrand::u16(range.clone()))) {
            return Ok(listener);
        }
    }
    Err(LabError::new(format!("no free loopback port in {range:?}")))
}

/// The larger piece that the kernel's range of source ports leaves above the well-known services.
/// `0..1` (any port) where it leaves too little.
fn quiet_range() -> Range<u16> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = text.split_whitespace().filter_map(|n| n.parse::<u16>().ok());
    let (low, high) = (bounds.next().unwrap_or(32768), bounds.next().unwrap_or(60999));
    let below = 12_000..low.max(12_000);
    let above = high.saturating_add(1)..u16::MAX;
    let larger = if below.len() >= above.len() { below } else { above };
    if larger.len() >= 1000 { larger } else { 0..1 }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::poll;

    #[test]
    fn a_free_port_can_be_bound() {
        let port = free().unwrap();
        // Another test may be starting a server, which holds the descriptor until it runs its own program.
        let moment = Duration::from_millis(1);
        let bind = || TcpListener::bind(("127.0.0.1", port)).map_err(|error| error.to_string());
        let listener = poll::until("the port is bound", moment, Duration::from_secs(5), bind).unwrap();
        assert_eq!(listener.local_addr().unwrap().port(), port);
    }
}
