//! The service on which one promise is checked, songs that only this promise uses, and the right
//! answers.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use jiff::Timestamp;
use kadenza_contract::{
    Audio, AudioRequest, AudioStream, ByteRange, ContentHash, Credential, Entry, Error,
    MusicService, MusicServiceExt, NewSong, Outcome, Query, Recording, Song, SongId, Stated,
    Upload,
};
use parking_lot::Mutex;

use super::{
    stack::{Machines, Running, key},
    verdict::{Broken, Verdict, ensure},
};
use crate::fixtures::AudioFile;

/// How long is waited for what may lag behind: the counts of groups, the outcome of an upload that
/// was given up.
const LAG_MAX: Duration = Duration::from_secs(30);
/// How often is looked meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The service on which one promise is checked, with songs of its own.
///
/// Every name that it makes carries a word that no other promise uses, so that many promises can
/// share a service without seeing each other's songs.
pub struct Ground {
    service: Mutex<Option<Arc<dyn MusicService>>>,
    running: tokio::sync::Mutex<Option<Box<dyn Running>>>,
    word: String,
    seed: u64,
    songs: Mutex<Vec<Song>>,
    credential: Credential,
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ground")
            .field("service", &self.service)
            .field("word", &self.word)
            .finish_non_exhaustive()
    }
}

impl Ground {
    /// A ground on a service that others use too.
    #[must_use]
    pub fn shared(name: &str, service: Arc<dyn MusicService>) -> Ground {
        let hash = ContentHash::of(name.as_bytes());
        let hash = hash.as_bytes();
        // Letters only, and none of another ground's words can begin with it.
        let word: String = hash[..12]
            .iter()
            .map(|b| char::from(b'a' + b % 26))
            .collect();
        let mut seed = [0; 8];
        seed.copy_from_slice(&hash[12..20]);
        Ground {
            service: Mutex::new(Some(service)),
            running: tokio::sync::Mutex::new(None),
            word,
            seed: u64::from_be_bytes(seed),
            songs: Mutex::new(Vec::new()),
            credential: key(),
        }
    }

    /// The same where the service answers somebody with this credential.
    pub(super) fn answering(mut self, credential: Credential) -> Ground {
        self.credential = credential;
        self
    }

    /// A ground on a stack that nobody else uses.
    pub(super) fn alone(name: &str, running: Box<dyn Running>) -> Ground {
        let mut ground = Ground::shared(name, running.service()).answering(running.credential());
        ground.running = tokio::sync::Mutex::new(Some(running));
        ground
    }

    /// What shows the service somebody whom it answers.
    pub(super) fn credential(&self) -> &Credential {
        &self.credential
    }

    pub(super) async fn stop(self) {
        drop(self.service);
        if let Some(running) = self.running.into_inner() {
            running.stop().await;
        }
    }

    /// Restarts the stack; `false` where it keeps nothing.
    pub(super) async fn restart(&self) -> Result<bool, Broken> {
        self.change(|running| running.restart()).await
    }

    /// Takes machines of the stack away, or gives them back; `false` where it is one.
    pub(super) async fn reach(&self, machines: Machines) -> Result<bool, Broken> {
        self.change(|running| running.reach(machines)).await
    }

    async fn change(
        &self,
        change: impl FnOnce(&mut dyn Running) -> BoxFuture<'_, Result<bool, String>>,
    ) -> Result<bool, Broken> {
        let mut running = self.running.lock().await;
        let Some(running) = running.as_mut() else {
            return Err(Broken::new("a shared service cannot be changed".into()));
        };
        // The last hold on the old service must go before its disk is opened again.
        *self.service.lock() = None;
        let changed = change(running.as_mut()).await;
        *self.service.lock() = Some(running.service());
        changed.map_err(|why| Broken::new(format!("the stack did not start again: {why}")))
    }

    /// The service.
    pub(super) fn service(&self) -> Arc<dyn MusicService> {
        self.service
            .lock()
            .clone()
            .expect("it is absent only while its own promise restarts it")
    }

    /// The word that only this ground's songs have.
    pub(super) fn word(&self) -> &str {
        &self.word
    }

    /// The source of chance; the same in every run.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// The artist of this ground's songs, unless they say otherwise.
    pub(super) fn artist(&self) -> String {
        format!("The {}", self.word)
    }

