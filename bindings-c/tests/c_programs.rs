//! The C programs: compiled as strictly as gcc can, run plain and under valgrind, most of them against real servers; and
//! what only the files can tell: symbols, SONAME, completeness of the header.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use standfast_lab::{Lab, LabOptions};
use support::{compile, compile_with, crate_dir, expect_success, library_dir, limited, scratch};

fn plain(program: &Path, arguments: &[&str]) {
    expect_success(limited(60, program).args(arguments));
}

fn valgrind(program: &Path, arguments: &[&str]) {
    expect_success(valgrind_command(program).args(arguments));
}

fn valgrind_command(program: &Path) -> Command {
    let mut command = limited(180, "valgrind");
    command
        .args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--fair-sched=yes"])
        .args(["--errors-for-leak-kinds=definite,indirect", "--num-callers=30"])
        .arg(program);
    command
}

fn alone(name: &str, sources: &[&str]) {
    let program = compile(name, sources);
    plain(&program, &[]);
    valgrind(&program, &[]);
}

fn lab() -> Lab {
    Lab::start(LabOptions::default()).expect("the lab starts")
}

fn live(name: &str) {
    let program = compile(name, &[&format!("tests/{name}.c")]);
    let lab = lab();
    plain(&program, &[&lab.url()]);
    valgrind(&program, &[&lab.url()]);
}

#[test]
fn header_is_strict_c99() {
    alone("header_c99", &["tests/header_c99.c"]);
}

#[test]
fn header_is_cplusplus() {
    alone("header_cpp", &["tests/header_cpp.cpp"]);
}

#[test]
fn header_can_be_in_two_units_of_one_program() {
    alone("two_units", &["tests/two_units_a.c", "tests/two_units_b.c"]);
}

#[test]
fn loading_the_library_does_nothing() {
    let program = compile_with("never_called", &["tests/never_called.c"], &["-ldl".into()]);
    let library = library_dir().join("libstandfast.so");
    let library = library.to_str().expect("a path in UTF-8");
    plain(&program, &[library]);
    valgrind(&program, &[library]);
}

#[test]
fn null_is_harmless_everywhere() {
    alone("null_everything", &["tests/null_everything.c"]);
}

#[test]
fn wrong_handles_are_errors() {
    alone("handles", &["tests/handles.c"]);
}

#[test]
fn nothing_is_left_of_failed_connections() {
    let program = compile("failed_connects", &["tests/failed_connects.c"]);
    plain(&program, &["1000"]);
    valgrind(&program, &["20"]);
}

#[test]
fn a_panic_is_a_status() {
    library_dir();
    let program = compile_with("panic", &["tests/panic.c"], &static_link(&scratch("lib-panic")));
    plain(&program, &[]);
    valgrind(&program, &[]);
}

#[test]
fn commands_work() {
    live("commands");
}

#[test]
fn subscriptions_work() {
    live("subscriptions");
}

#[test]
fn queues_work() {
    live("queues");
}

#[test]
fn logs_work() {
    live("logs");
}

/// A planned failover, told by events, status, nodes and log records.
#[test]
fn a_planned_failover_is_reported() {
    let program = compile("reports", &["tests/reports.c"]);
    let lab = lab();
    for (mut run, slow) in [(limited(60, &program), None), (valgrind_command(&program), Some("slow"))] {
        let pipes = run.arg(lab.url()).args(slow).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("the program speaks");
        assert_eq!(line, "ready\n");
        lab.planned_failover().expect("a planned failover");
        let output = child.wait_with_output().expect("the program ends");
        assert!(output.status.success(), "{run:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        lab.heal().expect("the replicas follow");
    }
}

#[test]
fn a_forked_child_is_told() {
    live("forked");
}

#[test]
fn a_program_may_end_at_any_time() {
    let program = compile("exit_while_closing", &["tests/exit_while_closing.c"]);
    let lab = lab();
    for _ in 0..5 {
        let status = limited(60, &program).arg(lab.url()).status().expect("the program starts");
        assert_eq!(status.code(), Some(7));
    }
}

#[test]
fn quickstart_says_what_it_should() {
    let shared = compile("quickstart", &["examples/quickstart.c"]);
    let fixed = compile_with("quickstart_static", &["examples/quickstart.c"], &static_link(library_dir()));
    let lab = lab();
    for program in [&shared, &fixed] {
        let output = expect_success(limited(60, program).arg(lab.url()));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "greeting = hello\nnews: it works\n");
    }
    valgrind(&shared, &[&lab.url()]);
    let lines = fs::read_to_string(crate_dir().join("examples/quickstart.c")).expect("the example").lines().count();
    assert!(lines <= 60, "a quick start of {lines} lines is not quick");
}

#[test]
fn failover_is_followed() {
    let face = compile("face", &["examples/face.c"]);
    support::failover::follow("c", limited(180, face));
}

