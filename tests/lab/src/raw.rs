//! A raw RESP connection: commands out, values in, blocking, with a timeout. No pool, no retry, no idea of a topology.
//! It shares no code with the client under test.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// What a server answers. RESP3 maps, sets and pushes arrive as arrays, its other additions as their nearest RESP2 kin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// The null bulk string, the null array, or RESP3's null.
    Nil,
    /// An integer; RESP3's booleans as 0 and 1.
    Int(i64),
    /// A simple string.
    Simple(String),
    /// An error reply.
    Error(String),
    /// A bulk string.
    Bulk(Vec<u8>),
    /// An array; a map as keys and values in turn.
    Array(Vec<Value>),
}

impl Value {
    /// An error reply becomes an `io::Error` with the server's text.
    pub fn into_result(self) -> io::Result<Value> {
        match self {
            Value::Error(text) => Err(io::Error::other(text)),
            value => Ok(value),
        }
    }

    /// The text of a simple or bulk string, an error or an integer; empty for everything else.
    pub fn text(&self) -> String {
        match self {
            Value::Simple(text) | Value::Error(text) => text.clone(),
            Value::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Value::Int(n) => n.to_string(),
            Value::Nil | Value::Array(_) => String::new(),
        }
    }

    /// The items of an array; empty for everything else.
    pub fn items(&self) -> &[Value] {
        match self {
            Value::Array(items) => items,
            _ => &[],
        }
    }

    /// The value that follows `key` in a flat array of keys and values, as Sentinel writes its maps.
    pub fn field(&self, key: &str) -> Option<String> {
        let pair = self.items().chunks_exact(2).find(|pair| pair[0].text() == key)?;
        Some(pair[1].text())
    }
}

/// A connection to one server.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Raw {
    /// Connects; `timeout` also bounds every later read and write.
    pub fn connect(addr: SocketAddr, timeout: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&addr, timeout)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(Self { stream, received: Vec::new() })
    }

    /// Sends one command and reads one value.
    pub fn command<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<Value> {
        self.send(args)?;
        self.read()
    }

    /// Sends one command without waiting for its answer.
    pub fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<()> {
        let mut out = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args.iter().map(AsRef::as_ref) {
            out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            out.extend_from_slice(arg);
            out.extend_from_slice(b"\r\n");
        }
        self.stream.write_all(&out)
    }

    /// Reads the next value. After a timeout (`WouldBlock`) it may be called again: what has arrived is kept.
    pub fn read(&mut self) -> io::Result<Value> {
        loop {
            if let Some((value, used)) = parse(&self.received)? {
                self.received.drain(..used);
                return Ok(value);
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.received.extend_from_slice(&chunk[..n]),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Changes how long a read may wait.
    pub fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(timeout))
    }
}

/// The first value in `bytes` and its length, or `None` when it is not complete.
fn parse(bytes: &[u8]) -> io::Result<Option<(Value, usize)>> {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        return Ok(None);
    };
    let garbage = || io::Error::new(ErrorKind::InvalidData, "this is not RESP");
    let (&kind, rest) = bytes[..end].split_first().ok_or_else(garbage)?;
    let line = std::str::from_utf8(rest).map_err(|_| garbage())?;
    let number = || line.parse::<i64>().map_err(|_| garbage());
    let body = end + 2;
    let value = match kind {
        b'+' | b',' | b'(' => Value::Simple(line.to_owned()),
        b'-' => Value::Error(line.to_owned()),
        b':' => Value::Int(number()?),
        b'#' => Value::Int(i64::from(line == "t")),
        b'_' => Value::Nil,
        b'$' | b'=' | b'!' | b'*' | b'~' | b'>' | b'%' if number()? < 0 => Value::Nil,
        b'$' | b'=' | b'!' => {
            let length = usize::try_from(number()?).map_err(|_| garbage())?;
            let Some(text) = bytes.get(body..body + length + 2) else {
                return Ok(None);
            };
            let text = text[..length].to_vec();
            let value = match kind {
                b'!' => Value::Error(String::from_utf8_lossy(&text).into_owned()),
                // A verbatim string begins with its format: `txt:`.
                b'=' => Value::Bulk(text.get(4..).unwrap_or_default().to_vec()),
                _ => Value::Bulk(text),
            };
            return Ok(Some((value, body + length + 2)));
        }
        b'*' | b'~' | b'>' | b'%' => {
            let count = number()? * if kind == b'%' { 2 } else { 1 };
            let (mut items, mut at) = (Vec::new(), body);
            for _ in 0..count {
                let Some((item, used)) = parse(&bytes[at..])? else {
                    return Ok(None);
                };
                items.push(item);
                at += used;
            }
            return Ok(Some((Value::Array(items), at)));
        }
        _ => return Err(garbage()),
    };
    Ok(Some((value, body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.as_bytes().to_vec())
    }

    #[test]
    fn every_kind_of_value_is_read() {
        for (bytes, value) in [
            ("+OK\r\n", Value::Simple("OK".into())),
            ("-ERR no\r\n", Value::Error("ERR no".into())),
            (":-7\r\n", Value::Int(-7)),
            ("$2\r\n\r\n\r\n", bulk("\r\n")),
            ("$-1\r\n", Value::Nil),
            ("*-1\r\n", Value::Nil),
            ("_\r\n", Value::Nil),
            ("#t\r\n", Value::Int(1)),
            ("=6\r\ntxt:ab\r\n", bulk("ab")),
            ("*2\r\n$1\r\na\r\n*1\r\n:1\r\n", Value::Array(vec![bulk("a"), Value::Array(vec![Value::Int(1)])])),
            ("%1\r\n$1\r\na\r\n:1\r\n", Value::Array(vec![bulk("a"), Value::Int(1)])),
        ] {
            assert_eq!(parse(bytes.as_bytes()).unwrap(), Some((value, bytes.len())), "{bytes:?}");
            for cut in 0..bytes.len() {
                assert_eq!(parse(&bytes.as_bytes()[..cut]).unwrap(), None, "{bytes:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn garbage_is_an_error() {
        for bytes in ["HTTP/1.1 200\r\n", "\r\n", "$x\r\n", ":\r\n"] {
            assert_eq!(parse(bytes.as_bytes()).unwrap_err().kind(), ErrorKind::InvalidData, "{bytes:?}");
        }
    }
}
