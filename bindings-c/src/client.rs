//! A client: open, wait, command, publish, events, reports, close, free. Each export converts and calls the core.

use std::ffi::{c_char, c_void};

use standfast::{Client, Request, blocking};

use crate::error::standfast_status;
use crate::options::standfast_options;
use crate::reply::{self, standfast_reply};
use crate::{boundary, handle};

/// A client of one master: its connections, its watch on the sentinels, its events.
pub struct standfast_client {
    _private: [u8; 0],
}

/// Open a client and wait for its first master, up to the option "connect_deadline".
///
/// With the option "connect" set to "background" this is standfast_client_open().
///
/// @param options  Copied. May be freed as soon as this function returns.
/// @param out      Receives a new client on success. Free with standfast_client_free().
/// @return STANDFAST_OK, or why there is no master: STANDFAST_ERR_UNKNOWN_MASTER, STANDFAST_ERR_SENTINELS_UNREACHABLE,
/// STANDFAST_ERR_NOT_A_SENTINEL, STANDFAST_ERR_MASTER_AUTH_FAILED, ... The causes say what each sentinel contributed.
///
/// Threads: any. Blocks up to "connect_deadline".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_connect(
    options: *const standfast_options,
    out: *mut *mut standfast_client,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(out, std::ptr::null_mut(), "out")?;
        let config = handle::find(options)?.config()?;
        out.set(handle::insert(blocking::connect(config, None)?)?);
        Ok(())
    })
}

/// Open a client.
///
/// Returns at once; the first connection is made in the background. standfast_client_wait_ready() waits for it.
///
/// @param options  Copied. May be freed as soon as this function returns.
/// @param out      Receives a new client on success. Free with standfast_client_free().
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_client_open(
    options: *const standfast_options,
    out: *mut *mut standfast_client,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(out, std::ptr::null_mut(), "out")?;
        let config = handle::find(options)?.config()?;
        out.set(handle::insert(Client::open(config)?)?);
        Ok(())
    })
}

/// Wait until there is a verified master.
///
/// @param timeout_ms  0 = look only, STANDFAST_FOREVER = no limit.
/// @return STANDFAST_OK, or why there is no master yet; STANDFAST_ERR_CLOSED.
///
/// Threads: any. Blocks up to timeout_ms.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_client_wait_ready(client: *const standfast_client, timeout_ms: i64) -> standfast_status {
    boundary::status(|_| handle::find(client)?.blocking().wait_ready(boundary::wait_timeout(timeout_ms)?, None))
}

/// Send a command to the master and wait for its reply.
///
/// @param argc        How many arguments, the name of the command included.
/// @param argv        The arguments.
/// @param argvlen     Their lengths; NULL when each argument ends at its first NUL.
/// @param timeout_ms  STANDFAST_DEFAULT_TIMEOUT = the option "command_timeout", STANDFAST_NO_TIMEOUT = no limit, otherwise
///                    milliseconds. 0 is invalid.
/// @param reply       Receives the reply. Free with standfast_reply_free().
/// @return STANDFAST_OK; STANDFAST_ERR_REPLY_ERROR and others of category 5 when the server answered with an error;
/// STANDFAST_ERR_TIMEOUT, STANDFAST_ERR_DISCONNECTED when it was certainly not executed; STANDFAST_ERR_MAYBE_EXECUTED when
/// that is unknown. Errors inside an array or a transaction's result are elements of type STANDFAST_TYPE_ERROR.
///
/// Threads: any, concurrently. Blocks up to timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_command(
    client: *const standfast_client,
    argc: usize,
    argv: *const *const c_char,
    argvlen: *const usize,
    timeout_ms: i64,
    reply: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(reply, std::ptr::null_mut(), "reply")?;
        let client = handle::find(client)?;
        let request = Request::new(caller.arguments(argc, argv, argvlen)?)?;
        let value = client.blocking().command(request, boundary::command_timeout(timeout_ms)?, None)?;
        out.set(reply::insert(value)?);
        Ok(())
    })
}

