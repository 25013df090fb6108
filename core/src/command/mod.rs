//! Commands: how they are encoded, what is known about them, and what becomes of them.

mod request;

pub use request::Request;
