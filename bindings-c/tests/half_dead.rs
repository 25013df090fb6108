//! Masters that fall silent without a word, as a program in C lives through them: frozen by SIGSTOP, or with every byte swallowed. Nothing is
//! closed, nothing is refused; the client has to leave by itself.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use standfast_lab::{Direction, Fault, Lab, LabOptions, Result, Side};
use support::{compile, limited};

const PATIENCE: Duration = Duration::from_secs(30);

fn is_left(fall_silent: impl Fn(&Lab) -> Result<i64>) {
    // Compiled once: a program that runs cannot be written.
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| compile("half_dead", &["tests/half_dead.c"]));
    let lab = Lab::start(LabOptions { proxied: true, ..LabOptions::default() }).expect("the lab starts");
    let mut running = limited(90, &*PROGRAM)
        .arg(lab.url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = running.stdin.take().expect("piped");
    let mut lines = BufReader::new(running.stdout.take().expect("piped")).lines();
    let mut words = |first: &str| {
        let line = lines.next().expect("the program speaks").expect("in UTF-8");
        let words: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
        assert_eq!(words[0], first, "{line}");
        words
    };
    words("ready");
    let old = lab.master().expect("a master");
    fall_silent(&lab).expect("a fault");
    writeln!(input, "go").expect("the program listens");
    let written = words("written");
    let writable = lab.wait_writable(PATIENCE).expect("a new master");
    assert!(written[1].parse::<i64>().unwrap() < writable.at_us + 1_000_000, "{written:?}, {writable:?}");
    assert!(matches!(&*written[2], "0" | "1"), "the one that was on its way: {written:?}");
    assert_eq!(written[3], writable.node.to_string());
    assert_eq!(words("heard")[1..], ["1".to_owned(), old.to_string(), writable.node.to_string()]);
    // It returns, and for a moment believes that it is the master.
    // Sentinel may have gone on to the third node meanwhile, as it does on a busy machine.
    let healed = lab.heal().expect("it heals");
    assert_ne!(healed, old);
    writeln!(input, "{healed}").expect("the program listens");
    words("end");
    let status = running.wait().expect("the program ends");
    assert!(status.success(), "{status}");
}

#[test]
fn a_frozen_master_is_left() {
    is_left(|lab| lab.stop(lab.master()?));
}

#[test]
fn a_swallowing_master_is_left() {
    is_left(|lab| lab.inject(lab.master()?, Side::All, Fault::Swallow { direction: Direction::Both }));
}
