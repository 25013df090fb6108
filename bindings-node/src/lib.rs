//! The private native half of the npm package: it makes JavaScript values of the core's, and nothing else. Promises, iterators,
//! waiting and the exit rules are JavaScript (`lib/`); everything about Redis is the core's.

// Those with exports are public, because Node calls them though no Rust does.
pub mod client;
pub mod errors;
pub mod logs;
pub mod subscription;
mod values;
