//! The header: generated from the exports, compared with the committed one, rewritten with `UPDATE=1`.
//!
//! The version and the error codes are not in the sources of this crate a second time: they come from the package and from
//! the core's table.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cbindgen::{Builder, Config, DocumentationStyle, EnumConfig, FunctionConfig, Language, SortKey, Style};
use standfast::ErrorKind;

/// The files with exports, in the reading order of the header.
const SOURCES: &[&str] =
    &["error.rs", "options.rs", "client.rs", "reply.rs", "subscription.rs", "queue.rs", "logs.rs", "version.rs"];

const CONVENTIONS: &str = r#"/*
 * Standfast: a Redis and Valkey client that stands fast while the master falls.
 *
 * These rules hold for every function; each function documents only what differs.
 *
 *  1. The object first, then inputs, then outputs. There are no in/out parameters. Outputs are set to NULL or 0 on failure.
 *     Functions that can fail return a standfast_status: STANDFAST_OK (0), or a code. standfast_last_error() says more; it
 *     belongs to the thread and lasts until the next call on it that is not one of standfast_error_...().
 *  2. Opaque types only. A pointer to one is a number in disguise, never an address: do not dereference, do not change it.
 *     A freed pointer, freeing twice and a pointer of another type are STANDFAST_ERR_INVALID_HANDLE, NULL is
 *     STANDFAST_ERR_NULL_ARGUMENT; neither does harm.
 *  3. Text in: UTF-8, ending at a NUL. Bytes in: pointer and length; (NULL, 0) is empty, and the length
 *     STANDFAST_TERMINATED means up to the first NUL. Everything is copied before the function returns.
 *  4. Text and bytes out: borrowed from the owner that they were read from, valid until it is freed; never NULL, always with
 *     a NUL behind them.
 *  5. What _new, _open and functions with an output give, _free takes back. _free(NULL) does nothing. _close stops, and ends
 *     calls that wait, but the object stays valid; _free closes too. Objects may be freed in any order.
 *  6. Any function may be called from any thread, concurrently. A queue is meant for one thread or event loop: two threads
 *     that read it each get a part of the results.
 *  7. There are no callbacks. Whoever wants something pulls it: standfast_subscription_next(), standfast_events_next(),
 *     standfast_queue_next(), standfast_logs_next(). Event loops watch the descriptors of subscriptions, queues and logs.
 *  8. Time-outs are milliseconds. Commands: STANDFAST_DEFAULT_TIMEOUT, STANDFAST_NO_TIMEOUT or 1 and more; 0 is invalid.
 *     "next" and "wait": 0 = look only, STANDFAST_FOREVER = no limit; a "next" whose time-out passes returns STANDFAST_OK
 *     and NULL.
 *  9. A bug in the library becomes STANDFAST_ERR_PANIC; it never ends the process.
 * 10. After fork() every call on an object of the parent returns STANDFAST_ERR_FORKED in the child; new objects work there.
 *     Nothing happens when the library is loaded: no thread, no descriptor, no signal handler before the first client.
 */"#;

fn crate_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn generate() -> String {
    let config = Config {
        language: Language::C,
        include_guard: Some("STANDFAST_H".to_owned()),
        no_includes: true,
        sys_includes: ["stdbool.h", "stddef.h", "stdint.h"].map(str::to_owned).to_vec(),
        cpp_compat: true,
        documentation_style: DocumentationStyle::Doxy,
        usize_is_size_t: true,
        style: Style::Type,
        line_length: 110,
        sort_by: SortKey::None,
        header: Some(CONVENTIONS.to_owned()),
        autogen_warning: Some(
            "/* Generated from bindings-c/src. Do not edit: UPDATE=1 cargo test -p standfast-c --lib header */"
                .to_owned(),
        ),
        after_includes: Some(constants()),
        function: FunctionConfig { sort_by: Some(SortKey::None), ..FunctionConfig::default() },
        enumeration: EnumConfig { prefix_with_name: true, ..EnumConfig::default() },
        ..Config::default()
    };
    let mut builder = Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(crate_dir().join("src").join(source));
    }
    let mut header = Vec::new();
    builder.generate().expect("the exports can be read").write(&mut header);
    String::from_utf8(header).expect("cbindgen writes UTF-8")
}

fn constants() -> String {
    let version = |part: &str| part.parse::<u32>().expect("a version has three numbers");
    let (major, minor, patch) = (
        version(env!("CARGO_PKG_VERSION_MAJOR")),
        version(env!("CARGO_PKG_VERSION_MINOR")),
        version(env!("CARGO_PKG_VERSION_PATCH")),
    );
    assert!(minor < 1000 && patch < 1000, "the composite number has three digits for each");
    let mut text = format!(
        "\n/* The version of this header; the library says its own by standfast_version(). */\n\
         #define STANDFAST_VERSION \"{major}.{minor}.{patch}\"\n\
         #define STANDFAST_VERSION_MAJOR {major}\n\
         #define STANDFAST_VERSION_MINOR {minor}\n\
         #define STANDFAST_VERSION_PATCH {patch}\n\
         /* For #if: major * 1000000 + minor * 1000 + patch. */\n\
         #define STANDFAST_VERSION_NUMBER {}\n\n\
         /* As a length: up to the first NUL. */\n\
         #define STANDFAST_TERMINATED SIZE_MAX\n\n\
         /* As the time-out of a command: what the option \"command_timeout\" says; no time-out. */\n\
         #define STANDFAST_DEFAULT_TIMEOUT (-1)\n\
         #define STANDFAST_NO_TIMEOUT INT64_MAX\n\
         /* As the time-out of a \"next\" or a \"wait\": no limit. */\n\
         #define STANDFAST_FOREVER (-1)\n",
        major * 1_000_000 + minor * 1_000 + patch
    );
    let mut category = "";
    for kind in ErrorKind::ALL {
        if kind.category() != category {
            category = kind.category();
            let _ = write!(text, "\n/* {category} */\n");
        }
        let _ = writeln!(text, "#define STANDFAST_ERR_{} {}", constant_name(kind.name()), kind.code());
    }
    text
}

/// `NotASentinel` → `NOT_A_SENTINEL`.
fn constant_name(name: &str) -> String {
    let mut constant = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            constant.push('_');
        }
        constant.push(letter.to_ascii_uppercase());
    }
    constant
}

fn committed(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn header_is_what_the_exports_say() {
    let path = crate_dir().join("include/standfast.h");
    let generated = generate();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &generated).expect("the header can be written");
    }
    assert!(
        committed(&path) == generated,
        "{} is not what the exports say; run: UPDATE=1 cargo test -p standfast-c --lib header",
        path.display()
    );
}

#[test]
fn composite_version_number_is_made_of_its_parts() {
    let constants = constants();
    let number = |name: &str| -> u32 {
        let line = constants.lines().find(|line| line.starts_with(&format!("#define {name} "))).expect(name);
        line.rsplit(' ').next().unwrap().parse().expect(name)
    };
    assert_eq!(
        number("STANDFAST_VERSION_NUMBER"),
        number("STANDFAST_VERSION_MAJOR") * 1_000_000
            + number("STANDFAST_VERSION_MINOR") * 1_000
            + number("STANDFAST_VERSION_PATCH")
    );
    assert!(constants.contains(&format!("#define STANDFAST_VERSION \"{}\"", standfast::VERSION)));
}
