//! Sentinels: what they say, who decides what it means, and the watches that listen to them.

mod diagnosis;
pub(crate) mod reply;
pub(crate) mod topology;
pub(crate) mod watch;
