//! Data nodes: what they say about their role, and the links of the supervisor that ask them.

pub(crate) mod control;
pub(crate) mod offsets;
pub(crate) mod probe;
pub(crate) mod role;
