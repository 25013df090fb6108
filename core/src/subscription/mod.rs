//! stub
mod item;
use std::time::Duration;
use crate::bell::{Bell, Interrupt};
use crate::config::OverflowPolicy;
use crate::error::Result;
pub use item::{Dropped, Gap, Item, Message};

/// stub
#[derive(Clone, Debug, Default)]
pub struct Channels {}
#[expect(missing_docs, reason = "stub")]
impl Channels {
    pub fn new<C: AsRef<[u8]>>(_channels: impl IntoIterator<Item = C>) -> Channels { todo!() }
    pub fn patterns<C: AsRef<[u8]>>(_patterns: impl IntoIterator<Item = C>) -> Channels { todo!() }
    pub fn channel(self, _channel: impl AsRef<[u8]>) -> Channels { todo!() }
    pub fn pattern(self, _pattern: impl AsRef<[u8]>) -> Channels { todo!() }
    pub fn items(self, _items: u64) -> Channels { todo!() }
    pub fn bytes(self, _bytes: u64) -> Channels { todo!() }
    pub fn overflow(self, _policy: OverflowPolicy) -> Channels { todo!() }
}
/// stub
#[derive(Clone, Debug)]
pub struct Subscription {}
#[expect(missing_docs, reason = "stub")]
impl Subscription {
    pub async fn ready(&self) -> Result<()> { todo!() }
    pub fn ready_blocking(&self, _timeout: Option<Duration>, _interrupt: Interrupt<'_>) -> Result<()> { todo!() }
    pub fn next_blocking(&self, _timeout: Option<Duration>, _interrupt: Interrupt<'_>) -> Result<Option<Item>> { todo!() }
    pub fn try_next(&self) -> Result<Option<Item>> { todo!() }
    pub async fn next(&self) -> Option<Item> { todo!() }
    pub fn bell(&self) -> &Bell { todo!() }
    pub fn close(&self) { todo!() }
}
