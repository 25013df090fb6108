//! The lab: a real Sentinel topology on loopback, the faults that clients must survive, and the exact time of everything.
//!
//! [`Lab`] starts one master, its replicas and its sentinels, breaks them on demand, and writes down when each fault happened,
//! what each sentinel said, and when the new master took its first write.
//! [`Publisher`] publishes numbered messages without any client library, so that what a client missed can be counted.
//!
//! It is *not* a client: it knows nothing of Standfast and speaks RESP through [`Raw`], so that it cannot share a mistake with what it tests.

mod clock;
mod credentials;
mod dir;
mod error;
mod health;
mod inject;
mod lab;
mod options;
mod poll;
mod port;
mod probe;
mod process;
mod proxy;
mod publisher;
mod raw;
mod recorder;
mod sentinels;
mod server;
mod start;
mod timeline;

pub use clock::now_us;
pub use error::{LabError, Result};
pub use lab::Lab;
pub use options::LabOptions;
pub use probe::Writable;
pub use process::{Process, clean_up};
pub use proxy::{Count, Direction, Fault, Side, Traffic};
pub use publisher::{Published, Publisher};
pub use raw::{Raw, Value};
pub use timeline::Entry;
