//! Commands: how they are encoded, what is known about them, and what becomes of them.

pub(crate) mod facts;
mod name;
pub(crate) mod outcome;
mod outcome_unit;
mod replies;
mod request;
mod script;
pub(crate) mod shape;
mod table;
pub(crate) mod unit;
mod words;

pub use replies::Answer;
pub(crate) use replies::Replies;
pub use request::Request;
pub(crate) use request::{Form, encode};
pub use words::Words;
