//! stub
use std::time::Duration;
use std::sync::Arc;
use crate::bell::Interrupt;
use crate::client::{Client, Timeout};
use crate::command::Request;
use crate::config::Config;
use crate::error::Result;
use crate::event::Event;
use redis::Value;

/// stub
pub fn connect(_config: Config, _interrupt: Interrupt<'_>) -> Result<Client> { todo!() }

/// stub
#[derive(Clone, Copy, Debug)]
pub struct Blocking<'a> { pub(crate) client: &'a Client }

impl Blocking<'_> {
    /// stub
    pub fn wait_ready(&self, _timeout: Option<Duration>, _interrupt: Interrupt<'_>) -> Result<()> { let _ = self.client; todo!() }
    /// stub
    pub fn command(&self, _request: impl Into<Request>, _timeout: Timeout, _interrupt: Interrupt<'_>) -> Result<Value> { todo!() }
    /// stub
    pub fn publish(&self, _channel: &[u8], _payload: &[u8], _interrupt: Interrupt<'_>) -> Result<i64> { todo!() }
    /// stub
    pub fn event_next(&self, _timeout: Option<Duration>, _interrupt: Interrupt<'_>) -> Result<Option<Arc<Event>>> { todo!() }
}
