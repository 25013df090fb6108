//! libuv, the event loop under Node: watches one descriptor and tells when a turn of the loop ends. The only file that knows it.
//!
//! The functions are found in the running process, the sizes of the handles are asked for, so that nothing depends on a version.
//! A handle's memory belongs to libuv until its close callback. The environment waits for that in its clean-up: a worker that
//! is terminated, or a process that exits in the middle of everything, never leaves libuv with a handle that is gone.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::transmute_copy;
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use napi::{Env, sys};

/// What is to be told. Everything is called on the thread of the loop, with no JavaScript on the stack.
pub(crate) trait Host {
    /// The descriptor is readable.
    fn readable(&self);
    /// All callbacks that were due were called; next the loop would wait.
    fn turn_ends(&self);
    /// The environment ends. Nothing is called after this.
    fn ends(&self);
}

/// Watches a descriptor for as long as it exists. It never keeps the process alive.
pub(crate) struct Watch {
    handles: Rc<Handles>,
}

static LIVE: AtomicUsize = AtomicUsize::new(0);

impl Watch {
    /// Watch it. `None`: there is no libuv here.
    pub(crate) fn start(env: &Env, descriptor: RawFd, host: Rc<dyn Host>) -> Option<Watch> {
        let uv = Uv::get()?;
        let mut event_loop = ptr::null_mut();
        // SAFETY: the environment is alive, because it is calling us.
        let status = unsafe { sys::napi_get_uv_event_loop(env.raw(), &raw mut event_loop) };
        if status != sys::Status::napi_ok || event_loop.is_null() {
            return None;
        }
        let handles = Rc::new(Handles {
            uv,
            poll: uv.memory(POLL)?,
            prepare: uv.memory(PREPARE)?,
            check: uv.memory(CHECK)?,
            idle: uv.memory(IDLE)?,
            host: RefCell::new(Some(host)),
            asked: Cell::new(false),
            open: Cell::new(0),
            closing: Cell::new(false),
            hook: Cell::new(ptr::null_mut()),
        });
        handles.open_all(env, event_loop.cast(), descriptor).then_some(Watch { handles })
    }

    /// Call [`Host::turn_ends`] once, when this turn of the loop ends.
    pub(crate) fn ask_for_end_of_turn(&self) {
        self.handles.ask();
    }

    /// Call [`Host::readable`] in the next turn of the loop, readable or not.
    pub(crate) fn ask_for_another_turn(&self) {
        self.handles.again();
    }

    /// How many there are in the process, those included whose memory libuv has not given back yet.
    pub(crate) fn live() -> usize {
        LIVE.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handles.close();
    }
}

/// The memory of one handle of libuv, whose size only libuv knows.
struct Memory(RefCell<Box<[u128]>>);

impl Memory {
    fn pointer(&self) -> *mut c_void {
        self.0.borrow_mut().as_mut_ptr().cast()
    }
}

/// The four handles of one watch. libuv counts as one owner of it, from the first `init` to the last close callback.
struct Handles {
    uv: &'static Uv,
    poll: Memory,
    /// Runs before the loop waits: whoever was called by a timer has had his turn.
    prepare: Memory,
    /// Runs after the loop has waited: whoever was called by a socket has had his turn.
    check: Memory,
    /// Keeps the loop from waiting.
    idle: Memory,
    host: RefCell<Option<Rc<dyn Host>>>,
    /// Prepare and check run.
    asked: Cell<bool>,
    /// How many handles libuv has.
    open: Cell<u32>,
    closing: Cell<bool>,
    hook: Cell<sys::napi_async_cleanup_hook_handle>,
}

impl Handles {
    fn open_all(self: &Rc<Self>, env: &Env, event_loop: *mut c_void, descriptor: RawFd) -> bool {
        let uv = self.uv;
        LIVE.fetch_add(1, Ordering::Relaxed);
        // libuv's share; the last close callback gives it back.
        let data = Rc::into_raw(Rc::clone(self)).cast_mut().cast::<c_void>();
        let initialized = |memory: &Memory, init: &dyn Fn(*mut c_void) -> c_int| {
            let handle = memory.pointer();
            if init(handle) != 0 {
                return false;
            }
            self.open.set(self.open.get() + 1);
            // SAFETY: the handle is initialized; it points to what libuv's share keeps alive.
            unsafe {
                (uv.handle_set_data)(handle, data);
                (uv.unref)(handle);
            }
            true
        };
        // SAFETY: each piece of memory has the size and alignment of its handle, stays where it is until the close callback,
        // and the loop is that of this thread.
        let opened = unsafe {
            initialized(&self.poll, &|handle| (uv.poll_init)(event_loop, handle, descriptor))
                && initialized(&self.prepare, &|handle| (uv.prepare_init)(event_loop, handle))
                && initialized(&self.check, &|handle| (uv.check_init)(event_loop, handle))
                && initialized(&self.idle, &|handle| (uv.idle_init)(event_loop, handle))
                && (uv.poll_start)(self.poll.pointer(), READABLE, on_readable) == 0
        };
        let mut hook = ptr::null_mut();
        // SAFETY: the hook's data is libuv's share, which is given back only after the hook was removed.
        let hooked = opened
            && unsafe { sys::napi_add_async_cleanup_hook(env.raw(), Some(on_environment_ends), data, &raw mut hook) }
                == sys::Status::napi_ok;
        self.hook.set(hook);
        if !hooked {
            self.close();
        }
        hooked
    }

