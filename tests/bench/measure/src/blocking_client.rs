//! Clients of threads: one call at a time on each.

use std::time::{Duration, Instant};

use crate::{Ask, Clocks, Measured, VALUE, key, say_done, say_ready, say_started};

/// A client that can be measured.
pub trait Client: Send + 'static {
    /// Connects.
    fn connect(url: &str) -> Self;
    /// What another thread uses.
    #[must_use]
    fn another(&self) -> Self;
    /// `SET`; the reply is looked at.
    fn set(&mut self, key: &str, value: &[u8]);
    /// `GET`.
    fn get(&mut self, key: &str) -> Vec<u8>;
}

/// Does what is asked.
pub fn serve<C: Client>(version: &str) {
    say_started(version);
    let Ask::Connect(url) = Ask::read() else { panic!("connect URL comes first") };
    let since = Instant::now();
    let mut client = C::connect(&url);
    say_ready(since);
    loop {
        match Ask::read() {
            Ask::Calls(1, length) => {
                let clocks = Clocks::start();
                let measured = one_after_the_other(&mut client, &key(0), length);
                clocks.tell(measured);
            }
            Ask::Threads(count, length) => {
                let mut clients: Vec<C> = (0..count).map(|_| client.another()).collect();
                let clocks = Clocks::start();
                let all = std::thread::scope(|scope| {
                    let threads: Vec<_> = clients
                        .iter_mut()
                        .enumerate()
                        .map(|(number, client)| scope.spawn(move || one_after_the_other(client, &key(number), length)))
                        .collect();
                    let ended = threads.into_iter().map(|thread| thread.join().expect("a thread that ends"));
                    ended.fold(Measured::default(), Measured::with)
                });
                clocks.tell(all);
            }
            Ask::Count(calls) => {
                for _ in 0..calls / 2 {
                    client.set(&key(0), &VALUE);
                    assert_eq!(client.get(&key(0)).len(), VALUE.len());
                }
                say_done();
            }
            other => panic!("not for a client of threads: {other:?}"),
        }
    }
}

fn one_after_the_other(client: &mut impl Client, key: &str, length: Duration) -> Measured {
    let mut measured = Measured::default();
    let mut since = Instant::now();
    let until = since + length;
    while since < until {
        client.set(key, &VALUE);
        let middle = Instant::now();
        assert_eq!(client.get(key).len(), VALUE.len());
        let end = Instant::now();
        measured.took.push((middle - since).as_nanos() as u64);
        measured.took.push((end - middle).as_nanos() as u64);
        measured.ops += 2;
        since = end;
    }
    measured
}
