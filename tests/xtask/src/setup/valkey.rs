//! Valkey, in `target/valkey`: the lab runs a few tests on it. Debian 12 has it in its backports only, so the packages are fetched with a list of
//! sources of our own and unpacked: neither the system's sources nor its packages are changed, and nobody has to be root.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use super::install;
use crate::{
    repo::{Repo, on_path},
    run,
};

const SOURCE: &str = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm-backports main\n";
/// The server's program is in `valkey-tools`; the others hold links to it.
const PACKAGES: [&str; 3] = ["valkey-tools", "valkey-server", "valkey-sentinel"];

/// Brings Valkey, or says why not. Everything but the tests that need it works without, so that this is not an error.
pub(super) fn ensure(repo: &Repo) {
    if let Err(error) = bring(repo) {
        println!(
            "note: no Valkey, and the tests that run on it will fail: {error:#}\n\
             note: put a `valkey-server` on PATH (https://valkey.io/download) or mend this and run `cargo xtask setup` again"
        );
    }
}

fn bring(repo: &Repo) -> Result<()> {
    let program = repo.path("target/valkey/usr/bin/valkey-server");
    if runs(&program).is_ok() || on_path("valkey-server").is_some() {
        return Ok(());
    }
    for tool in ["apt-get", "dpkg"] {
        if on_path(tool).is_none() {
            bail!("there is no {tool} here to fetch Debian's packages with");
        }
    }
    let folder = repo.fresh_output("valkey")?;
    for part in ["lists/partial", "cache/archives/partial", "parts"] {
        let path = folder.join(part);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    let list = folder.join("sources.list");
    fs::write(&list, SOURCE).with_context(|| format!("cannot write {}", list.display()))?;

    let apt = |arguments: &[&str]| {
        let mut command = repo.command("apt-get");
        command.current_dir(&folder).args(["-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1"]);
        let places = [
            ("Etc::SourceList", &list),
            ("Etc::SourceParts", &folder.join("parts")),
            ("State::Lists", &folder.join("lists")),
            ("Cache", &folder.join("cache")),
        ];
        for (what, place) in places {
            command.arg("-o").arg(format!("Dir::{what}={}", place.display()));
        }
        command.args(arguments);
        command
    };
    let mut unpack = repo.command("sh");
    unpack.current_dir(&folder).args(["-ec", "for package in *.deb; do dpkg -x \"$package\" .; done"]);
    let download = [&["download"], &PACKAGES[..]].concat();
    install(
        repo,
        "Valkey from Debian's bookworm-backports in target/valkey",
        vec![apt(&["update"]), apt(&download), unpack],
    )?;
    runs(&program)
}

/// Whether it runs here: an unpacked package brings no libraries with it.
fn runs(program: &Path) -> Result<()> {
    let mut command = Command::new(program);
    command.arg("--version");
    run::ask(command).map(|_| ()).with_context(|| {
        format!(
            "{} does not run; `ldd` tells whether a library is missing (those of redis-server are enough)",
            program.display()
        )
    })
}
