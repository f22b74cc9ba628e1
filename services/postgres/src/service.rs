//! The library on a server as a music service.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use futures_util::StreamExt;

use kadenza_audio::{AudioReader, AudioReading, StoredAudio, check_size};
use kadenza_contract::{
    Artwork, ArtworkRequest, Audio, AudioRequest, Browse, Copies, Credential, Entry, Error, Group,
    Lyrics, MusicService, NewSong, Page, Query, RecordingCopies, Result, Song, SongId, Status,
    StorageStatus, Upload,
};

use super::{
    PostgresLibrary, browse,
    damage::{WatchedAudio, scrubbed},
    search::Search,
};

#[async_trait]
impl MusicService for PostgresLibrary {
    /// Whoever reaches it may have what it has.
    fn for_caller(&self, _: &Credential) -> Option<Arc<dyn MusicService>> {
        None
    }

    async fn song(&self, id: &SongId) -> Result<Option<Song>> {
        self.inner.song(id).await
    }

    async fn copies(&self, id: &SongId) -> Result<Option<Copies>> {
        let Some(song) = self.inner.song(id).await? else {
            return Ok(None);
        };
        let whole = self.inner.whole(&song).await?;
        Ok(Some(Copies {
            recordings: song
                .recordings()
                .iter()
                .map(|recording| RecordingCopies {
                    content_hash: recording.content,
                    copies: u64::from(whole.contains(&recording.content)),
                    needed: 1,
                })
                .collect(),
        }))
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        let connections = &self.inner.connections;
        let mut held = connections.take().await?;
        let search = Search::of(query, &connections.server);
        let page = connections.answered(search.page(&mut held)).await?;
        held.give_back();
        Ok(page)
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        let connections = &self.inner.connections;
        let mut held = connections.take().await?;
        let page = browse::page(browse, &mut held, &connections.server);
        let page = connections.answered(page).await?;
        held.give_back();
        Ok(page)
    }

    async fn upload(&self, song: NewSong) -> Result<Upload> {
        let arrived = self.inner.intake.take(song).await?;
        let from_path = arrived.from_path();
        let song = self.inner.known_as(&arrived).await?;
        if let Some(there) = self.inner.already_there(&song).await? {
            return Ok(Upload { from_path, ..there });
        }
        // In a task of its own: a caller that gives up leaves nothing to be cleared up.
        let inner = Arc::clone(&self.inner);
        let adding = tokio::spawn(async move { inner.add(&arrived).await });
        let added = adding
            .await
            .unwrap_or_else(|error| Err(Error::storage("adding a song")(error.into())));
        added.map(|added| Upload { from_path, ..added })
    }

    async fn audio(&self, request: &AudioRequest) -> Result<Option<Audio>> {
        let Some(song) = self.inner.song(&request.song).await? else {
            return Ok(None);
        };
        let wanted = song.recordings().iter().filter(|recording| {
            let content = request.recording.as_ref();
            content.is_none_or(|content| *content == recording.content)
        });
        // The best that is whole, or else the best of which perhaps most can be heard.
        let (mut found, mut failed) = (None, None);
        for recording in wanted {
            match self.inner.known_audio(&recording.content).await {
                Ok(Some((chunks, is_damaged))) => {
                    if !is_damaged {
                        found = Some((recording, chunks));
                        break;
                    }
                    found = found.or(Some((recording, chunks)));
                }
                Ok(None) => {
                    failed = Some(Error::Damaged {
                        what: format!("the database does not know audio {}", recording.content),
                    });
                }
                Err(error @ Error::Damaged { .. }) => failed = Some(error),
                Err(error) => return Err(error),
            }
        }
        let Some((recording, chunks)) = found else {
            return failed.map_or(Ok(None), Err);
        };
        let range = request.range.within(recording.size)?;
        let audio = WatchedAudio::new(&self.inner, chunks);
        Ok(Some(Audio {
            recording: recording.clone(),
            range: range.clone(),
            stream: AudioReading::new(Arc::new(audio), range).boxed(),
        }))
    }

    async fn artwork(&self, request: &ArtworkRequest) -> Result<Option<Artwork>> {
        check_size(request.size)?;
        let Some(song) = self.inner.song(&request.song).await? else {
            return Ok(None);
        };
        let mut recordings = song.recordings().iter();
        let Some(recording) = recordings.find(|recording| recording.has_artwork) else {
            return Ok(None);
        };
        let content = &recording.content;
        let open = async {
            let chunks = self.inner.chunks(content).await?;
            let audio = |chunks| StoredAudio::new(Arc::clone(&self.inner.audio), chunks);
            Ok(chunks.map(|chunks| AudioReader::new(Arc::new(audio(chunks)))))
        };
        self.inner.intake.cover(content, request.size, open).await
    }

    async fn lyrics(&self, id: &SongId) -> Result<Option<Lyrics>> {
        let Some(song) = self.inner.song(id).await? else {
            return Ok(None);
        };
        for recording in song.recordings() {
            let open = async {
                let chunks = self.inner.chunks(&recording.content).await?;
                let audio = |chunks| StoredAudio::new(Arc::clone(&self.inner.audio), chunks);
                Ok(chunks.map(|chunks| AudioReader::new(Arc::new(audio(chunks)))))
            };
            if let Some(lyrics) = self.inner.intake.lyrics(open).await? {
                return Ok(Some(lyrics));
            }
        }
        Ok(None)
    }

    async fn status(&self) -> Result<Status> {
        let connections = &self.inner.connections;
        let mut held = connections.take().await?;
        let work = async {
            let count = "SELECT (SELECT count(*) FROM songs), \
                (SELECT coalesce(sum(size), 0)::bigint FROM audio WHERE damaged IS NULL), \
                (SELECT count(*) FROM audio WHERE damaged IS NOT NULL)";
            let counts: (i64, i64, i64) = sqlx::query_as(count)
                .fetch_one(&mut *held)
                .await
                .map_err(|error| connections.server.failed("counting", error))?;
            let rate = self.inner.config.scrub_bytes_per_second;
            let scrub = scrubbed(&mut held, &connections.server, rate).await?;
            Ok((counts, scrub))
        };
        let ((songs, bytes, damaged), scrub) = connections.answered(work).await?;
        held.give_back();
        Ok(Status {
            songs: songs.unsigned_abs(),
            bytes: bytes.unsigned_abs(),
            storage: Some(StorageStatus {
                damaged: damaged.unsigned_abs(),
                is_away: self.inner.is_away.load(Ordering::Relaxed),
                scrub,
                ..StorageStatus::default()
            }),
            ..Status::default()
        })
    }

    async fn servers(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}
