//! What the tests of the C library and of its C# face share: building what they need, running a program with a hard limit,
//! and the failover that a demo face lives through. Each test file uses a part of it.
#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod failover;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// `bindings-c`.
pub(crate) fn crate_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of ours below the target directory.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("the scratch folder can be made");
    folder
}

/// `target/debug`: where cargo put what belongs to this test.
fn profile_dir() -> PathBuf {
    let executable = std::env::current_exe().expect("a test has an executable");
    executable.ancestors().nth(2).expect("…/target/debug/deps/test").to_owned()
}

fn cargo<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) {
    // What is built stands beside this test: same target directory, same profile. Everything it needs was downloaded
    // when the test was built.
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let target = profile_dir();
    command
        .args(arguments)
        .args(["--offline", "--quiet", "--target-dir"])
        .arg(target.parent().expect("…/target/debug"));
    if target.ends_with("release") {
        command.arg("--release");
    }
    // What cargo told this test must not reach the build scripts of another build.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
            command.env_remove(name);
        }
    }
    expect_success(&mut command);
}

/// What programs link with: `libstandfast.so` under both of its names, `libstandfast.a`, and in a folder of its own the
/// static library with the export that panics. Made once per process.
pub(crate) fn library_dir() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let folder = scratch("lib");
        let panicking = scratch("lib-panic");
        // The panicking library first: both builds leave their static library at the same place, and the right one stays.
        cargo(["rustc", "-p", "standfast-c", "--lib", "--features", "debug-panic", "--crate-type", "staticlib"]);
        copy(&profile_dir().join("libstandfast.a"), &panicking.join("libstandfast.a"));
        cargo(["build", "-p", "standfast-c"]);
        copy(&profile_dir().join("libstandfast.a"), &folder.join("libstandfast.a"));
        for name in ["libstandfast.so".to_owned(), soname()] {
            copy(&profile_dir().join("libstandfast.so"), &folder.join(name));
        }
        folder
    })
}

/// The name that programs look for at run time.
pub(crate) fn soname() -> String {
    format!("libstandfast.so.{}.{}", env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"))
}

/// The program `standfast-lab`.
pub(crate) fn lab_command() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM
        .get_or_init(|| {
            std::env::var_os("STANDFAST_LAB").map_or_else(
                || {
                    cargo(["build", "-p", "standfast-lab"]);
                    profile_dir().join("standfast-lab")
                },
                PathBuf::from,
            )
        })
        .clone()
}

/// Replace a file in one step, so that a program that runs from it keeps what it has.
fn copy(from: &Path, to: &Path) {
    let half = to.with_extension(format!("{}.half", std::process::id()));
    fs::copy(from, &half).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    fs::rename(&half, to).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
}

pub(crate) fn expect_success(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A command that is killed when it takes longer than this: nothing here may hang.
pub(crate) fn limited(seconds: u32, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", &seconds.to_string()]).arg(program);
    command
}

/// Compile a C or C++ program against the header and the shared library.
pub(crate) fn compile(name: &str, sources: &[&str]) -> PathBuf {
    let library = library_dir();
    let mut link: Vec<OsString> = vec!["-L".into(), library.into(), "-lstandfast".into()];
    link.push(format!("-Wl,-rpath,{}", library.display()).into());
    compile_with(name, sources, &link)
}

pub(crate) fn compile_with(name: &str, sources: &[&str], link: &[OsString]) -> PathBuf {
    let program = scratch("bin").join(name);
    let mut command = if sources.iter().any(|source| source.ends_with(".cpp")) {
        let mut command = Command::new("g++");
        command.arg("-std=c++17");
        command
    } else {
        let mut command = Command::new("gcc");
        command.arg("-std=c99");
        command
    };
    command.args(["-g", "-pedantic", "-Wall", "-Wextra", "-Wundef", "-Werror", "-pthread"]);
    for include in ["include", "tests"] {
        command.arg("-I").arg(crate_dir().join(include));
    }
    command.args(sources.iter().map(|source| crate_dir().join(source))).arg("-o").arg(&program).args(link);
    expect_success(&mut command);
    program
}
