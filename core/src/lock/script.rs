//! What a lock is at the server, and the scripts that compare and act on it in one step.
//!
//! The key of a lock holds the token of its owner, as `SET key token NX PX ttl` would leave it, so that clients with the same
//! convention respect each other. Beside it `key:fence` remembers the highest `config-epoch` that anybody took the lock with,
//! and a counter of takings; it never expires.

use std::time::Duration;

use redis::Value;

use crate::command::Request;
use crate::error::{Error, ErrorKind, Result};

/// KEYS: the lock, its fence. ARGV: token, milliseconds, epoch, whether our own token there counts as free.
const TAKE: &str = "\
local held = redis.call('GET', KEYS[1])
if held and not (ARGV[4] == '1' and held == ARGV[1]) then return {0, 0, 0} end
local epoch = tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0')
if epoch < tonumber(ARGV[3]) then
  epoch = tonumber(ARGV[3])
  redis.call('HSET', KEYS[2], 'epoch', ARGV[3])
end
local counter = redis.call('HINCRBY', KEYS[2], 'counter', 1)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, epoch, counter}";

/// 1: done; 0: nobody has it; -1: somebody else has it.
const EXTEND: &str = "\
local held = redis.call('GET', KEYS[1])
if held == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if held then return -1 end
return 0";

const RELEASE: &str = "\
local held = redis.call('GET', KEYS[1])
if held == ARGV[1] then return redis.call('DEL', KEYS[1]) end
if held then return -1 end
return 0";

/// A number for each taking of a lock: greater than that of every taking before it, also over a failover.
///
/// Compared by epoch first, then by counter. Give it to what the lock protects, so that it can refuse a holder whose time was
/// over without his noticing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence {
    /// The `config-epoch` of the master; 0 without sentinels.
    pub epoch: u64,
    /// Counts the takings.
    pub counter: u64,
}

/// What a master says about a lock that somebody wants to extend or to release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Done,
    /// Nobody has it.
    Nobody,
    SomebodyElse,
}

fn fence_key(key: &[u8]) -> Vec<u8> {
    [key, b":fence"].concat()
}

fn millis(ttl: Duration) -> Vec<u8> {
    ttl.as_millis().to_string().into_bytes()
}

pub(super) fn take(key: &[u8], token: &[u8], ttl: Duration, epoch: u64, own_counts: bool) -> Result<Request> {
    let (fence, ttl, epoch) = (fence_key(key), millis(ttl), epoch.to_string());
    let own: &[u8] = if own_counts { b"1" } else { b"0" };
    Request::new([b"EVAL".as_slice(), TAKE.as_bytes(), b"2", key, &fence, token, &ttl, epoch.as_bytes(), own])
}

pub(super) fn extend(key: &[u8], token: &[u8], ttl: Duration) -> Result<Request> {
    let ttl = millis(ttl);
    Ok(Request::new([b"EVAL".as_slice(), EXTEND.as_bytes(), b"1", key, token, &ttl])?.idempotent())
}

pub(super) fn release(key: &[u8], token: &[u8]) -> Result<Request> {
    Request::new([b"EVAL".as_slice(), RELEASE.as_bytes(), b"1", key, token])
}

pub(super) fn query(key: &[u8]) -> Result<Request> {
    Request::new([b"GET".as_slice(), key])
}

/// The fence of a taking; `None` if somebody else has the lock.
pub(super) fn taken(reply: &Value) -> Result<Option<Fence>> {
    let Value::Array(parts) = reply else { return Err(unexpected()) };
    match parts[..] {
        [Value::Int(0), ..] => Ok(None),
        [Value::Int(1), Value::Int(epoch), Value::Int(counter)] => {
            Ok(Some(Fence { epoch: epoch.unsigned_abs(), counter: counter.unsigned_abs() }))
        }
        _ => Err(unexpected()),
    }
}

pub(super) fn word(reply: &Value) -> Result<Word> {
    match reply {
        Value::Int(1) => Ok(Word::Done),
        Value::Int(0) => Ok(Word::Nobody),
        Value::Int(-1) => Ok(Word::SomebodyElse),
        _ => Err(unexpected()),
    }
}

/// The token of the owner.
pub(super) fn owner(reply: Value) -> Result<Option<Vec<u8>>> {
    match reply {
        Value::Nil => Ok(None),
        Value::BulkString(token) => Ok(Some(token)),
        _ => Err(unexpected()),
    }
}

fn unexpected() -> Error {
    Error::new(ErrorKind::Protocol, "the answer to a question about a lock is none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_are_compared_by_epoch_first() {
        let fence = |epoch, counter| Fence { epoch, counter };
        assert!(fence(2, 1) > fence(1, 9) && fence(2, 2) > fence(2, 1));
        let reply = |parts: [i64; 3]| Value::Array(parts.map(Value::Int).to_vec());
        assert_eq!(taken(&reply([1, 4, 7])).unwrap(), Some(fence(4, 7)));
        assert_eq!(taken(&reply([0, 0, 0])).unwrap(), None);
        assert_eq!(taken(&Value::Nil).unwrap_err().kind(), ErrorKind::Protocol);
        assert_eq!(word(&Value::Int(-1)).unwrap(), Word::SomebodyElse);
    }
}
