//! redis-rs's multiplexed connection: `bench-redis-rs current|multi`.

use futures_util::StreamExt;
use redis::{
    AsyncCommands, Client,
    aio::{MultiplexedConnection, PubSubStream},
};
use standfast_bench_measure::async_client::{self, Messages, serve};

#[derive(Clone)]
struct Peer(MultiplexedConnection);

struct Stream(PubSubStream);

impl async_client::Client for Peer {
    type Messages = Stream;

    async fn connect(url: &str) -> Peer {
        let client = Client::open(url).expect("a URL");
        Peer(client.get_multiplexed_async_connection().await.expect("a connection"))
    }

    async fn set(&mut self, key: &str, value: &[u8]) {
        self.0.set::<_, _, ()>(key, value).await.expect("a reply");
    }

    async fn get(&mut self, key: &str) -> Vec<u8> {
        self.0.get(key).await.expect("a reply")
    }

    async fn subscribe(&mut self, url: &str, channel: &str) -> Stream {
        let pubsub = Client::open(url).expect("a URL").get_async_pubsub().await.expect("a connection");
        let (mut sink, stream) = pubsub.split();
        sink.subscribe(channel).await.expect("a confirmation");
        // The connection lives as long as its sink.
        std::mem::forget(sink);
        Stream(stream)
    }
}

impl Messages for Stream {
    async fn next(&mut self) -> usize {
        self.0.next().await.expect("a message").get_payload_bytes().len()
    }
}

fn main() {
    serve::<Peer>("1.8.1");
}