/// Publish a message through the master.
///
/// @param channel_length  Bytes, or STANDFAST_TERMINATED.
/// @param payload_length  Bytes, or STANDFAST_TERMINATED.
/// @param receivers       Receives the number of subscribers that the master itself sent the message to. May be NULL.
///
/// Threads: any, concurrently. Blocks up to the option "command_timeout".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_publish(
    client: *const standfast_client,
    channel: *const c_void,
    channel_length: usize,
    payload: *const c_void,
    payload_length: usize,
    receivers: *mut i64,
) -> standfast_status {
    boundary::status(|caller| {
        let out = if receivers.is_null() { None } else { Some(caller.out(receivers, 0, "receivers")?) };
        let client = handle::find(client)?;
        let channel = caller.bytes(channel, channel_length, "channel")?;
        let payload = caller.bytes(payload, payload_length, "payload")?;
        let count = client.blocking().publish(channel, payload, None)?;
        if let Some(out) = out {
            out.set(count);
        }
        Ok(())
    })
}

/// What happened to the client, in order: "ready", "master_switched", "switch_report", "sentinel_down", ... All kinds and their
/// fields are in core/docs/events.md. Times are microseconds since 1970-01-01 UTC, lengths of time are microseconds, both as
/// integers; what is not known is nil.
///
/// @param timeout_ms  0 = look only, STANDFAST_FOREVER = no limit.
/// @param event       Receives a map with "seq", "at", "kind", "generation", "epoch" and what else there is to say; NULL,
///                    with STANDFAST_OK, when the time-out passed first. Free with standfast_reply_free().
/// @return STANDFAST_OK; STANDFAST_ERR_END_OF_STREAM once the event "closed" was read.
///
/// Threads: any. The readers of one client share one position. Blocks up to timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_events_next(
    client: *const standfast_client,
    timeout_ms: i64,
    event: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(event, std::ptr::null_mut(), "event")?;
        let client = handle::find(client)?;
        if let Some(event) = client.blocking().event_next(boundary::wait_timeout(timeout_ms)?, None)? {
            out.set(reply::insert(event.to_tree().into_value())?);
        }
        Ok(())
    })
}

/// What the client knows about itself and its servers.
///
/// @param status  Receives a map with "state" ("connecting", "ready", "fenced", "no_master" or "closed"), "master",
///                "generation", "epoch", "confirmed_by", "since", "nodes", "sentinels", "links", "minority", "pending" and
///                "counters" (every one of them, zero or not). Times are microseconds since 1970-01-01 UTC. Free with standfast_reply_free().
///
/// Threads: any. Never blocks. Works on a closed client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_client_status(
    client: *const standfast_client,
    status: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(status, std::ptr::null_mut(), "status")?;
        out.set(reply::insert(handle::find(client)?.status().to_tree().into_value())?);
        Ok(())
    })
}

/// The data nodes that the sentinels report, and what each sentinel thinks of them.
///
/// @param nodes  Receives an array of maps with "address", "role", "used" (whether it is the master of this client) and
///               "opinions": an array of maps with "sentinel", "role", "flags", "epoch" and "link" (nil where the sentinel
///               says nothing). Free with standfast_reply_free().
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_client_nodes(
    client: *const standfast_client,
    nodes: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(nodes, std::ptr::null_mut(), "nodes")?;
        out.set(reply::insert(handle::find(client)?.nodes_tree().into_value())?);
        Ok(())
    })
}

/// Close a client: every call that waits on it, on any thread, ends with STANDFAST_ERR_CLOSED, every subscription ends. The
/// handle stays valid until it is freed. Closing twice is harmless.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_client_close(client: *const standfast_client) -> standfast_status {
    boundary::status(|_| {
        handle::find(client)?.close();
        Ok(())
    })
}

/// Close and free a client. NULL is ignored. Its subscriptions and queues are freed on their own.
///
/// Threads: any, also while other threads wait on it.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_client_free(client: *mut standfast_client) -> standfast_status {
    boundary::status(|_| {
        if let Some(client) = handle::remove(client)? {
            client.close();
        }
        Ok(())
    })
}
