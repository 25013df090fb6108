//! A Redis and Valkey client that stands fast while the master falls.
//!
//! Give it the sentinels and a master name. It finds the master, proves that it is the master, follows every failover, keeps
//! subscriptions alive and says honestly what became of every command and every message.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod bell;
mod client;
mod command;
mod completion;
mod config;
mod counters;
mod doctor;
mod driver;
mod durability;
mod error;
mod event;
mod handover;
mod known;
mod link;
mod log;
mod node;
mod sentinel;
mod shared;
mod status;
mod subscription;
mod supervisor;
mod sync;
mod timer;
mod tree;
mod unit;

pub mod blocking;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;

pub use bell::{Bell, Interrupt};
pub use client::{Client, Timeout};
pub use command::{Answer, Request, Words};
pub use completion::{Completion, Host, Queue, Turned};
pub use config::{
    Config, ConnectPolicy, Credentials, HostPort, MinorityPolicy, Mode, OptionKind, OptionScope, OptionSpec,
    OptionValue, Options, OverflowPolicy, ProtocolPolicy, Secret, UnavailablePolicy,
};
pub use doctor::{FINDINGS, Finding, FindingKind, Severity};
pub use durability::Durability;
pub use error::{Cause, Error, ErrorKind, Phase, Result, Retry, Step};
pub use event::{Event, EventKind, Events};
pub use log::{LogLevel, LogRecord, Logs};
pub use redis::Value;
pub use status::{ClientState, LinkStatus, Node, Opinion, SentinelStatus, Status};
pub use subscription::{Channels, Dropped, Gap, Item, Message, Subscription};
pub use tree::{Tree, unix_micros};
pub use unit::Unit;

/// The version of this library.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
