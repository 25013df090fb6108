//! Replies, items, events and reports as C reads them: one accessor for each type of node.
//!
//! Every accessor takes any handle: for NULL, a freed reply or a node of another type it returns 0, false, "" or NULL and
//! leaves the reason in the last error.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use standfast::{Error, ErrorKind, Result, Value};

use crate::arena::{Arena, Children, Node};
use crate::error::standfast_status;
use crate::{boundary, handle};

/// A reply, or an element of one. Elements belong to the reply and are freed with it.
pub struct standfast_reply {
    _private: [u8; 0],
}

/// The type of a reply: one of STANDFAST_TYPE_...
pub type standfast_type = i32;

/// NULL, or a handle that is not valid.
pub const STANDFAST_TYPE_NONE: standfast_type = 0;
/// Nothing: no such key, not known.
pub const STANDFAST_TYPE_NIL: standfast_type = 1;
/// standfast_reply_integer()
pub const STANDFAST_TYPE_INTEGER: standfast_type = 2;
/// standfast_reply_double()
pub const STANDFAST_TYPE_DOUBLE: standfast_type = 3;
/// standfast_reply_boolean()
pub const STANDFAST_TYPE_BOOLEAN: standfast_type = 4;
/// standfast_reply_string() and standfast_reply_length()
pub const STANDFAST_TYPE_STRING: standfast_type = 5;
/// standfast_reply_error_code(), and standfast_reply_string() for its text
pub const STANDFAST_TYPE_ERROR: standfast_type = 6;
/// standfast_reply_count() and standfast_reply_element()
pub const STANDFAST_TYPE_ARRAY: standfast_type = 7;
/// The same as an array, in no order.
pub const STANDFAST_TYPE_SET: standfast_type = 8;
/// standfast_reply_count(), standfast_reply_key(), standfast_reply_value() and standfast_reply_get()
pub const STANDFAST_TYPE_MAP: standfast_type = 9;

/// Give a value of the core to C.
pub(crate) fn insert(value: Value) -> Result<*mut standfast_reply> {
    handle::insert_reply(Arena::new(value))
}

const EMPTY: *const c_char = c"".as_ptr();

fn node<T>(
    reply: *const standfast_reply,
    on_failure: T,
    wanted: &str,
    read: impl FnOnce(&Arc<Arena>, &Node) -> Option<Result<T>>,
) -> T {
    boundary::value(on_failure, |_| {
        let (arena, at) = handle::find_reply(reply)?;
        arena.node(at).and_then(|node| read(&arena, node)).unwrap_or_else(|| {
            Err(Error::new(ErrorKind::InvalidArgument, format!("the reply is not of type {wanted}")))
        })
    })
}

/// The element at this index, of those children.
fn child(reply: *const standfast_reply, children: Children, at: Option<usize>) -> Result<*const standfast_reply> {
    match at.and_then(|at| children.at(at)) {
        Some(at) => handle::sibling(reply, at),
        None => Err(Error::new(ErrorKind::InvalidArgument, "the reply has no element of this index")),
    }
}

/// The type. STANDFAST_TYPE_NONE for NULL and for a handle that is not valid.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_reply_type(reply: *const standfast_reply) -> standfast_type {
    node(reply, STANDFAST_TYPE_NONE, "any", |_, node| {
        Some(Ok(match node {
            Node::Nil => STANDFAST_TYPE_NIL,
            Node::Integer(_) => STANDFAST_TYPE_INTEGER,
            Node::Double(_) => STANDFAST_TYPE_DOUBLE,
            Node::Boolean(_) => STANDFAST_TYPE_BOOLEAN,
            Node::Text(_) => STANDFAST_TYPE_STRING,
            Node::Error(_) => STANDFAST_TYPE_ERROR,
            Node::Array(_) => STANDFAST_TYPE_ARRAY,
            Node::Set(_) => STANDFAST_TYPE_SET,
            Node::Map(_) => STANDFAST_TYPE_MAP,
        }))
    })
}

/// The number, or 0.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_reply_integer(reply: *const standfast_reply) -> i64 {
    node(reply, 0, "integer", |_, node| match node {
        Node::Integer(number) => Some(Ok(*number)),
        _ => None,
    })
}

