//! The accounts of those who may use the library, in its database: all servers that share it have the same.

use async_trait::async_trait;
use kadenza_accounts::{Entry, EntryStore, Put};
use sqlx::{Connection as _, Row as _, postgres::PgRow};

use crate::PostgresLibrary;
use kadenza_contract::{Error, Result};

/// How many entries are read at a time.
const AT_ONCE: i64 = 1000;
const READING: &str = "reading the accounts";
const WRITING: &str = "writing the accounts";
/// Writers take turns, so that numbers become visible in their order; readers wait for nobody.
const LOCK: &str = "LOCK TABLE account_entries IN EXCLUSIVE MODE";
const PUT: &str = "INSERT INTO account_entries (key, entry) VALUES ($1, $2) \
    ON CONFLICT (key) DO UPDATE SET entry = excluded.entry, number = DEFAULT";

#[async_trait]
impl EntryStore for PostgresLibrary {
    async fn load(&self) -> Result<Vec<Entry>> {
        let (mut entries, mut place) = (Vec::new(), 0);
        while let Some(put) = self.put_after(place).await? {
            if put.entries.is_empty() {
                break;
            }
            entries.extend(put.entries);
            place = put.place;
        }
        Ok(entries)
    }

    async fn put(&self, entries: &[Entry]) -> Result<()> {
        let connections = &self.inner.connections;
        let failed = |error| connections.server.failed(WRITING, error);
        let mut held = connections.take().await?;
        let put = async {
            let mut transaction = held.begin().await.map_err(failed)?;
            sqlx::query(LOCK)
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
            for entry in entries {
                let key = entry.key();
                let old = sqlx::query("SELECT entry FROM account_entries WHERE key = $1")
                    .bind(&key)
                    .fetch_optional(&mut *transaction)
                    .await
                    .map_err(failed)?;
                // Another server may have put one that this one has not seen yet.
                if let Some(old) = old
                    && !entry.wins_over(&read(&old)?)
                {
                    continue;
                }
                let text = serde_json::to_string(entry).expect("texts and numbers are always JSON");
                sqlx::query(PUT)
                    .bind(&key)
                    .bind(text)
                    .execute(&mut *transaction)
                    .await
                    .map_err(failed)?;
            }
            transaction.commit().await.map_err(failed)
        };
        connections.answered(put).await?;
        held.give_back();
        Ok(())
    }

    async fn forget(&self, keys: &[String]) -> Result<()> {
        let connections = &self.inner.connections;
        let mut held = connections.take().await?;
        let forgotten = async {
            sqlx::query("DELETE FROM account_entries WHERE key = ANY($1)")
                .bind(keys)
                .execute(&mut *held)
                .await
                .map_err(|error| connections.server.failed(WRITING, error))
        };
        connections.answered(forgotten).await?;
        held.give_back();
        Ok(())
    }

    async fn put_after(&self, place: u64) -> Result<Option<Put>> {
        let connections = &self.inner.connections;
        let mut held = connections.take().await?;
        let rows = async {
            let after = i64::try_from(place).unwrap_or(i64::MAX);
            sqlx::query("SELECT entry, number FROM account_entries WHERE number > $1 ORDER BY number LIMIT $2")
                .bind(after)
                .bind(AT_ONCE)
                .fetch_all(&mut *held)
                .await
                .map_err(|error| connections.server.failed(READING, error))
        };
        let rows = connections.answered(rows).await?;
        held.give_back();
        let number = |row: &PgRow| row.try_get::<i64, _>("number").unwrap_or_default();
        let place = rows.last().map_or(place, |row| number(row).unsigned_abs());
        let entries = rows.iter().map(read).collect::<Result<_>>()?;
        Ok(Some(Put { entries, place }))
    }
}

fn read(row: &PgRow) -> Result<Entry> {
    let damaged = |cause: Box<dyn std::error::Error + Send + Sync>| Error::storage(READING)(cause);
    let entry: &str = row
        .try_get("entry")
        .map_err(|error| damaged(error.into()))?;
    serde_json::from_str(entry).map_err(|error| damaged(error.into()))
}
