//! The faces of the demo: one program for each language, all with the same arguments.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::repo::Repo;

/// A program that writes, subscribes and reports, in one language.
#[derive(Clone, Debug)]
pub(crate) struct Face {
    /// `rust`, `c`, `csharp`, `python`, `asyncio` or `node`.
    pub(crate) name: &'static str,
    repo: Repo,
    /// The program and what comes before its own arguments.
    words: Vec<PathBuf>,
}

impl Face {
    /// The command that runs it against this URL and channel.
    pub(crate) fn command(&self, url: &str, channel: &str) -> Command {
        let mut command = self.repo.with_library(self.repo.command(&self.words[0]));
        command.args(&self.words[1..]).args([url, self.name, channel]);
        command
    }
}

/// All faces, or Rust alone. A face of which a file is missing is an error that names the file.
pub(crate) fn all(repo: &Repo, quick: bool) -> Result<Vec<Face>> {
    let python = repo.python();
    let example = |path: &str| repo.path(path);
    let mut faces = vec![("rust", vec![repo.built("standfast-face")])];
    if !quick {
        faces.extend([
            ("c", vec![repo.built("face-c")]),
            ("csharp", vec!["mono".into(), repo.built("StandfastFace.exe")]),
            ("python", vec![python.clone(), example("bindings-python/examples/face.py")]),
            ("asyncio", vec![python, example("bindings-python/examples/face_asyncio.py")]),
            ("node", vec!["node".into(), example("bindings-node/examples/face.mjs")]),
        ]);
    }
    faces
        .into_iter()
        .map(|(name, words)| {
            if let Some(missing) = words.iter().find(|word| is_missing(word)) {
                bail!("the face {name} cannot run: {} is missing", missing.display());
            }
            Ok(Face { name, repo: repo.clone(), words })
        })
        .collect()
}

/// A bare word is looked up on `PATH` when it is started; the set-up has seen to it.
fn is_missing(word: &Path) -> bool {
    word.is_absolute() && !word.exists()
}
