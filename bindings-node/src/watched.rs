//! A transaction over watched keys, as `lib/unit.js` holds it between the steps of a round.

use napi_derive::napi;
use standfast::{SharedWatched, Watched};

/// See the head of this file.
#[napi]
pub struct NativeWatched {
    inner: SharedWatched,
}

impl NativeWatched {
    pub(crate) fn new(watched: Watched) -> NativeWatched {
        NativeWatched { inner: watched.into() }
    }

    pub(crate) fn core(&self) -> &SharedWatched {
        &self.inner
    }
}

#[napi]
impl NativeWatched {
    /// Whether another round is needed, whatever the function says.
    #[napi(getter, catch_unwind)]
    pub fn lost(&self) -> bool {
        self.inner.is_lost()
    }
}
