//! Whoever waits drives the link: the drivers, and the gate that they all look at before they write.

pub(crate) mod admission;
pub(crate) mod doubt;
pub(crate) mod gate;
pub(crate) mod links;
pub(crate) mod pool;
pub(crate) mod tokio;
pub(crate) mod waiting;
