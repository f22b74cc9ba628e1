//! Songs as [`Query::page`] defines them, without looking at every song.
//!
//! Without words a page is a piece of an index. With words the rank of [`crate::relevance`] decides,
//! and three ways lead to its first places. Of few candidates ([`Search::few`]) each is ranked. The
//! best classes, titles that begin with what was typed and artists of that name, come from btrees
//! ([`Search::openings`]), which is where the hits of a page nearly always are when candidates are
//! many. What is behind them is asked class by class ([`Search::class`]), so that each question is an
//! order that an index can give. The keys are made again from the songs, so that cursors are exact.

use futures_util::TryStreamExt;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row};

use super::{
    facts::{TYPED_BYTES_MAX, folded, ordered},
    failing::Place,
    songs::{malformed, songs},
    words::Wanted,
};
use crate::{Page, Query, Result, Song, Sort, SortKey};

/// Up to so many candidates are all ranked. A guess: that takes some two milliseconds.
const FEW_MAX: i64 = 500;
/// Up to so many bytes a last word counts as just begun. A guess.
const BEGUN_BYTES_MAX: usize = 2;
/// The classes of [`crate::relevance`]: title as typed, title begins so, artist as typed; then all
/// words in title, artist or album; then in any.
const CLASS: i64 = 1000;
const CLASSES: i64 = 7;

/// Where a page begins, as the database compares it.
#[derive(Debug, Clone)]
struct After {
    rank: u64,
    text: Vec<u8>,
    id: [u8; 32],
}

/// A question on its way to the database.
#[derive(Debug)]
pub(super) struct Search<'q> {
    query: &'q Query,
    place: &'q Place,
    after: Option<After>,
    /// A song more than the page has, to know whether it is the last.
    limit: i64,
    names: Vec<(&'static str, [u8; 32])>,
}

/// A question for words, in order of relevance.
#[derive(Debug)]
struct Words<'t> {
    typed: &'t [u8],
    /// Behind all texts that begin with what was typed.
    typed_end: Vec<u8>,
    wanted: &'t Wanted,
}

/// Where songs of a class and a number of partial words stand.
#[derive(Debug, Clone, Copy)]
enum Partial {
    None,
    Some,
}

