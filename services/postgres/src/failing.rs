//! How failures of the database become the error of the contract.

use std::time::Duration;

use sqlx::error::DatabaseError;

use kadenza_contract::Error;

/// Where the database is, and how long it may take: what errors tell.
#[derive(Debug, Clone)]
pub(super) struct Server {
    /// As people know it, without the password.
    pub(super) name: String,
    /// How long an answer is waited for.
    pub(super) patience: Duration,
}

impl Server {
    /// The database cannot be reached.
    pub(super) fn unreachable(&self, cause: sqlx::Error) -> Error {
        Error::Unreachable {
            place: self.name.clone(),
            cause: cause.into(),
        }
    }

    /// The database failed while `doing` something, of which nothing happened.
    pub(super) fn failed(&self, doing: &'static str, error: sqlx::Error) -> Error {
        if is_lost(&error) {
            return self.unreachable(error);
        }
        match &error {
            sqlx::Error::Database(said) => match code(said.as_ref()).as_str() {
                // query_canceled: the limit of a statement.
                "57014" => Error::Timeout {
                    waited: self.patience,
                },
                // serialization_failure, deadlock_detected, lock_not_available.
                "40001" | "40P01" | "55P03" => Error::Busy,
                // disk_full.
                "53100" => Error::full(),
                _ => Error::storage(doing)(error.into()),
            },
            _ => Error::storage(doing)(error.into()),
        }
    }
}

/// Whether the connection is gone, or the server is about to go.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(said) => {
            let code = code(said.as_ref());
            // Class 08, connection exceptions; admin_shutdown, crash_shutdown, cannot_connect_now,
            // idle_in_transaction_session_timeout; too_many_connections.
            let codes = ["57P01", "57P02", "57P03", "25P03", "53300"];
            code.starts_with("08") || codes.contains(&code.as_str())
        }
        _ => false,
    }
}

fn code(said: &dyn DatabaseError) -> String {
    said.code().unwrap_or_default().into_owned()
}