    /// A file of this title; artist and album are those of the ground.
    pub(super) fn file(&self, title: &str) -> AudioFile {
        AudioFile::named(title, &self.artist(), &format!("{} Live", self.word))
    }

    /// Uploads a file that must be new.
    pub(super) async fn add(&self, file: &AudioFile) -> Result<Song, Broken> {
        let upload = self.upload(file).await?;
        ensure!(
            upload.outcome == Outcome::Added,
            "a new song, {:?}, was said to be there already",
            file.title
        );
        self.remember(upload.song.clone());
        Ok(upload.song)
    }

    /// Counts a song among those that were added, as it is now.
    pub(super) fn remember(&self, song: Song) {
        let mut songs = self.songs.lock();
        songs.retain(|known| known.id() != song.id());
        songs.push(song);
    }

    /// Uploads a file.
    pub(super) async fn upload(&self, file: &AudioFile) -> Result<Upload, Error> {
        self.send(file.bytes(), Stated::default()).await
    }

    /// Uploads bytes in pieces, as they come from a disk or a network.
    pub(super) async fn send(&self, audio: Bytes, stated: Stated) -> Result<Upload, Error> {
        let audio = body(audio);
        self.service().upload(NewSong { stated, audio }).await
    }

    /// The songs added so far.
    pub(super) fn songs(&self) -> Vec<Song> {
        self.songs.lock().clone()
    }

    /// Every song of this ground.
    pub(super) fn mine(&self) -> Query {
        Query {
            artist: Some(self.artist()),
            ..Query::all()
        }
    }

    /// The service's page for a query must be the page of the songs added so far; the query must
    /// fit no others.
    pub(super) async fn page_is_right(&self, query: &Query) -> Verdict {
        let page = self.service().search(query).await?;
        let right = query.page(self.songs());
        let titles = |entries: &[Entry]| -> Vec<(String, Option<u32>)> {
            let one = |entry: &Entry| (name_of(entry), entry.tags().track());
            entries.iter().map(one).collect()
        };
        let which = |entry: &Entry| {
            (
                entry.id(),
                entry.recording().content,
                entry.pinned().copied(),
            )
        };
        ensure!(
            page.items
                .iter()
                .map(which)
                .eq(right.items.iter().map(which)),
            "{} should give {:?}, and gave {:?}",
            told(query),
            titles(&right.items),
            titles(&page.items)
        );
        ensure!(
            page.items.len() == right.items.len()
                && page
                    .items
                    .iter()
                    .zip(&right.items)
                    .all(|(a, b)| is_same(a, b)),
            "{} gave the right songs, described otherwise than when they were acknowledged: {:?} instead of {:?}",
            told(query),
            page.items,
            right.items
        );
        ensure!(
            page.next.is_some() == right.next.is_some(),
            "{} gave a page whose next is {:?}, where that of a right one is {:?}",
            told(query),
            page.next,
            right.next
        );
        Ok(())
    }

    /// The song must be known to every question, and sound as it was uploaded.
    pub(super) async fn is_there(&self, song: &Song, audio: &Bytes) -> Verdict {
        let name = name_of(song);
        let service = self.service();
        let found = service.song(&song.id()).await?;
        ensure!(found.is_some(), "{name} is not found by its id");
        ensure!(
            found.as_ref().is_some_and(|found| is_same(found, song)),
            "{name} is not as it was acknowledged: {found:?} instead of {song:?}"
        );
        let query = Query {
            artist: Some(song.tags().artists().first().to_owned()),
            album: Some(song.tags().album().to_owned()),
            ..Query::words(song.tags().title())?
        };
        if query.song_key(song).is_some() {
            let hits = service.search_all(&query).await?;
            ensure!(
                hits.iter().any(|hit| is_same(hit, song)),
                "{name} is not found by {}",
                told(&query)
            );
        }
        let heard = self.hear(&song.id()).await?;
        ensure!(
            heard.as_ref() == Some(audio),
            "{name} does not sound as it was uploaded"
        );
        Ok(())
    }

