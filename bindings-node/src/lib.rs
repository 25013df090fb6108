//! The private native half of the npm package: it makes JavaScript values of the core's, and nothing else. Promises, iterators,
//! waiting and the exit rules are JavaScript (`lib/`); everything about Redis is the core's. Read in the order of the list.

mod client;
mod errors;
mod subscription;
mod values;
