//! Small files that must survive a crash whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

/// Writes a file so that after a crash it is either the old one or the new one: a temporary file,
/// fsync, rename, fsync of the directory. Only the owner may read it.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = for_the_owner()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

/// Files that only their owner may read.
#[cfg(unix)]
fn for_the_owner() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Elsewhere the rights of the directory decide.
#[cfg(not(unix))]
fn for_the_owner() -> OpenOptions {
    OpenOptions::new()
}
