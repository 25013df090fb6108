//! The role that a node claims.

/// What a node says about itself. Only its own word counts, and only for nodes that a sentinel named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Master,
    Replica,
    /// It says something that we do not know.
    Unknown,
}

impl Role {
    /// The word in the answer to HELLO, ROLE or INFO.
    pub(crate) fn from_name(name: &str) -> Role {
        match name {
            "master" | "primary" => Role::Master,
            "replica" | "slave" => Role::Replica,
            _ => Role::Unknown,
        }
    }
}