    fn ask(&self) {
        if self.asked.replace(true) || self.closing.get() {
            return;
        }
        // SAFETY: initialized and not closing.
        unsafe {
            (self.uv.prepare_start)(self.prepare.pointer(), on_turn_ends);
            (self.uv.check_start)(self.check.pointer(), on_turn_ends);
        }
    }

    fn again(&self) {
        if !self.closing.get() {
            // SAFETY: initialized and not closing.
            unsafe { (self.uv.idle_start)(self.idle.pointer(), on_idle) };
        }
    }

    /// Close all handles; libuv gives the memory back when it has let go of them.
    fn close(&self) {
        if self.closing.replace(true) {
            return;
        }
        self.host.take();
        let opened = self.open.get();
        // In the order in which they were initialized: if that failed, the later ones were not.
        for memory in [&self.poll, &self.prepare, &self.check, &self.idle].into_iter().take(opened as usize) {
            // SAFETY: initialized, and closed once.
            unsafe { (self.uv.close)(memory.pointer(), on_closed) };
        }
        if opened == 0 {
            // SAFETY: libuv has nothing of it; its share is what `open_all` made.
            unsafe { self.give_back() };
        }
    }

    /// Give libuv's share back.
    ///
    /// # Safety
    /// Once, when libuv has let go of all handles.
    unsafe fn give_back(&self) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
        let hook = self.hook.replace(ptr::null_mut());
        if !hook.is_null() {
            // SAFETY: it was added and not removed yet. If the environment is ending, this is what it waits for.
            unsafe { sys::napi_remove_async_cleanup_hook(hook) };
        }
        // SAFETY: the share that `open_all` made of this object.
        unsafe { Rc::decrement_strong_count(ptr::from_ref(self)) };
    }

    /// Tell the host, if there is one. It may close this watch meanwhile. No panic leaves.
    fn tell(&self, what: impl FnOnce(&dyn Host)) {
        let host = self.host.borrow().clone();
        if let Some(host) = host {
            let _ = catch_unwind(AssertUnwindSafe(|| what(&*host)));
        }
    }

    /// The object that a handle belongs to.
    ///
    /// # Safety
    /// Inside a callback of libuv for one of these handles.
    unsafe fn of(handle: *mut c_void) -> Rc<Handles> {
        let Some(uv) = Uv::get() else { unreachable!("a callback of libuv without libuv") };
        // SAFETY: the data of every handle is libuv's share, and there is one until the last close callback has returned.
        unsafe {
            let data = (uv.handle_get_data)(handle).cast::<Handles>();
            Rc::increment_strong_count(data);
            Rc::from_raw(data)
        }
    }
}

extern "C" fn on_readable(handle: *mut c_void, _status: c_int, _events: c_int) {
    // SAFETY: a callback of the poll handle. What is wrong with the descriptor, whoever owns it sees himself.
    unsafe { Handles::of(handle) }.tell(|host| host.readable());
}

extern "C" fn on_idle(handle: *mut c_void) {
    // SAFETY: a callback of the idle handle, which is initialized.
    let handles = unsafe {
        let handles = Handles::of(handle);
        (handles.uv.idle_stop)(handle);
        handles
    };
    handles.tell(|host| host.readable());
}

extern "C" fn on_turn_ends(handle: *mut c_void) {
    // SAFETY: a callback of the prepare or the check handle.
    let handles = unsafe { Handles::of(handle) };
    if handles.closing.get() {
        return;
    }
    // Stopped first: whoever is told may ask again.
    handles.asked.set(false);
    // SAFETY: initialized and not closing.
    unsafe {
        (handles.uv.prepare_stop)(handles.prepare.pointer());
        (handles.uv.check_stop)(handles.check.pointer());
    }
    handles.tell(|host| host.turn_ends());
}

