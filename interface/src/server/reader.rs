//! This program as a reader of files: a process that reads tags and covers for a server, and can do nothing else.
//!
//! It is no command for people, so the command line does not know it.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use kadenza_services::library::{ReaderProgram, read_files};

/// The argument that makes this program a reader.
const READ_FILES: &str = "read-files";

/// Whether this process was started as a reader.
pub(crate) fn is_meant(mut args: impl Iterator<Item = OsString>) -> bool {
    args.nth(1).as_deref() == Some(OsStr::new(READ_FILES)) && args.next().is_none()
}

/// Reads files until the server ends; gives the exit status. What fails is told by the server, which notices.
pub(crate) fn run() -> u8 {
    read_files().map_or(1, |()| 0)
}

/// This program, as a server starts it; `None` if it is not known where that is.
pub(in crate::server) fn program() -> Option<ReaderProgram> {
    // It stays the same program when its file is replaced by a newer one.
    let itself = Path::new("/proc/self/exe");
    let path = match itself.exists() {
        true => Some(itself.to_owned()),
        false => std::env::current_exe().ok(),
    };
    path.map(|path: PathBuf| ReaderProgram {
        path,
        args: vec![READ_FILES.into()],
    })
}
