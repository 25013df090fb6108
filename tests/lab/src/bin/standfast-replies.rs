//! `standfast-replies FILE`: a server that answers commands with the bytes of `tests/vectors/replies.json`, for the tests of what
//! each language makes of a reply. It prints two ports, of a server that speaks RESP3 and of one that does not know HELLO,
//! and ends with its standard input.
//!
//! Beyond the file it knows only what a client asks before its first command. It is no Redis: no test of anything but replies
//! may use it.

use std::{
    collections::HashMap,
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

/// What is answered to these words.
type Replies = HashMap<Vec<String>, Vec<u8>>;

fn main() -> Result<()> {
    let file = env::args_os().nth(1).context("which file?")?;
    let vectors: Json = serde_json::from_slice(&std::fs::read(&file).context("reading the file")?)?;
    let ports = [3, 2].map(|version| serve(version, replies(&vectors, version)));
    let [three, two] = ports;
    println!("{} {}", three?, two?);
    io::stdin().read_to_end(&mut Vec::new()).context("reading standard input")?;
    Ok(())
}

fn replies(vectors: &Json, version: u64) -> Replies {
    let all = vectors["replies"].as_array().into_iter().flatten();
    all.filter(|vector| vector["resp"].as_u64().unwrap_or(3) == version)
        .map(|vector| {
            let words = vector["words"].as_array().into_iter().flatten();
            let words = words.map(|word| word.as_str().unwrap_or_default().to_owned()).collect();
            // Each character is one byte.
            (words, vector["wire"].as_str().unwrap_or_default().chars().map(|c| c as u8).collect())
        })
        .collect()
}

fn serve(version: u64, replies: Replies) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    let replies = Arc::new(replies);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let replies = Arc::clone(&replies);
            // A client that leaves is nobody's failure.
            thread::spawn(move || talk(&stream, version, &replies));
        }
    });
    Ok(port)
}

fn talk(stream: &TcpStream, version: u64, replies: &Replies) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::new(stream);
    loop {
        let words = command(&mut input)?;
        let reply = match words[0].to_ascii_uppercase().as_str() {
            "HELLO" if version == 3 => hello(),
            "HELLO" => b"-ERR unknown command 'HELLO'\r\n".to_vec(),
            "AUTH" | "SELECT" | "CLIENT" => b"+OK\r\n".to_vec(),
            "PING" => b"+PONG\r\n".to_vec(),
            "DBSIZE" => b":0\r\n".to_vec(),
            "ROLE" => b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n".to_vec(),
            "INFO" => bulk("redis_version:4.0.0\r\nredis_mode:standalone\r\nrole:master\r\n"),
            _ => match replies.get(&words) {
                Some(reply) => reply.clone(),
                None => format!("-ERR there is no reply to {words:?}\r\n").into_bytes(),
            },
        };
        (&*stream).write_all(&reply)?;
    }
}

fn hello() -> Vec<u8> {
    let mut reply = b"%4\r\n".to_vec();
    for text in ["server", "redis", "version", "7.0.0", "mode", "standalone", "role", "master"] {
        reply.extend(bulk(text));
    }
    reply
}

fn bulk(text: &str) -> Vec<u8> {
    format!("${}\r\n{text}\r\n", text.len()).into_bytes()
}

/// An array of bulk strings.
fn command(input: &mut impl BufRead) -> Result<Vec<String>> {
    let count = number(input, '*')?;
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        let mut word = vec![0; number(input, '$')? + 2];
        input.read_exact(&mut word)?;
        word.truncate(word.len() - 2);
        words.push(String::from_utf8(word)?);
    }
    if words.is_empty() {
        bail!("a command without words");
    }
    Ok(words)
}

fn number(input: &mut impl BufRead, kind: char) -> Result<usize> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        bail!("the client left");
    }
    Ok(line.trim_end().strip_prefix(kind).context("not a command")?.parse()?)
}
