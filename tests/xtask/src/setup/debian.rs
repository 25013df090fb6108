//! Programs that come as Debian packages: servers, compilers, interpreters, valgrind.
//!
//! A program on `PATH` is good enough, wherever it comes from. apt-get is called as root or through passwordless sudo;
//! otherwise the user gets the command to run.

use std::process::Command;

use anyhow::{Result, bail};

use super::{Need, install};
use crate::{
    repo::{Repo, on_path},
    run,
};

/// (needed for, program, package)
const PROGRAMS: &[(Need, &str, &str)] = &[
    (Need::Redis, "redis-server", "redis-server"),
    (Need::Redis, "redis-sentinel", "redis-sentinel"),
    (Need::C, "gcc", "gcc"),
    (Need::CTests, "g++", "g++"),
    (Need::CTests, "valgrind", "valgrind"),
    (Need::Mono, "mcs", "mono-mcs"),
    (Need::Mono, "mono", "mono-runtime"),
    (Need::Python, "python3", "python3"),
    (Need::Node, "node", "nodejs"),
    (Need::Node, "npm", "npm"),
];

pub(super) fn ensure(repo: &Repo, needs: &[Need]) -> Result<()> {
    let missing: Vec<(&str, &str)> = PROGRAMS
        .iter()
        .filter(|(need, program, _)| needs.contains(need) && on_path(program).is_none())
        .map(|&(_, program, package)| (program, package))
        .collect();
    let mut packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    // Debian's own Python comes without what makes virtual environments; others bring it along.
    if needs.contains(&Need::Python) && !python_makes_environments() {
        packages.push("python3-venv");
    }
    if packages.is_empty() {
        return Ok(());
    }
    bring(repo, &packages)?;
    let still: Vec<&str> = missing.iter().map(|(program, _)| *program).filter(|name| on_path(name).is_none()).collect();
    if !still.is_empty() {
        bail!("installed {}, but not on PATH: {}", packages.join(" "), still.join(", "));
    }
    Ok(())
}

fn python_makes_environments() -> bool {
    let mut command = Command::new("python3");
    command.args(["-c", "import venv, ensurepip"]);
    run::ask(command).is_some()
}

fn bring(repo: &Repo, packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    let by_hand = format!("sudo apt-get update && sudo apt-get install -y {list}");
    if on_path("apt-get").is_none() {
        bail!("missing: {list} (names of Debian packages), and there is no apt-get here to install them with");
    }
    let prefix: &[&str] = if rustix::process::geteuid().is_root() {
        &[]
    } else if sudo_asks_nothing() {
        &["sudo", "-n"]
    } else {
        bail!("missing: {list}; run: {by_hand}");
    };
    let apt = |arguments: &[&str]| {
        let words: Vec<&str> =
            [prefix, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"], arguments]
                .concat();
        let mut command = repo.command(words[0]);
        command.args(&words[1..]);
        command
    };
    let mut install_words = vec!["install", "-y", "--no-install-recommends"];
    install_words.extend(packages);
    install(repo, &format!("Debian packages {list}"), vec![apt(&["update"]), apt(&install_words)])
        .map_err(|error| error.context(format!("apt-get failed; by hand: {by_hand}")))?;
    if packages.iter().any(|name| name.starts_with("redis-")) {
        println!(
            "note: where systemd runs, Debian starts its own redis with that package; this project does not use it \
             (sudo systemctl disable --now redis-server redis-sentinel)"
        );
    }
    Ok(())
}

fn sudo_asks_nothing() -> bool {
    let mut command = Command::new("sudo");
    command.args(["-n", "true"]);
    run::ask(command).is_some()
}
