//! Standfast on threads that wait.

use standfast::{Client, Config, Request, Timeout, VERSION, Value, blocking};
use standfast_bench_measure::blocking_client::serve;

struct Ours(Client);

impl Ours {
    fn call(&self, request: Request) -> Value {
        self.0.blocking().command(request, Timeout::Default, None).expect("a reply")
    }
}

impl standfast_bench_measure::blocking_client::Client for Ours {
    fn connect(url: &str) -> Ours {
        Ours(blocking::connect(Config::from_url(url).expect("a URL"), None).expect("a connection"))
    }

    fn another(&self) -> Ours {
        Ours(self.0.clone())
    }

    fn set(&mut self, key: &str, value: &[u8]) {
        let request = Request::new([b"SET", key.as_bytes(), value]).expect("a command");
        assert_eq!(self.call(request), Value::Okay);
    }

    fn get(&mut self, key: &str) -> Vec<u8> {
        match self.call(Request::new(["GET", key]).expect("a command")) {
            Value::BulkString(bytes) => bytes,
            other => panic!("not what was written: {other:?}"),
        }
    }
}

fn main() {
    serve::<Ours>(VERSION);
}
