//! Where things are in the source tree, and the environment in which the project's programs run.
//!
//! There is one target directory, `<repo>/target`, for cargo, maturin and napi alike.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

/// The source tree that this command was built from.
#[derive(Clone, Debug)]
pub(crate) struct Repo {
    root: PathBuf,
}

impl Repo {
    pub(crate) fn find() -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.join("../..").canonicalize().with_context(|| {
            format!("the source tree {} that this command was built from is gone; build it again", here.display())
        })?;
        Ok(Self { root })
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// What cargo's dev profile builds.
    pub(crate) fn built(&self, name: &str) -> PathBuf {
        self.root.join("target/debug").join(name)
    }

    pub(crate) fn lab(&self) -> PathBuf {
        self.built("standfast-lab")
    }

    pub(crate) fn venv(&self) -> PathBuf {
        self.root.join(".venv")
    }

    pub(crate) fn python(&self) -> PathBuf {
        self.venv().join("bin/python")
    }

    /// `target/<name>`, made if it is not there.
    pub(crate) fn output(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join("target").join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    /// `target/<name>`, emptied: nothing of an earlier run can be taken for this one's.
    pub(crate) fn fresh_output(&self, name: &str) -> Result<PathBuf> {
        let path = self.output(name)?;
        fs::remove_dir_all(&path).with_context(|| format!("cannot empty {}", path.display()))?;
        self.output(name)
    }

    /// A program that runs in the root of the tree and finds the lab, the virtual environment and the one target directory.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", self.root.join("target"))
            .env("STANDFAST_LAB", self.lab())
            .env("VIRTUAL_ENV", self.venv())
            .env("PYO3_PYTHON", self.python())
            .env("PATH", search_path(&self.venv().join("bin")))
            .env("CARGO_TERM_COLOR", "never")
            .env("NO_COLOR", "1");
        // `cargo run` describes *this* package to its program; what we start must not take that for its own.
        for (name, _) in env::vars_os() {
            if let Some(text) = name.to_str()
                && (text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_"))
            {
                command.env_remove(name);
            }
        }
        command
    }

    /// cargo itself: the one that runs us.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from));
        command.args(arguments);
        command
    }

    /// A command with the C library on the loader's path, for programs that are not linked with an rpath (mono).
    pub(crate) fn with_library(&self, mut command: Command) -> Command {
        let mut paths = vec![self.root.join("target/debug")];
        paths.extend(env::var_os("LD_LIBRARY_PATH").iter().flat_map(env::split_paths));
        command.env("LD_LIBRARY_PATH", joined(paths));
        command
    }
}

/// The program of this name on `PATH`, if there is one.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let paths = env::var_os("PATH")?;
    env::split_paths(&paths).map(|folder| folder.join(name)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

fn search_path(first: &Path) -> OsString {
    let mut paths = vec![first.to_owned()];
    paths.extend(env::var_os("PATH").iter().flat_map(env::split_paths));
    joined(paths)
}

fn joined(paths: Vec<PathBuf>) -> OsString {
    // It can only fail when a folder's name contains a colon: then the list already in use is as good as it gets.
    env::join_paths(paths).unwrap_or_else(|_| env::var_os("PATH").unwrap_or_default())
}
