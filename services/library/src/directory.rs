//! The data directory of a library, and what a file in it means.
//!
//! ```text
//! lock            held while a process has the library open
//! library.db      songs, and which audio is here (SQLite; with -wal and -shm beside it)
//! audio/ab/cdef…  audio, by the hexadecimal of its content hash, whole and never changed
//! incoming/       audio on its way in or out
//! index/          the search index, which is derived and may be missing
//! ```
//!
//! Whether audio belongs to the library is decided by the database alone. A file comes in by three
//! steps: written and synced in `incoming/` under its hash; committed to the database; moved to
//! `audio/`. It goes out by the same steps backwards. Wherever the machine stops, the next
//! [`Directory::settle`] looks at each file in `incoming/`: audio that the database knows is moved
//! to its place, all else is removed. So `audio/` is never searched, and nothing in it is ever
//! deleted on a guess.
//!
//! Where audio is in another directory, `audio/` and `incoming/` are there, so that a move stays one
//! rename, and it has a lock of its own. Where audio is in an object store, `incoming/` is here and
//! `audio/` is empty; see [`LibraryStore`](crate::audio::LibraryStore) for the steps.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use kadenza_audio::{Incoming, Temporary, disk, lock};
use kadenza_contract::{ContentHash, Result};

/// A data directory that this process has to itself.
#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    /// Where `audio/` and `incoming/` are.
    files: PathBuf,
    incoming: Arc<Incoming>,
    /// Released when the files are closed.
    _locks: Vec<File>,
}

impl Directory {
    /// Opens a directory, making it if there is none; with audio in it, or in another one. Waits for
    /// the disk.
    pub(crate) fn open(root: &Path, audio: Option<&Path>) -> Result<Directory> {
        let doing = "making the data directory";
        let mut locks = Vec::new();
        for path in [Some(root), audio].into_iter().flatten() {
            fs::create_dir_all(path).map_err(disk(doing))?;
            locks.push(lock(&path.join("lock"))?);
        }
        let files = audio.unwrap_or(root).to_owned();
        let incoming = Arc::new(Incoming::open(files.join("incoming"))?);
        let audio = files.join("audio");
        for byte in 0..=u8::MAX {
            let folder = audio.join(hex::encode([byte]));
            if !folder.exists() {
                fs::create_dir_all(folder).map_err(disk(doing))?;
            }
        }
        sync(&audio)
            .and_then(|()| sync(&files))
            .and_then(|()| sync(root))
            .map_err(disk(doing))?;
        Ok(Directory {
            root: root.to_owned(),
            files,
            incoming,
            _locks: locks,
        })
    }

    /// Where the database is.
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("library.db")
    }

    /// Where the search index is saved.
    pub(crate) fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    /// Where audio of the library is.
    pub(crate) fn audio(&self, content: &ContentHash) -> PathBuf {
        let name = content.to_string();
        let (folder, rest) = name.split_at(2);
        self.files.join("audio").join(folder).join(rest)
    }

    /// The folder for audio on its way.
    pub(crate) fn incoming(&self) -> &Arc<Incoming> {
        &self.incoming
    }

    /// Gives files in `incoming/` the name of their content, durably. From here on the database
    /// decides whether they live. After an error all of them are gone. Waits for the disk.
    pub(crate) fn name(&self, files: Vec<(ContentHash, Temporary)>) -> io::Result<Vec<Named>> {
        let mut named = Vec::new();
        let done = files.into_iter().try_for_each(|(content, file)| {
            let path = self.incoming.path_for(&content);
            file.rename(&path)?;
            let home = self.audio(&content);
            named.push(Named { path, home });
            Ok(())
        });
        let done = done.and_then(|()| match named.is_empty() {
            true => Ok(()),
            false => self.incoming.sync(),
        });
        match done {
            Ok(()) => Ok(named),
            Err(error) => {
                for named in named {
                    named.remove()?;
                }
                Err(error)
            }
        }
    }

    /// Takes audio out of its place, to be removed once the database has forgotten it; `None` if
    /// it was not there. Waits for the disk.
    pub(crate) fn displace(&self, content: &ContentHash) -> io::Result<Option<Named>> {
        let path = self.incoming.path_for(content);
        let home = self.audio(content);
        match fs::rename(&home, &path) {
            Ok(()) => Ok(Some(Named { path, home })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An empty file in `incoming/` under the name of audio that is about to leave an audio store:
    /// durable, so that the next start removes the audio if this process does not come to it.
    /// Waits for the disk.
    pub(crate) fn mark(&self, content: &ContentHash) -> io::Result<Named> {
        let path = self.incoming.path_for(content);
        File::create_new(&path)?;
        self.incoming.sync()?;
        let home = self.audio(content);
        Ok(Named { path, home })
    }

    /// The files in `incoming/` that are named after a content; all others are removed. Waits for
    /// the disk.
    pub(crate) fn left_over(&self) -> Result<Vec<(ContentHash, Named)>> {
        let doing = "clearing up after the last run";
        let mut named = Vec::new();
        for (path, content) in self.incoming.files()? {
            match content {
                Some(content) => {
                    let home = self.audio(&content);
                    named.push((content, Named { path, home }));
                }
                None => fs::remove_file(&path).map_err(disk(doing))?,
            }
        }
        Ok(named)
    }

    /// Ends what a crash interrupted. Waits for the disk.
    pub(crate) fn settle(&self, known: impl Fn(&ContentHash) -> bool) -> Result<()> {
        let doing = "clearing up after the last run";
        for (path, content) in self.incoming.files()? {
            match content.filter(&known) {
                Some(content) if !self.audio(&content).exists() => {
                    fs::rename(&path, self.audio(&content)).map_err(disk(doing))?;
                }
                _ => fs::remove_file(&path).map_err(disk(doing))?,
            }
        }
        self.incoming.sync().map_err(disk(doing))
    }
}

/// Audio in `incoming/` under the name of its content. Where this value is lost, with the machine or
/// with the task that had it, the next [`Directory::settle`] does what is right.
#[derive(Debug)]
pub(crate) struct Named {
    path: PathBuf,
    home: PathBuf,
}

impl Named {
    /// Removes it for good.
    pub(crate) fn remove(self) -> io::Result<()> {
        fs::remove_file(self.path)
    }

    /// The file, for reading.
    pub(crate) fn open(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// Gives its room back, and leaves the name.
    pub(crate) fn empty(self) -> io::Result<()> {
        File::options().write(true).open(&self.path)?.set_len(0)
    }

    /// Moves it to its place. The move needs no sync: wherever it is found after a crash, the
    /// database knows it.
    pub(crate) fn place(self) -> io::Result<()> {
        fs::rename(self.path, self.home)
    }
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
