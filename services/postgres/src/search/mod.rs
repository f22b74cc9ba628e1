//! Songs as [`Query::page`] defines them, without looking at every song.
//!
//! Without words a page is a piece of an index ([`in_order`]). With words the rank of
//! [`kadenza_contract::order`] decides, and three ways lead to its first places ([`ranked`]). Of few
//! candidates each is ranked. The best classes, titles that begin with what was typed and artists of
//! that name, come from btrees ([`openings`]), which is where the hits of a page nearly always are when
//! candidates are many. What is behind them is asked class by class, so that each question is an order
//! that an index can give. The keys are made again from the songs, so that cursors are exact.

mod every;
mod far;
mod in_order;
mod openings;
mod ranked;
mod sql;

use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::{
    facts::{self, TYPED_BYTES_MAX, folded},
    failing::Server,
    songs::songs,
    words::Wanted,
};
use kadenza_contract::{Entry, GroupKind, Page, Query, Result, Song, Sort};

/// A rank of [`kadenza_contract::order`] is its class times this, and the number of its partial words. The
/// classes: title as typed, title begins so, artist as typed; then all words in title, artist or
/// album; then anywhere.
const CLASS: i64 = 1000;

/// Behind which place a page begins, as the database compares it. On a list with entries that is just before the
/// song of the cursor: its content hash tells whether the song follows, and the database does not know it.
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
    server: &'q Server,
    after: Option<After>,
    /// A song more than the page has, to know whether it is the last; and the song of the cursor, where that is asked
    /// for again.
    limit: i64,
    names: Vec<(GroupKind, [u8; 32])>,
}

/// A question for words, in order of relevance.
#[derive(Debug)]
struct Words<'t> {
    typed: &'t [u8],
    /// Behind all texts that begin with what was typed.
    typed_end: Vec<u8>,
    wanted: &'t Wanted,
}

impl<'q> Search<'q> {
    pub(super) fn of(query: &'q Query, server: &'q Server) -> Search<'q> {
        let after = query.after.as_ref().map(|cursor| After {
            rank: cursor.key().rank(),
            text: cursor.key().text().as_bytes().to_vec(),
            id: match query.takes_entries() {
                true => before(*cursor.key().id()),
                false => *cursor.key().id(),
            },
        });
        let names = [
            (GroupKind::Artist, &query.artist),
            (GroupKind::Album, &query.album),
            (GroupKind::Genre, &query.genre),
        ];
        Search {
            query,
            server,
            after,
            limit: query.limit.get() as i64 + 1 + i64::from(query.takes_entries()),
            names: names
                .into_iter()
                .filter_map(|(kind, name)| Some((kind, folded(name.as_ref()?))))
                .collect(),
        }
    }

    /// The page. Songs that may be at several places of their album are few: on a list of an album they are
    /// looked at in this process, too, and the two pages are merged as those of two machines are.
    pub(super) async fn page(&self, connection: &mut PgConnection) -> Result<Page<Entry>> {
        let page = self.page_once(connection).await?;
        if !self.query.takes_entries() {
            return Ok(page);
        }
        let several = self.several(connection).await?;
        if several.is_empty() {
            return Ok(page);
        }
        Ok(self.query.merge(vec![page, self.query.page(several)]))
    }

    /// The songs with several recordings that pass the filters.
    async fn several(&self, connection: &mut PgConnection) -> Result<Vec<Song>> {
        let mut sql = QueryBuilder::new(
            "SELECT r.song, r.description FROM songs JOIN recordings r ON r.song = id WHERE several",
        );
        self.filter(&mut sql);
        sql.push(" ORDER BY id");
        self.fetch(connection, sql).await
    }

    /// The page on which each song is once.
    async fn page_once(&self, connection: &mut PgConnection) -> Result<Page<Entry>> {
        let Some(text) = &self.query.text else {
            let songs = self.in_order(connection, None).await?;
            return Ok(self.page_of(songs));
        };
        let Some(wanted) = Wanted::of(text) else {
            return Ok(self.page_of(Vec::new()));
        };
        let is_ranked = self.query.sort == Sort::Relevance;
        let typed = text.words().join(" ");
        let is_ranked_by_sql = wanted.is_last_one && typed.len() <= TYPED_BYTES_MAX;
        if !wanted.is_exact || (is_ranked && !is_ranked_by_sql) {
            let near = self.every(connection, &wanted).await?;
            return self.and_far(connection, near).await;
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
        let near = self.ranked(connection, &words).await?;
        self.and_far(connection, near).await
    }

    fn page_of(&self, songs: Vec<Song>) -> Page<Entry> {
        let entries = songs.into_iter().map(Entry::of);
        let keyed = entries.filter_map(|entry| Some((self.query.key(&entry)?, entry)));
        Page::of(keyed, self.query.after.as_ref(), self.query.limit)
    }

    fn filter(&self, sql: &mut QueryBuilder<Postgres>) {
        for (kind, name) in &self.names {
            facts::filter(sql, *kind, *name);
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
        let rows = rows.map_err(|error| self.server.failed("searching", error))?;
        songs(&rows)
    }
}

/// The last id before this one. No song has the id 0.
fn before(mut id: [u8; 32]) -> [u8; 32] {
    for byte in id.iter_mut().rev() {
        let (less, borrows) = byte.overflowing_sub(1);
        *byte = less;
        if !borrows {
            return id;
        }
    }
    [0; 32]
}

/// The first text behind all that begin with this one. No byte of UTF-8 is the highest.
fn behind(text: &[u8]) -> Vec<u8> {
    let mut behind = text.to_vec();
    if let Some(last) = behind.last_mut() {
        *last = last.saturating_add(1);
    }
    behind
}
