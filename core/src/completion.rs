//! stub
use std::time::Duration;
use crate::bell::Bell;
use crate::client::{Client, Timeout};
use crate::command::Request;
use crate::error::Result;
use crate::subscription::Subscription;
use redis::Value;

/// stub
#[derive(Debug)]
pub struct Completion {
    /// The tag given at submit.
    pub tag: u64,
    /// What became of it.
    pub result: Result<Value>,
}

/// stub
#[derive(Clone, Debug)]
pub struct Queue {}

impl Queue {
    /// stub
    pub fn open(_client: &Client) -> Result<Queue> { todo!() }
    /// stub
    pub fn submit(&self, _request: Request, _timeout: Timeout, _tag: u64) -> Result<()> { todo!() }
    /// stub
    pub fn submit_wait_ready(&self, _timeout: Option<Duration>, _tag: u64) -> Result<()> { todo!() }
    /// stub
    pub fn submit_subscription_ready(&self, _subscription: &Subscription, _timeout: Option<Duration>, _tag: u64) -> Result<()> { todo!() }
    /// stub
    pub fn cancel(&self, _tag: u64) { todo!() }
    /// stub
    pub fn take(&self, _max: usize) -> Vec<Completion> { todo!() }
    /// stub
    pub fn bell(&self) -> &Bell { todo!() }
    /// stub
    pub fn close(&self) { todo!() }
}
