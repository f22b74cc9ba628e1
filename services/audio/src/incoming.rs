//! The folder for files on their way into a library, or out of it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use kadenza_contract::{ContentHash, Error, Result};

use crate::disk::{disk, said};

/// How long a library that another handle is just closing is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// A folder of numbered files, which one process has to itself.
#[derive(Debug)]
pub struct Incoming {
    folder: PathBuf,
    /// Numbers the files.
    count: AtomicU64,
}

impl Incoming {
    /// Opens a folder, making it if there is none. Waits for the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] and [`Error::Storage`].
    pub fn open(folder: PathBuf) -> Result<Incoming> {
        fs::create_dir_all(&folder).map_err(disk("making the data directory"))?;
        Ok(Incoming {
            folder,
            count: AtomicU64::new(0),
        })
    }

    /// A new file, which vanishes with the value that is given. Waits for the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] and [`Error::Storage`].
    pub fn temporary(&self) -> Result<Temporary> {
        let path = self.folder.join(format!("{}.part", self.number()));
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

    /// A path that no file has yet, named after a content.
    pub fn path_for(&self, content: &ContentHash) -> PathBuf {
        self.folder.join(format!("{content}.{}", self.number()))
    }

    /// All files that are here, each with the content that it is named after. Waits for the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub fn files(&self) -> Result<Vec<(PathBuf, Option<ContentHash>)>> {
        let doing = "clearing up after the last run";
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(disk(doing))? {
            let path = entry.map_err(disk(doing))?.path();
            let content = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok());
            files.push((path, content));
        }
        Ok(files)
    }

    /// Makes sure that there is room for so many more bytes. Waits for the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] if less than `reserve` would be left free; [`Error::Storage`].
    pub fn check_room(&self, bytes: u64, reserve: u64) -> Result<()> {
        let free = self.free()?;
        if free < reserve.saturating_add(bytes) {
            return Err(Error::full());
        }
        Ok(())
    }

    /// How many bytes are free on its disk. Waits for the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub fn free(&self) -> Result<u64> {
        let room = rustix::fs::statvfs(&self.folder)
            .map_err(|error| disk("asking for the room on the disk")(error.into()))?;
        Ok(room.f_bavail.saturating_mul(room.f_frsize))
    }

    /// Makes the names in the folder durable. Waits for the disk.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn number(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }
}

/// A file that is removed with this value unless it is renamed.
#[derive(Debug)]
pub struct Temporary {
    file: File,
    path: PathBuf,
    is_here: bool,
}

impl Temporary {
    /// The file, for reading and writing.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file another name, under which it stays. Waits for the disk.
    ///
    /// # Errors
    ///
    /// Those of the disk. The file is then removed.
    pub fn rename(mut self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        self.is_here = false;
        Ok(())
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

/// Locks a file against other processes for as long as it is open. Waits for the disk, and a moment for
/// a handle that is just being closed.
///
/// # Errors
///
/// [`Error::Storage`] if another process has the lock, or the disk fails.
pub fn lock(path: &Path) -> Result<File> {
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
