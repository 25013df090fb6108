//! The boundary between Rust's failures and JavaScript's: every export runs inside [`guard`], which turns a core error, and a
//! panic, into a thrown `StandfastError`. What such an error says is the core's; what class it has is `lib/errors.js`'s.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use napi::bindgen_prelude::{FunctionRef, JsObjectValue, Null, Object, ToNapiValue, Unknown};
use napi::{Env, JsValue, sys};
use napi_derive::napi;
use standfast::{Error, ErrorKind};

/// A function of `lib/` that makes one JavaScript value of another. The argument is a raw value because a reference outlives
/// every scope that a typed one could belong to.
pub(crate) type Maker = FunctionRef<sys::napi_value, Unknown<'static>>;

/// What JavaScript makes for us, because Node-API cannot: instances of `StandfastError`, `Map`, `Set`, and long integers.
pub(crate) struct Makers {
    pub(crate) error: Maker,
    pub(crate) map: Maker,
    pub(crate) set: Maker,
    pub(crate) bigint: Maker,
}

impl Makers {
    pub(crate) fn from_object(makers: &Object<'_>) -> napi::Result<Makers> {
        Ok(Makers {
            error: makers.get_named_property("error")?,
            map: makers.get_named_property("map")?,
            set: makers.get_named_property("set")?,
            bigint: makers.get_named_property("bigint")?,
        })
    }

    pub(crate) fn make<'env>(&self, env: &'env Env, maker: &Maker, of: Unknown<'_>) -> napi::Result<Unknown<'env>> {
        maker.borrow_back(env)?.call(of.raw())?.into_unknown(env)
    }
}

/// Why an export failed: a failure of the product, or one of the JavaScript engine (which is on its way down, or out of memory).
pub(crate) enum Failure {
    Core(Error),
    Engine(napi::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Core(error)
    }
}

impl From<napi::Error> for Failure {
    fn from(error: napi::Error) -> Failure {
        Failure::Engine(error)
    }
}

/// Run the body of an export: no panic and no bare text gets past here.
pub(crate) fn guard<T>(env: &Env, makers: &Makers, body: impl FnOnce() -> Result<T, Failure>) -> napi::Result<T> {
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(failure)) => failure,
        Err(panic) => Failure::Core(panicked(&*panic)),
    };
    Err(match failure {
        Failure::Core(error) => {
            match describe(env, &error).and_then(|raw| makers.make(env, &makers.error, raw.to_unknown())) {
                Ok(thrown) => napi::Error::from(thrown),
                Err(engine) => engine,
            }
        }
        Failure::Engine(engine) => engine,
    })
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text");
    Error::new(ErrorKind::Panic, format!("a panic was caught, this is a bug in Standfast: {text}"))
}

/// An error as a plain object with the contract's fields, from which `lib/errors.js` makes the real one.
pub(crate) fn describe<'env>(env: &'env Env, error: &Error) -> napi::Result<Object<'env>> {
    let mut causes = env.create_array(0)?;
    for cause in error.causes() {
        let mut entry = Object::new(env)?;
        entry.set("address", cause.address.as_str())?;
        match cause.resolved {
            Some(resolved) => entry.set("resolved", resolved.to_string())?,
            None => entry.set("resolved", Null)?,
        }
        entry.set("step", cause.step.as_str())?;
        entry.set("code", cause.kind.code())?;
        entry.set("name", cause.kind.name())?;
        entry.set("message", cause.text.as_str())?;
        causes.insert(entry)?;
    }
    let mut raw = kind_fields(env, error.kind(), error.retry().as_str())?;
    raw.set("message", error.message())?;
    raw.set("causes", causes)?;
    if let Some(phase) = error.phase() {
        raw.set("phase", phase.as_str())?;
    }
    if let Some((code, text)) = error.server_reply() {
        raw.set("serverCode", code)?;
        raw.set("serverText", text)?;
    }
    Ok(raw)
}

fn kind_fields<'env>(env: &'env Env, kind: ErrorKind, retry: &str) -> napi::Result<Object<'env>> {
    let mut fields = Object::new(env)?;
    fields.set("code", kind.code())?;
    fields.set("name", kind.name())?;
    fields.set("category", kind.category())?;
    fields.set("retry", retry)?;
    Ok(fields)
}

/// The core's table of errors, for the drift test: `lib/errors.js` must say the same.
#[napi(catch_unwind)]
pub fn error_table(env: &Env) -> napi::Result<Vec<Object<'_>>> {
    ErrorKind::ALL.iter().map(|kind| kind_fields(env, *kind, Error::new(*kind, "").retry().as_str())).collect()
}

/// Panics inside the boundary, so that a test can see what becomes of it.
#[napi(catch_unwind)]
pub fn debug_panic(env: &Env, makers: Object<'_>) -> napi::Result<()> {
    let makers = Makers::from_object(&makers)?;
    guard(env, &makers, || panic!("a panic on purpose"))
}

/// The version of the core; the package's must be the same.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    standfast::VERSION
}
