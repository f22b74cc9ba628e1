//! Recordings that an earlier reader described are read anew, one after the other, behind everything else.
//!
//! What names a song stays, so that every song keeps its id. A process that ends in between goes on where
//! descriptions are still old when the library is opened again; descriptions that are new are not looked at.

use std::sync::{Arc, Weak};

use kadenza_audio::{AudioReader, READER};
use kadenza_contract::{Recording, Song, SongId};

use crate::{
    library::{Inner, Library},
    writer::Change,
};

/// How many cards are looked at at a time.
const CARDS_AT_ONCE: usize = 256;

impl Library {
    /// Begins to read anew what needs it. That ends when all is done or the library is closed.
    pub(crate) fn begin_renewal(&self) {
        tokio::spawn(renew(Arc::downgrade(&self.inner)));
    }
}

async fn renew(library: Weak<Inner>) {
    let Some(index) = library.upgrade().map(|inner| inner.catalogue.index()) else {
        return;
    };
    if !index.has_older_than(READER) {
        return;
    }
    drop(index);
    let (mut after, mut count) = (None, 0u64);
    while let Some(old) = next(&library, &mut after) {
        for (id, recording) in old {
            let Some(inner) = library.upgrade() else {
                return;
            };
            let library = Library { inner };
            match library.read_anew(&recording).await {
                Ok(true) => count += 1,
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(song = %id, error = %error.chain(), "a song was not read anew");
                }
            }
        }
        tokio::task::yield_now().await;
    }
    if count > 0 {
        tracing::info!(
            recordings = count,
            "descriptions of an earlier program were made anew"
        );
    }
}

/// The old recordings among the next cards; `None` behind the last.
fn next(library: &Weak<Inner>, after: &mut Option<SongId>) -> Option<Vec<(SongId, Recording)>> {
    let index = library.upgrade()?.catalogue.index();
    let cards = index.after(*after, CARDS_AT_ONCE);
    *after = Some(cards.last()?.song.id());
    let old = cards.iter().flat_map(|card| {
        let held = card.song.recordings().iter();
        let held = held.filter(|of| of.reader < READER && card.held.contains(&of.content));
        held.map(|of| (card.song.id(), of.clone()))
    });
    Some(old.collect())
}

impl Library {
    async fn read_anew(&self, known: &Recording) -> kadenza_contract::Result<bool> {
        let open = async {
            let opened = self.opened(&known.content).await?;
            Ok(opened.map(AudioReader::new))
        };
        let renewed = self.inner.intake.renewed(known, open).await?;
        let Some(recording) = renewed else {
            return Ok(false);
        };
        let change = Change::Renewed(Song::new(recording));
        self.inner.writer.make(change).await?;
        Ok(true)
    }
}
