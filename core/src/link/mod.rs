//! A link to one server: the protocol without I/O, and the sockets it runs on.

pub(crate) mod engine;
pub(crate) mod handshake;
pub(crate) mod resp;
pub(crate) mod socket;
pub(crate) mod talk;
