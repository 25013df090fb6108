// TEMPORARY adapter until the host-loop queue of the core lands.
use standfast::{Client, Completion, Error, Request, Result, Subscription, Timeout};
use std::os::fd::RawFd;
use std::time::Duration;
pub(crate) enum Host {
    Turns,
}
pub(crate) struct Turned {
    pub completions: Vec<Completion>,
    pub more: bool,
}
#[derive(Clone)]
pub(crate) struct Queue(standfast::Queue);
impl Queue {
    pub(crate) fn open_for(client: &Client, _host: Host) -> Result<Queue> {
        let q = standfast::Queue::open(client)?;
        q.bell().descriptor()?;
        Ok(Queue(q))
    }
    pub(crate) fn descriptor(&self) -> RawFd {
        self.0.bell().descriptor().unwrap()
    }
    pub(crate) fn submit(&self, r: Request, t: Timeout, tag: u64) -> Result<bool> {
        self.0.submit(r, t, tag).map(|()| false)
    }
    pub(crate) fn submit_connected(&self, tag: u64) -> Result<()> {
        self.0.submit_connected(tag)
    }
    pub(crate) fn submit_subscription_ready(&self, s: &Subscription, t: Option<Duration>, tag: u64) -> Result<()> {
        self.0.submit_subscription_ready(s, t, tag)
    }
    pub(crate) fn flush(&self) {}
    pub(crate) fn turn(&self) -> Turned {
        let completions = self.0.take(512);
        let more = completions.len() == 512;
        Turned { completions, more }
    }
    pub(crate) fn cancel(&self, tag: u64) -> Option<Error> {
        self.0.cancel(tag)
    }
    pub(crate) fn close(&self) {
        self.0.close()
    }
    pub(crate) fn on_ready(&self, call: impl Fn() + Send + Sync + 'static) -> Result<()> {
        self.0.bell().on_ring(call);
        Ok(())
    }
}
