//! Searches that SQL cannot decide: each candidate is looked at in this process.

use futures_util::TryStreamExt;
use sqlx::{PgConnection, QueryBuilder};

use super::{Search, sql::fits};
use crate::{
    songs::{hash, songs},
    words::Wanted,
};
use kadenza_contract::{Page, Result, Song, SortKey};

impl Search<'_> {
    /// Looks at each candidate in this process. For texts of hundreds of bytes,
    /// which fit few songs.
    pub(super) async fn every(
        &self,
        connection: &mut PgConnection,
        wanted: &Wanted,
    ) -> Result<Page<Song>> {
        let mut sql = QueryBuilder::new(
            "SELECT r.song, r.description FROM songs JOIN recordings r ON r.song = id WHERE ",
        );
        fits(&mut sql, &wanted.all);
        self.filter(&mut sql);
        sql.push(" ORDER BY id");
        let failed = |error| self.server.failed("searching", error);
        let query = sql.build();
        let mut rows = query.fetch(connection);
        let mut best: Vec<(SortKey, Song)> = Vec::new();
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
}