/// The number, or 0.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_reply_double(reply: *const standfast_reply) -> f64 {
    node(reply, 0.0, "double", |_, node| match node {
        Node::Double(number) => Some(Ok(*number)),
        _ => None,
    })
}

/// Yes or no; false when it is neither.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_reply_boolean(reply: *const standfast_reply) -> bool {
    node(reply, false, "boolean", |_, node| match node {
        Node::Boolean(yes) => Some(Ok(*yes)),
        _ => None,
    })
}

/// The bytes of a string, or the text of an error, with a NUL behind them; "" when it is neither, never NULL. The bytes may
/// contain NULs of their own: standfast_reply_length() counts them all.
///
/// @return Valid until the reply is freed.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_reply_string(reply: *const standfast_reply) -> *const c_char {
    node(reply, EMPTY, "string", |_, node| match node {
        Node::Text(text) => Some(Ok(text.as_ptr().cast())),
        Node::Error(error) => Some(Ok(error.1.as_ptr().cast())),
        _ => None,
    })
}

/// The number of bytes of standfast_reply_string(), without the NUL behind them.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_reply_length(reply: *const standfast_reply) -> usize {
    node(reply, 0, "string", |_, node| match node {
        Node::Text(text) => Some(Ok(text.len() - 1)),
        Node::Error(error) => Some(Ok(error.1.len() - 1)),
        _ => None,
    })
}

/// The first word of an error inside a reply, "WRONGTYPE"; "" when it is no error.
///
/// @return Valid until the reply is freed.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_reply_error_code(reply: *const standfast_reply) -> *const c_char {
    node(reply, EMPTY, "error", |_, node| match node {
        Node::Error(error) => Some(Ok(error.0.as_ptr())),
        _ => None,
    })
}

/// The number of elements of an array or a set, or of pairs of a map; otherwise 0.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_reply_count(reply: *const standfast_reply) -> usize {
    node(reply, 0, "array, set or map", |_, node| match node {
        Node::Array(children) | Node::Set(children) => Some(Ok(children.count())),
        Node::Map(children) => Some(Ok(children.count() / 2)),
        _ => None,
    })
}

/// An element of an array or a set; NULL when there is none of this index.
///
/// @return Belongs to the reply.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_reply_element(reply: *const standfast_reply, index: usize) -> *const standfast_reply {
    node(reply, std::ptr::null(), "array or set", |_, node| match node {
        Node::Array(children) | Node::Set(children) => Some(child(reply, *children, Some(index))),
        _ => None,
    })
}

/// The key of a pair of a map; NULL when there is none of this index.
///
/// @return Belongs to the reply.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_reply_key(reply: *const standfast_reply, index: usize) -> *const standfast_reply {
    node(reply, std::ptr::null(), "map", |_, node| match node {
        Node::Map(children) => Some(child(reply, *children, index.checked_mul(2))),
        _ => None,
    })
}

/// The value of a pair of a map; NULL when there is none of this index.
///
/// @return Belongs to the reply.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_reply_value(reply: *const standfast_reply, index: usize) -> *const standfast_reply {
    node(reply, std::ptr::null(), "map", |_, node| match node {
        Node::Map(children) => Some(child(reply, *children, index.checked_mul(2).and_then(|at| at.checked_add(1)))),
        _ => None,
    })
}

/// The value of a key of a map; NULL, without an error, when the map has no such key.
///
/// @param key  Text.
/// @return Belongs to the reply.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_reply_get(
    reply: *const standfast_reply,
    key: *const c_char,
) -> *const standfast_reply {
    boundary::value(std::ptr::null(), |caller| {
        let (arena, at) = handle::find_reply(reply)?;
        let key = caller.bytes(key.cast::<c_void>(), boundary::TERMINATED, "key")?;
        match arena.node(at) {
            Some(Node::Map(children)) => match arena.find(*children, key) {
                Some(found) => handle::sibling(reply, found),
                None => Ok(std::ptr::null()),
            },
            _ => Err(Error::new(ErrorKind::InvalidArgument, "the reply is not of type map")),
        }
    })
}

/// Free a reply with all its elements, keys and texts. NULL is ignored. An element cannot be freed on its own.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_reply_free(reply: *mut standfast_reply) -> standfast_status {
    boundary::status(|_| handle::remove_reply(reply))
}
