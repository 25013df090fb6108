//! What a soak has done so far, so that it can go on after Ctrl-C or a crash: a file of JSON lines. The first says what is being done, each
//! further one is a finished piece of it. A line that was cut in the middle did not happen.

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A soak under way.
pub(crate) struct State<T> {
    file: File,
    path: PathBuf,
    pub(crate) head: Head,
    pub(crate) done: Vec<T>,
}

/// What is being done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) seed: u64,
    /// How many pieces there are, or whatever else makes two runs the same.
    pub(crate) amount: u64,
    /// The tree that is being tested; another one begins anew.
    pub(crate) commit: String,
}

impl<T: Serialize + DeserializeOwned> State<T> {
    /// Goes on with what the file holds if it is about the same amount, commit and, when one was asked for, seed; begins anew otherwise.
    pub(crate) fn open(path: PathBuf, head: Head, seed_matters: bool, fresh: bool) -> Result<Self> {
        let text = if fresh { String::new() } else { fs::read_to_string(&path).unwrap_or_default() };
        let mut lines = text.lines();
        let found = lines.next().and_then(|line| serde_json::from_str::<Head>(line).ok()).filter(|found| {
            (found.amount, &found.commit) == (head.amount, &head.commit) && (!seed_matters || found.seed == head.seed)
        });
        let done = if found.is_some() {
            lines.map_while(|line| serde_json::from_str(line).ok()).collect()
        } else {
            Vec::new()
        };
        let head = found.unwrap_or(head);
        // Written again as a whole, without the line that was cut.
        let file = File::create(&path).with_context(|| format!("writing {}", path.display()))?;
        let mut state = Self { file, path, head: head.clone(), done: Vec::new() };
        state.line(&head)?;
        for piece in done {
            state.add(piece)?;
        }
        Ok(state)
    }

    /// One more piece is done.
    pub(crate) fn add(&mut self, piece: T) -> Result<()> {
        self.line(&piece)?;
        self.done.push(piece);
        Ok(())
    }

    /// Everything is done: the next run begins anew. The file stays, under another name.
    pub(crate) fn close(self) -> Result<PathBuf> {
        let kept = self.path.with_extension("done.jsonl");
        fs::rename(&self.path, &kept).with_context(|| format!("renaming {}", self.path.display()))?;
        Ok(kept)
    }

    fn line(&mut self, value: &impl Serialize) -> Result<()> {
        let line = serde_json::to_string(value)? + "\n";
        self.file.write_all(line.as_bytes()).with_context(|| format!("writing {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(seed: u64, amount: u64) -> Head {
        Head { seed, amount, commit: "c".into() }
    }

    #[test]
    fn an_interrupted_run_goes_on_with_its_seed_and_without_the_line_that_was_cut() {
        let path = std::env::temp_dir().join(format!("standfast-xtask-{}-state", std::process::id()));
        let mut state = State::open(path.clone(), head(7, 10), false, false).unwrap();
        state.add(1_u64).unwrap();
        state.add(2).unwrap();
        state.file.write_all(b"\"cu").unwrap();
        let again = |head, seed_matters, fresh| {
            let state: State<u64> = State::open(path.clone(), head, seed_matters, fresh).unwrap();
            (state.head.seed, state.done)
        };
        assert_eq!(again(head(8, 10), false, false), (7, vec![1, 2]));
        assert_eq!(again(head(7, 10), true, false), (7, vec![1, 2]));
        assert_eq!(again(head(8, 10), true, false), (8, vec![]), "another seed");
        State::open(path.clone(), head(7, 10), false, true).unwrap().add(1_u64).unwrap();
        assert_eq!(again(head(9, 11), false, false), (9, vec![]), "another amount");
        assert_eq!(again(head(1, 11), false, true), (1, vec![]), "fresh");
        fs::remove_file(path).unwrap();
    }
}
