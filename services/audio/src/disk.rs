//! Failures of the disk as errors of the contract, and threads that may wait for it.

use std::io;

use kadenza_contract::{Cause, Error};

/// A failure of the disk while `doing` something.
pub fn disk(doing: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::full(),
        _ => Error::storage(doing)(error.into()),
    }
}

/// Words as the cause of an error.
pub fn said(what: impl Into<String>) -> Cause {
    what.into().into()
}

/// Runs work that waits for the disk on a thread that may wait.
///
/// Dropping the future does not stop the work. The values that the work holds are dropped when it ends.
///
/// # Errors
///
/// Those of the work, and [`Error::Storage`] if it panics.
pub async fn off_thread<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => Err(Error::storage(doing)(panicked.into())),
    }
}