extern "C" fn on_closed(handle: *mut c_void) {
    // SAFETY: a callback of a handle that is gone now; the last of them gives libuv's share back, once.
    unsafe {
        let handles = Handles::of(handle);
        handles.open.set(handles.open.get() - 1);
        if handles.open.get() == 0 {
            handles.give_back();
        }
    }
}

unsafe extern "C" fn on_environment_ends(_hook: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    // SAFETY: the hook's data is libuv's share, which is there until the hook is removed.
    let handles = unsafe {
        Rc::increment_strong_count(data.cast::<Handles>());
        Rc::from_raw(data.cast::<Handles>())
    };
    handles.tell(|host| host.ends());
    handles.close();
}

const READABLE: c_int = 1;

type OnHandle = extern "C" fn(*mut c_void);
type Init = unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int;
type Start = unsafe extern "C" fn(*mut c_void, OnHandle) -> c_int;
type Stop = unsafe extern "C" fn(*mut c_void) -> c_int;

/// A kind of handle: the name that libuv has for it.
type Kind = &'static CStr;
const POLL: Kind = c"poll";
const PREPARE: Kind = c"prepare";
const CHECK: Kind = c"check";
const IDLE: Kind = c"idle";

/// The functions of libuv that are used.
struct Uv {
    handle_size: unsafe extern "C" fn(c_int) -> usize,
    handle_type_name: unsafe extern "C" fn(c_int) -> *const c_char,
    handle_set_data: unsafe extern "C" fn(*mut c_void, *mut c_void),
    handle_get_data: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    unref: unsafe extern "C" fn(*mut c_void),
    close: unsafe extern "C" fn(*mut c_void, OnHandle),
    poll_init: unsafe extern "C" fn(*mut c_void, *mut c_void, c_int) -> c_int,
    poll_start: unsafe extern "C" fn(*mut c_void, c_int, extern "C" fn(*mut c_void, c_int, c_int)) -> c_int,
    prepare_init: Init,
    prepare_start: Start,
    prepare_stop: Stop,
    check_init: Init,
    check_start: Start,
    check_stop: Stop,
    idle_init: Init,
    idle_start: Start,
    idle_stop: Stop,
}

impl Uv {
    /// `None` where the process has no libuv.
    fn get() -> Option<&'static Uv> {
        static UV: OnceLock<Option<Uv>> = OnceLock::new();
        // SAFETY: the types are those of libuv 1, in every version of it.
        UV.get_or_init(|| unsafe {
            Some(Uv {
                handle_size: find(c"uv_handle_size")?,
                handle_type_name: find(c"uv_handle_type_name")?,
                handle_set_data: find(c"uv_handle_set_data")?,
                handle_get_data: find(c"uv_handle_get_data")?,
                unref: find(c"uv_unref")?,
                close: find(c"uv_close")?,
                poll_init: find(c"uv_poll_init")?,
                poll_start: find(c"uv_poll_start")?,
                prepare_init: find(c"uv_prepare_init")?,
                prepare_start: find(c"uv_prepare_start")?,
                prepare_stop: find(c"uv_prepare_stop")?,
                check_init: find(c"uv_check_init")?,
                check_start: find(c"uv_check_start")?,
                check_stop: find(c"uv_check_stop")?,
                idle_init: find(c"uv_idle_init")?,
                idle_start: find(c"uv_idle_start")?,
                idle_stop: find(c"uv_idle_stop")?,
            })
        })
        .as_ref()
    }

    /// Memory for a handle of this kind. Kinds are numbers that libuv has names for; the numbers are nowhere promised.
    fn memory(&self, kind: Kind) -> Option<Memory> {
        // SAFETY: a number that is no kind has neither name nor size; a name is a constant.
        let size = (1..64).find_map(|number| unsafe {
            let name = (self.handle_type_name)(number);
            (!name.is_null() && CStr::from_ptr(name) == kind).then(|| (self.handle_size)(number))
        })?;
        Some(Memory(RefCell::new(vec![0; size.div_ceil(size_of::<u128>())].into_boxed_slice())))
    }
}

/// A function of the running process.
///
/// # Safety
/// `F` is a function pointer, and of the type of this function.
unsafe fn find<F: Copy>(name: &CStr) -> Option<F> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: the name ends with a zero.
    let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    // SAFETY: the caller names the type.
    (!symbol.is_null()).then(|| unsafe { transmute_copy(&symbol) })
}
