//! Faces: programs that write and listen while masters fall, one for each language, all with the same arguments. Which ones there are is
//! said here; how they run, what they tell and what follows from it, by the files of this folder, for the demo, the soak and the benchmarks.

pub(crate) mod fault;
pub(crate) mod measure;
mod process;
pub(crate) mod records;
pub(crate) mod report;
pub(crate) mod truth;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::repo::Repo;

pub(crate) use process::{Ended, Face, FaceSpec};

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

/// `standfast-load`, the face of many writers.
pub(crate) fn load(repo: &Repo, optimised: bool) -> Result<FaceSpec> {
    let program = if optimised { repo.path("target/release/standfast-load") } else { repo.built("standfast-load") };
    face(repo, "load", vec![program])
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

/// The set into which a face writes its numbers.
pub(crate) fn key(face: &str) -> String {
    format!("demo:{face}")
}

/// When each of them said that it is ready. The first that does not is the error, with its complaints.
pub(crate) fn wait_until_ready(faces: &mut Vec<Face>, patience: Duration) -> Result<Vec<i64>> {
    let deadline = Instant::now() + patience;
    let mut ready = Vec::new();
    for index in 0..faces.len() {
        match faces[index].wait_ready(deadline) {
            Ok(at_us) => ready.push(at_us),
            Err(reason) => {
                let face = faces.remove(index);
                bail!("face {} {}", face.name().to_owned(), face.give_up(reason));
            }
        }
    }
    Ok(ready)
}