impl<'q> Search<'q> {
    pub(super) fn of(query: &'q Query, place: &'q Place) -> Search<'q> {
        let after = query.after.as_ref().map(|cursor| After {
            rank: cursor.key().rank(),
            text: cursor.key().text().as_bytes().to_vec(),
            id: *cursor.key().id(),
        });
        let names = [
            (" AND artist = ", &query.artist),
            (" AND album = ", &query.album),
            (" AND genre = ", &query.genre),
        ];
        Search {
            query,
            place,
            after,
            limit: query.limit.get() as i64 + 1,
            names: names
                .into_iter()
                .filter_map(|(column, name)| Some((column, folded(name.as_ref()?))))
                .collect(),
        }
    }

    /// The page.
    pub(super) async fn page(&self, connection: &mut PgConnection) -> Result<Page<Song>> {
        let Some(text) = &self.query.text else {
            let songs = self.in_order(connection, None).await?;
            return Ok(self.page_of(songs));
        };
        let Some(wanted) = Wanted::of(text) else {
            return Ok(self.page_of(Vec::new()));
        };
        let is_ranked = self.query.sort == Sort::Relevance;
        let typed = text.words().join(" ");
        if !wanted.is_exact || (is_ranked && typed.len() > TYPED_BYTES_MAX) {
            return self.every(connection, &wanted).await;
        }
        if !is_ranked {
            let songs = self.in_order(connection, Some(&wanted)).await?;
            return Ok(self.page_of(songs));
        }
        let words = Words {
            typed: typed.as_bytes(),
            typed_end: behind(typed.as_bytes()),
            wanted: &wanted,
        };
        self.ranked(connection, &words).await
    }

    fn page_of(&self, songs: Vec<Song>) -> Page<Song> {
        let keyed = songs
            .into_iter()
            .filter_map(|song| Some((self.query.key(&song)?, song)));
        Page::of(keyed, self.query.after.as_ref(), self.query.limit)
    }

    async fn ranked(&self, connection: &mut PgConnection, words: &Words<'_>) -> Result<Page<Song>> {
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

    /// The first songs whose title begins with what was typed, or whose artist is that.
    async fn openings(
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

    /// The first songs in an order that is a column, or is computed of one.
    async fn in_order(
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
            .map_err(|error| self.place.failed("searching", error))?;
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

    /// What SQL cannot decide: each candidate is looked at here. For texts of hundreds of bytes,
    /// which fit few songs.
    async fn every(&self, connection: &mut PgConnection, wanted: &Wanted) -> Result<Page<Song>> {
        let mut sql = QueryBuilder::new(
            "SELECT r.song, r.description FROM songs JOIN recordings r ON r.song = id WHERE ",
        );
        fits(&mut sql, &wanted.all);
        self.filter(&mut sql);
        sql.push(" ORDER BY id");
        let failed = |error| self.place.failed("searching", error);
        let query = sql.build();
        let mut rows = query.fetch(connection);
        let mut best: Vec<(SortKey, Song)> = Vec::new();
        let mut of_song = Vec::new();
        loop {
            let row = rows.try_next().await.map_err(failed)?;
            let same = match (&row, of_song.first()) {
                (Some(row), Some(first)) => {
                    super::songs::hash(row, 0)? == super::songs::hash(first, 0)?
                }
                (_, None) => true,
                (None, Some(_)) => false,
            };
            if !same {
                let hits = songs(&of_song)?;
                of_song.clear();
                let hits = hits.into_iter();
                best.extend(hits.filter_map(|song| Some((self.query.key(&song)?, song))));
                if best.len() > 4 * self.limit as usize {
                    self.keep_best(&mut best);
                }
            }
            match row {
                Some(row) => of_song.push(row),
                None => break,
            }
        }
        drop(rows);
        Ok(Page::of(best, self.query.after.as_ref(), self.query.limit))
    }

    /// Leaves out what no page from here on needs, so that memory is bounded.
    fn keep_best(&self, best: &mut Vec<(SortKey, Song)>) {
        if let Some(after) = &self.query.after {
            best.retain(|(key, _)| key > after.key());
        }
        best.sort_by(|(a, _), (b, _)| a.cmp(b));
        best.truncate(self.limit as usize);
    }

    fn filter(&self, sql: &mut QueryBuilder<Postgres>) {
        for (column, name) in &self.names {
            sql.push(column).push_bind(name.to_vec());
        }
    }

    /// Whether songs of this rank may stand on the page, and behind which they do.
    fn from(&self, rank: i64) -> Option<Option<&After>> {
        match &self.after {
            None => Some(None),
            Some(after) => match after.rank.cmp(&rank.unsigned_abs()) {
                std::cmp::Ordering::Less => Some(None),
                std::cmp::Ordering::Equal => Some(Some(after)),
                std::cmp::Ordering::Greater => None,
            },
        }
    }

    async fn fetch(
        &self,
        connection: &mut PgConnection,
        mut sql: QueryBuilder<Postgres>,
    ) -> Result<Vec<Song>> {
        let rows = sql.build().fetch_all(connection).await;
        let rows = rows.map_err(|error| self.place.failed("searching", error))?;
        songs(&rows)
    }
}

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

/// `words` has what a text of type `tsquery` says.
fn fits(sql: &mut QueryBuilder<Postgres>, wanted: &str) {
    sql.push("words @@ ")
        .push_bind(wanted.to_owned())
        .push("::tsquery");
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

/// A column begins with what was typed, and is not before `from`.
fn within(sql: &mut QueryBuilder<Postgres>, column: &'static str, from: &[u8], words: &Words<'_>) {
    sql.push(column).push(" >= ").push_bind(from.to_vec());
    sql.push(" AND ")
        .push(column)
        .push(" < ")
        .push_bind(words.typed_end.clone());
}

/// Adds one for each word that is only found as a beginning.
fn partial(sql: &mut QueryBuilder<Postgres>, wanted: &Wanted) {
    for whole in &wanted.whole {
        sql.push(" + (NOT ");
        fits(sql, whole);
        sql.push(")::int");
    }
}

/// The first text behind all that begin with this one. No byte of UTF-8 is the highest.
fn behind(text: &[u8]) -> Vec<u8> {
    let mut behind = text.to_vec();
    if let Some(last) = behind.last_mut() {
        *last = last.saturating_add(1);
    }
    behind
}

/// 0 up to and with `last`.
fn lengths(last: usize) -> Vec<i16> {
    (0..=i16::try_from(last).unwrap_or(i16::MAX)).collect()
}
