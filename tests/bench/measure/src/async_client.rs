//! Clients of an async runtime: as many tasks as calls are to be in flight, each with one call at a time.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::{Ask, Clocks, Measured, VALUE, key, say_done, say_ready, say_started, say_subscribed, say_waiting};

/// A client that can be measured. Its clones are the same client.
pub trait Client: Clone + Send + 'static {
    /// A subscription to one channel.
    type Messages: Messages;

    /// Connects.
    fn connect(url: &str) -> impl Future<Output = Self>;
    /// `SET`; the reply is looked at.
    fn set(&mut self, key: &str, value: &[u8]) -> impl Future<Output = ()> + Send;
    /// `GET`.
    fn get(&mut self, key: &str) -> impl Future<Output = Vec<u8>> + Send;
    /// A call that may fail; tells whether it did not.
    fn attempt(&mut self, key: &str) -> impl Future<Output = bool> + Send {
        let _ = key;
        async { unimplemented!("asked of ours only") }
    }
    /// Subscribes; returns when the server has confirmed.
    fn subscribe(&mut self, url: &str, channel: &str) -> impl Future<Output = Self::Messages>;
}

/// What comes of a subscription.
pub trait Messages {
    /// The length of the next message.
    fn next(&mut self) -> impl Future<Output = usize>;
}

/// Does what is asked, on the runtime that the first word of the command line names: `current` or `multi`.
pub fn serve<C: Client>(version: &str) {
    let kind = std::env::args().nth(1);
    let mut builder = match kind.as_deref() {
        Some("current") => tokio::runtime::Builder::new_current_thread(),
        Some("multi") => tokio::runtime::Builder::new_multi_thread(),
        _ => panic!("current or multi"),
    };
    let runtime = builder.enable_all().build().expect("a runtime");
    say_started(version);
    // Lines are read beside the runtime, so that it goes on caring for the client meanwhile.
    let (lines, mut asked) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || while lines.send(Ask::read()).is_ok() {});
    runtime.block_on(async move {
        let Some(Ask::Connect(url)) = asked.recv().await else { panic!("connect URL comes first") };
        let since = Instant::now();
        let mut client = C::connect(&url).await;
        say_ready(since);
        let (mut messages, mut further, mut pending) = (None, Vec::new(), Vec::new());
        while let Some(ask) = asked.recv().await {
            match ask {
                Ask::Calls(in_flight, length) => calls(&client, in_flight, length).await,
                Ask::Subscribe(channel) => {
                    messages = Some(client.subscribe(&url, &channel).await);
                    say_subscribed();
                }
                Ask::Messages(count) => receive(messages.as_mut().expect("a subscription"), count).await,
                Ask::Connect(url) => {
                    let since = Instant::now();
                    further.push(C::connect(&url).await);
                    say_ready(since);
                }
                Ask::Pending(count) => {
                    let begun = (0..count).map(|number| tokio::spawn(attempt(client.clone(), key(number))));
                    pending = begun.collect();
                    // Each of them has had a turn when this one's comes again; on several threads a moment later.
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    say_done();
                }
                Ask::Expire => {
                    for call in pending.drain(..) {
                        assert!(!call.await.expect("a task that ends"), "there is no master");
                    }
                    say_done();
                }
                Ask::Threads(..) | Ask::Count(_) => panic!("not for a client of a runtime: {ask:?}"),
            }
        }
    });
}

async fn attempt(mut client: impl Client, key: String) -> bool {
    client.attempt(&key).await
}

async fn calls<C: Client>(client: &C, in_flight: usize, length: Duration) {
    let clocks = Clocks::start();
    let until = Instant::now() + length;
    let alone = in_flight == 1;
    let tasks: Vec<_> = (0..in_flight)
        .map(|number| tokio::spawn(one_after_the_other(client.clone(), key(number), until, alone)))
        .collect();
    let mut all = Measured::default();
    for task in tasks {
        all = all.with(task.await.expect("a task that ends"));
    }
    clocks.tell(all);
}

async fn one_after_the_other(mut client: impl Client, key: String, until: Instant, alone: bool) -> Measured {
    let mut measured = Measured::default();
    let mut since = Instant::now();
    while since < until {
        client.set(&key, &VALUE).await;
        if alone {
            let now = Instant::now();
            measured.took.push((now - since).as_nanos() as u64);
            since = now;
        }
        assert_eq!(client.get(&key).await.len(), VALUE.len());
        let now = Instant::now();
        if alone {
            measured.took.push((now - since).as_nanos() as u64);
        }
        since = now;
        measured.ops += 2;
    }
    measured
}

async fn receive(messages: &mut impl Messages, count: u64) {
    say_waiting();
    let mut clocks = Clocks::start();
    for number in 0..count {
        assert_eq!(messages.next().await, 64);
        if number == 0 {
            clocks.begin();
        }
    }
    clocks.tell(Measured { ops: count, took: Vec::new() });
}
