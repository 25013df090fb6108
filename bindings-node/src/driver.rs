//! A client's queue on the thread of one JavaScript environment: commands go in, and what is done goes out, on the event loop's
//! own thread wherever that can watch a descriptor. Elsewhere a wake-up calls [`Driver::turn`] from `lib/session.js`.

use std::cell::RefCell;
use std::rc::Rc;

use napi::{Env, JsValue};
use standfast::{Completion, Error, ErrorKind, Queue, Request, Timeout, Words};

use crate::errors::{Makers, describe, guard};

use crate::raw::{Answer, Argument, Settle, Variadic};
use crate::uv::{Host, Watch};
use crate::values::{Bytes, Converter, command_timeout};

/// What a word has on average, so that the first guess at a command's size is mostly right.
const WORD: usize = 48;

/// See the head of this file.
pub(crate) struct Driver {
    makers: Rc<Makers>,
    /// Until it is stopped, or its environment ends.
    running: RefCell<Option<Running>>,
}

struct Running {
    queue: Queue,
    settle: Rc<Settle>,
    /// Dropped before the queue, whose descriptor it watches.
    watch: Option<Watch>,
}

/// The lowest bit of a tag says whether the reply's strings become buffers, so that nobody has to look that up.
fn bytes_of(tag: u64) -> Bytes {
    if tag & 1 == 1 { Bytes::Buffers } else { Bytes::Text }
}

impl Driver {
    /// Begin. `polls`: whether the event loop may be asked to watch a descriptor.
    pub(crate) fn start(env: &Env, queue: Queue, makers: &Rc<Makers>, settle: Settle, polls: bool) -> Rc<Driver> {
        let driver = Rc::new(Driver { makers: Rc::clone(makers), running: RefCell::default() });
        let host: Rc<dyn Host> = Rc::clone(&driver) as Rc<dyn Host>;
        let watch = if polls { Watch::start(env, queue.descriptor(), host) } else { None };
        *driver.running.borrow_mut() = Some(Running { watch, queue, settle: Rc::new(settle) });
        driver
    }

    /// Whether the event loop watches it; otherwise somebody must call [`Driver::turn`] when the queue is ready.
    pub(crate) fn is_watched(&self) -> bool {
        self.running.borrow().as_ref().is_some_and(|running| running.watch.is_some())
    }

    /// The queue, until it is stopped.
    pub(crate) fn queue(&self) -> Result<Queue, Error> {
        match &*self.running.borrow() {
            Some(running) => Ok(running.queue.clone()),
            None => Err(closed()),
        }
    }

    /// Submit a request. `true`: JavaScript is to flush at the end of this turn of its loop, because we have no part in that.
    pub(crate) fn submit(&self, request: Request, timeout: Timeout, tag: u64) -> Result<bool, Error> {
        let running = self.running.borrow();
        let Running { queue, watch, .. } = running.as_ref().ok_or_else(closed)?;
        let flush = queue.submit(request, timeout, tag)?;
        match watch {
            Some(watch) if flush => {
                watch.ask_for_end_of_turn();
                Ok(false)
            }
            _ => Ok(flush),
        }
    }

    /// Read, settle, write. `true`: again in the next turn of the loop, if nobody watches.
    pub(crate) fn turn(&self) -> bool {
        let (turned, settle) = match &*self.running.borrow() {
            Some(Running { queue, settle, watch }) => {
                let turned = queue.turn();
                if turned.more
                    && let Some(watch) = watch
                {
                    watch.ask_for_another_turn();
                }
                (turned, Rc::clone(settle))
            }
            None => return false,
        };
        // Nothing is borrowed any more: whoever is told may send, cancel and close.
        if !turned.completions.is_empty() {
            settle.call(turned.completions, |done| done.tag as f64, |env, done| self.convert(env, done));
        }
        turned.more
    }

    /// Write what was collected.
    pub(crate) fn flush(&self) {
        if let Some(running) = &*self.running.borrow() {
            running.queue.flush();
        }
    }

    fn convert(&self, env: &Env, Completion { tag, result, .. }: Completion) -> (bool, napi::sys::napi_value) {
        let converter = Converter { env, makers: &self.makers, bytes: bytes_of(tag) };
        // One reply that JavaScript cannot hold must not take the others with it.
        let result = result.and_then(|value| converter.answer(value).map_err(|engine| unfit(&engine)));
        match result {
            Ok(value) => (true, value.raw()),
            // Without a description it is still told that it failed.
            Err(error) => (false, describe(env, &error).map_or(std::ptr::null_mut(), |raw| raw.raw())),
        }
    }

    /// Watch nothing, settle nothing, give up what is pending.
    pub(crate) fn stop(&self) {
        if let Some(Running { watch, queue, .. }) = self.running.take() {
            drop(watch);
            queue.close();
        }
    }
}

impl Host for Driver {
    fn readable(&self) {
        self.turn();
    }

    fn turn_ends(&self) {
        self.flush();
    }

    fn ends(&self) {
        self.stop();
    }
}

/// `send(tag, timeout, ...words)`: nothing; `true` when whoever has no event loop of ours shall flush at the end of this turn;
/// the number of a word that JavaScript must make text of first.
impl Variadic for Driver {
    fn call(&self, env: &Env, arguments: &[Argument]) -> napi::Result<Answer> {
        guard(env, &self.makers, || {
            let [tag, timeout, words @ ..] = arguments else {
                return Err(Error::new(ErrorKind::InvalidArgument, "a command needs a name").into());
            };
            let timeout = command_timeout(timeout.number(env))?;
            let mut encoded = Words::new(words.len(), words.len() * WORD);
            for (at, word) in (0..).zip(words) {
                if !word.push_to(env, &mut encoded) {
                    return Ok(Answer::Number(at));
                }
            }
            let tag = tag.number(env).unwrap_or_default() as u64;
            let flush = self.submit(encoded.into_request()?, timeout, tag)?;
            Ok(if flush { Answer::True } else { Answer::Nothing })
        })
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the client is closed")
}

fn unfit(engine: &napi::Error) -> Error {
    Error::new(ErrorKind::Protocol, format!("the reply cannot become a JavaScript value: {}", engine.reason))
}
