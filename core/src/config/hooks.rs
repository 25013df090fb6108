//! What a Rust program may decide by a function of its own; other languages have options for it.
//!
//! The functions are called on the thread of the supervisor, those for credentials also on threads that wait for a command:
//! they must not block. One that panics has said nothing.

use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Credentials, Hop, HostPort};

pub(crate) type AddressFunction = dyn Fn(&HostPort) -> HostPort + Send + Sync;
pub(crate) type NameFunction = dyn Fn(&HostPort) -> String + Send + Sync;
pub(crate) type CredentialsFunction = dyn Fn() -> Credentials + Send + Sync;
pub(crate) type Resolver = dyn Fn(&str, u16) -> std::io::Result<Vec<SocketAddr>> + Send + Sync;

/// See the head of this file.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) address_map: Option<Arc<AddressFunction>>,
    pub(crate) resolver: Option<Arc<Resolver>>,
    pub(crate) data: HopHooks,
    pub(crate) sentinel: HopHooks,
}

/// Those of one hop.
#[derive(Clone, Default)]
pub(crate) struct HopHooks {
    pub(crate) credentials: Option<Arc<CredentialsFunction>>,
    pub(crate) server_name: Option<Arc<NameFunction>>,
}

impl Hooks {
    pub(crate) fn of(&self, hop: Hop) -> &HopHooks {
        match hop {
            Hop::Data => &self.data,
            Hop::Sentinel => &self.sentinel,
        }
    }

    pub(crate) fn of_mut(&mut self, hop: Hop) -> &mut HopHooks {
        match hop {
            Hop::Data => &mut self.data,
            Hop::Sentinel => &mut self.sentinel,
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

/// Whether both are the same function, or both none.
pub(crate) fn same<T: ?Sized>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// The user's function must not end the supervisor.
pub(crate) fn call<T>(function: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(function)).ok()
}
