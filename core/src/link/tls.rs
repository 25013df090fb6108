//! TLS as a stage inside the [engine](super::engine): plain bytes on one side, records on the other. No I/O.
//!
//! The handshake is a part of it: whoever drives the link writes what the engine puts out and feeds what comes, and the first
//! request goes out when the handshake is done. A record is sealed only when the kernel has begun to take the one before, so that
//! what was not sent can still be told from what was, and at most two records wait here to be written, and one to be read.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConfig, ClientConnection, InvalidMessage};

use crate::error::{Error, ErrorKind, Result};

/// The most that goes into one record.
const RECORD: usize = 16 << 10;

/// See the head of this file.
pub(crate) struct TlsStage {
    session: ClientConnection,
    /// The name that the certificate must have, as a person wrote it.
    name: String,
    outgoing: Vec<u8>,
    /// How much of `outgoing` the kernel took.
    written: usize,
    /// Where in `outgoing` the last record begins, and how many plain bytes it holds that do not count as sent yet.
    sealed: Option<(usize, usize)>,
    /// The other side said that nothing more comes.
    ended: bool,
    failed: Option<Error>,
}

impl TlsStage {
    /// A stage for a server that must prove to be `name`.
    ///
    /// # Errors
    /// [`ErrorKind::TlsFailed`]: a certificate cannot have such a name.
    pub(crate) fn new(config: Arc<ClientConfig>, name: &str) -> Result<TlsStage> {
        // The zone of a link-local address is nobody's business but ours.
        let bare = name.split('%').next().unwrap_or_default();
        let server = ServerName::try_from(bare.to_owned())
            .map_err(|_| failed(format!("no certificate can have the name {name:?} (option tls_server_name)")))?;
        let session = ClientConnection::new(config, server).map_err(|error| explain(&error, name))?;
        Ok(TlsStage {
            session,
            name: name.to_owned(),
            outgoing: Vec::new(),
            written: 0,
            sealed: None,
            ended: false,
            failed: None,
        })
    }

    /// The handshake is not over.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    /// The other side ended the stream itself: nobody cut it off.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether there is something to write, if so many plain bytes wait.
    pub(crate) fn has_output(&self, waiting: usize) -> bool {
        let seals = waiting > self.sealed.map_or(0, |(_, plain)| plain) && !self.session.is_handshaking();
        self.written < self.outgoing.len() || self.session.wants_write() || seals
    }

    /// What is to be written next; `waiting` are the plain bytes that were not counted as sent so far.
    pub(crate) fn output(&mut self, waiting: &[u8]) -> &[u8] {
        if self.written == self.outgoing.len() {
            self.outgoing.clear();
            self.written = 0;
        }
        self.collect();
        if self.sealed.is_none() && !waiting.is_empty() && !self.session.is_handshaking() {
            let at = self.outgoing.len();
            let part = &waiting[..waiting.len().min(RECORD)];
            // Into memory, without a bound: nothing can go wrong, and nothing is left out.
            let plain = std::io::Write::write(&mut self.session.writer(), part).unwrap_or(0);
            self.sealed = Some((at, plain));
            self.collect();
        }
        &self.outgoing[self.written..]
    }

    /// The kernel took so many bytes of the output. Gives how many plain bytes count as sent from now on.
    pub(crate) fn wrote(&mut self, count: usize) -> usize {
        self.written += count;
        match self.sealed {
            Some((at, plain)) if at < self.written => {
                self.sealed = None;
                plain
            }
            _ => 0,
        }
    }

    /// These bytes came from the server; what they hold is appended to `plain`. A failure is kept for [`TlsStage::failure`].
    pub(crate) fn feed(&mut self, mut bytes: &[u8], plain: &mut Vec<u8>) {
        while !bytes.is_empty() && self.failed.is_none() {
            let taken = self.session.read_tls(&mut bytes);
            let state = match self.session.process_new_packets() {
                Ok(state) => state,
                Err(error) => {
                    self.failed = Some(explain(&error, &self.name));
                    return;
                }
            };
            self.ended |= state.peer_has_closed();
            let came = state.plaintext_bytes_to_read();
            if came > 0 {
                let before = plain.len();
                plain.resize(before + came, 0);
                let read = std::io::Read::read(&mut self.session.reader(), &mut plain[before..]).unwrap_or(0);
                plain.truncate(before + read);
            }
            // Behind the end of the stream, or refused: more of the same changes nothing.
            if !matches!(taken, Ok(1..)) {
                return;
            }
        }
    }

    /// Why the link is of no more use.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.failed.clone()
    }

    fn collect(&mut self) {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.outgoing) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
        }
    }
}

impl fmt::Debug for TlsStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStage").field("name", &self.name).field("handshaking", &self.is_handshaking()).finish()
    }
}

fn failed(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::TlsFailed, text)
}

/// What a person can do something about, in words; the rest as the library says it.
fn explain(error: &rustls::Error, name: &str) -> Error {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage as Invalid};
    failed(match error {
        InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) => {
            let found: Vec<&str> = presented.iter().map(|name| bare_name(name)).collect();
            let found = if found.is_empty() { "no name at all".to_owned() } else { found.join(", ") };
            format!("the certificate is not for {name:?}, it is for {found} (option tls_server_name)")
        }
        InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            format!("the certificate of {name:?} was issued by nobody whom this client trusts (option tls_ca)")
        }
        Invalid(InvalidMessage::InvalidContentType) => "what answers does not speak TLS (option tls)".to_owned(),
        AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateUnknown
            | AlertDescription::HandshakeFailure,
        ) => format!("the server {name:?} refuses: {error} (options tls_cert and tls_key)"),
        other => format!("the server {name:?}: {other}"),
    })
}

/// `DnsName("a")` and `IpAddress(1.2.3.4)` as a person writes them.
fn bare_name(presented: &str) -> &str {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(presented);
    inner.trim_matches('"')
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
