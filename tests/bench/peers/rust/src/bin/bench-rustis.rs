//! rustis: `bench-rustis current|multi`.

use futures_util::StreamExt;
use rustis::{
    client::{Client, PubSubStream},
    commands::{PubSubCommands, StringCommands},
    resp::BulkString,
};
use standfast_bench_measure::async_client::{self, Messages, serve};

#[derive(Clone)]
struct Peer(Client);

struct Stream(PubSubStream, Client);

impl async_client::Client for Peer {
    type Messages = Stream;

    async fn connect(url: &str) -> Peer {
        Peer(Client::connect(url).await.expect("a connection"))
    }

    async fn set(&mut self, key: &str, value: &[u8]) {
        // Bytes would be written as a list of numbers.
        self.0.set(key, std::str::from_utf8(value).expect("text")).await.expect("a reply");
    }

    async fn get(&mut self, key: &str) -> Vec<u8> {
        let value: BulkString = self.0.get(key).await.expect("a reply");
        value.into()
    }

    async fn subscribe(&mut self, url: &str, channel: &str) -> Stream {
        // Its default of 8 MiB forgets most of a burst.
        let client = Client::connect(format!("{url}?backpressure.max_pubsub_bytes=0")).await.expect("a connection");
        Stream(client.subscribe(channel).await.expect("a confirmation"), client)
    }
}

impl Messages for Stream {
    async fn next(&mut self) -> usize {
        let _keep = &self.1;
        self.0.next().await.expect("a message").expect("a message").payload().len()
    }
}

fn main() {
    serve::<Peer>("0.27.2");
}
