//! fred: `bench-fred current|multi`.

use fred::{clients::SubscriberClient, prelude::*, types::Message};
use standfast_bench_measure::async_client::{self, Messages, serve};
use tokio::sync::broadcast::Receiver;

#[derive(Clone)]
struct Peer(Client);

struct Stream(Receiver<Message>, SubscriberClient);

impl async_client::Client for Peer {
    type Messages = Stream;

    async fn connect(url: &str) -> Peer {
        let client = Builder::from_config(Config::from_url(url).expect("a URL")).build().expect("a client");
        client.init().await.expect("a connection");
        Peer(client)
    }

    async fn set(&mut self, key: &str, value: &[u8]) {
        self.0.set::<(), _, _>(key, value, None, None, false).await.expect("a reply");
    }

    async fn get(&mut self, key: &str) -> Vec<u8> {
        self.0.get(key).await.expect("a reply")
    }

    async fn subscribe(&mut self, url: &str, channel: &str) -> Stream {
        let mut builder = Builder::from_config(Config::from_url(url).expect("a URL"));
        // Its default of 32 loses most of a burst.
        builder.with_performance_config(|c| c.broadcast_channel_capacity = 1 << 19);
        let client = builder.build_subscriber_client().expect("a client");
        client.init().await.expect("a connection");
        let receiver = client.message_rx();
        client.subscribe(channel).await.expect("a confirmation");
        Stream(receiver, client)
    }
}

impl Messages for Stream {
    async fn next(&mut self) -> usize {
        let _keep = &self.1;
        self.0.recv().await.expect("a message").value.as_bytes().expect("bytes").len()
    }
}

fn main() {
    serve::<Peer>("10.1.0");
}
