//! How the audio of a library is stored: what is damaged, and how much room there is.

use std::sync::{Arc, atomic::Ordering};

use kadenza_audio::{Pace, off_thread};
use kadenza_contract::{ContentHash, Error, Result, StorageStatus};

use crate::{card::Card, library::Library, records::Counts, scrub::Scrub};

/// How many cards are looked at in one step.
const CARDS_AT_ONCE: usize = 256;
/// As large as a long song is without loss.
pub(crate) const SONG_BYTES: u64 = 64 << 20;

impl Library {
    /// Notes audio of a song that is not in its place: whoever asks for copies is about to decide whether
    /// a file has to be sent.
    pub(crate) async fn note_what_is_out_of_place(&self, card: &Card) {
        for content in &card.held {
            let size = card.song.recording(content).map_or(0, |of| of.size);
            if let Ok(false) = self.inner.home.is_in_place(content, size).await {
                let what = format!("audio {content} is not in its place");
                self.inner
                    .watch
                    .note(*content, Error::Damaged { what })
                    .await;
            }
        }
    }

    /// Whether audio counts as held, and is what was uploaded, all of it. Reads it.
    pub(crate) async fn is_truly_held(&self, content: &ContentHash) -> Result<bool> {
        if !self.inner.catalogue.is_whole(content) {
            return Ok(false);
        }
        let known = self.inner.database.chunks(content).await;
        let watch = &self.inner.watch;
        watch.examine(*content, known, Pace::UNBOUNDED).await?;
        Ok(self.inner.catalogue.is_whole(content))
    }

    /// How the audio is stored here.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if the disk cannot be asked for its room.
    pub async fn storage(&self) -> Result<StorageStatus> {
        let inner = &self.inner;
        let (incoming, reserve) = (inner.directory.incoming(), inner.config.disk_reserve_bytes);
        let incoming = Arc::clone(incoming);
        let free = off_thread("asking for the room on the disk", move || incoming.free()).await;
        // A disk that is away has no room that anybody could tell.
        let free = free.ok().map(|free| free.saturating_sub(reserve));
        // What is larger than songs are says nothing about the next song.
        let refused = inner.refused.load(Ordering::Relaxed).min(SONG_BYTES);
        Ok(StorageStatus {
            damaged: inner.catalogue.damaged().len() as u64,
            is_away: inner.catalogue.is_away(),
            free,
            is_full: free == Some(0) || free.is_some_and(|free| free < refused),
            scrub: Scrub::status(&inner.scrub, inner.config.scrub_bytes_per_second),
        })
    }

    /// Remembers whether there was room for what arrived, of so many bytes.
    pub(crate) fn had_room<T>(&self, arrived: Result<T>, bytes: u64) -> Result<T> {
        match &arrived {
            Ok(_) => self.inner.refused.store(0, Ordering::Relaxed),
            Err(Error::Full { .. }) => {
                let before = self.inner.refused.swap(bytes.max(1), Ordering::Relaxed);
                if before == 0 {
                    let reserve = self.inner.config.disk_reserve_bytes;
                    tracing::warn!(
                        reserve,
                        "the disk is full: songs are refused until there is room"
                    );
                }
            }
            Err(_) => {}
        }
        arrived
    }

    /// A number that is another one whenever a card or the audio held here has changed.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.inner.catalogue.generation()
    }

    /// How much is here.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.inner.catalogue.counts()
    }

    /// Where the audio was lost, what is missing is known at once, and not after a pass of the scrub.
    pub(crate) async fn note_what_is_missing(&self) -> Result<()> {
        let mut after = None;
        loop {
            let cards = self.inner.catalogue.index().after(after, CARDS_AT_ONCE);
            let Some(last) = cards.last() else {
                return Ok(());
            };
            after = Some(last.song.id());
            for content in cards.iter().flat_map(|card| &card.held) {
                // Whatever is found is noted.
                let _ = self.opened(content).await;
            }
        }
    }
}
