//! Scans and single nodes: what is asked of one certain node. Which node that is, and what becomes of a scan when it changes,
//! is the core's business.

use std::ffi::c_char;

use standfast::{Error, ErrorKind, Request, ScanOptions, batch_value};

use crate::client::standfast_client;
use crate::error::standfast_status;
use crate::reply::{self, standfast_reply};
use crate::{boundary, handle};

/// A scan under way.
pub struct standfast_scan {
    _private: [u8; 0],
}

/// One node or sentinel, asked itself.
pub struct standfast_node {
    _private: [u8; 0],
}

/// Scan the keys of a node, or what is in one key, from a healthy replica, or from the master where there is none.
///
/// What is there from the beginning to the end is given; what comes or goes meanwhile may be.
///
/// @param argc     How many words.
/// @param argv     "SCAN", or "HSCAN", "SSCAN" or "ZSCAN" and the key; then, in any order, "MATCH" and a pattern, "COUNT" and a
///                 number, "TYPE" and a type, "MASTER" (not on a replica), "RESTART" (when the node changes, begin again on
///                 another one and give nothing twice, at the cost of remembering what was given).
/// @param argvlen  Their lengths; NULL when each word ends at its first NUL.
/// @param out      Receives the scan. Free with standfast_scan_free().
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_scan_open(
    client: *const standfast_client,
    argc: usize,
    argv: *const *const c_char,
    argvlen: *const usize,
    out: *mut *mut standfast_scan,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(out, std::ptr::null_mut(), "out")?;
        let client = handle::find(client)?;
        let options = ScanOptions::from_words(&caller.arguments(argc, argv, argvlen)?)?;
        out.set(handle::insert(client.scan(options)?)?);
        Ok(())
    })
}

/// What the next step of a scan brings.
///
/// @param items  Receives an array of at least one of: strings (keys, members), arrays of two (field and value, member and
///               score), and, of a scan with RESTART, maps with "old_node" and "new_node" where the node changed. Free with
///               standfast_reply_free().
/// @return STANDFAST_OK; STANDFAST_ERR_END_OF_STREAM at the end; STANDFAST_ERR_DISCONNECTED when the node changed, so that the
/// cursor is void and the scan has ended; STANDFAST_ERR_TIMEOUT when no node answered, after which the next call goes on.
///
/// Threads: any; one step at a time. Blocks up to the option "command_timeout".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_scan_next(
    scan: *const standfast_scan,
    items: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(items, std::ptr::null_mut(), "items")?;
        match handle::find(scan)?.next_batch_blocking(None)? {
            None => Err(Error::new(ErrorKind::EndOfStream, "the scan has given everything")),
            batch => {
                out.set(reply::insert(batch_value(batch))?);
                Ok(())
            }
        }
    })
}

/// Free a scan, wherever it is. NULL is ignored.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_scan_free(scan: *mut standfast_scan) -> standfast_status {
    boundary::status(|_| handle::remove(scan).map(drop))
}

/// One of the nodes that standfast_client_nodes() reports, to be asked itself whatever its role is.
///
/// @param address  Host and port, such as "10.0.0.1:6379".
/// @param out      Receives the node. Free with standfast_node_free().
/// @return STANDFAST_OK; STANDFAST_ERR_INVALID_ARGUMENT when no such node is known.
///
/// Threads: any. Never blocks: it is connected to with the first command.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_node_open(
    client: *const standfast_client,
    address: *const c_char,
    out: *mut *mut standfast_node,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(out, std::ptr::null_mut(), "out")?;
        let client = handle::find(client)?;
        out.set(handle::insert(client.node(caller.text(address, "address")?)?)?);
        Ok(())
    })
}

/// One of the sentinels that standfast_client_status() reports, to be asked itself. See standfast_node_open().
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_sentinel_open(
    client: *const standfast_client,
    address: *const c_char,
    out: *mut *mut standfast_node,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(out, std::ptr::null_mut(), "out")?;
        let client = handle::find(client)?;
        out.set(handle::insert(client.sentinel(caller.text(address, "address")?)?)?);
        Ok(())
    })
}

/// Send a command to this node and wait for its reply. The parameters are those of standfast_command().
///
/// @return STANDFAST_OK; STANDFAST_ERR_INVALID_ARGUMENT for a command that may write data: that goes to the master, through
/// the client; otherwise as standfast_command().
///
/// Threads: any. Blocks up to timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_node_send(
    node: *const standfast_node,
    argc: usize,
    argv: *const *const c_char,
    argvlen: *const usize,
    timeout_ms: i64,
    reply: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(reply, std::ptr::null_mut(), "reply")?;
        let node = handle::find(node)?;
        let request = Request::new(caller.arguments(argc, argv, argvlen)?)?;
        out.set(reply::insert(node.execute_blocking(request, boundary::command_timeout(timeout_ms)?, None)?)?);
        Ok(())
    })
}

/// What a node is.
///
/// @param status  Receives a map with "address" and "role", what it said when it was connected to last: "master", "replica",
///                "sentinel"; "unknown" before. Free with standfast_reply_free().
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_node_get(
    node: *const standfast_node,
    status: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(status, std::ptr::null_mut(), "status")?;
        out.set(reply::insert(handle::find(node)?.to_tree().into_value())?);
        Ok(())
    })
}

/// Free a node. NULL is ignored.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_node_free(node: *mut standfast_node) -> standfast_status {
    boundary::status(|_| handle::remove(node).map(drop))
}
