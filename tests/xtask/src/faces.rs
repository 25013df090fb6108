//! The faces of the demo: one program for each language, all with the same arguments.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};

use crate::{demo::FaceSpec, repo::Repo};

/// All faces, or Rust alone. A face of which a file is missing is an error that names the file.
pub(crate) fn all(repo: &Repo, quick: bool) -> Result<Vec<FaceSpec>> {
    let python = repo.python();
    let mut faces = vec![("rust", vec![repo.built("standfast-face")])];
    if !quick {
        faces.extend([
            ("c", vec![repo.built("face-c")]),
            ("csharp", vec!["mono".into(), repo.built("StandfastFace.exe")]),
            ("python", vec![python.clone(), repo.path("bindings-python/examples/face.py")]),
            ("asyncio", vec![python, repo.path("bindings-python/examples/face_asyncio.py")]),
            ("node", vec!["node".into(), repo.path("bindings-node/examples/face.mjs")]),
        ]);
    }
    faces.into_iter().map(|(name, words)| face(repo, name, words)).collect()
}

fn face(repo: &Repo, name: &str, words: Vec<PathBuf>) -> Result<FaceSpec> {
    if let Some(missing) = words.iter().find(|word| is_missing(word)) {
        bail!("the face {name} cannot run: {} is missing", missing.display());
    }
    let command = repo.with_library(repo.command(&words[0]));
    let env = command.get_envs().filter_map(|(key, value)| Some((text(key), text(value?)))).collect();
    Ok(FaceSpec { name: name.to_owned(), command: words.iter().map(|word| text(word.as_os_str())).collect(), env })
}

fn text(word: &OsStr) -> String {
    word.to_string_lossy().into_owned()
}

/// A bare word is looked up on `PATH` when it is started; the set-up has seen to it.
fn is_missing(word: &Path) -> bool {
    word.is_absolute() && !word.exists()
}
