//! A Redis and Valkey client that stands fast while the master falls.
//!
//! Give it the sentinels and a master name. It finds the master, proves that it is the master, follows every failover, keeps
//! subscriptions alive and says honestly what became of every command and every message.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod access;
mod bell;
mod client;
mod command;
mod completion;
mod config;
mod counters;
mod doctor;
mod drain;
mod driver;
mod durability;
mod errand;
mod error;
mod event;
mod handover;
mod known;
mod link;
mod lock;
mod log;
mod node;
mod scan;
mod sentinel;
mod shared;
mod status;
mod subscription;
mod supervisor;
mod sync;
mod timer;
mod tree;
mod unit;
mod watched;
mod watched_queue;

pub mod blocking;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;

pub use bell::{Bell, Interrupt};
pub use client::{Client, Timeout};
pub use command::{Answer, Request, Words};
pub use completion::{Completion, Host, Queue, Turned};
pub use config::{
    AddressMap, Config, ConnectPolicy, Credentials, Hop, HostPort, IpPreference, MinorityPolicy, Mode, NameTable,
    OptionKind, OptionScope, OptionSpec, OptionValue, Options, OverflowPolicy, ProtocolPolicy, ReadFrom, Secret,
    SentinelTls, ServerNames, TlsPolicy, UnavailablePolicy, VerifyPolicy,
};
pub use doctor::{FINDINGS, Finding, FindingKind, Severity};
pub use durability::Durability;
pub use errand::Errand;
pub use error::{Cause, Error, ErrorKind, Phase, Result, Retry, Step};
pub use event::{Event, EventKind, Events};
pub use lock::{Fence, Lock, LockCall, LockChange, LockState};
pub use log::{LogLevel, LogRecord, Logs};
pub use node::handle::NodeHandle;
pub use redis::Value;
pub use scan::{NodeChange, Scan, ScanItem, ScanOptions, batch_value};
pub use status::{ClientState, LinkStatus, Node, Opinion, SentinelStatus, Status, WriteProbe};
pub use subscription::{Channels, Dropped, Gap, Item, Message, Subscription};
pub use tree::{Tree, unix_micros};
pub use unit::Unit;
pub use watched::Watched;
pub use watched_queue::SharedWatched;

/// The version of this library.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
