//! A link to one server: the protocol without I/O, and the sockets it runs on.

pub(crate) mod engine;
pub(crate) mod handshake;
pub(crate) mod published;
pub(crate) mod resolve;
pub(crate) mod resp;
#[cfg(test)]
mod resp_tests;
pub(crate) mod socket;
pub(crate) mod talk;
pub(crate) mod tls;
pub(crate) mod trust;
