//! The orders that are a column of the table.

use sqlx::{PgConnection, QueryBuilder};

use super::{Search, sql::fits};
use crate::{facts::ordered, words::Wanted};
use kadenza_contract::{Result, Song, Sort};

impl Search<'_> {
    /// The first songs in an order that is a column, or is computed of one.
    pub(super) async fn in_order(
        &self,
        connection: &mut PgConnection,
        wanted: Option<&Wanted>,
    ) -> Result<Vec<Song>> {
        let (rank, text) = match self.query.sort {
            Sort::Relevance | Sort::Title => (None, "by_title"),
            Sort::Artist => (None, "by_artist"),
            Sort::Album => (None, "by_album"),
            Sort::Newest => (Some("newest"), "by_title"),
            Sort::Year => (Some("year"), "by_title"),
            Sort::Random(_) => (Some("place"), "''::bytea"),
        };
        let mut sql = QueryBuilder::new("SELECT r.song, r.description FROM (SELECT id FROM ");
        match self.query.sort {
            Sort::Random(seed) => {
                // The last step of the mix: see `mixed` in the tables.
                sql.push(
                    "(SELECT *, mix # (mix >> 16) AS place FROM (SELECT *, mixed(mixed(chance # ",
                );
                sql.push_bind(i64::from(seed));
                sql.push(")) AS mix FROM songs) m) s");
            }
            _ => {
                sql.push("songs");
            }
        }
        sql.push(" WHERE true");
        self.filter(&mut sql);
        if let Some(wanted) = wanted {
            sql.push(" AND ");
            fits(&mut sql, &wanted.all);
        }
        if let Some(after) = &self.after {
            match rank {
                // Nothing has a rank but 0 then.
                None if after.rank > 0 => return Ok(Vec::new()),
                None => {
                    sql.push(" AND (").push(text).push(", id) > (");
                }
                Some(rank) => {
                    let from = match self.query.sort {
                        Sort::Random(_) => i64::try_from(after.rank).unwrap_or(i64::MAX),
                        _ => ordered(after.rank),
                    };
                    // Said twice: an index knows the rank alone.
                    sql.push(" AND ").push(rank).push(" >= ").push_bind(from);
                    sql.push(" AND (").push(rank).push(", ").push(text);
                    sql.push(", id) > (").push_bind(from).push(", ");
                }
            }
            sql.push_bind(&after.text[..]).push(", ");
            sql.push_bind(&after.id[..]).push(")");
        }
        sql.push(" ORDER BY ");
        if let Some(rank) = rank {
            sql.push(rank).push(", ");
        }
        sql.push(text).push(", id LIMIT ").push_bind(self.limit);
        sql.push(") s JOIN recordings r ON r.song = s.id");
        self.fetch(connection, sql).await
    }
}
