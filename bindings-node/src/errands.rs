//! Locks, scans and single nodes as JavaScript holds them. What is asked is submitted to the client's queue; promises, iterators
//! and scopes are `lib/lock.js`'s and `lib/scan.js`'s.

use std::rc::Rc;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Array, BufferSlice, Either, Unknown};
use napi_derive::napi;
use standfast::{ErrorKind, Lock, LockCall, NodeHandle, Request, Scan, ScanOptions};

use crate::client::{NativeClient, ring};
use crate::errors::{Failure, Makers, guard};
use crate::subscription::batch;
use crate::values::{Bytes, Converter, command_timeout, wait_timeout};

/// A word of a command: text or bytes.
type Word<'a> = Either<String, BufferSlice<'a>>;

/// A lock of the core.
#[napi]
pub struct NativeLock {
    lock: Lock,
    makers: Rc<Makers>,
}

/// A scan of the core.
#[napi]
pub struct NativeScan {
    scan: Scan,
}

/// One node or sentinel of the core.
#[napi]
pub struct NativeNode {
    node: NodeHandle,
    makers: Rc<Makers>,
}

fn length(milliseconds: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(milliseconds / 1e3).map_err(|_| {
        standfast::Error::new(ErrorKind::InvalidArgument, "a ttl is a positive number of milliseconds").into()
    })
}

/// A lock. Without a token it gets one of its own.
#[napi(catch_unwind)]
pub fn lock(
    env: &Env,
    client: &NativeClient,
    key: Word<'_>,
    token: Option<Word<'_>>,
    ttl: f64,
    automatic: bool,
) -> napi::Result<NativeLock> {
    guard(env, client.makers(), || {
        let token = token.as_ref().map(AsRef::as_ref);
        let lock = client.core().lock(&key, token, length(ttl)?, automatic)?;
        ring(lock.bell(), client.wake());
        Ok(NativeLock { lock, makers: Rc::clone(client.makers()) })
    })
}

/// Ask something of a lock: take, acquire, extend, release or query. The completion is taken under this tag.
#[napi(catch_unwind)]
pub fn submit_lock(
    env: &Env,
    client: &NativeClient,
    lock: &NativeLock,
    what: String,
    milliseconds: Option<f64>,
    tag: f64,
) -> napi::Result<()> {
    guard(env, client.makers(), || {
        let wait = || Ok::<_, Failure>(wait_timeout(milliseconds)?.unwrap_or(Duration::MAX));
        let call = match what.as_str() {
            "take" => LockCall::Take { wait: wait()? },
            "acquire" => LockCall::Acquire { wait: wait()? },
            "extend" => LockCall::Extend { ttl: milliseconds.map(length).transpose()? },
            "release" => LockCall::Release,
            _ => LockCall::Query,
        };
        Ok(client.queue()?.submit_errand(lock.lock.errand(call), tag as u64)?)
    })
}

#[napi]
impl NativeLock {
    /// What is known without asking, as an object.
    #[napi(catch_unwind)]
    pub fn status<'env>(&'env self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        guard(env, &self.makers, || {
            Ok(Converter { env, makers: &self.makers, bytes: Bytes::Text }.report(self.lock.to_tree())?)
        })
    }

    /// Up to `max` changes of state that are there. Throws when the client is closed.
    #[napi(catch_unwind)]
    pub fn take<'env>(&'env self, env: &'env Env, max: u32) -> napi::Result<Array<'env>> {
        let converter = Converter { env, makers: &self.makers, bytes: Bytes::Text };
        guard(env, &self.makers, || {
            batch(converter, max, || {
                let change = self.lock.next_change_blocking(Some(Duration::ZERO), None)?;
                Ok(change.map(|change| (change.to_tree(), 0)))
            })
        })
    }
}

/// A scan, in the words of the core: `SCAN`, or `HSCAN`, `SSCAN` or `ZSCAN` and a key, then options.
#[napi(catch_unwind)]
pub fn scan(env: &Env, client: &NativeClient, words: Vec<Word<'_>>) -> napi::Result<NativeScan> {
    guard(env, client.makers(), || {
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        Ok(NativeScan { scan: client.core().scan(ScanOptions::from_words(&words)?)? })
    })
}

/// The next step of a scan: an array, or null at the end. The completion is taken under this tag.
#[napi(catch_unwind)]
pub fn submit_scan(env: &Env, client: &NativeClient, scan: &NativeScan, tag: f64) -> napi::Result<()> {
    guard(env, client.makers(), || Ok(client.queue()?.submit_errand(scan.scan.errand(), tag as u64)?))
}

/// Send a command with a route of its own for what only reads. The completion is settled under this tag.
#[napi(catch_unwind)]
pub fn submit_read(
    env: &Env,
    client: &NativeClient,
    args: Vec<Word<'_>>,
    timeout: Option<f64>,
    read_from: String,
    tag: f64,
) -> napi::Result<()> {
    guard(env, client.makers(), || {
        let request = Request::new(args)?.reading_from(read_from.parse()?);
        if client.queue()?.submit(request, command_timeout(timeout)?, tag as u64)? {
            client.driver().flush();
        }
        Ok(())
    })
}

/// One node, or one sentinel.
#[napi(catch_unwind)]
pub fn node(env: &Env, client: &NativeClient, address: String, sentinel: bool) -> napi::Result<NativeNode> {
    guard(env, client.makers(), || {
        let core = client.core();
        let node = if sentinel { core.sentinel(&address) } else { core.node(&address) };
        Ok(NativeNode { node: node?, makers: Rc::clone(client.makers()) })
    })
}

/// Send a command to one node. The completion is taken under this tag.
#[napi(catch_unwind)]
pub fn submit_node(
    env: &Env,
    client: &NativeClient,
    node: &NativeNode,
    args: Vec<Word<'_>>,
    timeout: Option<f64>,
    tag: f64,
) -> napi::Result<()> {
    guard(env, client.makers(), || {
        let errand = node.node.errand(Request::new(args)?, command_timeout(timeout)?)?;
        Ok(client.queue()?.submit_errand(errand, tag as u64)?)
    })
}

#[napi]
impl NativeNode {
    /// Its address and its role, as an object.
    #[napi(catch_unwind)]
    pub fn status<'env>(&'env self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        guard(env, &self.makers, || {
            Ok(Converter { env, makers: &self.makers, bytes: Bytes::Text }.report(self.node.to_tree())?)
        })
    }
}
