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
//! `audio/` is empty; see [`remote`](super::remote) for the steps.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use super::failing::{disk, said};
use crate::{ContentHash, Error, Result};

/// How long a library that another handle is just closing is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// A data directory that this process has to itself.
#[derive(Debug)]
pub(super) struct Directory {
    root: PathBuf,
    /// Where `audio/` and `incoming/` are.
    files: PathBuf,
    /// Numbers the files in `incoming/`.
    count: AtomicU64,
    /// Released when the files are closed.
    _locks: Vec<File>,
}

impl Directory {
    /// Opens a directory, making it if there is none; with audio in it, or in another one. Waits for
    /// the disk.
    pub(super) fn open(root: &Path, audio: Option<&Path>) -> Result<Directory> {
        let directory = Directory::take(root, audio)?;
        let doing = "making the data directory";
        let audio = directory.files.join("audio");
        for byte in 0..=u8::MAX {
            let shelf = audio.join(hex::encode([byte]));
            if !shelf.exists() {
                fs::create_dir_all(shelf).map_err(disk(doing))?;
            }
        }
        sync(&audio)
            .and_then(|()| sync(&directory.files))
            .and_then(|()| sync(root))
            .map_err(disk(doing))?;
        Ok(directory)
    }

    /// Opens a directory for uploads under way alone, making it if there is none. Waits for the
    /// disk.
    pub(super) fn scratch(root: &Path) -> Result<Directory> {
        Directory::take(root, None)
    }

    fn take(root: &Path, audio: Option<&Path>) -> Result<Directory> {
        let doing = "making the data directory";
        let mut locks = Vec::new();
        for path in [Some(root), audio].into_iter().flatten() {
            fs::create_dir_all(path).map_err(disk(doing))?;
            locks.push(lock(&path.join("lock"))?);
        }
        let directory = Directory {
            root: root.to_owned(),
            files: audio.unwrap_or(root).to_owned(),
            count: AtomicU64::new(0),
            _locks: locks,
        };
        fs::create_dir_all(directory.incoming()).map_err(disk(doing))?;
        Ok(directory)
    }

    /// Where the database is.
    pub(super) fn database(&self) -> PathBuf {
        self.root.join("library.db")
    }

    /// Where the search index is saved.
    pub(super) fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    /// Where audio of the library is.
    pub(super) fn audio(&self, content: &ContentHash) -> PathBuf {
        let name = content.to_string();
        let (shelf, rest) = name.split_at(2);
        self.files.join("audio").join(shelf).join(rest)
    }

    /// How many bytes the disk has free for this process.
    pub(super) fn free_bytes(&self) -> Result<u64> {
        let disk_says = rustix::fs::statvfs(&self.files)
            .map_err(|error| disk("asking for the room on the disk")(error.into()))?;
        Ok(disk_says.f_bavail.saturating_mul(disk_says.f_frsize))
    }

    /// A new file in `incoming/`. Waits for the disk.
    pub(super) fn temporary(&self) -> Result<Temporary> {
        let path = self.incoming().join(format!("{}.part", self.number()));
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(disk("making a temporary file"))?;
        Ok(Temporary {
            file,
            path,
            is_here: true,
        })
    }

