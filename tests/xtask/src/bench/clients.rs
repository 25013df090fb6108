//! Every client that is measured, ours and the peers', and how its program is built: released, as its users get it. What is installed and built goes
//! into `target/bench`; only our Node addon is built where it always is.

use std::path::Path;

use anyhow::Result;

use super::peers;
use crate::{build, repo::Repo};

/// Clients of one language that are compared with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    RustMulti,
    RustCurrent,
    RustBlocking,
    C,
    Python,
    Asyncio,
    Node,
}

impl Language {
    pub(super) const ALL: [Language; 7] = [
        Language::RustMulti,
        Language::RustCurrent,
        Language::RustBlocking,
        Language::C,
        Language::Python,
        Language::Asyncio,
        Language::Node,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Language::RustMulti => "rust (multi-thread runtime)",
            Language::RustCurrent => "rust (current-thread runtime)",
            Language::RustBlocking => "rust (blocking)",
            Language::C => "c",
            Language::Python => "python",
            Language::Asyncio => "python (asyncio)",
            Language::Node => "node",
        }
    }

    /// How `--only` calls it.
    fn word(self) -> &'static str {
        match self {
            Language::RustMulti | Language::RustCurrent | Language::RustBlocking => "rust",
            Language::C => "c",
            Language::Python => "python",
            Language::Asyncio => "asyncio",
            Language::Node => "node",
        }
    }

    /// Those that were asked for.
    pub(super) fn chosen(only: &[String]) -> Vec<Language> {
        let wanted = |language: &Language| only.is_empty() || only.iter().any(|word| word == language.word());
        Self::ALL.into_iter().filter(wanted).collect()
    }
}

/// A client and how to start its program.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) peer: String,
    pub(super) language: Language,
    pub(super) ours: bool,
    pub(super) command: Vec<String>,
    pub(super) env: Vec<(&'static str, String)>,
}

impl Client {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.language.name(), self.peer)
    }
}

/// Builds and installs, and lists; ours first in each language.
pub(super) fn all(repo: &Repo, languages: &[Language], with_peers: bool) -> Result<Vec<Client>> {
    let mut all = Vec::new();
    let rust: Vec<Language> = languages.iter().copied().filter(|language| language.word() == "rust").collect();
    if !rust.is_empty() {
        all.extend(rust_clients(repo, &rust, with_peers)?);
    }
    if languages.contains(&Language::C) {
        all.extend(c_clients(repo, with_peers)?);
    }
    if languages.contains(&Language::Python) || languages.contains(&Language::Asyncio) {
        let chosen = python_clients(repo, with_peers)?;
        all.extend(chosen.into_iter().filter(|client| languages.contains(&client.language)));
    }
    if languages.contains(&Language::Node) {
        all.extend(node_clients(repo, with_peers)?);
    }
    Ok(all)
}

fn words(program: &Path, more: &[&str]) -> Vec<String> {
    std::iter::once(program.to_string_lossy().into_owned()).chain(more.iter().map(|word| (*word).to_owned())).collect()
}

fn rust_clients(repo: &Repo, languages: &[Language], with_peers: bool) -> Result<Vec<Client>> {
    let cargo = repo.cargo(&["build", "--locked", "--release", "--package", "standfast-bench"]);
    build::one(repo, "bench-rust", vec![cargo])?;
    let theirs = if with_peers { Some(peers::rust(repo)?) } else { None };
    let mut all = Vec::new();
    for language in languages.iter().copied() {
        let (suffix, runtime): (&str, &[&str]) = match language {
            Language::RustBlocking => ("-blocking", &[]),
            Language::RustCurrent => ("", &["current"]),
            _ => ("", &["multi"]),
        };
        let mut add = |peer: &str, ours: bool, folder: &Path| {
            let program = folder.join(format!("bench-{peer}{suffix}"));
            let command = words(&program, runtime);
            all.push(Client { peer: peer.to_owned(), language, ours, command, env: Vec::new() });
        };
        add("standfast", true, &repo.path("target/release"));
        if let Some(folder) = &theirs {
            let peers: &[&str] =
                if language == Language::RustBlocking { &["redis-rs"] } else { &["redis-rs", "fred", "rustis"] };
            peers.iter().for_each(|peer| add(peer, false, folder));
            if language == Language::RustBlocking {
                // The target for threads that wait is hiredis.
                let command = words(&hiredis(repo)?, &[]);
                all.push(Client { peer: "hiredis".into(), language, ours: false, command, env: Vec::new() });
            }
        }
    }
    Ok(all)
}

fn c_clients(repo: &Repo, with_peers: bool) -> Result<Vec<Client>> {
    let folder = repo.path("target/release");
    let soname = concat!("libstandfast.so.", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));
    let cargo = repo.cargo(&["build", "--locked", "--release", "--package", "standfast-c"]);
    let mut link = repo.command("ln");
    link.args(["-sfn", "libstandfast.so"]).arg(folder.join(soname));
    let program = repo.output("bench/c")?.join("bench_standfast");
    let mut gcc = gcc(repo, "bench_standfast.c", &program);
    gcc.arg("-I").arg(repo.path("bindings-c/include")).arg("-L").arg(&folder).arg("-lstandfast");
    gcc.arg(format!("-Wl,-rpath,{}", folder.display()));
    build::one(repo, "bench-c", vec![cargo, link, gcc])?;
    let client = |peer: &str, ours, program: &Path| Client {
        peer: peer.to_owned(),
        language: Language::C,
        ours,
        command: words(program, &[]),
        env: Vec::new(),
    };
    let mut all = vec![client("standfast", true, &program)];
    if with_peers {
        all.push(client("hiredis", false, &hiredis(repo)?));
    }
    Ok(all)
}

