//! Searches that SQL cannot decide: each candidate is looked at in this process.

use futures_util::TryStreamExt;
use sqlx::{PgConnection, QueryBuilder};

use super::{Search, sql::fits};
use crate::{
    songs::{hash, songs},
    words::Wanted,
};
use kadenza_contract::{Entry, Page, Result, SortKey, order::INSIDE};

impl Search<'_> {
    /// Looks at each candidate in this process. For texts of hundreds of bytes,
    /// which fit few songs.
    pub(super) async fn every(
        &self,
        connection: &mut PgConnection,
        wanted: &Wanted,
    ) -> Result<Page<Entry>> {
        // Parts of words and slips are found otherwise.
        let is_near = |key: &SortKey| !self.query.takes_parts() || key.rank() < INSIDE;
        let best = self.looked_at(connection, &wanted.all, is_near).await?;
        Ok(Page::of(best, self.query.after.as_ref(), self.query.limit))
    }

    /// The first hits among the songs that have what a text of type `tsquery` says, and whose keys are
    /// those that are asked for; as many as the page needs.
    pub(super) async fn looked_at(
        &self,
        connection: &mut PgConnection,
        wanted: &str,
        is_asked: impl Fn(&SortKey) -> bool + Send,
    ) -> Result<Vec<(SortKey, Entry)>> {
        let mut sql = QueryBuilder::new(
            "SELECT r.song, r.description FROM songs JOIN recordings r ON r.song = id WHERE ",
        );
        fits(&mut sql, wanted);
        self.filter(&mut sql);
        sql.push(" ORDER BY id");
        let failed = |error| self.server.failed("searching", error);
        let query = sql.build();
        let mut rows = query.fetch(connection);
        let mut best: Vec<(SortKey, Entry)> = Vec::new();
        let mut of_song = Vec::new();
        loop {
            let row = rows.try_next().await.map_err(failed)?;
            let same = match (&row, of_song.first()) {
                (Some(row), Some(first)) => hash(row, 0)? == hash(first, 0)?,
                (_, None) => true,
                (None, Some(_)) => false,
            };
            if !same {
                let hits = songs(&of_song)?;
                of_song.clear();
                let hits = hits.into_iter().map(Entry::of);
                let hits = hits.filter_map(|entry| Some((self.query.key(&entry)?, entry)));
                best.extend(hits.filter(|(key, _)| is_asked(key)));
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
        self.keep_best(&mut best);
        Ok(best)
    }

    /// Leaves out what no page from here on needs, so that memory is bounded.
    pub(super) fn keep_best(&self, best: &mut Vec<(SortKey, Entry)>) {
        if let Some(after) = &self.query.after {
            best.retain(|(key, _)| key > after.key());
        }
        best.sort_by(|(a, _), (b, _)| a.cmp(b));
        best.truncate(self.limit as usize);
    }
}
