//! The data directory of a library, and what a file in it means.
//!
//! ```text
//! lock            held while a process has the library open
//! library.db      songs, and which audio is here (SQLite; with -wal and -shm beside it)
//! audio/library   the marker: names the library that the audio belongs to
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
//! Without the marker of this library, `audio/` is a disk that is not mounted, or someone else's: it is
//! neither read nor written, and its audio is not taken for lost.
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

use crate::marker::{self, Owner};

const MAKING: &str = "making the data directory";

/// A data directory that this process has to itself, before it is known where its audio is.
#[derive(Debug)]
pub(crate) struct Root {
    path: PathBuf,
    /// Released when the file is closed.
    _lock: File,
}

impl Root {
    /// Opens a directory, making it if there is none. Waits for the disk.
    pub(crate) fn open(path: PathBuf) -> Result<Root> {
        fs::create_dir_all(&path).map_err(disk(MAKING))?;
        let lock = lock(&path.join("lock"))?;
        Ok(Root { path, _lock: lock })
    }

    /// Where the database is.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("library.db")
    }

    fn index(&self) -> PathBuf {
        self.path.join("index")
    }
}

/// The data directory with its audio.
#[derive(Debug)]
pub(crate) struct Directory {
    root: Root,
    /// Where `audio/` and `incoming/` are.
    files: PathBuf,
    /// What the marker says; none where the audio is in a store.
    library: Option<String>,
    incoming: Arc<Incoming>,
    /// Released when the file is closed.
    _lock: Option<File>,
}

impl Directory {
    /// The directory of a library that has its audio in a store. Waits for the disk.
    pub(crate) fn over_a_store(root: Root) -> Result<Directory> {
        Ok(Directory {
            files: root.path.clone(),
            incoming: Arc::new(Incoming::open(root.path.join("incoming"))?),
            library: None,
            root,
            _lock: None,
        })
    }

    /// The directory of a library that has its audio in it, or in another one. Waits for the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the audio of this library is not there: then nothing is made there.
    pub(crate) fn with_files(root: Root, audio: Option<&Path>, owner: &Owner) -> Result<Directory> {
        let files = audio.unwrap_or(&root.path).to_owned();
        // Before anything is made in what may be the empty mount point of a disk.
        marker::check(&files.join("audio"), owner)?;
        let lock = match audio {
            Some(audio) => {
                fs::create_dir_all(audio).map_err(disk(MAKING))?;
                Some(lock(&audio.join("lock"))?)
            }
            None => None,
        };
        let incoming = Arc::new(Incoming::open(files.join("incoming"))?);
        let audio = files.join("audio");
        for byte in 0..=u8::MAX {
            let folder = audio.join(hex::encode([byte]));
            if !folder.exists() {
                fs::create_dir_all(folder).map_err(disk(MAKING))?;
            }
        }
        // Whoever had the lock before may have taken the directory for another library.
        marker::check(&audio, owner)?;
        marker::write(&audio, &owner.library).map_err(disk(MAKING))?;
        sync(&audio)
            .and_then(|()| sync(&files))
            .and_then(|()| sync(&root.path))
            .map_err(disk(MAKING))?;
        Ok(Directory {
            root,
            files,
            library: Some(owner.library.clone()),
            incoming,
            _lock: lock,
        })
    }

    /// Where the search index is saved.
    pub(crate) fn index(&self) -> PathBuf {
        self.root.index()
    }

    /// Makes sure that the audio of this library is still there: its disk may go away at any time.
    /// Waits for the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if it is not.
    pub(crate) fn check_audio(&self) -> Result<()> {
        match &self.library {
            Some(library) => marker::check_still(&self.files.join("audio"), library),
            None => Ok(()),
        }
    }

    /// Where audio of the library is.
    pub(crate) fn audio(&self, content: &ContentHash) -> PathBuf {
        marker::file(&self.files.join("audio"), content)
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
                // What is in its place may be damaged; what the database knows arrived whole.
                Some(content) => {
                    // One that cannot be put in its place keeps no other song from being heard.
                    if let Err(error) = fs::rename(&path, self.audio(&content)) {
                        tracing::error!(%error, %content, "audio that arrived cannot be put in its place; that is tried again at the next start");
                    }
                }
                None => fs::remove_file(&path).map_err(disk(doing))?,
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
