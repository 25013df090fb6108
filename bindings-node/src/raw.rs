//! What is called for every single command, straight over Node-API: functions with any number of arguments, words that are
//! copied once, replies that are settled in one call for many. Everything else uses napi-rs. `unsafe` stands here and in `uv.rs`.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

use napi::bindgen_prelude::{Float64Array, FromNapiValue, Function, JsObjectValue, Object, Unknown};
use napi::{Env, JsValue, sys};
use standfast::Words;

const OK: sys::napi_status = sys::Status::napi_ok;

/// So many arguments need no memory of their own.
const FEW: usize = 20;

/// So many bytes of text are copied in one go.
const TEXT: usize = 4096;

/// The largest integer that a JavaScript number holds exactly.
const SAFE: f64 = ((1_u64 << 53) - 1) as f64;

/// A function that JavaScript calls with any number of arguments.
pub(crate) trait Variadic {
    /// What it gives.
    fn call(&self, env: &Env, arguments: &[Argument]) -> napi::Result<Answer>;
}

/// What such a function gives.
pub(crate) enum Answer {
    Nothing,
    True,
    Number(u32),
}

/// One argument of a call, as long as that lasts.
#[repr(transparent)]
pub(crate) struct Argument(sys::napi_value);

impl Argument {
    /// If it is a number.
    pub(crate) fn number(&self, env: &Env) -> Option<f64> {
        let mut number = 0.0;
        // SAFETY: a value of the call that is going on.
        let status = unsafe { sys::napi_get_value_double(env.raw(), self.0, &raw mut number) };
        (status == OK).then_some(number)
    }

    /// Make it the next word: text as UTF-8, bytes as they are, whole numbers in decimal. `false`: it is something else.
    pub(crate) fn push_to(&self, env: &Env, words: &mut Words) -> bool {
        let mut text = [MaybeUninit::<u8>::uninit(); TEXT];
        let mut length = 0;
        let pointer = text.as_mut_ptr().cast();
        // SAFETY: it writes at most as many bytes as there are, its final zero included.
        let status = unsafe { sys::napi_get_value_string_utf8(env.raw(), self.0, pointer, TEXT, &raw mut length) };
        if status == OK {
            // A character takes at most four bytes, so with so much left over nothing was cut off.
            if length < TEXT - 4 {
                // SAFETY: so many bytes were written.
                words.push(unsafe { std::slice::from_raw_parts(pointer.cast(), length) });
                return true;
            }
            return self.push_long(env, words);
        }
        if let Some(number) = self.number(env) {
            if number.fract() != 0.0 || number.abs() > SAFE {
                return false;
            }
            words.push((number as i64).to_string().as_bytes());
            return true;
        }
        self.push_bytes(env, words)
    }

    fn push_long(&self, env: &Env, words: &mut Words) -> bool {
        let mut length = 0;
        // SAFETY: without a buffer it only counts.
        let status = unsafe { sys::napi_get_value_string_utf8(env.raw(), self.0, ptr::null_mut(), 0, &raw mut length) };
        if status != OK {
            return false;
        }
        let mut text = Vec::<u8>::with_capacity(length + 1);
        // SAFETY: it writes at most as many bytes as there are, its final zero included, and says how many.
        let status = unsafe {
            let status = sys::napi_get_value_string_utf8(
                env.raw(),
                self.0,
                text.as_mut_ptr().cast(),
                length + 1,
                &raw mut length,
            );
            if status == OK {
                text.set_len(length);
            }
            status
        };
        words.push(&text);
        status == OK
    }

    fn push_bytes(&self, env: &Env, words: &mut Words) -> bool {
        let (mut kind, mut length, mut data) = (0, 0, ptr::null_mut());
        let mut is_array = false;
        // SAFETY: a value of the call that is going on; what is not asked for may be null.
        let status = unsafe {
            let mut status = sys::napi_is_typedarray(env.raw(), self.0, &raw mut is_array);
            if status == OK && is_array {
                status = sys::napi_get_typedarray_info(
                    env.raw(),
                    self.0,
                    &raw mut kind,
                    &raw mut length,
                    &raw mut data,
                    ptr::null_mut(),
                    ptr::null_mut(),
                );
            }
            status
        };
        if status != OK || !is_array || kind != sys::TypedarrayType::uint8_array {
            return false;
        }
        if length == 0 || data.is_null() {
            words.push(&[]);
        } else {
            // SAFETY: the array's memory, copied before JavaScript can run again.
            words.push(unsafe { std::slice::from_raw_parts(data.cast(), length) });
        }
        true
    }
}

