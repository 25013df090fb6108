//! Data nodes: what they say about their role, and the links of the supervisor that ask them.

pub(crate) mod control;
pub(crate) mod handle;
pub(crate) mod line;
pub(crate) mod offsets;
pub(crate) mod probe;
pub(crate) mod reads;
pub(crate) mod replica;
pub(crate) mod role;
