//! Several commands together, and transactions over watched keys. What becomes of them is the core's business.

use std::ffi::c_char;
use std::sync::{Mutex, MutexGuard, TryLockError};

use standfast::{Answer, Error, ErrorKind, Request, Result, Watched};

use crate::client::standfast_client;
use crate::error::standfast_status;
use crate::queue::standfast_queue;
use crate::reply::{self, standfast_reply};
use crate::{boundary, handle};

/// Commands that are sent together, and how.
pub struct standfast_unit {
    _private: [u8; 0],
}

/// A transaction that depends on keys.
pub struct standfast_watch {
    _private: [u8; 0],
}

/// How the commands of a unit belong together: one of STANDFAST_UNIT_...
pub type standfast_unit_kind = i32;

/// One command, to be sent as standfast_command() does. The reply is its reply.
pub const STANDFAST_UNIT_COMMAND: standfast_unit_kind = 0;
/// Each on its own: the reply is an array of one outcome for each command, an error among them an element of type
/// STANDFAST_TYPE_ERROR.
pub const STANDFAST_UNIT_PIPELINE: standfast_unit_kind = 1;
/// All or none, between MULTI and EXEC: the reply is an array of the results.
pub const STANDFAST_UNIT_TRANSACTION: standfast_unit_kind = 2;

/// What stands behind a [`standfast_unit`].
pub(crate) struct Commands {
    kind: standfast_unit_kind,
    state: Mutex<State>,
}

#[derive(Clone, Default)]
struct State {
    commands: Vec<Request>,
    idempotent: bool,
}

/// What stands behind a [`standfast_watch`].
pub(crate) type Watch = Mutex<Watched>;

impl Commands {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    fn request(&self) -> Result<Request> {
        let State { mut commands, idempotent } = self.lock().clone();
        let request = match self.kind {
            STANDFAST_UNIT_PIPELINE => Request::pipeline(commands)?,
            STANDFAST_UNIT_TRANSACTION => Request::transaction(commands)?,
            _ => match (commands.pop(), commands.is_empty()) {
                (Some(command), true) => command,
                _ => return Err(Error::new(ErrorKind::InvalidArgument, "a unit of this kind has exactly one command")),
            },
        };
        Ok(if idempotent { request.idempotent() } else { request })
    }
}

fn step(watch: &Watch) -> Result<MutexGuard<'_, Watched>> {
    match watch.try_lock() {
        Ok(watched) => Ok(watched),
        Err(TryLockError::Poisoned(poison)) => Ok(poison.into_inner()),
        Err(TryLockError::WouldBlock) => {
            Err(Error::new(ErrorKind::InvalidArgument, "another thread is in the middle of a step of this transaction"))
        }
    }
}

/// Make an empty unit.
///
/// @param kind  STANDFAST_UNIT_COMMAND, STANDFAST_UNIT_PIPELINE or STANDFAST_UNIT_TRANSACTION.
/// @param out   Receives the unit. Free with standfast_unit_free().
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_unit_new(
    kind: standfast_unit_kind,
    out: *mut *mut standfast_unit,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(out, std::ptr::null_mut(), "out")?;
        if !(STANDFAST_UNIT_COMMAND..=STANDFAST_UNIT_TRANSACTION).contains(&kind) {
            return Err(Error::new(ErrorKind::InvalidArgument, "argument kind is none of STANDFAST_UNIT_..."));
        }
        out.set(handle::insert(Commands { kind, state: Mutex::default() })?);
        Ok(())
    })
}

/// Add a command. The parameters are those of standfast_command(). Nothing is sent yet.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_unit_add(
    unit: *mut standfast_unit,
    argc: usize,
    argv: *const *const c_char,
    argvlen: *const usize,
) -> standfast_status {
    boundary::status(|caller| {
        let unit = handle::find(unit)?;
        let request = Request::new(caller.arguments(argc, argv, argvlen)?)?;
        unit.lock().commands.push(request);
        Ok(())
    })
}

/// Say whether twice is as good as once: then what may have been executed is sent again, inside its time-out, instead of
/// ending with STANDFAST_ERR_MAYBE_EXECUTED. It is not, unless this is called.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_unit_set_idempotent(unit: *mut standfast_unit, idempotent: bool) -> standfast_status {
    boundary::status(|_| {
        handle::find(unit)?.lock().idempotent = idempotent;
        Ok(())
    })
}

/// Send the commands to the master in one write and wait for all replies. The unit stays as it is, and may be sent again.
///
/// @param timeout_ms  As for standfast_command(), for all of it.
/// @param reply       Receives the reply; see the kinds of units. Free with standfast_reply_free(). Of a pipeline each element
///                    is a reply, or an error: standfast_reply_error_status() is STANDFAST_ERR_MAYBE_EXECUTED for a command
///                    that was sent and whose fate is unknown, STANDFAST_ERR_DISCONNECTED, _UNAVAILABLE or _TIMEOUT for one
///                    that was certainly not executed, or only reads. Behind a command that was executed nothing is sent
///                    again by itself.
/// @return STANDFAST_OK; otherwise nothing was executed, except for STANDFAST_ERR_MAYBE_EXECUTED (a command, or a whole
/// transaction). STANDFAST_ERR_REPLY_ERROR with the server's code EXECABORT: the server refused a command of a transaction.
///
/// Threads: any, concurrently. Blocks up to timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_unit_send(
    client: *const standfast_client,
    unit: *const standfast_unit,
    timeout_ms: i64,
    reply: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(reply, std::ptr::null_mut(), "reply")?;
        let client = handle::find(client)?;
        let request = handle::find(unit)?.request()?;
        let answer = client.blocking().answer(request, boundary::command_timeout(timeout_ms)?, None)?;
        out.set(reply::insert_answer(answer)?);
        Ok(())
    })
}

