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
use super::published::Published;
use super::resolve::resolve;
use super::resp::Bounds;
use super::socket;
use crate::access::Door;
use crate::command::Request;
use crate::command::outcome::Partial;
use crate::config::{Config, Credentials, HostPort, Options};
use crate::error::{Cause, Error, ErrorKind, Result, Step};

/// How much is read at once at the most.
const MOST_AT_ONCE: usize = 128 << 10;

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
    pub(crate) door: &'a Door,
    pub(crate) name: &'a str,
    pub(crate) within: Duration,
    /// The address to be tried first, if the name leads there.
    pub(crate) first: Option<SocketAddr>,
}

/// What is said right behind HELLO, before its answer is known: subscriptions, with the number of channels of each, and one
/// question behind them. Whoever cannot be greeted with HELLO is not greeted at all then.
#[derive(Debug, Default)]
pub(crate) struct Behind {
    pub(crate) subscriptions: Vec<(Vec<u8>, usize)>,
    pub(crate) question: Vec<u8>,
}

impl Talk {
    /// Resolve, connect and greet. The error says how far it came.
    pub(crate) async fn open(
        address: &HostPort,
        config: &Config,
        greeting: Greeting<'_>,
    ) -> std::result::Result<(Talk, Hello), Cause> {
        Self::open_with(address, config, greeting, None).await
    }

