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
    // One that a crash left may have other rights.
    take_from_others(&file)?;
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

/// Takes the rights of others to a file.
#[cfg(unix)]
fn take_from_others(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn take_from_others(_: &File) -> io::Result<()> {
    Ok(())
}

/// Elsewhere the rights of the directory decide.
#[cfg(not(unix))]
fn for_the_owner() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn only_the_owner_may_read_whatever_a_crash_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("node.key");
        fs::write(path.with_extension("tmp"), "half").unwrap();
        let wide = Permissions::from_mode(0o666);
        fs::set_permissions(path.with_extension("tmp"), wide).unwrap();
        write_durably(&path, b"secret").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"secret");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
