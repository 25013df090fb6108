//! The servers that `misconfigurations.json` speaks of: real ones wherever a real one can be made to behave so on loopback, and
//! a few that only listen, for what no Redis of today does here.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};
use serde_json::Value;
use standfast_lab::{Lab, LabOptions, Raw};

use crate::vectors;

/// Running servers, and the vectors with their addresses filled in.
pub struct Servers {
    vectors: Vec<Value>,
    _labs: Vec<Lab>,
    _held: (Vec<Raw>, Vec<TcpStream>, Vec<TcpListener>),
}

impl Servers {
    /// Start them all.
    ///
    /// # Panics
    /// When one of them does not do what the vectors need.
    pub fn start() -> Servers {
        let [open, guarded, clustered] = labs();
        let addresses = |list: &[SocketAddr]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let master = open.master().expect("a master");
        let replica = *open.node_addrs().iter().find(|node| **node != master).expect("a replica");
        let (cluster, guard) = (clustered.node_addrs()[0], guarded.master().expect("a master"));

        // A port from which one of its connections cannot be made to itself, as an ephemeral one could.
        let closed: Vec<TcpListener> = (0..2).map(|_| quiet_listener()).collect();
        let nowhere: Vec<SocketAddr> = closed.iter().map(address).collect();
        drop(closed);
        let (blackhole, held, hole) = black_hole();
        for sentinel in open.sentinel_addrs() {
            for (name, node) in [("clustered", cluster), ("gone", nowhere[0]), ("swallowed", blackhole)] {
                ask(&open, *sentinel, &["SENTINEL", "MONITOR", name, "127.0.0.1", &node.port().to_string(), "3"]);
            }
        }
        ask(&guarded, guard, &["ACL", "SETUSER", "reader", "on", ">reader-canary", "~*", "-@all", "+get", "+hello"]);
        for sentinel in guarded.sentinel_addrs() {
            let user = ["ACL", "SETUSER", "watcher", "on", ">watcher-canary", "&*", "+@all", "-sentinel"];
            ask(&guarded, *sentinel, &user);
        }
        let (full, crowd) = crowded(&guarded, guarded.node_addrs()[1]);

        let words: BTreeMap<&str, String> = BTreeMap::from([
            ("sentinels", addresses(open.sentinel_addrs())),
            ("sentinel", open.sentinel_addrs()[0].to_string()),
            ("master", master.to_string()),
            ("replica", replica.to_string()),
            ("guards", addresses(guarded.sentinel_addrs())),
            ("guarded", guard.to_string()),
            ("cluster", cluster.to_string()),
            ("full", full.to_string()),
            ("nowhere", nowhere[0].to_string()),
            ("nowhere2", nowhere[1].to_string()),
            ("blackhole", blackhole.to_string()),
            ("silent", stand_in(b"").to_string()),
            ("http", stand_in(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").to_string()),
            // Real servers say this to strangers from other machines only.
            (
                "protected",
                stand_in(b"-DENIED Redis is running in protected mode because protected mode is enabled\r\n")
                    .to_string(),
            ),
        ]);
        let vectors = vectors("misconfigurations.json").iter().map(|vector| filled(vector, &words)).collect();
        Servers { vectors, _labs: vec![open, guarded, clustered], _held: (crowd, held, vec![hole]) }
    }

    /// The vectors with addresses.
    pub fn vectors(&self) -> &[Value] {
        &self.vectors
    }
}

/// One without passwords, one with, one in cluster mode; started at the same time.
fn labs() -> [Lab; 3] {
    let usual = LabOptions { replicas: 0, sentinels: 1, ..LabOptions::default() };
    let options = [
        LabOptions { replicas: 1, sentinels: 3, ..usual.clone() },
        LabOptions {
            replicas: 1,
            sentinels: 2,
            password: Some("data-canary".into()),
            sentinel_password: Some("sentinel-canary".into()),
            ..usual.clone()
        },
        LabOptions { server_args: vec!["--cluster-enabled".into(), "yes".into()], ..usual },
    ];
    let starting = options.map(|options| thread::spawn(move || Lab::start(options).expect("a lab starts")));
    starting.map(|lab| lab.join().expect("a lab starts"))
}

fn ask(lab: &Lab, server: SocketAddr, command: &[&str]) {
    let mut raw = lab.connect(server).unwrap_or_else(|error| panic!("{server}: {error}"));
    let reply = raw.command(command).and_then(standfast_lab::Value::into_result);
    reply.unwrap_or_else(|error| panic!("{server}: {}: {error}", command.join(" ")));
}

/// A replica with as many clients as it may have. The connections that it has stay.
fn crowded(lab: &Lab, server: SocketAddr) -> (SocketAddr, Vec<Raw>) {
    let mut crowd = vec![lab.connect(server).expect("a connection")];
    crowd[0].command(&["CONFIG", "SET", "maxclients", "1"]).expect("fewer clients");
    for _ in 0..1000 {
        match lab.connect(server) {
            Ok(one) => crowd.push(one),
            Err(_) => return (server, crowd),
        }
    }
    panic!("{server} takes any number of clients")
}

fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("a listener has an address")
}

/// A listener on a port below those that connections come from.
fn quiet_listener() -> TcpListener {
    let mut port = 12_000 + u16::try_from(std::process::id() % 8_000).unwrap_or_default();
    loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return listener,
            Err(_) => port += 1,
        }
    }
}

/// The address of a server that is none: everybody who connects and says something is told this, and then the connection ends; or, if there is nothing to say, stays.
///
/// # Panics
/// Without a port.
pub fn stand_in(text: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let at = address(&listener);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream, text));
        }
    });
    at
}

fn answer(mut stream: TcpStream, text: &[u8]) {
    // Whatever goes wrong here is the other side's doing.
    let heard = stream.read(&mut [0; 4096]);
    if text.is_empty() {
        let _ = stream.read(&mut [0; 4096]);
    } else if heard.is_ok() {
        let _ = stream.write_all(text);
    }
}

/// An address that swallows every further SYN, because the queue of its listener is full; and what must live as long.
///
/// # Panics
/// When the system lets no such listener be made.
pub fn black_hole() -> (SocketAddr, Vec<TcpStream>, TcpListener) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port");
    rustix::net::listen(&socket, 0).expect("it listens");
    let listener = TcpListener::from(socket);
    let at = address(&listener);
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&at, Duration::from_millis(200)) {
        waiting.push(stream);
        assert!(waiting.len() < 10, "the queue of {at} has no end");
    }
    (at, waiting, listener)
}

/// A vector with its {words} replaced.
fn filled(vector: &Value, words: &BTreeMap<&str, String>) -> Value {
    match vector {
        Value::String(text) => {
            let mut text = text.clone();
            for (word, address) in words {
                text = text.replace(&format!("{{{word}}}"), address);
            }
            assert!(!text.contains('{'), "nobody knows this word: {text}");
            Value::String(text)
        }
        Value::Array(items) => items.iter().map(|item| filled(item, words)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), filled(value, words))).collect())
        }
        other => other.clone(),
    }
}
