//! Other projects' clients: their programs are in `tests/bench/peers`, with versions and locks of their own; what is installed and built for them
//! goes into `target/bench` and nowhere else.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};

use crate::{build, faces::FaceSpec, repo::Repo, setup::up_to_date};

/// A program that is measured: ours or a peer's.
#[derive(Clone, Debug)]
pub(super) struct Contender {
    pub(super) peer: &'static str,
    pub(super) language: &'static str,
    /// Not the client's defaults, but what its documentation has against slow failovers.
    pub(super) tuned: bool,
    pub(super) spec: FaceSpec,
}

/// Install and build them all.
pub(super) fn all(repo: &Repo) -> Result<Vec<Contender>> {
    let python = python(repo)?;
    let node = node(repo)?;
    let rust = rust(repo)?;
    let script = |file: &str| node.join(file);
    let peers: [(&str, &str, &[bool], Vec<PathBuf>); 6] = [
        ("redis-py", "python", &[false, true], vec![python, repo.path("tests/bench/peers/python/peer_redis_py.py")]),
        ("ioredis", "node", &[false, true], vec!["node".into(), script("peer-ioredis.mjs")]),
        ("node-redis", "node", &[false, true], vec!["node".into(), script("peer-node-redis.mjs")]),
        ("fred", "rust", &[false, true], vec![rust.join("peer-fred")]),
        ("rustis", "rust", &[false, true], vec![rust.join("peer-rustis")]),
        ("redis-rs", "rust", &[false], vec![rust.join("peer-redis-rs")]),
    ];
    let mut all = Vec::new();
    for (peer, language, variants, program) in peers {
        for tuned in variants.iter().copied() {
            let mut command: Vec<String> = program.iter().map(|word| word.to_string_lossy().into_owned()).collect();
            command.extend(tuned.then(|| "--tuned".to_owned()));
            let name = format!("{peer}{}", if tuned { "-tuned" } else { "" });
            all.push(Contender { peer, language, tuned, spec: FaceSpec { name, command, env: Vec::new() } });
        }
    }
    Ok(all)
}

fn python(repo: &Repo) -> Result<PathBuf> {
    let (folder, list) = (repo.output("bench")?.join("python"), repo.path("tests/bench/peers/python/requirements.txt"));
    let (python, stamp) = (folder.join("bin/python"), folder.join("standfast-requirements.txt"));
    if !up_to_date(&list, &stamp) {
        let mut make = repo.command("python3");
        make.args(["-m", "venv", "--clear"]).arg(&folder);
        let mut fill = repo.command(&python);
        fill.args(["-m", "pip", "install", "--disable-pip-version-check", "--requirement"]).arg(&list);
        build::one(repo, "peers-python", vec![make, fill])?;
        fs::copy(&list, &stamp).with_context(|| stamp.display().to_string())?;
    }
    Ok(python)
}

/// Modules are looked for beside the programs that import them, so the programs go there, too.
fn node(repo: &Repo) -> Result<PathBuf> {
    let (folder, source) = (repo.output("bench/node")?, repo.path("tests/bench/peers/node"));
    for file in ["package.json", "package-lock.json", "task.mjs", "peer-ioredis.mjs", "peer-node-redis.mjs"] {
        fs::copy(source.join(file), folder.join(file)).with_context(|| format!("copying {file}"))?;
    }
    let (lock, stamp) = (source.join("package-lock.json"), folder.join("node_modules/.standfast-package-lock.json"));
    if !up_to_date(&lock, &stamp) {
        let mut npm = repo.command("npm");
        npm.current_dir(&folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        build::one(repo, "peers-node", vec![npm])?;
        fs::copy(&lock, &stamp).with_context(|| stamp.display().to_string())?;
    }
    Ok(folder)
}

fn rust(repo: &Repo) -> Result<PathBuf> {
    let target = repo.output("bench/rust")?;
    let manifest = repo.path("tests/bench/peers/rust/Cargo.toml");
    // One job: others measure on this machine, too.
    let mut command = repo.cargo(&["build", "--locked", "--release", "--jobs", "1", "--manifest-path"]);
    command.arg(manifest).env("CARGO_TARGET_DIR", &target);
    build::one(repo, "peers-rust", vec![command])?;
    Ok(target.join("release"))
}
