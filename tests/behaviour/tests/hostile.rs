//! Issue 8, B-115: peers that are not what they seem: garbage, replies without end, slow drips, lies of sentinels. Whatever they send, the client answers with a
//! typed error in bounded time, needs bounded memory, and does not panic. The parser alone is fuzzed in `fuzz/`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use standfast::{Client, Error, ErrorKind};
use standfast_behaviour::{connect, memory, run, until};

/// As much as a hostile peer may cost, in KiB: two of `max_reply_bytes` as the tests set it, and what a test process needs anyway.
const MEMORY: usize = 64 << 10;
const BOUNDS: &str = "connect_deadline=2s&connect_timeout=700ms&sentinel_timeout=700ms&command_timeout=1s&max_reply_bytes=1048576&max_reply_depth=32";

/// The process's memory is measured: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// A server of one behaviour, for as many connections as come. It ends with the process.
fn peer(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (addr, serve) = (listener.local_addr().unwrap(), Arc::new(serve));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(stream));
        }
    });
    addr
}

/// Answers each command that it can read; what else comes is no command.
fn answering(answer: impl Fn(&[String]) -> Vec<u8> + Send + Sync + 'static) -> SocketAddr {
    peer(move |mut stream| {
        let mut unread = Vec::new();
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut chunk) {
            unread.extend_from_slice(&chunk[..count]);
            while let Some((words, used)) = command(&unread) {
                unread.drain(..used);
                if stream.write_all(&answer(&words)).is_err() {
                    return;
                }
            }
        }
    })
}

/// The first command, if all of it is there, and its length.
fn command(bytes: &[u8]) -> Option<(Vec<String>, usize)> {
    let mut at = 0;
    let count = number(bytes, &mut at, '*')?;
    let mut words = Vec::new();
    for _ in 0..count {
        let length = number(bytes, &mut at, '$')?;
        words.push(String::from_utf8_lossy(bytes.get(at..at + length)?).to_uppercase());
        at += length + 2;
    }
    (at <= bytes.len()).then_some((words, at))
}

fn number(bytes: &[u8], at: &mut usize, mark: char) -> Option<usize> {
    let rest = bytes.get(*at..)?;
    let line = rest.windows(2).position(|two| two == b"\r\n")?;
    *at += line + 2;
    std::str::from_utf8(&rest[..line]).ok()?.strip_prefix(mark)?.parse().ok()
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn list(words: &[&str]) -> String {
    format!("*{}\r\n{}", words.len(), words.iter().map(|word| bulk(word)).collect::<String>())
}

/// What a server says of itself.
fn hello(mode: &str) -> Vec<u8> {
    let fields = [("server", "redis"), ("version", "7.0.15"), ("mode", mode), ("role", "master")];
    let words: String = fields.iter().map(|(name, value)| bulk(name) + &bulk(value)).collect();
    format!("%{}\r\n{words}{}:3\r\n", fields.len() + 1, bulk("proto")).into_bytes()
}

/// A master that greets well and answers everything else with this.
fn master(answer: impl Fn() -> Vec<u8> + Send + Sync + 'static) -> SocketAddr {
    answering(move |words| match words[0].as_str() {
        "HELLO" => hello("standalone"),
        "DBSIZE" => b":0\r\n".to_vec(),
        "CLIENT" => b"+OK\r\n".to_vec(),
        _ => answer(),
    })
}

/// A sentinel that greets well, names this master, and says of the other sentinels and of the replicas what it is told to say.
fn sentinel(master: SocketAddr, others: String, replicas: String) -> SocketAddr {
    let (ip, port) = (master.ip().to_string(), master.port().to_string());
    answering(move |words| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["HELLO", ..] => hello("sentinel"),
            ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", ..] => list(&[&ip, &port]).into(),
            ["SENTINEL", "MASTER", ..] => list(&["flags", "master", "config-epoch", "1"]).into(),
            ["SENTINEL", "SENTINELS", ..] => others.clone().into(),
            ["SENTINEL", "REPLICAS", ..] => replicas.clone().into(),
            ["SENTINEL", "MYID"] => bulk(&"a".repeat(40)).into(),
            // It is polled then.
            ["SUBSCRIBE", ..] => b"-NOPERM this user has no permissions to run the 'subscribe' command\r\n".to_vec(),
            _ => b"-ERR unknown command\r\n".to_vec(),
        }
    })
}

fn direct(addr: SocketAddr) -> String {
    format!("redis://{addr}?{BOUNDS}")
}

fn by_sentinel(addr: SocketAddr) -> String {
    format!("redis+sentinel://{addr}/mymaster?{BOUNDS}")
}

/// In bounded time and memory. One at a time: the memory is the whole process's.
fn bounded<T>(what: &str, act: impl FnOnce() -> T) -> T {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (started, before) = (Instant::now(), memory());
    let result = act();
    assert!(started.elapsed() < Duration::from_secs(20), "{what}: took {:?}", started.elapsed());
    assert!(memory() < before + MEMORY, "{what}: {} KiB more", memory() - before);
    result
}

fn refused(what: &str, url: &str) -> Error {
    let error = bounded(what, || {
        connect(url).map(|client| client.status()).err().unwrap_or_else(|| panic!("{what}: connected"))
    });
    assert!(!matches!(error.kind(), ErrorKind::Panic | ErrorKind::Internal), "{what}: {error}");
    error
}