fn hiredis(repo: &Repo) -> Result<std::path::PathBuf> {
    let program = repo.output("bench/c")?.join("bench_hiredis");
    let mut gcc = gcc(repo, "bench_hiredis.c", &program);
    gcc.arg("-lhiredis");
    build::one(repo, "bench-hiredis", vec![gcc])?;
    Ok(program)
}

fn gcc(repo: &Repo, source: &str, program: &Path) -> std::process::Command {
    let mut gcc = repo.command("gcc");
    gcc.args(["-std=c99", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2"]);
    gcc.arg(repo.path("tests/bench/c").join(source)).arg("-o").arg(program);
    gcc
}

fn python_clients(repo: &Repo, with_peers: bool) -> Result<Vec<Client>> {
    let python = peers::python(repo)?;
    let wheels = repo.fresh_output("bench/wheels")?;
    let mut wheel = repo.command(repo.python());
    wheel.current_dir(repo.path("bindings-python"));
    wheel.args(["-m", "maturin", "build", "--release", "--locked", "--interpreter"]).arg(repo.python());
    wheel.arg("--out").arg(&wheels);
    let mut install = repo.command(&python);
    install.args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--force-reinstall", "--no-deps"]);
    install.args(["--no-index", "--find-links"]).arg(&wheels).arg("standfast");
    build::one(repo, "bench-python", vec![wheel, install])?;
    let script = repo.path("tests/bench/python/measure.py").to_string_lossy().into_owned();
    let ours: [(Language, &str, &str); 3] = [
        (Language::Python, "standfast", "standfast"),
        (Language::Asyncio, "standfast", "standfast-asyncio"),
        (Language::Asyncio, "standfast, uvloop", "standfast-uvloop"),
    ];
    let theirs: [(Language, &str, &str); 10] = [
        (Language::Python, "redis-py", "redis-py"),
        (Language::Python, "redis-py + hiredis", "redis-py+hiredis"),
        (Language::Python, "GLIDE", "glide"),
        (Language::Asyncio, "redis.asyncio", "redis.asyncio"),
        (Language::Asyncio, "redis.asyncio + hiredis", "redis.asyncio+hiredis"),
        (Language::Asyncio, "redis.asyncio + hiredis, uvloop", "redis.asyncio+hiredis-uvloop"),
        (Language::Asyncio, "coredis", "coredis"),
        (Language::Asyncio, "coredis, uvloop", "coredis-uvloop"),
        (Language::Asyncio, "GLIDE", "glide-asyncio"),
        (Language::Asyncio, "GLIDE, uvloop", "glide-uvloop"),
    ];
    let client = |ours: bool| {
        let (python, script) = (python.clone(), script.clone());
        move |(language, peer, variant): (Language, &str, &str)| {
            let command = words(&python, &[&script, variant]);
            Client { peer: peer.to_owned(), language, ours, command, env: Vec::new() }
        }
    };
    let mut all: Vec<Client> = ours.into_iter().map(client(true)).collect();
    if with_peers {
        all.extend(theirs.into_iter().map(client(false)));
    }
    Ok(all)
}

fn node_clients(repo: &Repo, with_peers: bool) -> Result<Vec<Client>> {
    let mut npm = repo.command("npm");
    npm.current_dir(repo.path("bindings-node")).args(["run", "build"]);
    build::one(repo, "bench-node", vec![npm])?;
    let script = peers::node(repo)?.join("measure.mjs").to_string_lossy().into_owned();
    let env = || vec![("STANDFAST_NODE", repo.path("bindings-node").to_string_lossy().into_owned())];
    let client = |peer: &str, variant: &str, ours: bool| Client {
        peer: peer.to_owned(),
        language: Language::Node,
        ours,
        command: words(Path::new("node"), &[&script, variant]),
        env: env(),
    };
    let mut all = vec![client("standfast", "standfast", true)];
    if with_peers {
        let peers = [
            ("ioredis", "ioredis"),
            ("ioredis, auto-pipelining", "ioredis+autopipelining"),
            ("node-redis", "node-redis"),
            ("GLIDE", "glide"),
        ];
        all.extend(peers.map(|(peer, variant)| client(peer, variant, false)));
    }
    Ok(all)
}

/// A process of the same kind without any client, to compare memory with.
pub(super) fn nothing(client: &Client) -> Option<Client> {
    let mut nothing = client.clone();
    match client.language {
        Language::Python | Language::Asyncio | Language::Node => *nothing.command.last_mut()? = "nothing".to_owned(),
        _ => return None,
    }
    Some(Client { peer: "nothing".into(), ..nothing })
}
