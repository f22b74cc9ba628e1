//! The library as a music service: songs count only if their audio is on this machine.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;

use kadenza_audio::{AudioReading, check_size};
use kadenza_contract::{
    Artwork, ArtworkRequest, Audio, AudioRequest, Browse, Copies, Credential, Entry, Group, Lyrics,
    MusicService, NewSong, Page, Query, RecordingCopies, Result, Song, SongId, Status, Upload,
};

use crate::{index::Scope, library::Library};

#[async_trait]
impl MusicService for Library {
    /// Whoever reaches it may have what it has.
    fn for_caller(&self, _: &Credential) -> Option<Arc<dyn MusicService>> {
        None
    }

    async fn song(&self, id: &SongId) -> Result<Option<Song>> {
        let card = self.inner.catalogue.card(id);
        Ok(card
            .filter(|card| card.is_held())
            .map(|card| card.song.clone()))
    }

    async fn copies(&self, id: &SongId) -> Result<Option<Copies>> {
        let known = self.inner.catalogue.card(id);
        let card = known.filter(|card| card.is_held());
        if let Some(card) = &card {
            self.note_what_is_out_of_place(card).await;
        }
        let card = card.map(|card| self.inner.catalogue.whole(card.as_ref().clone()));
        Ok(card.map(|card| Copies {
            recordings: card
                .song
                .recordings()
                .iter()
                .map(|recording| RecordingCopies {
                    content_hash: recording.content,
                    copies: u64::from(card.held.contains(&recording.content)),
                    needed: 1,
                })
                .collect(),
        }))
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        self.search_in(query, Scope::Held).await
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        self.browse_in(browse, Scope::Held).await
    }

    async fn upload(&self, song: NewSong) -> Result<Upload> {
        self.stage(song).await?.commit().await
    }

    async fn audio(&self, request: &AudioRequest) -> Result<Option<Audio>> {
        let Some(card) = self.inner.catalogue.card(&request.song) else {
            return Ok(None);
        };
        let recording = match &request.recording {
            Some(content) if card.held.contains(content) => card.song.recording(content),
            Some(_) => None,
            // Of damaged audio, most can often be heard.
            None => {
                let whole = self.inner.catalogue.whole(card.as_ref().clone());
                let best = whole.best_held().or_else(|| card.best_held());
                best.and_then(|best| card.song.recording(&best.content))
            }
        };
        let Some(recording) = recording else {
            return Ok(None);
        };
        let range = request.range.within(recording.size)?;
        let Some(opened) = self.opened(&recording.content).await? else {
            return Ok(None);
        };
        Ok(Some(Audio {
            recording: recording.clone(),
            range: range.clone(),
            stream: AudioReading::new(opened, range).boxed(),
        }))
    }

    async fn artwork(&self, request: &ArtworkRequest) -> Result<Option<Artwork>> {
        check_size(request.size)?;
        let Some(card) = self.inner.catalogue.card(&request.song) else {
            return Ok(None);
        };
        let mut recordings = card.song.recordings().iter();
        let with_cover = recordings
            .find(|recording| recording.has_artwork && card.held.contains(&recording.content));
        match with_cover {
            Some(recording) => self.artwork_of(&recording.content, request.size).await,
            None => Ok(None),
        }
    }

    async fn lyrics(&self, id: &SongId) -> Result<Option<Lyrics>> {
        let Some(card) = self.inner.catalogue.card(id) else {
            return Ok(None);
        };
        let recordings = card.song.recordings().iter();
        for recording in recordings.filter(|of| card.held.contains(&of.content)) {
            if let Some(lyrics) = self.lyrics_of(&recording.content).await? {
                return Ok(Some(lyrics));
            }
        }
        Ok(None)
    }

    async fn status(&self) -> Result<Status> {
        let counts = self.counts();
        Ok(Status {
            songs: counts.songs,
            bytes: counts.bytes,
            storage: Some(self.storage().await?),
            ..Status::default()
        })
    }

    async fn servers(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}
