//! An examination of the deployment: it waits on a thread of libuv's pool, because it takes seconds and is asked for rarely.

use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{AsyncTask, Unknown};
use napi::{Env, Task};
use napi_derive::napi;
use standfast::{Client, Error, ErrorKind, Tree};

use crate::errors::{Makers, guard};
use crate::values::{Bytes, Converter};

type Slot = Arc<Mutex<Option<Result<Tree, Error>>>>;

/// One examination: run it, then take what was found.
#[napi]
pub struct NativeExamination {
    client: Client,
    found: Slot,
    makers: Rc<Makers>,
}

impl NativeExamination {
    pub(crate) fn new(client: Client, makers: Rc<Makers>) -> NativeExamination {
        NativeExamination { client, found: Slot::default(), makers }
    }
}

#[napi]
impl NativeExamination {
    /// Fulfilled when there is something to take.
    #[napi(catch_unwind)]
    pub fn run(&self) -> AsyncTask<Examine> {
        AsyncTask::new(Examine { client: self.client.clone(), found: Arc::clone(&self.found) })
    }

    /// The findings, as objects; once.
    #[napi(catch_unwind)]
    pub fn take<'env>(&'env self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        guard(env, &self.makers, || {
            let found = self.found.lock().unwrap_or_else(PoisonError::into_inner).take();
            let tree = found.unwrap_or_else(|| Err(Error::new(ErrorKind::Closed, "the client is closed")))?;
            Ok(Converter { env, makers: &self.makers, bytes: Bytes::Text }.report(tree)?)
        })
    }
}

/// The part that runs on another thread, where there is no JavaScript.
pub struct Examine {
    client: Client,
    found: Slot,
}

impl Task for Examine {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> napi::Result<()> {
        let found = self.client.blocking().doctor_tree(None);
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        Ok(())
    }

    fn resolve(&mut self, _: Env, (): ()) -> napi::Result<()> {
        Ok(())
    }
}
