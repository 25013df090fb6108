//! The three drivers behind one call, so that a scenario can be played with each of them.

use standfast::{Answer, Client, Error, Queue, Request, Timeout};
use tokio::runtime::{Builder, Runtime};

use crate::LIMIT;

/// Who drives the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// The waiting thread.
    Waiting,
    /// A task of a tokio runtime.
    Tokio,
    /// The host of a completion queue.
    Hosted,
}

/// All of them.
pub const DRIVERS: [Driver; 3] = [Driver::Waiting, Driver::Tokio, Driver::Hosted];

/// A client whose commands go through one of them.
#[derive(Debug)]
pub struct Driven {
    /// Which one.
    pub driver: Driver,
    /// The client.
    pub client: Client,
    queue: Queue,
    runtime: Runtime,
}

impl Driven {
    /// # Panics
    /// When the system has no thread or descriptor left.
    pub fn new(driver: Driver, client: Client) -> Driven {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        Driven { driver, queue: Queue::open(&client).expect("a queue"), client, runtime }
    }

    /// Execute, and wait for what becomes of it.
    ///
    /// # Panics
    /// After [`LIMIT`].
    pub fn answer(&self, request: Request, timeout: Timeout) -> Result<Answer, Error> {
        match self.driver {
            Driver::Waiting => self.client.blocking().answer(request, timeout, None),
            Driver::Tokio => self.runtime.block_on(self.client.answer(request, timeout)),
            Driver::Hosted => {
                self.queue.submit(request, timeout, 1)?;
                let completion = self.queue.next_blocking(Some(LIMIT), None).expect("the queue is open");
                completion.expect("an outcome within the limit").result
            }
        }
    }
}