    /// No question may know the song.
    pub(super) async fn is_absent(&self, file: &AudioFile) -> Verdict {
        let id = SongId::of(&file.title, &file.artist, &file.album);
        let service = self.service();
        ensure!(
            service.song(&id).await?.is_none(),
            "{:?} is found by its id",
            file.title
        );
        ensure!(
            service.audio(&AudioRequest::whole(id)).await?.is_none(),
            "{:?} has audio",
            file.title
        );
        let query = Query {
            artist: Some(file.artist.clone()),
            ..Query::all()
        };
        let hits = service.search_all(&query).await?;
        ensure!(
            !hits.iter().any(|song| song.id() == id),
            "{:?} is found by its artist",
            file.title
        );
        Ok(())
    }

    /// All bytes of a song, checked to be as many as were said; `None` if there is no such song.
    pub(super) async fn hear(&self, id: &SongId) -> Result<Option<Bytes>, Broken> {
        self.hear_as(&AudioRequest::whole(*id)).await
    }

    /// The bytes that a request gives; `None` where there are none.
    pub(super) async fn hear_as(&self, request: &AudioRequest) -> Result<Option<Bytes>, Broken> {
        match self.service().audio(request).await? {
            Some(audio) => Ok(Some(hear_out(audio).await?)),
            None => Ok(None),
        }
    }

    /// The bytes of a range of a song that is there.
    pub(super) async fn hear_range(&self, song: &Song, range: ByteRange) -> Result<Bytes, Broken> {
        let request = AudioRequest {
            range,
            ..AudioRequest::whole(song.id())
        };
        let audio = self.service().audio(&request).await?;
        let audio = audio.ok_or_else(|| Broken::new(format!("{} has no audio", name_of(song))))?;
        let right = range.within(song.best().size)?;
        ensure!(
            audio.range == right,
            "of bytes {range:?} of {} the range {:?} was said to come, not {right:?}",
            name_of(song),
            audio.range
        );
        hear_out(audio).await
    }
}

/// All bytes of a stream, which must be as many as it said.
pub(super) async fn hear_out(audio: Audio) -> Result<Bytes, Broken> {
    let Audio {
        range, mut stream, ..
    } = audio;
    let mut heard = Vec::new();
    while let Some(piece) = stream.try_next().await? {
        heard.extend_from_slice(&piece);
    }
    ensure!(
        heard.len() as u64 == range.end - range.start,
        "bytes {range:?} were said to come, and {} came without an error",
        heard.len()
    );
    Ok(heard.into())
}

/// Bytes as the body of an upload, in pieces of uneven size.
pub(super) fn body(audio: Bytes) -> AudioStream {
    let pieces = [1, 4096, 70_000, 13].into_iter().cycle();
    let pieces = pieces.scan(audio, |rest, size| {
        (!rest.is_empty()).then(|| Ok(rest.split_to(size.min(rest.len()))))
    });
    stream::iter(pieces).boxed()
}

/// Waits for what may lag behind; breaks the promise with the last reason if it never comes.
pub(super) async fn eventually<F: Future<Output = Verdict>>(
    mut look: impl FnMut() -> F,
) -> Verdict {
    let deadline = tokio::time::Instant::now() + LAG_MAX;
    loop {
        let verdict = look().await;
        if verdict.is_ok() || tokio::time::Instant::now() > deadline {
            return verdict;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The name of a song, for people.
pub(super) fn name_of(song: &Song) -> String {
    let tags = song.tags();
    format!(
        "{:?} by {:?} on {:?}",
        tags.title(),
        tags.artist(),
        tags.album()
    )
}

/// A query, for people.
pub(super) fn told(query: &Query) -> String {
    serde_json::to_string(query).unwrap_or_else(|_| format!("{query:?}"))
}

/// Whether a song is as it was acknowledged. A machine that was killed may have kept a copy of an attempt
/// that was repeated elsewhere, and then the song is as old as that.
fn is_same(found: &Song, acknowledged: &Song) -> bool {
    let is_as_old = |(found, said): (&Recording, &Recording)| found.added_at <= said.added_at;
    let ageless = |song: &Song| {
        let mut recordings = song.recordings().to_vec();
        for recording in &mut recordings {
            recording.added_at = Timestamp::UNIX_EPOCH;
        }
        recordings
    };
    ageless(found) == ageless(acknowledged)
        && found
            .recordings()
            .iter()
            .zip(acknowledged.recordings())
            .all(is_as_old)
}
