//! TCP sockets with the options that every link needs, applied at every connect.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::net::sockopt;

use crate::config::Options;
use crate::error::{Error, ErrorKind, Result};

/// Connect from a waiting thread.
pub(crate) fn connect_blocking(addr: SocketAddr, within: Duration, options: &Options) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&addr, within.max(Duration::from_millis(1)))
        .map_err(|error| connect_failed(addr, &error))?;
    tune(&stream, options).map_err(|error| connect_failed(addr, &error))?;
    Ok(stream)
}

/// Connect as a task.
pub(crate) async fn connect(addr: SocketAddr, within: Duration, options: &Options) -> Result<tokio::net::TcpStream> {
    let stream = match tokio::time::timeout(within, tokio::net::TcpStream::connect(addr)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(connect_failed(addr, &error)),
        Err(_) => {
            return Err(Error::new(
                ErrorKind::ConnectFailed,
                format!("{addr} did not accept within {} ms", within.as_millis()),
            ));
        }
    };
    tune(&stream, options).map_err(|error| connect_failed(addr, &error))?;
    Ok(stream)
}

/// An error of a connection that had been made.
pub(crate) fn lost(error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Disconnected, format!("the connection was lost: {error}"))
}

/// The end of a connection by the other side.
pub(crate) fn ended() -> Error {
    Error::new(ErrorKind::Disconnected, "the server closed the connection")
}

/// A reply is owed, and nothing at all comes: the peer may have vanished without a word.
pub(crate) fn silent(since: Duration) -> Error {
    Error::new(ErrorKind::Disconnected, format!("a reply has been owed for {} ms without a byte", since.as_millis()))
}

fn connect_failed(addr: SocketAddr, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::ConnectFailed, format!("connecting to {addr}: {error}"))
}

/// A peer that vanishes without a word must not hold a link for the quarter of an hour that Linux would wait.
fn tune(socket: &impl AsFd, options: &Options) -> std::io::Result<()> {
    sockopt::set_tcp_nodelay(socket, true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, options.tcp_keepalive_idle)?;
    sockopt::set_tcp_keepintvl(socket, options.tcp_keepalive_interval)?;
    sockopt::set_tcp_keepcnt(socket, u32::try_from(options.tcp_keepalive_probes).unwrap_or(u32::MAX))?;
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(socket, u32::try_from(options.tcp_user_timeout.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

/// Whether an idle link is still open and silent. A link that the server closed while nobody used it must not be given a
/// command: the command would count as sent.
pub(crate) fn is_quiet(stream: &TcpStream) -> bool {
    use rustix::net::RecvFlags;
    let mut byte = [0_u8; 1];
    matches!(rustix::net::recv(stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT), Err(rustix::io::Errno::AGAIN))
}