/// Make a JavaScript function of it.
pub(crate) fn variadic<'env, F: Variadic + 'static>(env: &'env Env, function: Rc<F>) -> napi::Result<Unknown<'env>> {
    let data = Rc::into_raw(function).cast_mut().cast();
    let mut made = ptr::null_mut();
    // SAFETY: the data is one share of the object, which the finalizer of the function gives back; if there is to be no
    // function, it is given back here.
    unsafe {
        let mut status = sys::napi_create_function(env.raw(), ptr::null(), 0, Some(on_call::<F>), data, &raw mut made);
        if status == OK {
            status = sys::napi_add_finalizer(
                env.raw(),
                made,
                data,
                Some(on_collected::<F>),
                ptr::null_mut(),
                ptr::null_mut(),
            );
        }
        if status != OK {
            drop(Rc::from_raw(data.cast_const().cast::<F>()));
            return Err(napi::Error::from_status(napi::Status::from(status)));
        }
        Unknown::from_napi_value(env.raw(), made)
    }
}

unsafe extern "C" fn on_call<F: Variadic>(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut few = [ptr::null_mut(); FEW];
    let mut many = Vec::new();
    let mut count = FEW;
    let mut data = ptr::null_mut();
    // SAFETY: there is room for as many arguments as is said; that there are more is learned from it.
    let arguments: &[sys::napi_value] = unsafe {
        sys::napi_get_cb_info(env, info, &raw mut count, few.as_mut_ptr(), ptr::null_mut(), &raw mut data);
        if count > FEW {
            many.resize(count, ptr::null_mut());
            sys::napi_get_cb_info(env, info, &raw mut count, many.as_mut_ptr(), ptr::null_mut(), ptr::null_mut());
            &many
        } else {
            &few[..count]
        }
    };
    let env = Env::from_raw(env);
    // SAFETY: an argument is a value and nothing else; the data is the share that the function holds while it is called.
    let (function, arguments) = unsafe {
        let arguments: *const [sys::napi_value] = arguments;
        (&*data.cast_const().cast::<F>(), &*(arguments as *const [Argument]))
    };
    let answer = catch_unwind(AssertUnwindSafe(|| function.call(&env, arguments)))
        .unwrap_or_else(|_| Err(napi::Error::from_reason("a panic in the native half, this is a bug in Standfast")));
    let mut value = ptr::null_mut();
    // SAFETY: the environment that calls us; nothing (null) is what JavaScript calls undefined.
    unsafe {
        match answer {
            Ok(Answer::Nothing) => {}
            Ok(Answer::True) => {
                sys::napi_get_boolean(env.raw(), true, &raw mut value);
            }
            Ok(Answer::Number(number)) => {
                sys::napi_create_uint32(env.raw(), number, &raw mut value);
            }
            Err(error) => napi::JsError::from(error).throw_into(env.raw()),
        }
    }
    value
}

unsafe extern "C" fn on_collected<F: Variadic>(
    _env: sys::napi_env,
    data: *mut std::ffi::c_void,
    _hint: *mut std::ffi::c_void,
) {
    // SAFETY: the function's share, given back once.
    let function = unsafe { Rc::from_raw(data.cast_const().cast::<F>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(function)));
}

/// Text of ASCII only, which JavaScript copies as it is.
pub(crate) fn ascii<'env>(env: &'env Env, text: &[u8]) -> napi::Result<Unknown<'env>> {
    let mut value = ptr::null_mut();
    let length = isize::try_from(text.len()).map_err(|_| napi::Error::from_reason("a string is not that long"))?;
    // SAFETY: so many bytes are there, and a new value of this environment is an unknown one.
    unsafe {
        let status = sys::napi_create_string_latin1(env.raw(), text.as_ptr().cast(), length, &raw mut value);
        if status != OK {
            return Err(napi::Error::from_status(napi::Status::from(status)));
        }
        Unknown::from_napi_value(env.raw(), value)
    }
}

/// A function of `lib/` that is called from the event loop, where no JavaScript is on the stack, with as many values as there
/// are. What a value belongs to stands, in the same order, in an array of numbers that both sides share.
pub(crate) struct Settle {
    env: sys::napi_env,
    function: sys::napi_ref,
    tags: sys::napi_ref,
    room: usize,
}

