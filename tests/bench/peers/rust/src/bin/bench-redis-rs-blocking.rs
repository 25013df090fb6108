//! redis-rs on threads: a connection for each, as its documentation has it.

use redis::{Client, Commands, Connection};
use standfast_bench_measure::blocking_client::{self, serve};

struct Peer(Client, Connection);

impl blocking_client::Client for Peer {
    fn connect(url: &str) -> Peer {
        let client = Client::open(url).expect("a URL");
        let connection = client.get_connection().expect("a connection");
        Peer(client, connection)
    }

    fn another(&self) -> Peer {
        Peer(self.0.clone(), self.0.get_connection().expect("a connection"))
    }

    fn set(&mut self, key: &str, value: &[u8]) {
        self.1.set::<_, _, ()>(key, value).expect("a reply");
    }

    fn get(&mut self, key: &str) -> Vec<u8> {
        self.1.get(key).expect("a reply")
    }
}

fn main() {
    serve::<Peer>("1.8.1");
}
