//! The private native half of the npm package: it makes JavaScript values of the core's, and nothing else. Promises, iterators,
//! waiting and the exit rules are JavaScript (`lib/`); everything about Redis is the core's. Read in the order of the list.

#![cfg_attr(
    test,
    allow(dead_code, reason = "napi registers exports only outside of tests; an `expect` would count them as used")
)]

mod client;
mod errors;
mod subscription;
mod values;