/// Sends as fast as it is read, without end.
fn endless(begin: &'static [u8], again: &'static [u8]) -> impl Fn(TcpStream) + Send + Sync + 'static {
    move |mut stream| {
        let more = again.repeat(65536 / again.len());
        if stream.write_all(begin).is_ok() {
            while stream.write_all(&more).is_ok() {}
        }
    }
}

fn greeted(addr: SocketAddr) -> Client {
    connect(&direct(addr)).unwrap()
}

#[test]
fn replies_that_are_none() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let answers: [(&str, Vec<u8>); 9] = [
        ("garbage", b"\x00\xff\x13garbage\r\n".to_vec()),
        ("a bulk that is too long", b"$1099511627776\r\n".to_vec()),
        ("an array that is too long", b"*1000000000\r\n".to_vec()),
        ("nesting that is too deep", b"*1\r\n".repeat(100)),
        ("a bulk without its end", b"$3\r\nabcdef\r\n".to_vec()),
        ("a number that is none", b":12x\r\n".to_vec()),
        ("a boolean that is none", b"#x\r\n".to_vec()),
        ("more than is accepted", [b"$2097152\r\n".as_slice(), &vec![b'a'; 2 << 20], b"\r\n"].concat()),
        ("the beginning of a reply", b"$100\r\nabc".to_vec()),
    ];
    for (what, answer) in answers {
        let client = greeted(master(move || answer.clone()));
        let error = bounded(what, || run(&client, "INCR a").unwrap_err());
        assert!(matches!(error.kind(), ErrorKind::MaybeExecuted | ErrorKind::Protocol), "{what}: {error}");
        let error = bounded(what, || run(&client, "GET a").unwrap_err());
        let known = [ErrorKind::Protocol, ErrorKind::Timeout, ErrorKind::MaybeExecuted, ErrorKind::Disconnected];
        assert!(known.contains(&error.kind()), "{what}: {error}");
    }
}

#[test]
fn a_second_reply_is_given_to_nobody() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let client = greeted(master(move || {
        let n = counting.fetch_add(1, Ordering::AcqRel);
        format!(":{n}\r\n:666\r\n").into_bytes()
    }));
    for _ in 0..20 {
        match run(&client, "GET a") {
            Ok(value) => assert_ne!(value, standfast::Value::Int(666), "an answer to nothing was given to a command"),
            Err(error) => assert_ne!(error.kind(), ErrorKind::Internal, "{error}"),
        }
    }
}

#[test]
fn sentinels_that_lie() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // A master at a foreign port: something that is no Redis at all.
    let foreign = peer(endless(b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"));
    let error = refused("a foreign port", &by_sentinel(sentinel(foreign, "*0\r\n".into(), "*0\r\n".into())));
    assert!(error.causes().iter().any(|cause| cause.address == foreign.to_string()), "{error}: {:?}", error.causes());
    // A master that is the sentinel itself: it says so, and is none.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let itself = listener.local_addr().unwrap();
    drop(listener);
    refused("nobody at localhost", &by_sentinel(sentinel(itself, "*0\r\n".into(), "*0\r\n".into())));

    let node = master(|| b"+OK\r\n".to_vec());
    let of = |host: &str, n: usize| {
        list(&["ip", host, "port", &(1024 + n % 60000).to_string(), "runid", &format!("{n:040}"), "flags", "sentinel"])
    };
    let long = "x".repeat(64 << 10);
    let many: String = (0..10_000).map(|n| of("127.0.0.9", n)).collect();
    let names: String = (0..8).map(|n| of(&long, n)).collect();
    for (what, others, replicas) in [
        ("10 000 sentinels", format!("*10000\r\n{many}"), "*0\r\n".to_owned()),
        ("10 000 replicas", "*0\r\n".to_owned(), format!("*10000\r\n{many}")),
        ("names of 64 KiB", format!("*8\r\n{names}"), format!("*8\r\n{names}")),
        ("lists that are none", "+OK\r\n".to_owned(), ":7\r\n".to_owned()),
    ] {
        let url = by_sentinel(sentinel(node, others, replicas))
            .replace("max_reply_bytes=1048576", "max_reply_bytes=16777216");
        bounded(what, || {
            let client = connect(&url).unwrap_or_else(|error| panic!("{what}: {error}"));
            run(&client, "SET a 1").unwrap();
            until("the sentinels that it has learned are bounded", || {
                (client.status().sentinels.len() <= 33).then_some(())
            });
            client.blocking().doctor(None).unwrap();
            client.close();
        });
    }
}

#[test]
fn a_node_that_nobody_named_is_not_used() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // Both say that they are masters; the sentinel names one.
    let (named, other) = (master(|| b"+named\r\n".to_vec()), master(|| b"+other\r\n".to_vec()));
    let replica = list(&["ip", "127.0.0.1", "port", &other.port().to_string(), "flags", "slave"]);
    let client = connect(&by_sentinel(sentinel(named, "*0\r\n".into(), format!("*1\r\n{replica}")))).unwrap();
    for _ in 0..20 {
        assert_eq!(run(&client, "ECHO x").unwrap(), standfast::Value::SimpleString("named".into()));
    }
    assert_eq!(client.status().master.unwrap().port, named.port());
}
