//! Conveniences over the contract. They add no promise of their own.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    AudioRequest, AudioStream, Entry, Error, MusicService, NewSong, Query, Result, SongId, Stated,
    Upload,
};

/// Calls that are convenient where memory and pages do not matter.
#[async_trait]
pub trait MusicServiceExt: MusicService {
    /// Uploads audio that is in memory.
    async fn upload_bytes(&self, audio: Bytes, stated: Stated) -> Result<Upload> {
        let audio: AudioStream = stream::once(async move { Ok(audio) }).boxed();
        self.upload(NewSong { stated, audio }).await
    }

    /// All bytes of a song's best recording.
    async fn audio_bytes(&self, id: &SongId) -> Result<Option<Bytes>> {
        let Some(audio) = self.audio(&AudioRequest::whole(*id)).await? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let mut stream = audio.stream;
        while let Some(piece) = stream.try_next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(Some(bytes.into()))
    }

    /// All hits of a query, page after page.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] where a page is partial: some hits are no answer to a question for all.
    async fn search_all(&self, query: &Query) -> Result<Vec<Entry>> {
        let mut query = query.clone();
        let mut songs = Vec::new();
        loop {
            let page = self.search(&query).await?;
            if let Some(partial) = page.partial {
                return Err(Error::Unreachable {
                    place: partial.missing().join(", "),
                    cause: "the list may lack songs".into(),
                });
            }
            songs.extend(page.items);
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(songs),
            }
        }
    }
}

impl<S: MusicService + ?Sized> MusicServiceExt for S {}