    /// Gives files in `incoming/` the name of their content, durably. From here on the database
    /// decides whether they live. After an error all of them are gone. Waits for the disk.
    pub(super) fn name(&self, files: Vec<(ContentHash, Temporary)>) -> io::Result<Vec<Named>> {
        let mut named = Vec::new();
        let done = files.into_iter().try_for_each(|(content, mut file)| {
            let path = self.incoming().join(format!("{content}.{}", self.number()));
            fs::rename(&file.path, &path)?;
            file.is_here = false;
            let home = self.audio(&content);
            named.push(Named { path, home });
            Ok(())
        });
        let done = done.and_then(|()| match named.is_empty() {
            true => Ok(()),
            false => sync(&self.incoming()),
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
    pub(super) fn displace(&self, content: &ContentHash) -> io::Result<Option<Named>> {
        let path = self.incoming().join(format!("{content}.{}", self.number()));
        let home = self.audio(content);
        match fs::rename(&home, &path) {
            Ok(()) => Ok(Some(Named { path, home })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An empty file in `incoming/` under the name of audio that is about to leave an object store:
    /// durable, so that the next start removes the object if this process does not come to it.
    /// Waits for the disk.
    #[cfg(feature = "objects")]
    pub(super) fn mark(&self, content: &ContentHash) -> io::Result<Named> {
        let path = self.incoming().join(format!("{content}.{}", self.number()));
        File::create_new(&path)?;
        sync(&self.incoming())?;
        let home = self.audio(content);
        Ok(Named { path, home })
    }

    /// What is left in `incoming/` under the name of some content; all else is removed. Waits for
    /// the disk.
    #[cfg(feature = "objects")]
    pub(super) fn left_over(&self) -> Result<Vec<(ContentHash, Named)>> {
        let doing = "clearing up after the last run";
        let mut named = Vec::new();
        for entry in fs::read_dir(self.incoming()).map_err(disk(doing))? {
            let path = entry.map_err(disk(doing))?.path();
            match content_in(&path) {
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
    pub(super) fn settle(&self, known: impl Fn(&ContentHash) -> bool) -> Result<()> {
        let doing = "clearing up after the last run";
        for entry in fs::read_dir(self.incoming()).map_err(disk(doing))? {
            let path = entry.map_err(disk(doing))?.path();
            let content = content_in(&path).filter(&known);
            match content {
                Some(content) if !self.audio(&content).exists() => {
                    fs::rename(&path, self.audio(&content)).map_err(disk(doing))?;
                }
                _ => fs::remove_file(&path).map_err(disk(doing))?,
            }
        }
        sync(&self.incoming()).map_err(disk(doing))
    }

    fn incoming(&self) -> PathBuf {
        self.files.join("incoming")
    }

    fn number(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }
}

/// A file in `incoming/` that vanishes with this value unless it is named.
#[derive(Debug)]
pub(super) struct Temporary {
    file: File,
    path: PathBuf,
    is_here: bool,
}

impl Temporary {
    /// The file, for reading and writing.
    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.is_here
            && let Err(error) = fs::remove_file(&self.path)
        {
            let path = self.path.display();
            tracing::warn!(%path, %error, "a temporary file stays until the next start");
        }
    }
}

/// Audio in `incoming/` under the name of its content. Where this value is lost, with the machine or
/// with the task that had it, the next [`Directory::settle`] does what is right.
#[derive(Debug)]
pub(super) struct Named {
    path: PathBuf,
    home: PathBuf,
}

impl Named {
    /// Removes it for good.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(self.path)
    }

    /// The file, for reading.
    #[cfg(feature = "objects")]
    pub(super) fn open(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// Gives its room back, and leaves the name.
    #[cfg(feature = "objects")]
    pub(super) fn empty(self) -> io::Result<()> {
        File::options().write(true).open(&self.path)?.set_len(0)
    }

    /// Moves it to its place. The move needs no sync: wherever it is found after a crash, the
    /// database knows it.
    pub(super) fn place(self) -> io::Result<()> {
        fs::rename(self.path, self.home)
    }
}

/// The content that a file in `incoming/` is named after.
fn content_in(path: &Path) -> Option<ContentHash> {
    path.file_stem()?.to_str()?.parse().ok()
}

fn lock(path: &Path) -> Result<File> {
    let doing = "locking the data directory";
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(disk(doing))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if begun.elapsed() < LOCK_PATIENCE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(fs::TryLockError::WouldBlock) => {
                return Err(Error::storage(doing)(said(format!(
                    "another process has it open ({}): stop that one, or give this one another directory",
                    path.display()
                ))));
            }
            Err(fs::TryLockError::Error(error)) => return Err(disk(doing)(error)),
        }
    }
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
