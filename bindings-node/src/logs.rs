//! The log records of the process, handed over in batches. Waiting, iterating and the end of an iteration are `lib/stream.js`'s.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use napi::Env;
use napi::bindgen_prelude::{Array, Function, Object, Unknown};
use napi_derive::napi;
use standfast::{LogLevel, Logs};

use crate::client::{ring, waker};
use crate::errors::{Makers, guard};
use crate::subscription::batch;
use crate::values::{Bytes, Converter};

/// A reader of the log records of this process. It belongs to one JavaScript environment.
#[napi]
pub struct NativeLogs {
    logs: Logs,
    makers: Rc<Makers>,
}

/// Record everything up to this level. `wake` is called when there is something to take.
#[napi(catch_unwind)]
pub fn open_logs(
    env: &Env,
    level: String,
    wake: Function<'_, (), Unknown<'static>>,
    makers: Object<'_>,
) -> napi::Result<NativeLogs> {
    let makers = Rc::new(Makers::from_object(&makers)?);
    let wake = waker(&wake)?;
    let logs = guard(env, &makers, || {
        let level: LogLevel = level.parse()?;
        let logs = Logs::open(level)?;
        ring(logs.bell(), &wake);
        Ok(logs)
    })?;
    Ok(NativeLogs { logs, makers })
}

#[napi]
impl NativeLogs {
    /// Up to `max` records that are there. Throws when the reader was closed and everything was taken.
    #[napi(catch_unwind)]
    pub fn take<'env>(&'env self, env: &'env Env, max: u32) -> napi::Result<Array<'env>> {
        let converter = Converter { env, makers: &self.makers, bytes: Bytes::Text };
        guard(env, &self.makers, || {
            batch(converter, max, || {
                Ok(self.logs.try_next()?.map(|record| {
                    let size = record.message.len();
                    (record.to_tree(), size)
                }))
            })
        })
    }

    /// Record no more. What was recorded can still be taken.
    #[napi(catch_unwind)]
    pub fn close(&self, env: &Env) -> napi::Result<()> {
        guard(env, &self.makers, || {
            self.logs.close();
            Ok(())
        })
    }
}

impl Drop for NativeLogs {
    /// The collector and the end of a worker come here without a call to close. No panic leaves.
    fn drop(&mut self) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.logs.close()));
    }
}
