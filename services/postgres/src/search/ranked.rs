//! Songs by relevance.

use sqlx::{PgConnection, QueryBuilder, Row};

use super::{
    CLASS, Search, Words,
    sql::{fits, partial, within},
};
use crate::songs::{malformed, songs};
use kadenza_contract::{Entry, Page, Result, Song};

/// Up to so many candidates are all ranked. A guess: that takes some two milliseconds.
const FEW_MAX: i64 = 500;

/// Up to so many bytes a last word counts as just begun. A guess.
const BEGUN_BYTES_MAX: usize = 2;

const CLASSES: i64 = 7;

/// Where songs of a class and a number of partial words stand.
#[derive(Debug, Clone, Copy)]
enum Partial {
    None,
    Some,
}

impl Search<'_> {
    pub(super) async fn ranked(
        &self,
        connection: &mut PgConnection,
        words: &Words<'_>,
    ) -> Result<Page<Entry>> {
        let enough = self.limit as usize;
        // One word, or one that has just been begun, opens many titles; several rarely fit many songs.
        let last = words.typed.rsplit(|byte| *byte == b' ').next();
        let opens =
            words.wanted.whole.len() == 1 || last.is_some_and(|last| last.len() <= BEGUN_BYTES_MAX);
        let mut found = Vec::new();
        if opens {
            found = self.openings(connection, words).await?;
            if found.len() >= enough {
                return Ok(self.page_of(found));
            }
        }
        if let Some(all) = self.few(connection, words).await? {
            return Ok(self.page_of(all));
        }
        if !opens {
            found = self.openings(connection, words).await?;
        }
        for class in 3..CLASSES {
            for partial in [Partial::None, Partial::Some] {
                if found.len() >= enough {
                    return Ok(self.page_of(found));
                }
                found.extend(self.class(connection, words, class, partial).await?);
            }
        }
        Ok(self.page_of(found))
    }

    /// The first songs of all, if so few fit that each can be ranked.
    async fn few(
        &self,
        connection: &mut PgConnection,
        words: &Words<'_>,
    ) -> Result<Option<Vec<Song>>> {
        let mut sql = QueryBuilder::new(
            "WITH c AS MATERIALIZED (SELECT id, title_line, artist_line, words, by_title FROM songs WHERE ",
        );
        fits(&mut sql, &words.wanted.all);
        self.filter(&mut sql);
        sql.push(" LIMIT ").push_bind(FEW_MAX + 1);
        sql.push(
            ") (SELECT NULL::bytea, NULL::text, count(*) FROM c) UNION ALL \
            (SELECT r.song, r.description, NULL FROM (SELECT id FROM \
            (SELECT id, by_title, CASE WHEN title_line = ",
        );
        sql.push_bind(words.typed).push(" THEN 0 WHEN ");
        within(&mut sql, "title_line", words.typed, words);
        sql.push(" THEN ")
            .push_bind(CLASS)
            .push(" + partial WHEN artist_line = ");
        sql.push_bind(words.typed)
            .push(" THEN ")
            .push_bind(2 * CLASS);
        for (class, of) in (3..).zip(&words.wanted.within) {
            sql.push(" WHEN ");
            fits(&mut sql, of);
            sql.push(" THEN ")
                .push_bind(class * CLASS)
                .push(" + partial");
        }
        sql.push(" ELSE ").push_bind((CLASSES - 1) * CLASS);
        sql.push(" + partial END AS rank FROM (SELECT *, 0");
        partial(&mut sql, words.wanted);
        sql.push(" AS partial FROM c) p) k");
        if let Some(after) = &self.after {
            let rank = i64::try_from(after.rank).unwrap_or(i64::MAX);
            sql.push(" WHERE (rank, by_title, id) > (")
                .push_bind(rank)
                .push(", ");
            sql.push_bind(&after.text[..]).push(", ");
            sql.push_bind(&after.id[..]).push(")");
        }
        sql.push(" ORDER BY rank, by_title, id LIMIT ")
            .push_bind(self.limit);
        sql.push(") s JOIN recordings r ON r.song = s.id)");
        let mut rows = sql
            .build()
            .fetch_all(connection)
            .await
            .map_err(|error| self.server.failed("searching", error))?;
        let mut count = 0;
        if let Some(at) = rows
            .iter()
            .position(|row| row.try_get::<&[u8], _>(0).is_err())
        {
            count = rows.swap_remove(at).try_get(2).map_err(malformed)?;
        }
        if count > FEW_MAX {
            return Ok(None);
        }
        songs(&rows).map(Some)
    }

    /// The first songs of a class behind the openings.
    async fn class(
        &self,
        connection: &mut PgConnection,
        words: &Words<'_>,
        class: i64,
        partials: Partial,
    ) -> Result<Vec<Song>> {
        let wanted = words.wanted;
        let ranks = match partials {
            Partial::None => class * CLASS..=class * CLASS,
            Partial::Some => class * CLASS + 1..=class * CLASS + wanted.whole.len() as i64,
        };
        let after = match &self.after {
            Some(after) if after.rank > ranks.end().unsigned_abs() => return Ok(Vec::new()),
            Some(after) if after.rank >= ranks.start().unsigned_abs() => Some(after),
            _ => None,
        };
        let mut sql = QueryBuilder::new("SELECT r.song, r.description FROM (SELECT id FROM ");
        // Of one word there is one number of partial words, and nothing to be ordered by it.
        let is_counted = matches!(partials, Partial::Some) && wanted.whole.len() > 1;
        if is_counted {
            sql.push("(SELECT *, 0");
            partial(&mut sql, wanted);
            sql.push(" AS partial FROM songs) songs");
        } else {
            sql.push("songs");
        }
        sql.push(" WHERE ");
        let at = (class - 3) as usize;
        fits(&mut sql, wanted.within.get(at).unwrap_or(&wanted.all));
        for earlier in wanted.within.iter().take(at) {
            sql.push(" AND NOT ");
            fits(&mut sql, earlier);
        }
        sql.push(match partials {
            Partial::None => " AND ",
            Partial::Some => " AND NOT ",
        });
        fits(&mut sql, &wanted.all_whole());
        sql.push(" AND artist_line <> ").push_bind(words.typed);
        sql.push(" AND NOT (");
        within(&mut sql, "title_line", words.typed, words);
        sql.push(")");
        self.filter(&mut sql);
        if let Some(after) = after {
            let of_class = after.rank.cast_signed() - class * CLASS;
            if is_counted {
                sql.push(" AND (partial, by_title, id) > (")
                    .push_bind(of_class);
                sql.push(", ");
            } else {
                sql.push(" AND (by_title, id) > (");
            }
            sql.push_bind(&after.text[..]).push(", ");
            sql.push_bind(&after.id[..]).push(")");
        }
        sql.push(if is_counted {
            " ORDER BY partial, by_title"
        } else {
            " ORDER BY by_title"
        });
        sql.push(", id LIMIT ").push_bind(self.limit);
        sql.push(") s JOIN recordings r ON r.song = s.id");
        self.fetch(connection, sql).await
    }
}