    /// The same, and say more in the same breath.
    pub(crate) async fn open_with(
        address: &HostPort,
        config: &Config,
        greeting: Greeting<'_>,
        behind: Option<&Behind>,
    ) -> std::result::Result<(Talk, Hello), Cause> {
        let mut resolved = None;
        match Self::try_open(address, config, greeting, behind, &mut resolved).await {
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
        behind: Option<&Behind>,
        resolved: &mut Option<SocketAddr>,
    ) -> std::result::Result<(Talk, Hello), (Step, Error)> {
        let until = Instant::now() + greeting.within;
        let mut addresses = resolve(address, config, until).await.map_err(|error| (Step::Resolve, error))?;
        // A stable sort: the others stay in their order.
        addresses.sort_by_key(|found| Some(*found) != greeting.first);
        let count = addresses.len();
        let mut best: Option<(SocketAddr, Step, Error)> = None;
        for (at, peer) in addresses.into_iter().enumerate() {
            // An address where nobody is left must not take the time of those where somebody is.
            let share = until.saturating_duration_since(Instant::now()) / u32::try_from(count - at).unwrap_or(u32::MAX);
            let by = Instant::now() + share;
            match Self::try_address(address, peer, config, (&greeting, behind), by).await {
                Ok(open) => {
                    *resolved = Some(peer);
                    return Ok(open);
                }
                // The one that came farthest says most about what is wrong.
                Err((step, error)) => match &best {
                    Some((_, before, _)) if *before >= step => {}
                    _ => best = Some((peer, step, error)),
                },
            }
        }
        let Some((peer, step, error)) = best else {
            return Err((Step::Resolve, Error::new(ErrorKind::ConnectFailed, "the name has no address")));
        };
        *resolved = Some(peer);
        Err((step, error))
    }

    async fn try_address(
        address: &HostPort,
        peer: SocketAddr,
        config: &Config,
        (greeting, behind): (&Greeting<'_>, Option<&Behind>),
        until: Instant,
    ) -> std::result::Result<(Talk, Hello), (Step, Error)> {
        // Read before connecting: a file that cannot be used is no reason to trouble a server.
        let credentials = greeting.door.credentials().map_err(|error| (Step::Auth, error))?;
        let tls = greeting.door.stage(address).map_err(|error| (Step::Tls, error))?;
        let left = until.saturating_duration_since(Instant::now());
        let stream = socket::connect(peer, left, &config.options).await.map_err(|error| (Step::Connect, error))?;
        let mut talk = Talk::over(stream, peer, &config.options);
        if let Some(tls) = tls {
            talk.engine.encrypt(tls);
        }
        let hello = talk.greet(greeting, behind, &credentials, config, until).await.map_err(|error| {
            let tls = error.kind() == ErrorKind::TlsFailed || talk.engine.is_handshaking();
            (if tls { Step::Tls } else { Step::Auth }, error)
        })?;
        talk.redirects = hello.redirects;
        Ok((talk, hello))
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
        behind: Option<&Behind>,
        credentials: &Credentials,
        config: &Config,
        until: Instant,
    ) -> Result<Hello> {
        let hop = greeting.door.hop;
        let db = if hop == Hop::Data { config.db } else { 0 };
        let mut handshake = Handshake::new(hop, config.options.protocol, credentials, greeting.name, db);
        loop {
            let (request, replies) = handshake.request();
            self.engine.push(0, &request, replies);
            if let Some(Behind { subscriptions, question }) = behind {
                for (token, (request, channels)) in subscriptions.iter().enumerate() {
                    self.engine.subscribe(token as u64, request, *channels);
                }
                self.engine.push(0, question, 1);
            }
            let values = self.replies(until).await.map_err(|error| match error.kind() {
                ErrorKind::Timeout if self.engine.is_handshaking() => Error::new(
                    ErrorKind::ConnectFailed,
                    "it accepts connections but does not end the TLS handshake (does this port speak TLS?)",
                ),
                ErrorKind::Timeout => {
                    Error::new(ErrorKind::ConnectFailed, "it accepts connections but does not answer HELLO")
                }
                ErrorKind::Disconnected if !greeting.door.is_encrypted() => {
                    let text = format!("{} before it answered HELLO (does this port want TLS?)", error.message());
                    Error::new(ErrorKind::Disconnected, text)
                }
                // Whatever answers, it is not what we look for.
                ErrorKind::Protocol if hop == Hop::Sentinel => Error::new(ErrorKind::NotASentinel, error.message()),
                _ => error,
            })?;
            match handshake.answer(&values)? {
                Some(hello) => {
                    self.engine.speaks(hello.protocol);
                    return Ok(hello);
                }
                None if behind.is_some() => {
                    return Err(Error::new(ErrorKind::Protocol, "the server does not know HELLO"));
                }
                None => {}
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
        self.replies(until).await
    }

    async fn replies(&mut self, until: Instant) -> Result<Vec<Value>> {
        match timeout_at(until, self.exchange()).await {
            Ok(result) => result,
            Err(_) => Err(Error::new(ErrorKind::Timeout, "no answer in time")),
        }
    }

    /// Execute a request of a caller; what is known of it when the link ends, or when the future is dropped, is told by
    /// [`Talk::unanswered`].
    pub(crate) async fn execute(&mut self, request: &Request) -> Result<Vec<Value>> {
        self.engine.push_request(0, request);
        self.exchange().await
    }

    /// How far the request came that was not answered.
    pub(crate) fn unanswered(&mut self) -> Partial {
        self.engine.take_oldest()
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

    /// The same for a command, whose replies get the form that they have in RESP3.
    pub(crate) async fn send_request(&mut self, request: &Request) -> Result<()> {
        self.engine.push_request(0, request);
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
            self.flush().await?;
        }
    }

    /// Ask for subscriptions, or for their end: one push for each of so many channels answers, or [`Incoming::Refused`].
    pub(crate) async fn subscribe(&mut self, token: u64, request: &[u8], channels: usize) -> Result<()> {
        self.engine.subscribe(token, request, channels);
        self.flush().await
    }

    /// Wait for bytes. Cancel-safe.
    pub(crate) async fn receive(&mut self) -> Result<()> {
        self.fill().await?;
        // What TLS may have to say now.
        self.flush().await
    }

    /// The next message that has arrived, unless something else comes first.
    pub(crate) fn message(&mut self) -> Option<Published<'_>> {
        if self.pushes.is_empty() { self.engine.message() } else { None }
    }

    /// What has arrived next, whatever it is.
    pub(crate) fn arrived(&mut self) -> Result<Option<Incoming>> {
        match self.pushes.pop_front() {
            Some(push) => Ok(Some(Incoming::Push(push))),
            None => self.engine.next(),
        }
    }

    async fn exchange(&mut self) -> Result<Vec<Value>> {
        self.flush().await?;
        loop {
            match self.engine.next()? {
                Some(Incoming::Replies { values, .. }) => return Ok(values),
                Some(Incoming::Push(push)) => self.pushes.push_back(push),
                Some(Incoming::Refused { why, .. }) => return Err(Error::new(ErrorKind::SubscribeFailed, why)),
                None => {
                    self.fill().await?;
                    // What TLS has to say before the next reply is only known now.
                    self.flush().await?;
                }
            }
        }
    }

    async fn flush(&mut self) -> Result<()> {
        while self.engine.has_output() {
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
                    self.closed = self.engine.ended_in_order();
                    return Err(socket::ended());
                }
                Ok(count) => {
                    self.engine.feed(&self.buffer[..count]);
                    if count == self.buffer.len() && count < MOST_AT_ONCE {
                        // There is more: a subscription that is busy, or a long answer.
                        self.buffer = vec![0; count * 2].into_boxed_slice();
                    }
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
