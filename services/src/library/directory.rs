//! The data directory of a library, and what a file in it means.
//!
//! ```text
//! lock            held while a process has the library open
//! library.db      songs, and which audio is here (SQLite; with -wal and -shm beside it)
//! audio/ab/cdef…  audio, by the hexadecimal of its content hash, whole and never changed
//! incoming/       audio on its way in or out
//! ```
//!
//! Whether audio belongs to the library is decided by the database alone. A file comes in by three
//! steps: written and synced in `incoming/` under its hash; committed to the database; moved to
//! `audio/`. It goes out by the same steps backwards. Wherever the machine stops, the next
//! [`Directory::settle`] looks at each file in `incoming/`: audio that the database knows is moved
//! to its place, all else is removed. So `audio/` is never searched, and nothing in it is ever
//! deleted on a guess.

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
    /// Numbers the files in `incoming/`.
    count: AtomicU64,
    /// Released when the file is closed.
    _lock: File,
}

impl Directory {
    /// Opens a directory, making it if there is none. Waits for the disk.
    pub(super) fn open(root: &Path) -> Result<Directory> {
        fs::create_dir_all(root).map_err(disk("making the data directory"))?;
        let lock = lock(&root.join("lock"))?;
        let directory = Directory {
            root: root.to_owned(),
            count: AtomicU64::new(0),
            _lock: lock,
        };
        let doing = "making the data directory";
        fs::create_dir_all(directory.incoming()).map_err(disk(doing))?;
        let audio = root.join("audio");
        for byte in 0..=u8::MAX {
            let shelf = audio.join(hex::encode([byte]));
            if !shelf.exists() {
                fs::create_dir_all(shelf).map_err(disk(doing))?;
            }
        }
        sync(&audio)
            .and_then(|()| sync(root))
            .map_err(disk(doing))?;
        Ok(directory)
    }

    /// Where the database is.
    pub(super) fn database(&self) -> PathBuf {
        self.root.join("library.db")
    }

    /// Where audio of the library is.
    pub(super) fn audio(&self, content: &ContentHash) -> PathBuf {
        let name = content.to_string();
        let (shelf, rest) = name.split_at(2);
        self.root.join("audio").join(shelf).join(rest)
    }

    /// How many bytes the disk has free for this process.
    pub(super) fn free_bytes(&self) -> Result<u64> {
        let disk_says = rustix::fs::statvfs(&self.root)
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
            path: Some(path),
        })
    }

    /// Gives files in `incoming/` the name of their content, durably. From here on the database
    /// decides whether they live. Waits for the disk.
    pub(super) fn name(&self, files: &mut [(ContentHash, &mut Temporary)]) -> io::Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        for (content, file) in files {
            let named = self.incoming().join(format!("{content}.{}", self.number()));
            if let Some(path) = &mut file.path {
                fs::rename(&*path, &named)?;
                *path = named;
            }
        }
        sync(&self.incoming())
    }

    /// Moves named audio to its place. The move needs no sync: wherever it is found after a crash,
    /// the database knows it. Waits for the disk.
    pub(super) fn place(&self, content: &ContentHash, mut file: Temporary) -> io::Result<()> {
        match file.path.take() {
            Some(path) => fs::rename(path, self.audio(content)),
            None => Ok(()),
        }
    }

    /// Takes audio out of its place, to be removed once the database has forgotten it. Waits for
    /// the disk.
    pub(super) fn displace(&self, content: &ContentHash) -> io::Result<Option<Displaced>> {
        let path = self.incoming().join(format!("{content}.{}", self.number()));
        match fs::rename(self.audio(content), &path) {
            Ok(()) => Ok(Some(Displaced {
                path,
                home: self.audio(content),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ends what a crash interrupted. Waits for the disk.
    pub(super) fn settle(&self, known: impl Fn(&ContentHash) -> bool) -> Result<()> {
        let doing = "clearing up after the last run";
        for entry in fs::read_dir(self.incoming()).map_err(disk(doing))? {
            let path = entry.map_err(disk(doing))?.path();
            let content = path
                .file_stem()
                .and_then(|name| name.to_str())
                .and_then(|name| name.parse().ok())
                .filter(|content| known(content));
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
        self.root.join("incoming")
    }

    fn number(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }
}

/// A file in `incoming/` that vanishes with this value unless it is given a place.
#[derive(Debug)]
pub(super) struct Temporary {
    file: File,
    path: Option<PathBuf>,
}

impl Temporary {
    /// The file, for reading and writing.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Leaves the file to the next [`Directory::settle`], where it is unknown what the database
    /// has come to know of it.
    pub(super) fn leave(mut self) {
        self.path = None;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.path.take()
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::warn!(path = %path.display(), %error, "a temporary file stays until the next start");
        }
    }
}

/// Audio that was taken out of its place.
#[derive(Debug)]
pub(super) struct Displaced {
    path: PathBuf,
    home: PathBuf,
}

impl Displaced {
    /// Removes it for good.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(self.path)
    }

    /// Puts it back.
    pub(super) fn put_back(self) -> io::Result<()> {
        fs::rename(self.path, self.home)
    }
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
