//! The accounts beside a library: SQLite in a file of its own, so that the songs can be given away without it.
//!
//! A commit is synced to the disk before it returns. What cannot be read is an error and no empty list: without its
//! accounts a server would let in whoever has the code of the first administrator.

use std::{borrow::Cow, path::Path};

use async_trait::async_trait;
use kadenza_accounts::{Entry, EntryStore};
use kadenza_contract::{Error, Result};
use sqlx::{
    Row, SqlStr, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::errors::database;

const READING: &str = "reading the accounts";
const WRITING: &str = "writing the accounts";

/// The accounts in a file.
#[derive(Debug)]
pub struct AccountsFile {
    pool: SqlitePool,
}

impl AccountsFile {
    /// Opens the accounts in a data directory, making them if there are none.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub async fn open(data: &Path) -> Result<AccountsFile> {
        let options = SqliteConnectOptions::new()
            .filename(data.join("accounts.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await
            .map_err(database("opening the accounts"))?;
        let entries = Migration::new(
            1,
            Cow::Borrowed("entries"),
            MigrationType::Simple,
            SqlStr::from_static(include_str!("../../migrations/accounts_0001_entries.sql")),
            false,
        );
        Migrator::with_migrations(vec![entries])
            .run(&pool)
            .await
            .map_err(|error| Error::storage("bringing the accounts up to date")(error.into()))?;
        Ok(AccountsFile { pool })
    }
}

#[async_trait]
impl EntryStore for AccountsFile {
    async fn load(&self) -> Result<Vec<Entry>> {
        let rows = sqlx::query("SELECT entry FROM entries")
            .fetch_all(&self.pool)
            .await
            .map_err(database(READING))?;
        let entries = rows.iter().map(|row| {
            let entry: &str = row.try_get(0).map_err(database(READING))?;
            serde_json::from_str(entry).map_err(|error| Error::storage(READING)(error.into()))
        });
        entries.collect()
    }

    async fn put(&self, entries: &[Entry]) -> Result<()> {
        let written = async {
            let mut transaction = self.pool.begin().await?;
            for entry in entries {
                let text = serde_json::to_string(entry).expect("texts and numbers are always JSON");
                sqlx::query("INSERT OR REPLACE INTO entries (key, entry) VALUES (?, ?)")
                    .bind(entry.key())
                    .bind(text)
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await
        };
        written.await.map_err(database(WRITING))
    }

    async fn forget(&self, keys: &[String]) -> Result<()> {
        let written = async {
            let mut transaction = self.pool.begin().await?;
            for key in keys {
                sqlx::query("DELETE FROM entries WHERE key = ?")
                    .bind(key)
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await
        };
        written.await.map_err(database(WRITING))
    }
}

#[cfg(test)]
mod tests {
    use kadenza_accounts::{AccountId, Change, Role, Stamp, WriterId};

    use super::*;

    #[tokio::test]
    async fn what_was_written_is_there_after_a_restart() {
        let data = tempfile::tempdir().unwrap();
        let entry = |account: u8, role, wall_ms| Entry {
            account: AccountId::from_bytes([account; 16]),
            change: Change::Role(role),
            stamp: Stamp {
                wall_ms,
                counter: 0,
                writer: WriterId::from_bytes([1; 32]),
            },
            actor: None,
            signature: vec![7; 64],
        };
        let (one, other) = (entry(1, Role::Listen, 1), entry(2, Role::Upload, 1));
        let later = entry(1, Role::Admin, 2);
        let file = AccountsFile::open(data.path()).await.unwrap();
        file.put(&[one, other.clone()]).await.unwrap();
        file.put(std::slice::from_ref(&later)).await.unwrap();
        drop(file);
        let file = AccountsFile::open(data.path()).await.unwrap();
        let mut entries = file.load().await.unwrap();
        entries.sort_by_key(|entry| entry.account);
        assert_eq!(entries, [later, other.clone()]);
        file.forget(&[other.key()]).await.unwrap();
        assert_eq!(file.load().await.unwrap().len(), 1);
    }
}
