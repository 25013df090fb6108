//! Standfast on a tokio runtime: `bench-standfast current|multi`.

use standfast::{Channels, Client, Item, Request, Subscription, VERSION, Value};
use standfast_bench_measure::async_client::{Messages, serve};

#[derive(Clone)]
struct Ours(Client);

impl standfast_bench_measure::async_client::Client for Ours {
    type Messages = Stream;

    async fn connect(url: &str) -> Ours {
        Ours(Client::connect(url).await.expect("a connection"))
    }

    async fn set(&mut self, key: &str, value: &[u8]) {
        let request = Request::new([b"SET", key.as_bytes(), value]).expect("a command");
        assert_eq!(self.0.command(request).await.expect("a reply"), Value::Okay);
    }

    async fn get(&mut self, key: &str) -> Vec<u8> {
        match self.0.command(Request::new(["GET", key]).expect("a command")).await.expect("a reply") {
            Value::BulkString(bytes) => bytes,
            other => panic!("not what was written: {other:?}"),
        }
    }

    async fn attempt(&mut self, key: &str) -> bool {
        self.0.command(Request::new(["GET", key]).expect("a command")).await.is_ok()
    }

    async fn subscribe(&mut self, _url: &str, channel: &str) -> Stream {
        // As many as a round has: what is slow is to be seen as slow, not as a loss.
        let channels = Channels::new([channel]).items(10_000_000).bytes(4 << 30);
        let subscription = self.0.subscribe(channels).expect("a subscription");
        subscription.ready().await.expect("a confirmation");
        Stream(subscription)
    }
}

struct Stream(Subscription);

impl Messages for Stream {
    async fn next(&mut self) -> usize {
        match self.0.next().await {
            Some(Item::Message(message)) => message.payload.len(),
            other => panic!("not a message: {other:?}"),
        }
    }
}

fn main() {
    serve::<Ours>(VERSION);
}
