//! The program that reads files of strangers, so that this process does not have to.

use std::{ffi::OsString, path::PathBuf};

/// A program that, started like this, calls [`read_files`](crate::read_files) and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderProgram {
    /// Where it is.
    pub path: PathBuf,
    /// What makes it call [`read_files`](crate::read_files).
    pub args: Vec<OsString>,
}
