//! Sentinels: what they say, who decides what it means, and the watches that listen to them.

mod diagnosis;
mod opinions;
mod question;
pub(crate) mod reply;
pub(crate) mod roster;
pub(crate) mod topology;
pub(crate) mod watch;
pub(crate) mod watches;
