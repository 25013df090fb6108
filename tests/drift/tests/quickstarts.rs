//! The quick starts of the README run, each against a topology of its own, and print what the README says they print.
//!
//! They are compiled as a user would compile them. The libraries have to be there: `cargo xtask test drift` builds them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use standfast_drift::root;
use standfast_lab::{Lab, LabOptions};

/// What every quick start prints: the value that it has written and read, and the channel that it has heard.
const PRINTS: [&str; 2] = ["hello", "news"];

#[test]
fn rust() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--package", "standfast-core", "--example", "quickstart"]);
    compile(cargo);
    run(Command::new(built("examples/quickstart")));
}

#[test]
fn c() {
    let program = output("quickstart-c");
    let folder = built("");
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-I"])
        .arg(root().join("bindings-c/include"))
        .arg(root().join("bindings-c/examples/quickstart.c"))
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(&folder)
        .args(["-lstandfast", &format!("-Wl,-rpath,{}", folder.display())]);
    needs(&built("libstandfast.so"));
    compile(gcc);
    run(Command::new(program));
}

#[test]
fn csharp() {
    let library = built("Standfast.dll");
    needs(&library);
    // mono looks for an assembly beside the program first.
    let program = built("StandfastQuickstart.exe");
    let mut mcs = Command::new("mcs");
    mcs.args(["-langversion:7.2", "-warnaserror"])
        .arg(format!("-out:{}", program.display()))
        .arg(format!("-reference:{}", library.display()))
        .arg(root().join("bindings-c/csharp/examples/Quickstart.cs"));
    compile(mcs);
    let mut mono = Command::new("mono");
    mono.arg(program).env("LD_LIBRARY_PATH", built(""));
    run(mono);
}

#[test]
fn python() {
    run_python("bindings-python/examples/quickstart.py");
}

#[test]
fn asyncio() {
    run_python("bindings-python/examples/quickstart_asyncio.py");
}

#[test]
fn node() {
    let mut node = Command::new("node");
    node.arg(root().join("bindings-node/examples/quickstart.mjs"));
    run(node);
}

fn run_python(example: &str) {
    let python = root().join(".venv/bin/python");
    needs(&python);
    let mut command = Command::new(python);
    command.arg(root().join(example));
    run(command);
}

/// Run a quick start with the URL of a fresh lab, as its argument and in `STANDFAST_URL`.
fn run(command: Command) {
    let lab = Lab::start(LabOptions::default()).unwrap();
    // `timeout` ends a quick start that hangs, and passes on the exit code of one that does not.
    let mut limited = Command::new("timeout");
    limited.args(["--kill-after=5", "60"]).arg(command.get_program()).args(command.get_args()).arg(lab.url());
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("STANDFAST_URL", lab.url());
    let output = limited.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{limited:?} ended with {}: {text}{errors}", output.status);
    for line in PRINTS {
        assert!(text.lines().any(|printed| printed.contains(line)), "it does not print {line:?}: {text}{errors}");
    }
}

fn compile(mut command: Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{text}{}", String::from_utf8_lossy(&output.stdout));
}

fn built(name: &str) -> PathBuf {
    root().join("target/debug").join(name)
}

fn output(name: &str) -> PathBuf {
    let folder = root().join("target/drift");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

fn needs(file: &Path) {
    assert!(file.exists(), "{} is missing; `cargo xtask test drift` builds it", file.display());
}
