//! Everything the sentinels say, with its time: one thread and one link a sentinel, subscribed to all events.
//! It interprets nothing.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Sender},
    },
    thread,
    time::Duration,
};

use crate::{
    clock::now_us,
    error::{LabError, Result},
    sentinels::Sentinels,
    timeline::Timeline,
};

/// Also how soon a thread notices that the lab is gone.
const TURN: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(10);
const FIRST: Duration = Duration::from_secs(5);

/// Writes the sentinels' events into the timeline until it is dropped.
#[derive(Debug)]
pub(crate) struct Recorder {
    over: Arc<AtomicBool>,
}

impl Recorder {
    /// Returns when it is subscribed everywhere, so that nothing that follows is missed.
    pub(crate) fn start(sentinels: &Sentinels, timeline: &Timeline) -> Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let (subscribed, first) = mpsc::channel();
        for addr in sentinels.addrs.iter().copied() {
            let (sentinels, timeline, over, subscribed) =
                (sentinels.clone(), timeline.clone(), over.clone(), subscribed.clone());
            thread::Builder::new()
                .name(format!("lab-recorder-{}", addr.port()))
                .spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        // Its sentinel may be dead or frozen for a while; both are part of the tests.
                        let _ = listen(addr, &sentinels, &timeline, &over, &subscribed);
                        thread::sleep(PAUSE);
                    }
                })
                .expect("a thread can be started");
        }
        let recorder = Self { over };
        for _ in &sentinels.addrs {
            first
                .recv_timeout(FIRST)
                .map_err(|_| LabError::new("a sentinel did not confirm the recorder's subscription"))?;
        }
        Ok(recorder)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn listen(
    addr: SocketAddr,
    sentinels: &Sentinels,
    timeline: &Timeline,
    over: &AtomicBool,
    subscribed: &Sender<()>,
) -> io::Result<()> {
    let mut raw = sentinels.connect(addr)?;
    raw.command(&["PSUBSCRIBE", "*"])?.into_result()?;
    raw.set_read_timeout(TURN)?;
    // Only the first confirmation has somebody waiting for it.
    let _ = subscribed.send(());
    while !over.load(Ordering::Relaxed) {
        match raw.read() {
            Ok(message) => {
                let at_us = now_us();
                if let [_, _, channel, payload] = message.items() {
                    timeline.record(at_us, addr, &channel.text(), payload.text());
                }
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
