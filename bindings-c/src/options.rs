//! Options: what to connect to and how, before there is a client. Names, values and their meaning are the core's.

use std::ffi::c_char;
use std::sync::{Mutex, MutexGuard};

use standfast::Config;

use crate::error::standfast_status;
use crate::reply::{self, standfast_reply};
use crate::{boundary, handle};

/// What to connect to, and how.
pub struct standfast_options {
    _private: [u8; 0],
}

/// What stands behind a [`standfast_options`].
pub(crate) struct OpenOptions {
    state: Mutex<State>,
}

#[derive(Clone)]
struct State {
    config: Config,
    language: String,
}

impl OpenOptions {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A setter changes the options in one step or not at all.
        self.state.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    /// The options as they are now, with the name that servers are to show.
    pub(crate) fn config(&self) -> standfast::Result<Config> {
        let State { mut config, language } = self.lock().clone();
        if config.options().client_name.is_empty() {
            config.set("client_name", format!("standfast:{language}:{}", standfast::VERSION))?;
        }
        config.check()?;
        Ok(config)
    }
}

/// Make options from a URL.
///
/// "redis+sentinel://[user:password@]host[:26379][,host...]/master[/db][?option=value&...]" asks sentinels for the master of
/// this name; "redis://host[:6379][,host...][/db]" uses the one of these nodes that is a master; "env:" takes the URL from
/// the environment variable STANDFAST_URL, and options from STANDFAST_COMMAND_TIMEOUT and so on.
///
/// @param url  Text.
/// @param out  Receives new options. Free with standfast_options_free().
/// @return STANDFAST_OK, STANDFAST_ERR_NULL_ARGUMENT, STANDFAST_ERR_INVALID_URL, STANDFAST_ERR_UNKNOWN_OPTION,
/// STANDFAST_ERR_INVALID_OPTION.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_options_new(
    url: *const c_char,
    out: *mut *mut standfast_options,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(out, std::ptr::null_mut(), "out")?;
        let config = Config::from_url(caller.text(url, "url")?)?;
        let state = State { config, language: "c".to_owned() };
        out.set(handle::insert(OpenOptions { state: Mutex::new(state) })?);
        Ok(())
    })
}

/// Set an option by its name, the same as in a URL: "command_timeout" to "250ms", "password" to "...".
///
/// @return STANDFAST_OK, STANDFAST_ERR_UNKNOWN_OPTION (the message names the nearest option), STANDFAST_ERR_INVALID_OPTION.
///
/// Threads: any. Never blocks. Clients that are open do not change.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_options_set(
    options: *mut standfast_options,
    name: *const c_char,
    value: *const c_char,
) -> standfast_status {
    boundary::status(|caller| {
        let options = handle::find(options)?;
        let (name, value) = (caller.text(name, "name")?, caller.text(value, "value")?);
        options.lock().config.set(name, value)
    })
}

/// What these options say, all in all; a way to check a URL without connecting.
///
/// @param report  Receives a map with "mode" ("sentinel" or "direct"), "hosts", "master", "db", "username", "password",
///                "sentinel_username", "sentinel_password", "sentinel_auth" and "options", a map by name. A password is
///                "***" or nil, lengths of time are microseconds. Free with standfast_reply_free().
/// @return STANDFAST_OK, STANDFAST_ERR_INVALID_OPTION when the options do not fit together.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_options_describe(
    options: *const standfast_options,
    report: *mut *mut standfast_reply,
) -> standfast_status {
    boundary::status(|caller| {
        let out = caller.out(report, std::ptr::null_mut(), "report")?;
        let config = handle::find(options)?.config()?;
        out.set(reply::insert(config.describe().into_value())?);
        Ok(())
    })
}

/// For libraries that wrap this one: their language, in the name that servers show when no "client_name" is set
/// ("standfast:LANGUAGE:VERSION"). Without this call it is "c".
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn standfast_options_set_language(
    options: *mut standfast_options,
    language: *const c_char,
) -> standfast_status {
    boundary::status(|caller| {
        let options = handle::find(options)?;
        options.lock().language = caller.text(language, "language")?.to_owned();
        Ok(())
    })
}

/// Free options. NULL is ignored.
///
/// Threads: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn standfast_options_free(options: *mut standfast_options) -> standfast_status {
    boundary::status(|_| handle::remove(options).map(drop))
}
