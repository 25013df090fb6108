//! Commands: how they are encoded, what is known about them, and what becomes of them.

pub(crate) mod facts;
pub(crate) mod outcome;
mod request;
pub(crate) mod shape;
mod table;

pub use request::Request;
pub(crate) use request::encode;
