//! The programs of the README run and print what the README says they print: the quick starts, each against a topology of its own, and the tests
//! that the test kit is shown by, which start theirs themselves.
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

/// What every test that is shown prints when it has passed.
const PASSED: [&str; 1] = ["orders: 2, and the master is"];

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
    run(mono("Quickstart.cs", &["Standfast.dll"]));
}

#[test]
fn python() {
    run(in_python("bindings-python/examples/quickstart.py"));
}

#[test]
fn asyncio() {
    run(in_python("bindings-python/examples/quickstart_asyncio.py"));
}

#[test]
fn node() {
    run(in_node("bindings-node/examples/quickstart.mjs"));
}

#[test]
fn a_test_in_rust() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--package", "standfast-lab", "--example", "testing"]);
    compile(cargo);
    run_test(Command::new(built("examples/testing")));
}

#[test]
fn a_test_in_csharp() {
    run_test(mono("Testing.cs", &["Standfast.dll", "Standfast.Testing.dll"]));
}

#[test]
fn a_test_in_python() {
    run_test(in_python("bindings-python/examples/testing.py"));
}

#[test]
fn a_test_in_node() {
    run_test(in_node("bindings-node/examples/testing.mjs"));
}

/// A C# example, compiled beside the assemblies that it needs: mono looks there first.
fn mono(example: &str, assemblies: &[&str]) -> Command {
    let program = built(&format!("Standfast{example}")).with_extension("exe");
    let mut mcs = Command::new("mcs");
    mcs.args(["-langversion:7.2", "-warnaserror"]).arg(format!("-out:{}", program.display()));
    for assembly in assemblies {
        needs(&built(assembly));
        mcs.arg(format!("-reference:{}", built(assembly).display()));
    }
    mcs.arg(root().join("bindings-c/csharp/examples").join(example));
    compile(mcs);
    let mut mono = Command::new("mono");
    mono.arg(program).env("LD_LIBRARY_PATH", built(""));
    mono
}

fn in_python(example: &str) -> Command {
    let python = root().join(".venv/bin/python");
    needs(&python);
    let mut command = Command::new(python);
    command.arg(root().join(example));
    command
}

fn in_node(example: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(root().join(example));
    command
}

/// Run a quick start with the URL of a fresh lab, as its argument and in `STANDFAST_URL`.
fn run(mut command: Command) {
    let lab = Lab::start(LabOptions::default()).unwrap();
    command.arg(lab.url()).env("STANDFAST_URL", lab.url());
    prints(&command, &PRINTS);
}

/// Run a test that starts a lab by itself.
fn run_test(mut command: Command) {
    let program = built("standfast-lab");
    needs(&program);
    command.env("STANDFAST_LAB", program);
    prints(&command, &PASSED);
}

fn prints(command: &Command, lines: &[&str]) {
    // `timeout` ends a program that hangs, and passes on the exit code of one that does not.
    let mut limited = Command::new("timeout");
    limited.args(["--kill-after=5", "60"]).arg(command.get_program()).args(command.get_args());
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = limited.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{limited:?} ended with {}: {text}{errors}", output.status);
    for line in lines {
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
