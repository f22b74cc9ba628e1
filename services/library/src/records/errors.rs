//! Failures of the database as errors of the contract.

use kadenza_contract::Error;

/// SQLite's result code for a full disk (SQLITE_FULL).
const SQLITE_FULL: &str = "13";

/// A failure of the database while `doing` something.
pub(crate) fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Error {
    move |error| {
        let full = error
            .as_database_error()
            .is_some_and(|error| error.code().as_deref() == Some(SQLITE_FULL));
        if full {
            Error::full()
        } else {
            Error::storage(doing)(error.into())
        }
    }
}
