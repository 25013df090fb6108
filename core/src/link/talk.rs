//! An engine on a tokio socket: how the supervisor talks to sentinels and nodes. One question at a time, each with its time
//! limit; pushes are kept for who wants them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use redis::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::engine::{Engine, Incoming};
use super::handshake::{Handshake, Hello, Hop, Protocol};
use super::resp::Bounds;
use super::socket;
use crate::config::{Config, Credentials, HostPort, Options, ProtocolPolicy};
use crate::error::{Cause, Error, ErrorKind, Result, Step};

/// A link of the supervisor.
#[derive(Debug)]
pub(crate) struct Talk {
    stream: TcpStream,
    engine: Engine,
    pushes: VecDeque<Value>,
    buffer: Box<[u8]>,
    pub(crate) peer: SocketAddr,
    /// The server can redirect.
    pub(crate) redirects: bool,
    /// The other side closed the link in order: nothing that it had sent is missing.
    pub(crate) closed: bool,
}

/// How to greet the server at the other end.
#[derive(Debug)]
pub(crate) struct Greeting<'a> {
    pub(crate) hop: Hop,
    pub(crate) credentials: &'a Credentials,
    pub(crate) name: &'a str,
    pub(crate) within: Duration,
}

impl Talk {
    /// Resolve, connect and greet. The error says how far it came.
    pub(crate) async fn open(
        address: &HostPort,
        config: &Config,
        greeting: Greeting<'_>,
    ) -> std::result::Result<(Talk, Hello), Cause> {
        let mut resolved = None;
        match Self::try_open(address, config, greeting, &mut resolved).await {
            Ok(open) => Ok(open),
            Err((step, error)) => Err(Cause {
                address: address.to_string(),
                resolved,
                step,
                kind: error.kind(),
                text: error.message().to_owned(),
            }),
        }
    }

    async fn try_open(
        address: &HostPort,
        config: &Config,
        greeting: Greeting<'_>,
        resolved: &mut Option<SocketAddr>,
    ) -> std::result::Result<(Talk, Hello), (Step, Error)> {
        let until = Instant::now() + greeting.within;
        let addresses = match timeout_at(until, tokio::net::lookup_host((address.host.as_str(), address.port))).await {
            Ok(Ok(found)) => found.collect::<Vec<_>>(),
            Ok(Err(error)) => {
                return Err((
                    Step::Resolve,
                    Error::new(ErrorKind::ConnectFailed, format!("the name cannot be resolved: {error}")),
                ));
            }
            Err(_) => {
                return Err((Step::Resolve, Error::new(ErrorKind::ConnectFailed, "name resolution took too long")));
            }
        };
        let mut last = Error::new(ErrorKind::ConnectFailed, "the name has no address");
        for peer in addresses {
            *resolved = Some(peer);
            let left = until.saturating_duration_since(Instant::now());
            match socket::connect(peer, left, &config.options).await {
                Ok(stream) => {
                    let mut talk = Talk::over(stream, peer, &config.options);
                    let policy = config.options.protocol;
                    let db = if greeting.hop == Hop::Data { config.db } else { 0 };
                    let hello = talk.greet(&greeting, policy, db, until).await.map_err(|error| (Step::Auth, error))?;
                    talk.redirects = hello.redirects;
                    return Ok((talk, hello));
                }
                Err(error) => last = error,
            }
        }
        Err((Step::Connect, last))
    }

    fn over(stream: TcpStream, peer: SocketAddr, options: &Options) -> Talk {
        Talk {
            stream,
            engine: Engine::new(bounds(options)),
            pushes: VecDeque::new(),
            buffer: vec![0; 16 << 10].into_boxed_slice(),
            peer,
            redirects: false,
            closed: false,
        }
    }

    async fn greet(
        &mut self,
        greeting: &Greeting<'_>,
        policy: ProtocolPolicy,
        db: u64,
        until: Instant,
    ) -> Result<Hello> {
        let mut handshake = Handshake::new(greeting.hop, policy, greeting.credentials, greeting.name, db);
        loop {
            let (request, replies) = handshake.request();
            let values = self.ask(&request, replies, until).await.map_err(|error| match error.kind() {
                ErrorKind::Timeout => {
                    Error::new(ErrorKind::ConnectFailed, "it accepts connections but does not answer HELLO")
                }
                // Whatever answers, it is not what we look for.
                ErrorKind::Protocol if greeting.hop == Hop::Sentinel => {
                    Error::new(ErrorKind::NotASentinel, error.message())
                }
                _ => error,
            })?;
            if let Some(hello) = handshake.answer(&values)? {
                self.engine.speaks(hello.protocol);
                return Ok(hello);
            }
        }
    }

    /// What the server speaks.
    pub(crate) fn protocol(&self) -> Protocol {
        self.engine.protocol()
    }

    /// Ask, and wait for all replies.
    pub(crate) async fn ask(&mut self, request: &[u8], replies: usize, until: Instant) -> Result<Vec<Value>> {
        self.engine.push(0, request, replies);
        match timeout_at(until, self.exchange()).await {
            Ok(result) => result,
            Err(_) => Err(Error::new(ErrorKind::Timeout, "no answer in time")),
        }
    }

    /// Send something that is answered by pushes.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<()> {
        self.engine.push(0, request, 0);
        self.flush().await
    }

    /// Send something whose replies come between pushes, to be read with [`Talk::incoming`].
    pub(crate) async fn send_expecting(&mut self, request: &[u8], replies: usize) -> Result<()> {
        self.engine.push(0, request, replies);
        self.flush().await
    }

    /// The next push or reply, whichever comes first.
    pub(crate) async fn incoming(&mut self) -> Result<Incoming> {
        if let Some(push) = self.pushes.pop_front() {
            return Ok(Incoming::Push(push));
        }
        loop {
            if let Some(incoming) = self.engine.next()? {
                return Ok(incoming);
            }
            self.fill().await?;
        }
    }

    async fn exchange(&mut self) -> Result<Vec<Value>> {
        self.flush().await?;
        loop {
            match self.engine.next()? {
                Some(Incoming::Replies { values, .. }) => return Ok(values),
                Some(Incoming::Push(push)) => self.pushes.push_back(push),
                None => self.fill().await?,
            }
        }
    }

    async fn flush(&mut self) -> Result<()> {
        while !self.engine.output().is_empty() {
            self.stream.writable().await.map_err(|error| socket::lost(&error))?;
            match self.stream.try_write(self.engine.output()) {
                Ok(count) => self.engine.wrote(count),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(socket::lost(&error)),
            }
        }
        Ok(())
    }

    /// Cancel-safe: bytes are taken only when they go into the engine in the same step.
    async fn fill(&mut self) -> Result<()> {
        loop {
            self.stream.readable().await.map_err(|error| socket::lost(&error))?;
            match self.stream.try_read(&mut self.buffer) {
                Ok(0) => {
                    self.closed = true;
                    return Err(socket::ended());
                }
                Ok(count) => {
                    self.engine.feed(&self.buffer[..count]);
                    return Ok(());
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(socket::lost(&error)),
            }
        }
    }
}

/// The bounds for replies of a link.
pub(crate) fn bounds(options: &Options) -> Bounds {
    Bounds { bytes: options.max_reply_bytes, depth: options.max_reply_depth }
}
