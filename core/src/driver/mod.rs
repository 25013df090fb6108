//! Whoever waits drives the link: the drivers, and the gate that they all look at before they write.

pub(crate) mod admission;
pub(crate) mod doubt;
pub(crate) mod exclusive;
pub(crate) mod gate;
mod host_lane;
pub(crate) mod hosted;
pub(crate) mod lane;
pub(crate) mod links;
pub(crate) mod open;
mod opener;
mod poller;
pub(crate) mod pool;
mod slots;
pub(crate) mod tokio;
pub(crate) mod waiting;
