//! `cargo xtask commands`: asks a Redis and a Valkey server what their commands are, and writes `core/commands/table.json`.
//!
//! It is run by hand when a server has learned something new; nothing else needs the servers. What they do not say stands in
//! `core/commands/overlay.json`, which is kept by hand; everything that is made of the two is made by `cargo xtask codegen`.

mod docs;
mod grammar;

use std::{fs, path::Path, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use standfast_lab::{Lab, LabOptions};

use crate::repo::Repo;

/// Ask both programs and write the table. Where both know a command, the second one's words are taken: its grammar names
/// things more carefully.
pub(crate) fn run(repo: &Repo, redis: &Path, valkey: &Path) -> Result<ExitCode> {
    let first = ask(redis)?;
    let second = ask(valkey)?;
    let file = repo.path("core/commands/table.json");
    let table = docs::merged(&first, &second);
    fs::write(&file, table).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{} is written; `cargo xtask codegen` writes what is made of it.", file.display());
    Ok(ExitCode::SUCCESS)
}

fn ask(server: &Path) -> Result<docs::Server> {
    let lab = Lab::start(LabOptions {
        replicas: 0,
        sentinels: 1,
        quorum: Some(1),
        server: server.into(),
        ..LabOptions::default()
    })?;
    let mut raw = lab.connect(lab.master()?)?;
    // The documents are large and made on the fly.
    raw.set_read_timeout(Duration::from_secs(10))?;
    let info = raw.command(&["INFO", "server"])?.text();
    // Valkey says both, for clients that know Redis only.
    let title = ["valkey_version:", "redis_version:"]
        .iter()
        .find_map(|field| Some((field, info.lines().find_map(|line| line.strip_prefix(field))?.trim())))
        .map(|(field, version)| format!("{} {version}", field.trim_end_matches("_version:")))
        .context("the server does not say its version")?;
    let documents = raw.command(&["COMMAND", "DOCS"])?.into_result()?;
    let facts = raw.command(&["COMMAND", "INFO"])?.into_result()?;
    docs::Server::new(title, &documents, &facts)
}
