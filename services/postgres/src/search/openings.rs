//! The best classes: titles that begin with what was typed, and artists of that name.

use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::{
    After, CLASS, Search, Words,
    sql::{fits, within},
};
use kadenza_contract::{Result, Song};

/// Questions whose answers are put together.
#[derive(Default)]
struct Union(Option<QueryBuilder<Postgres>>);

impl Union {
    /// Where the next question is written.
    fn next(&mut self) -> &mut QueryBuilder<Postgres> {
        if let Some(sql) = &mut self.0 {
            sql.push(" UNION ALL (");
        }
        let first = "SELECT r.song, r.description FROM (SELECT id FROM ((";
        self.0.get_or_insert_with(|| QueryBuilder::new(first))
    }
}

impl Search<'_> {
    /// The first songs whose title begins with what was typed, or whose artist is that.
    pub(super) async fn openings(
        &self,
        connection: &mut PgConnection,
        words: &Words<'_>,
    ) -> Result<Vec<Song>> {
        let mut found = self.whole_openings(connection, words).await?;
        if found.len() < self.limit as usize {
            found.extend(self.other_openings(connection, words).await?);
        }
        Ok(found)
    }

    /// Titles that are what was typed, and those that go on behind it with another word.
    ///
    /// Most titles agree with their place in the alphabet as far as was typed, and are found there in
    /// their order. Those that do not, as `"Heroes"`, are found by how far they agree.
    async fn whole_openings(
        &self,
        connection: &mut PgConnection,
        words: &Words<'_>,
    ) -> Result<Vec<Song>> {
        let mut union = Union::default();
        if let Some(behind) = self.from(0) {
            self.part(&mut union, 0, behind, |sql| {
                sql.push("title_agrees = ANY(");
                sql.push_bind(lengths(words.typed.len()));
                sql.push(") AND title_line = ").push_bind(words.typed);
            });
        }
        if let Some(behind) = self.from(CLASS) {
            for agrees in [true, false] {
                self.part(&mut union, CLASS, behind, |sql| {
                    opening(sql, agrees, words.typed, words);
                    sql.push(" AND title_line <> ").push_bind(words.typed);
                    // A last word that does not count cannot be partial.
                    if let Some(last) = &words.wanted.last {
                        sql.push(" AND ");
                        fits(sql, last);
                    }
                });
            }
        }
        self.united(connection, union).await
    }

    /// Titles that go on in the middle of the last word, and artists that are what was typed.
    async fn other_openings(
        &self,
        connection: &mut PgConnection,
        words: &Words<'_>,
    ) -> Result<Vec<Song>> {
        let mut union = Union::default();
        if let (Some(behind), Some(last)) = (self.from(CLASS + 1), &words.wanted.last) {
            // Behind a space the last word would be whole.
            let going_on = [words.typed, b"!"].concat();
            for agrees in [true, false] {
                self.part(&mut union, CLASS + 1, behind, |sql| {
                    opening(sql, agrees, &going_on, words);
                    sql.push(" AND NOT ");
                    fits(sql, last);
                });
            }
        }
        if let Some(behind) = self.from(2 * CLASS) {
            self.part(&mut union, 2 * CLASS, behind, |sql| {
                sql.push("artist_line = ").push_bind(words.typed);
                sql.push(" AND NOT (");
                within(sql, "title_line", words.typed, words);
                sql.push(")");
            });
        }
        self.united(connection, union).await
    }

    async fn united(&self, connection: &mut PgConnection, union: Union) -> Result<Vec<Song>> {
        let Some(mut sql) = union.0 else {
            return Ok(Vec::new());
        };
        sql.push(") o ORDER BY rank, by_title, id LIMIT ")
            .push_bind(self.limit);
        sql.push(") s JOIN recordings r ON r.song = s.id");
        self.fetch(connection, sql).await
    }

    /// One question of a union: the first songs of a rank.
    fn part(
        &self,
        union: &mut Union,
        rank: i64,
        behind: Option<&After>,
        fits: impl FnOnce(&mut QueryBuilder<Postgres>),
    ) {
        let sql = union.next();
        sql.push("SELECT id, by_title, ").push_bind(rank);
        sql.push(" AS rank FROM songs WHERE ");
        fits(sql);
        self.filter(sql);
        if let Some(after) = behind {
            sql.push(" AND (by_title, id) > (")
                .push_bind(after.text.clone());
            sql.push(", ").push_bind(after.id.to_vec()).push(")");
        }
        sql.push(" ORDER BY by_title, id LIMIT ")
            .push_bind(self.limit)
            .push(")");
    }
}

/// Titles that begin with what was typed and are not before `from`: those that agree with their place
/// in the alphabet so far, or those that do not.
fn opening(sql: &mut QueryBuilder<Postgres>, agrees: bool, from: &[u8], words: &Words<'_>) {
    if agrees {
        within(sql, "by_title", from, words);
    } else {
        let shorter = lengths(from.len() - 1);
        sql.push("title_agrees = ANY(")
            .push_bind(shorter)
            .push(") AND NOT (");
        within(sql, "by_title", from, words);
        sql.push(")");
    }
    sql.push(" AND ");
    within(sql, "title_line", from, words);
}

/// 0 up to and with `last`.
fn lengths(last: usize) -> Vec<i16> {
    (0..=i16::try_from(last).unwrap_or(i16::MAX)).collect()
}
