//! stub
use std::time::Duration;
use std::sync::Arc;
use crate::blocking::Blocking;
use crate::command::Request;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::status::{Node, Status};
use crate::subscription::{Channels, Subscription};
use crate::tree::Tree;
use redis::Value;

/// How long a command may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timeout {
    /// `command_timeout`, and for blocking commands their own time plus `blocking_grace`.
    #[default]
    Default,
    /// This long.
    After(Duration),
    /// For ever.
    Never,
}

/// stub
#[derive(Clone, Debug)]
pub struct Client {}

#[expect(missing_docs, reason = "stub")]
impl Client {
    pub fn open(_config: Config) -> Result<Client> { todo!() }
    pub async fn connect<C>(_config: C) -> Result<Client> where C: TryInto<Config>, Error: From<C::Error> { todo!() }
    pub async fn wait_ready(&self, _timeout: Option<Duration>) -> Result<()> { todo!() }
    pub async fn command(&self, _request: impl Into<Request>) -> Result<Value> { todo!() }
    pub fn blocking(&self) -> Blocking<'_> { Blocking { client: self } }
    pub fn close(&self) { todo!() }
    pub fn is_closed(&self) -> bool { todo!() }
    pub fn status(&self) -> Status { todo!() }
    pub fn nodes(&self) -> Vec<Node> { todo!() }
    pub fn nodes_tree(&self) -> Tree { todo!() }
    pub fn events(&self) -> Events { todo!() }
    pub fn events_try_next(&self) -> Result<Option<Arc<Event>>> { todo!() }
    pub fn subscribe(&self, _channels: Channels) -> Result<Subscription> { todo!() }
    pub fn config(&self) -> &Config { todo!() }
}
