//! The virtual environment in `.venv`, with what `bindings-python/requirements-dev.txt` pins.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use super::{install, up_to_date};
use crate::{repo::Repo, run};

const REQUIREMENTS: &str = "bindings-python/requirements-dev.txt";

pub(super) fn ensure(repo: &Repo) -> Result<()> {
    let list = repo.path(REQUIREMENTS);
    if !list.is_file() {
        bail!("{} is missing", list.display());
    }
    // An environment does not survive being moved, nor the removal of the Python it was made with: its own
    // interpreter must run and must say that it is here.
    let stamp = repo.venv().join("standfast-requirements.txt");
    if up_to_date(&list, &stamp) && prefix_of(&repo.python()).as_deref() == Some(&*repo.venv().to_string_lossy()) {
        return Ok(());
    }
    check_version()?;
    let mut make = repo.command("python3");
    make.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    make.args(["-m", "venv", "--clear"]).arg(repo.venv());
    let mut fill = repo.command(repo.python());
    fill.args(["-m", "pip", "install", "--disable-pip-version-check", "--requirement"]).arg(&list);
    install(repo, "Python environment in .venv", vec![make, fill])?;
    fs::copy(&list, &stamp).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(())
}

fn prefix_of(python: &Path) -> Option<String> {
    let mut command = Command::new(python);
    command.args(["-c", "import sys; print(sys.prefix)"]);
    run::ask(command)
}

fn check_version() -> Result<()> {
    let mut command = Command::new("python3");
    command.args(["-c", "import sys; print('%d.%d' % sys.version_info[:2]); sys.exit(sys.version_info < (3, 10))"]);
    if run::ask(command).is_none() {
        bail!("the python3 on PATH is older than 3.10, or does not run");
    }
    Ok(())
}
