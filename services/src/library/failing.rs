//! How failures of the disk and the database become the error of the contract.

use std::io;

use crate::{Cause, Error};

/// SQLite's result code for a full disk (SQLITE_FULL).
const SQLITE_FULL: &str = "13";

/// A failure of the disk while `doing` something.
pub(super) fn disk(doing: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full,
        _ => Error::storage(doing)(error.into()),
    }
}

/// A failure of the database while `doing` something.
pub(super) fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Error {
    move |error| {
        let full = error
            .as_database_error()
            .is_some_and(|error| error.code().as_deref() == Some(SQLITE_FULL));
        if full {
            Error::Full
        } else {
            Error::storage(doing)(error.into())
        }
    }
}

/// Something said in words, as the cause of an error.
pub(super) fn said(what: impl Into<String>) -> Cause {
    what.into().into()
}

/// Runs work that waits for the disk where it holds nobody up.
///
/// Dropping the future does not stop the work; what it holds is dropped when it is done.
pub(super) async fn off_thread<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => Err(Error::storage(doing)(panicked.into())),
    }
}
