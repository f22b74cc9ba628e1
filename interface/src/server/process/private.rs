//! What a server keeps is for its own user: directories of mode 0700, files of mode 0600.
//!
//! The umask is set once for the process, so no place that makes a file has to think of it. What an older program
//! left wider is tightened at the start. Elsewhere than on Unix the rights of the directory decide.

use std::path::{Path, PathBuf};

use kadenza_services::library::{AudioPlace, LibraryConfig};
use kadenza_stack::LibraryLocation;

#[cfg(unix)]
use crate::audit;

/// The names of what libraries and nodes keep in a directory; nothing else in it is touched.
#[cfg(unix)]
const OURS: [&str; 17] = [
    "accounts.db",
    "accounts.db-wal",
    "accounts.db-shm",
    "first-admin-code",
    "lock",
    "library.db",
    "library.db-wal",
    "library.db-shm",
    "library.db-journal",
    "audio",
    "incoming",
    "uploads",
    "index",
    "node.key",
    "members.json",
    "cluster",
    "cluster.key",
];

/// The same with the files of the audit log.
#[cfg(unix)]
fn ours() -> impl Iterator<Item = String> {
    OURS.map(str::to_owned).into_iter().chain(audit::files())
}

/// From now on nobody but the user may read what this process makes. Called before there are threads.
#[cfg(unix)]
pub(crate) fn for_the_user() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

/// Elsewhere there is no such setting.
#[cfg(not(unix))]
pub(crate) fn for_the_user() {}

/// Tightens the directories of a library. A directory for audio that servers on PostgreSQL share is left as it
/// is: others may have their reasons.
pub(in crate::server) fn tighten(location: &LibraryLocation) {
    match location {
        LibraryLocation::Embedded { data, config } => tighten_library(data, config),
        LibraryLocation::Postgres { data, .. } => each([data.clone()]),
        LibraryLocation::Backend { .. } => {}
    }
}

/// Tightens the directories of a library on this machine.
pub(in crate::server) fn tighten_library(data: &Path, config: &LibraryConfig) {
    let audio = match &config.audio {
        AudioPlace::Directory(audio) => Some(audio.clone()),
        AudioPlace::Data | AudioPlace::Store(_) => None,
    };
    each([data.to_owned()].into_iter().chain(audio));
}

#[cfg(not(unix))]
fn each(_: impl IntoIterator<Item = PathBuf>) {}

#[cfg(unix)]
fn each(directories: impl IntoIterator<Item = PathBuf>) {
    for directory in directories {
        match unix::tighten(&directory) {
            Ok(true) => tracing::warn!(
                "others could read {}: from now on only its owner can",
                directory.display()
            ),
            Ok(false) => {}
            Err(cause) => tracing::warn!(
                %cause,
                "others may be able to read {}: give it to the user of this process, with mode 0700",
                directory.display()
            ),
        }
    }
}

#[cfg(unix)]
mod unix {
    use std::{
        fs::{self, Metadata, Permissions},
        io,
        os::unix::fs::{MetadataExt, PermissionsExt},
        path::Path,
    };

    use super::ours;

    /// Takes the rights of others from a directory and what is ours in it, if it has any. The directory comes last:
    /// if this is ended before, the next start does it.
    pub(super) fn tighten(directory: &Path) -> io::Result<bool> {
        let meta = match fs::metadata(directory) {
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(false),
            found => found?,
        };
        let is_ours = ours().any(|name| directory.join(name).exists());
        let is_empty = || Ok::<_, io::Error>(fs::read_dir(directory)?.next().is_none());
        if !is_wide(&meta) || !(is_ours || is_empty()?) {
            return Ok(false);
        }
        for name in ours() {
            within(&directory.join(name))?;
        }
        take(directory, &meta)?;
        Ok(true)
    }

    /// Whether others than the owner have any right to it.
    fn is_wide(meta: &Metadata) -> bool {
        meta.mode() & 0o077 != 0
    }

    fn take(path: &Path, meta: &Metadata) -> io::Result<()> {
        fs::set_permissions(path, Permissions::from_mode(meta.mode() & 0o7700))
    }

    /// Files come and go while another process still has the directory.
    fn within(path: &Path) -> io::Result<()> {
        match one(path) {
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn one(path: &Path) -> io::Result<()> {
        let meta = fs::symlink_metadata(path)?;
        if meta.is_symlink() {
            return Ok(());
        }
        if meta.is_dir() {
            for entry in fs::read_dir(path)? {
                within(&entry?.path())?;
            }
        }
        match is_wide(&meta) {
            true => take(path, &meta),
            false => Ok(()),
        }
    }

    #[cfg(test)]
    mod tests {
        use std::os::unix::fs::symlink;

        use super::*;

        fn mode(path: &Path) -> u32 {
            fs::metadata(path).unwrap().mode() & 0o777
        }

        #[test]
        fn only_what_is_ours_is_tightened_and_once() {
            let root = tempfile::tempdir().unwrap();
            let data = root.path().join("data");
            fs::create_dir_all(data.join("audio/00")).unwrap();
            let files = ["data/node.key", "data/audio/00/a", "data/notes", "outside"];
            for name in files {
                fs::write(root.path().join(name), "x").unwrap();
            }
            symlink(root.path().join("outside"), data.join("audio/link")).unwrap();
            let wide = |name: &str| {
                fs::set_permissions(root.path().join(name), Permissions::from_mode(0o755)).unwrap();
            };
            let all = ["data", "data/audio", "data/audio/00"];
            all.into_iter().chain(files).for_each(wide);
            assert!(tighten(&data).unwrap());
            let modes = all.into_iter().chain(files);
            let modes: Vec<_> = modes.map(|name| mode(&root.path().join(name))).collect();
            assert_eq!(modes, [0o700, 0o700, 0o700, 0o700, 0o700, 0o755, 0o755]);
            assert!(!tighten(&data).unwrap());

            // A directory of somebody else, named by mistake, keeps its rights.
            fs::create_dir_all(root.path().join("home/music")).unwrap();
            wide("home");
            assert!(!tighten(&root.path().join("home")).unwrap());
            assert_eq!(mode(&root.path().join("home")), 0o755);
            assert!(!tighten(&root.path().join("absent")).unwrap());
        }
    }
}
