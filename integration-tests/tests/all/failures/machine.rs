//! A machine of a sequence: a node, and what is truly on its disk.

use std::{fs, path::PathBuf};

use kadenza_contract::ContentHash;
use kadenza_integration_tests::processes::Server;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Up,
    Frozen,
    Dead,
    Left,
}

pub(super) struct Machine {
    pub(super) server: Server,
    pub(super) data: PathBuf,
    pub(super) state: State,
    pub(super) is_full: bool,
}

impl Machine {
    pub(super) fn file(&self, content: &ContentHash) -> PathBuf {
        let name = content.to_string();
        let (folder, rest) = name.split_at(2);
        self.data.join("audio").join(folder).join(rest)
    }

    /// Whether a good copy is on its disk.
    pub(super) fn has(&self, content: &ContentHash) -> bool {
        let read = fs::read(self.file(content));
        read.is_ok_and(|bytes| ContentHash::of(&bytes) == *content)
    }

    /// The audio on its disk that is not what its name says.
    pub(super) fn damaged(&self) -> Vec<PathBuf> {
        let folders = fs::read_dir(self.data.join("audio")).unwrap();
        let folders = folders.map(|entry| entry.unwrap().path());
        let files = folders.filter(|path| path.is_dir()).flat_map(|folder| {
            fs::read_dir(folder)
                .unwrap()
                .map(|file| file.unwrap().path())
        });
        let damaged = |path: &PathBuf| {
            let (name, folder) = (path.file_name().unwrap(), path.parent().unwrap());
            let named = [folder.file_name().unwrap(), name].map(|part| part.to_str().unwrap());
            fs::read(path).is_ok_and(|bytes| ContentHash::of(&bytes).to_string() != named.concat())
        };
        files.filter(damaged).collect()
    }
}