impl Settle {
    /// The function and the array that is named `tags` on it.
    pub(crate) fn new(env: &Env, function: &Function<'_, (), Unknown<'static>>) -> napi::Result<Settle> {
        let object = Object::from_raw(env.raw(), function.raw());
        let tags: Unknown<'_> = object.get_named_property("tags")?;
        let room = object.get_named_property::<Float64Array>("tags")?.len();
        let (mut function_ref, mut tags_ref) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: values of the call that is going on.
        let status = unsafe {
            let status = sys::napi_create_reference(env.raw(), function.raw(), 1, &raw mut function_ref);
            if status == OK { sys::napi_create_reference(env.raw(), tags.raw(), 1, &raw mut tags_ref) } else { status }
        };
        let settle = Settle { env: env.raw(), function: function_ref, tags: tags_ref, room };
        if status == OK { Ok(settle) } else { Err(napi::Error::from_status(napi::Status::from(status))) }
    }

    /// Make the values, and call the function with them; afterwards everything runs that they let run, as after any callback
    /// of the event loop. No JavaScript may be on the stack that has its own idea of what is settled.
    pub(crate) fn call<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        tag: impl Fn(&T) -> f64,
        make: impl Fn(&Env, T) -> (bool, sys::napi_value),
    ) {
        let env = Env::from_raw(self.env);
        let mut scope = ptr::null_mut();
        // SAFETY: the environment is alive, this is its thread, and the scope is closed below.
        if unsafe { sys::napi_open_handle_scope(self.env, &raw mut scope) } != OK {
            return;
        }
        let mut undefined = ptr::null_mut();
        // SAFETY: as above.
        unsafe { sys::napi_get_undefined(self.env, &raw mut undefined) };
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() {
            let (mut values, mut tags) = (Vec::with_capacity(self.room), Vec::with_capacity(self.room));
            for item in items.by_ref().take(self.room) {
                let tag = tag(&item);
                let (done, value) = make(&env, item);
                tags.push(if done { tag } else { -tag });
                values.push(if value.is_null() { undefined } else { value });
            }
            // SAFETY: the scope is open, the values belong to it.
            unsafe { self.call_once(&tags, &values) };
        }
        // SAFETY: opened above.
        unsafe { sys::napi_close_handle_scope(self.env, scope) };
    }

    /// # Safety
    /// Inside a handle scope, with values of it.
    unsafe fn call_once(&self, tags: &[f64], values: &[sys::napi_value]) {
        let (mut function, mut shared, mut receiver) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let (mut length, mut data) = (0, ptr::null_mut());
        // SAFETY: both references are strong and were made for these values. The array's memory is asked for each time, so a
        // transferred array is an empty one, not a dangling one. Without an async context no resource is tracked: the only
        // code that is called is ours, and promises bring the context of whoever waits for them.
        unsafe {
            sys::napi_get_reference_value(self.env, self.function, &raw mut function);
            sys::napi_get_reference_value(self.env, self.tags, &raw mut shared);
            sys::napi_get_global(self.env, &raw mut receiver);
            let status = sys::napi_get_typedarray_info(
                self.env,
                shared,
                ptr::null_mut(),
                &raw mut length,
                &raw mut data,
                ptr::null_mut(),
                ptr::null_mut(),
            );
            if status != OK || length < tags.len() || data.is_null() {
                return;
            }
            ptr::copy_nonoverlapping(tags.as_ptr(), data.cast(), tags.len());
            let status = sys::napi_make_callback(
                self.env,
                ptr::null_mut(),
                receiver,
                function,
                values.len(),
                values.as_ptr(),
                ptr::null_mut(),
            );
            if status == sys::Status::napi_pending_exception {
                let mut exception = ptr::null_mut();
                // What our own function throws is a bug, and must be seen as one. A worker that is being terminated has no
                // exception, or does not let it be told.
                if sys::napi_get_and_clear_last_exception(self.env, &raw mut exception) == OK {
                    sys::napi_fatal_exception(self.env, exception);
                }
            }
        }
    }
}

impl Drop for Settle {
    fn drop(&mut self) {
        // SAFETY: dropped on the environment's thread and while it is alive: it is taken out of its driver before the end.
        unsafe {
            for reference in [self.function, self.tags] {
                if !reference.is_null() {
                    sys::napi_delete_reference(self.env, reference);
                }
            }
        }
    }
}
