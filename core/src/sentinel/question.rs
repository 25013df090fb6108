//! What a sentinel is asked, and what its replies say together. Pure.

use std::net::SocketAddr;

use redis::Value;

use super::reply::{self, Answer};
use crate::command::encode;
use crate::error::{Error, ErrorKind, Result};
use crate::link::resp::text;

/// How many replies the question about a master has.
pub(super) const REPLIES: usize = 4;
pub(super) const IDENTITY_REPLIES: usize = 1;

/// Are you alive? HELLO without arguments needs no right.
pub(super) fn heartbeat() -> Vec<u8> {
    encode(&[b"HELLO".as_slice()])
}

/// Who are you? Two addresses may lead to the same sentinel.
pub(super) fn identity() -> Vec<u8> {
    encode(&[b"SENTINEL".as_slice(), b"MYID"])
}

/// `None` if the sentinel is too old to know, or does not say it to this user.
pub(super) fn identity_from(replies: &[Value]) -> Option<String> {
    replies.first().and_then(text).map(ToOwned::to_owned)
}

/// Who is the master of this name?
///
/// Address and epoch come from different commands: after a promotion the leader's SENTINEL MASTER shows the old address with
/// the new epoch for a while.
pub(super) fn about(master: &str) -> Vec<u8> {
    let master = master.as_bytes();
    let mut question = Vec::with_capacity(256);
    for what in [b"GET-MASTER-ADDR-BY-NAME".as_slice(), b"MASTER", b"REPLICAS", b"SENTINELS"] {
        question.extend(encode(&[b"SENTINEL", what, master]));
    }
    question
}

/// The answer in the replies to [`about`]. Only the address is indispensable: the others may be forbidden.
pub(super) fn answer(replies: &[Value], identity: Option<String>, peer: SocketAddr) -> Result<Answer> {
    let [address, facts, replicas, sentinels] = replies else {
        return Err(Error::new(ErrorKind::Internal, "a question has four replies"));
    };
    if let Value::ServerError(error) = address {
        let kind = match error.code() {
            "NOPERM" => ErrorKind::NoPermission,
            "NOAUTH" => ErrorKind::SentinelAuthRequired,
            "ERR" => ErrorKind::NotASentinel,
            _ => ErrorKind::ReplyError,
        };
        return Err(Error::server(kind, error.code(), error.details().unwrap_or_default()));
    }
    let (epoch, flags) = reply::master_facts(facts).unwrap_or_default();
    Ok(Answer {
        master: reply::master_address(address),
        epoch,
        flags,
        replicas: reply::replicas(replicas),
        sentinels: reply::sentinels(sentinels),
        identity,
        peer: Some(peer),
    })
}
