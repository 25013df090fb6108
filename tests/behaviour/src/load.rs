//! Load whose fate is known: numbered writes on a thread of their own, and which of them the final master has.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use standfast::Client;
use standfast_lab::Lab;

use crate::{raw, run};

/// A thread that writes numbers until it is told to stop.
pub struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Written>,
}

/// What became of the writes.
pub struct Written {
    /// The numbers that were acknowledged.
    pub acknowledged: Vec<u64>,
    /// The names of the errors of the others.
    pub errors: Vec<&'static str>,
}

impl Writer {
    /// One write after the other, as quickly as they are acknowledged.
    pub fn start(client: &Client) -> Writer {
        let (client, stop) = (client.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut written = Written { acknowledged: Vec::new(), errors: Vec::new() };
            for number in 0_u64.. {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                match run(&client, &format!("SADD numbers {number}")) {
                    Ok(_) => written.acknowledged.push(number),
                    Err(error) => written.errors.push(error.name()),
                }
            }
            written
        });
        Writer { stop, thread }
    }

    /// Ends with the write that is on its way.
    ///
    /// # Panics
    /// If the writer did.
    pub fn stop(self) -> Written {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the writer does not panic")
    }
}

impl Written {
    /// The acknowledged numbers that the present master does not have.
    ///
    /// # Panics
    /// If there is no master to ask.
    pub fn lost(&self, lab: &Lab) -> Vec<u64> {
        let master = lab.master().expect("there is a master");
        let reply = raw(lab, master).command(&["SMEMBERS", "numbers"]).expect("the master answers");
        let there: BTreeSet<u64> = reply.items().iter().map(|item| item.text().parse().expect("a number")).collect();
        self.acknowledged.iter().copied().filter(|number| !there.contains(number)).collect()
    }
}