/// standfast_unit_send() without waiting: the result comes through the queue.
///
/// Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_queue_send_unit(
    queue: *const standfast_queue,
    unit: *const standfast_unit,
    timeout_ms: i64,
    tag: u64,
) -> standfast_status {
    boundary::status(|_| {
        let queue = handle::find(queue)?;
        let request = handle::find(unit)?.request()?;
        queue.submit(request, boundary::command_timeout(timeout_ms)?, tag)?;
        Ok(())
    })
}

/// Free a unit. NULL is ignored.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_unit_free(unit: *mut standfast_unit) -> standfast_status {
    boundary::status(|_| handle::remove(unit).map(drop))
}

/// Make a transaction that depends on what was read before it: begin a round, read with standfast_watch_command(), collect
/// commands in a unit, and commit them. If a key was changed in between, the commit says so; begin again then.
///
/// @param argc        How many keys.
/// @param argv        The keys.
/// @param argvlen     Their lengths; NULL when each of them ends at its first NUL.
/// @param attempts    How many rounds there may be; 0 = as many as the time allows.
/// @param timeout_ms  As for standfast_command(), for all rounds together, from the first one on.
/// @param out         Receives the transaction. Free with standfast_watch_free().
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_watch_new(
    client: *const standfast_client,
    argc: usize,
    argv: *const *const c_char,
    argvlen: *const usize,
    attempts: u64,
    timeout_ms: i64,
    out: *mut *mut standfast_watch,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(out, std::ptr::null_mut(), "out")?;
        let client = handle::find(client)?;
        let keys = caller.arguments(argc, argv, argvlen)?;
        let watched = client.watch(keys).timeout(boundary::command_timeout(timeout_ms)?);
        let watched = if attempts == 0 { watched } else { watched.attempts(attempts) };
        out.set(handle::insert(Mutex::new(watched))?);
        Ok(())
    })
}

/// Begin a round: from here on the keys are watched.
///
/// @return STANDFAST_OK; STANDFAST_ERR_TRANSACTION_ABORTED when time or attempts are used up: nothing was executed.
///
/// Threads: any, but one at a time. Blocks up to the transaction's time-out.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_watch_begin(watch: *const standfast_watch) -> standfast_status {
    boundary::status(|_| step(&*handle::find(watch)?)?.begin_blocking(None))
}

/// Execute a command at once, on the link that watches the keys. The parameters are those of standfast_command().
///
/// @return As standfast_command(); STANDFAST_ERR_TRANSACTION_ABORTED when the watch is lost: begin again.
///
/// Threads: any, but one at a time. Blocks up to the transaction's time-out.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_watch_command(
    watch: *const standfast_watch,
    argc: usize,
    argv: *const *const c_char,
    argvlen: *const usize,
    reply: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(reply, std::ptr::null_mut(), "reply")?;
        let watch = handle::find(watch)?;
        let request = Request::new(caller.arguments(argc, argv, argvlen)?)?;
        let value = step(&watch)?.command_blocking(request, None)?;
        out.set(reply::insert(value)?);
        Ok(())
    })
}

/// Execute the commands of a unit between MULTI and EXEC, if no key was changed since the round began. This ends the round.
///
/// @param unit   Of kind STANDFAST_UNIT_TRANSACTION. It stays as it is.
/// @param reply  Receives an array of the results. Free with standfast_reply_free().
/// @return STANDFAST_OK; STANDFAST_ERR_TRANSACTION_ABORTED when a key was changed or the watch was lost: nothing was executed,
/// begin again; STANDFAST_ERR_MAYBE_EXECUTED and others as standfast_unit_send().
///
/// Threads: any, but one at a time. Blocks up to the transaction's time-out.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_watch_commit(
    watch: *const standfast_watch,
    unit: *const standfast_unit,
    reply: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(reply, std::ptr::null_mut(), "reply")?;
        let watch = handle::find(watch)?;
        let unit = handle::find(unit)?;
        if unit.kind != STANDFAST_UNIT_TRANSACTION {
            return Err(Error::new(ErrorKind::InvalidArgument, "the unit is no transaction"));
        }
        let commands = unit.lock().commands.clone();
        match step(&watch)?.commit_blocking(commands, None)? {
            Some(outcomes) => out.set(reply::insert_answer(Answer::Each(outcomes))?),
            None => {
                return Err(Error::new(
                    ErrorKind::TransactionAborted,
                    "a watched key was changed, or the watch was lost; nothing was executed",
                ));
            }
        }
        Ok(())
    })
}

/// Free a transaction. What was begun is given up, and nothing is executed. NULL is ignored.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_watch_free(watch: *mut standfast_watch) -> standfast_status {
    boundary::status(|_| handle::remove(watch).map(drop))
}
