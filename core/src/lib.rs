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
mod driver;
mod error;
mod event;
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

pub mod blocking;

pub use bell::{Bell, Interrupt};
pub use client::{Client, Timeout};
pub use command::Request;
pub use completion::{Completion, Queue};
pub use config::{
    Config, ConnectPolicy, Credentials, HostPort, MinorityPolicy, Mode, OptionKind, OptionScope, OptionSpec,
    OptionValue, Options, OverflowPolicy, ProtocolPolicy, Secret, UnavailablePolicy,
};
pub use error::{Cause, Error, ErrorKind, Phase, Result, Retry, Step};
pub use event::{Event, EventKind, Events};
pub use log::{LogLevel, LogRecord, Logs};
pub use redis::Value;
pub use status::{ClientState, LinkStatus, Node, Opinion, SentinelStatus, Status};
pub use subscription::{Channels, Dropped, Gap, Item, Message, Subscription};
pub use tree::{Tree, unix_micros};

/// The version of this library.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