/// Each configuration that cannot work gives the error that names the problem.
#[test]
fn bad_configuration_is_named() {
    let program = compile("misconfigured", &["tests/misconfigured.c"]);
    let mut wrong = Vec::new();
    let mut check = |url: &str, name: &str, word: &str| {
        let output = limited(60, &program).args([url, name, word]).output().expect("the program starts");
        print!("{url} → {}", String::from_utf8_lossy(&output.stdout));
        if !output.status.success() {
            wrong.push(format!("{url}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
        }
    };

    for (url, name, word) in [
        ("", "InvalidUrl", "position 0"),
        ("localhost:6379", "InvalidUrl", "redis+sentinel://"),
        ("http://:hunter2@h/m", "InvalidUrl", "scheme"),
        ("redis+sentinel://h:99999/m", "InvalidUrl", "port"),
        ("redis+sentinel://h", "InvalidUrl", "master name"),
        ("redis+sentinel://:hunter2@h/m?colour=red", "UnknownOption", "colour"),
        ("redis+sentinel://h/m?comand_timeout=1s", "UnknownOption", "command_timeout"),
        ("redis+sentinel://h/m?command_timeout=soon", "InvalidOption", "command_timeout"),
    ] {
        check(url, name, word);
    }

    let open = lab();
    let sentinels = open.sentinel_addrs();
    let hosts = sentinels.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let node = open.node_addrs()[0];
    let replica = open.node_addrs().iter().find(|node| **node != open.master().expect("a master")).expect("a replica");
    let quick = "connect_deadline=3s";
    check(&format!("redis+sentinel://{hosts}/nosuchmaster?{quick}"), "UnknownMaster", "nosuchmaster");
    check(&format!("redis+sentinel://{node}/mymaster?{quick}"), "NotASentinel", &node.to_string());
    check(&format!("redis://{replica}?{quick}"), "NotMaster", &replica.to_string());
    check(&format!("redis+sentinel://nobody:hunter2@{hosts}/mymaster?{quick}"), "MasterAuthFailed", "");
    let nobody = nobody_listens();
    check(&format!("redis+sentinel://{nobody}/mymaster?{quick}"), "SentinelsUnreachable", &nobody);
    drop(open);

    let locked = Lab::start(LabOptions {
        password: Some("hunter2".into()),
        sentinel_password: Some("hunter2too".into()),
        ..LabOptions::default()
    })
    .expect("the lab starts");
    let hosts = locked.sentinel_addrs().iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let right = "sentinel_password=hunter2too";
    check(&format!("redis+sentinel://{hosts}/mymaster?{right}&{quick}"), "MasterAuthRequired", "");
    check(&format!("redis+sentinel://:hunter2wrong@{hosts}/mymaster?{right}&{quick}"), "MasterAuthFailed", "");
    check(&format!("redis+sentinel://:hunter2@{hosts}/mymaster?{quick}"), "SentinelAuthRequired", "");
    let other = "sentinel_password=hunter2wrong";
    check(&format!("redis+sentinel://:hunter2@{hosts}/mymaster?{other}&{quick}"), "SentinelAuthFailed", "");
    assert!(wrong.is_empty(), "{wrong:#?}");
    valgrind(&program, &[&format!("redis+sentinel://{hosts}/mymaster?{other}&{quick}"), "SentinelAuthFailed", ""]);
    valgrind(&program, &[&format!("redis+sentinel://{nobody}/mymaster?{quick}"), "SentinelsUnreachable", &nobody]);
}

/// An address of this machine at which nobody listens: its port was free a moment ago.
fn nobody_listens() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

fn static_link(folder: &Path) -> Vec<std::ffi::OsString> {
    let mut link = vec![folder.join("libstandfast.a").into_os_string()];
    // `cargo rustc -p standfast-c --lib --crate-type staticlib -- --print native-static-libs`
    link.extend(["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"].map(Into::into));
    link
}

/// The functions that the header declares.
fn declared() -> BTreeSet<String> {
    let header = fs::read_to_string(crate_dir().join("include/standfast.h")).expect("the header");
    let mut code = String::new();
    let mut rest = header.as_str();
    while let Some((before, after)) = rest.split_once("/*") {
        code.push_str(before);
        rest = after.split_once("*/").expect("a comment ends").1;
    }
    code.push_str(rest);
    code.match_indices("standfast_")
        .filter_map(|(at, _)| {
            let name: String = code[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            code[at + name.len()..].starts_with('(').then_some(name)
        })
        .collect()
}

#[test]
fn exports_are_what_the_header_declares() {
    let output =
        expect_success(Command::new("nm").args(["-D", "--defined-only"]).arg(library_dir().join("libstandfast.so")));
    let exported: BTreeSet<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_whitespace().last().map(str::to_owned))
        .collect();
    let declared = declared();
    assert!(declared.len() > 50, "{declared:?}");
    assert_eq!(exported, declared);
}

#[test]
fn every_function_meets_null() {
    let test = fs::read_to_string(crate_dir().join("tests/null_everything.c")).expect("the test");
    let without_pointers = ["standfast_version", "standfast_abi_version"];
    let missing: Vec<String> = declared()
        .into_iter()
        .filter(|name| !without_pointers.contains(&name.as_str()) && !test.contains(&format!("{name}(")))
        .collect();
    assert!(missing.is_empty(), "tests/null_everything.c does not call {missing:?}");
}

#[test]
fn soname_has_the_abi_version() {
    let output = expect_success(Command::new("readelf").arg("-d").arg(library_dir().join("libstandfast.so")));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.contains("SONAME")).unwrap_or_else(|| panic!("no SONAME:\n{text}"));
    assert!(line.contains(&format!("[{}]", support::soname())), "{line}");
}
