//! Making a link for commands as a task: connect, greet, and have the node prove that it is the master.

use std::net::TcpStream;
use std::sync::Arc;

use redis::Value;

use super::links::Registered;
use crate::error::Result;
use crate::link::engine::{Engine, Incoming};
use crate::link::handshake::{self, Handshake, Hop};
use crate::link::socket;
use crate::link::talk::bounds;
use crate::shared::{Master, Shared};

/// A link that is ready for commands, still without a driver.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Not blocking. The register has another handle to the same socket, to shut it down.
    pub(crate) stream: Arc<TcpStream>,
    pub(crate) engine: Engine,
    pub(crate) generation: u64,
    pub(crate) registered: Registered,
}

/// Make a link of this kind to this master, within `connect_timeout`.
///
/// # Errors
/// What a link can fail with; [`ErrorKind::NotMaster`](crate::ErrorKind::NotMaster).
pub(crate) async fn open(shared: &Shared, kind: &'static str, master: &Master) -> Result<Opened> {
    let options = &shared.config.options;
    let until = tokio::time::Instant::now() + options.connect_timeout;
    let door = shared.access.door(Hop::Data);
    let credentials = door.credentials()?;
    let tls = door.stage(&master.node)?;
    let stream = socket::connect(master.socket, options.connect_timeout, options).await?;
    let mut engine = Engine::new(bounds(options));
    if let Some(tls) = tls {
        engine.encrypt(tls);
    }
    let mut handshake =
        Handshake::new(Hop::Data, options.protocol, &credentials, &shared.client_name, shared.config.db)
            .redirected(master.redirects);
    loop {
        let (bytes, replies) = handshake.request();
        engine.push(0, &bytes, replies);
        let values = match tokio::time::timeout_at(until, exchange(&stream, &mut engine)).await {
            Ok(values) => values?,
            Err(_) => {
                return Err(handshake::stalled(&master.node, engine.is_handshaking()));
            }
        };
        if let Some(hello) = handshake.answer(&values)? {
            engine.speaks(hello.protocol);
            handshake::prove_master(&master.node, &hello)?;
            break;
        }
    }
    let stream = Arc::new(stream.into_std().map_err(|error| socket::lost(&error))?);
    let registered = shared.links.register(kind, &master.node, master.generation, Some(Arc::clone(&stream)));
    Ok(Opened { stream, engine, generation: master.generation, registered })
}

async fn exchange(stream: &tokio::net::TcpStream, engine: &mut Engine) -> Result<Vec<Value>> {
    let mut buffer = [0_u8; 4096];
    loop {
        while engine.has_output() {
            match stream.try_write(engine.output()) {
                Ok(count) => engine.wrote(count),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(socket::lost(&error)),
            }
        }
        match engine.next()? {
            Some(Incoming::Replies { values, .. }) => return Ok(values),
            Some(Incoming::Push(_) | Incoming::Refused { .. }) => continue,
            None => {}
        }
        let ready = if engine.has_output() { stream.writable().await } else { stream.readable().await };
        ready.map_err(|error| socket::lost(&error))?;
        match stream.try_read(&mut buffer) {
            Ok(0) => return Err(socket::ended()),
            Ok(count) => engine.feed(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(socket::lost(&error)),
        }
    }
}
