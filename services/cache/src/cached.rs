//! Any service with a cache in front.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::{FutureExt, future::BoxFuture};
use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    epochs::Epochs,
    flights::Flights,
    sealed,
    store::{Store, StoreError},
};
use kadenza_contract::{
    Artwork, ArtworkRequest, Audio, AudioRequest, Browse, CacheNodeStatus, ContentHash, Copies,
    Credential, Entry, Group, Lyrics, MusicService, NewSong, Outcome, Page, Query, Result, Song,
    SongId, Status, Upload,
};
use kadenza_notes::{CacheNote, CacheOutcome, Notes};

/// How many songs that gained a recording are asked below.
const RENEWED_MAX: usize = 1024;

/// The bounds of the answers that are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachedConfig {
    /// Songs and covers; for good if there is no time. A song changes only by gaining a recording: one that
    /// was added through this cache is known at once, one that went past it so late at most.
    pub songs: Option<Duration>,
    /// Lists: searches and browsing. An upload through this cache makes them invalid at once; one
    /// that went past it is seen so late at most.
    pub lists: Duration,
    /// How long the answer that there is no such song, or no cover, is remembered.
    pub absent: Duration,
    /// How late an upload through another cache over the same store is seen at most.
    pub others: Duration,
    /// How long after an upload that was given up, or whose outcome is unknown, nothing is
    /// remembered that it could change, since it may still happen.
    pub unsettled: Duration,
    /// The largest value that is given to a store or taken from one, in bytes: a huge page or cover
    /// would keep the small answers behind it waiting on the way to a cache server.
    pub value_bytes_max: usize,
}

impl Default for CachedConfig {
    fn default() -> CachedConfig {
        CachedConfig {
            songs: Some(Duration::from_secs(600)),
            lists: Duration::from_secs(60),
            absent: Duration::from_secs(5),
            others: Duration::from_secs(1),
            unsettled: Duration::from_secs(15),
            value_bytes_max: 4 << 20,
        }
    }
}

/// A service that answers from a cache what was asked before.
///
/// Songs and covers are remembered for some minutes, since a song may gain a recording elsewhere; lists until
/// the next upload through here, and no longer than a while. Errors and partial pages are never remembered. A cache that
/// fails costs its deadline, and then nothing for a while; the answer comes from below.
///
/// ```
/// use std::sync::Arc;
/// use kadenza_cache::{Cached, CachedConfig, Capacity, Embedded, Policy};
/// use kadenza_contract::MusicService;
///
/// # fn example(library: Arc<dyn MusicService>) {
/// let store = |name, bytes| Arc::new(Embedded::new(name, Capacity { bytes, entries: 100_000 }, Policy::default()));
/// let cached = Cached::new(library, store("answers", 64 << 20), store("covers", 64 << 20), CachedConfig::default());
/// # }
/// ```
///
/// What is remembered is the same for all callers: whoever stands over it admits only those who may have it.
pub struct Cached {
    below: Arc<dyn MusicService>,
    memory: Arc<Memory>,
}

/// What is remembered, for all callers.
#[derive(Debug)]
struct Memory {
    answers: Kept,
    covers: Kept,
    config: CachedConfig,
    epochs: Arc<Epochs>,
    /// The last songs that gained a recording through here. They are asked below: a store that lost or refused
    /// the write of the new song would give the old one.
    renewed: Mutex<VecDeque<SongId>>,
}

/// A store, and what is being asked below for it.
#[derive(Debug)]
struct Kept {
    store: Arc<dyn Store>,
    /// With the answer goes whether the store took it.
    flights: Flights<(Option<Bytes>, bool)>,
    value_bytes_max: usize,
    epochs: Arc<Epochs>,
}

/// An answer of the service below, and whether it may be remembered.
type Below = (Option<Bytes>, bool);

/// A question, as the cache sees it.
struct Question {
    key: String,
    /// The epoch before the question was asked, if there was one.
    epoch: Option<u64>,
    /// Whether the epoch is in the key, so that nobody finds the answer after it.
    is_keyed_by_epoch: bool,
    /// How long the answer is remembered, and how long that there is none.
    keep: Option<Duration>,
    keep_absent: Duration,
}

impl Cached {
    /// Puts a cache in front of a service: one store for songs and lists, one for covers.
    #[must_use]
    pub fn new(
        below: Arc<dyn MusicService>,
        answers: Arc<dyn Store>,
        covers: Arc<dyn Store>,
        config: CachedConfig,
    ) -> Cached {
        let epochs = Arc::new(Epochs::new(config.others, config.unsettled));
        let kept = |store| Kept {
            store,
            flights: Flights::default(),
            value_bytes_max: config.value_bytes_max,
            epochs: Arc::clone(&epochs),
        };
        let memory = Memory {
            answers: kept(answers),
            covers: kept(covers),
            epochs,
            config,
            renewed: Mutex::default(),
        };
        Cached {
            below,
            memory: Arc::new(memory),
        }
    }

    /// How each node of the cache is.
    pub async fn counts(&self) -> Vec<CacheNodeStatus> {
        let mut counts = self.memory.answers.store.counts().await;
        counts.extend(self.memory.covers.store.counts().await);
        counts
    }

    /// A list: a question whose answer is true until the next upload.
    async fn list<T: Serialize + DeserializeOwned>(
        &self,
        kind: &str,
        question: &impl Serialize,
        ask: impl FnOnce(Arc<dyn MusicService>) -> BoxFuture<'static, Result<Page<T>>> + Send + 'static,
    ) -> Result<Page<T>> {
        let memory = &*self.memory;
        let Some(epoch) = memory.epochs.now(&*memory.answers.store).await else {
            note(memory.answers.store.node_of(b""), CacheOutcome::Bypass);
            return Notes::timed("below", ask(Arc::clone(&self.below))).await;
        };
        let text = serde_json::to_vec(question).expect("questions are always JSON");
        let question = Question {
            key: format!("kadenza:{kind}:{epoch:x}:{}", ContentHash::of(&text)),
            epoch: Some(epoch),
            is_keyed_by_epoch: true,
            keep: Some(memory.config.lists),
            keep_absent: memory.config.absent,
        };
        let below = Arc::clone(&self.below);
        let ask = async move {
            let page = ask(below).await?;
            let text = serde_json::to_vec(&page).expect("answers are always JSON");
            // What it lacks may be there a moment later.
            let is_lasting = page.partial.is_none();
            Ok((Some(text.into()), is_lasting))
        };
        let read = |raw: Option<Bytes>| serde_json::from_slice(&raw?).ok();
        memory.answers.answer(&question, ask.boxed(), read).await
    }
}

impl Memory {
    /// Puts a song that gained a recording into the place of what was remembered of it, for others over the
    /// same store.
    async fn renew(&self, song: &Song) {
        {
            let mut renewed = self.renewed.lock();
            renewed.retain(|known| *known != song.id());
            if renewed.len() == RENEWED_MAX {
                renewed.pop_front();
            }
            renewed.push_back(song.id());
        }
        let key = song_key(&song.id());
        let text = serde_json::to_vec(song).expect("songs are always JSON");
        let Some(value) = wrap(Some(&text.into()), None) else {
            return;
        };
        let value = sealed::seal(key.as_bytes(), &value);
        let put = self
            .answers
            .store
            .put(key.as_bytes(), value, self.config.songs);
        if let Err(error) = put.await {
            // The old answer ends when its time is over.
            tracing::debug!(%error, key, "a song with a new recording is not remembered");
        }
    }
}

impl Kept {
    /// The answer from the store, or from below; `read` says whether it is one.
    async fn answer<T>(
        &self,
        question: &Question,
        ask: BoxFuture<'static, Result<Below>>,
        read: impl Fn(Option<Bytes>) -> Option<T>,
    ) -> Result<T> {
        let key = question.key.as_bytes();
        let mut outcome = CacheOutcome::Miss;
        match Notes::timed("cache", self.store.get(key)).await {
            // A value that is too large to be put there was put by somebody else.
            Ok(Some(found)) if found.value.len() > self.value_bytes_max => {}
            Ok(Some(found)) => {
                // A value that cannot be read counts as absent, and is written over.
                let kept = sealed::open(key, found.value);
                let kept = kept.and_then(|kept| unwrap(kept, question.epoch));
                if let Some(answer) = kept.and_then(&read) {
                    note(found.node, CacheOutcome::Hit);
                    return Ok(answer);
                }
            }
            Ok(None) => {}
            Err(_) => outcome = CacheOutcome::Bypass,
        }
        let ask = move || {
            let store = Arc::clone(&self.store);
            let (key, epoch) = (question.key.clone(), question.epoch);
            let (keep, keep_absent) = (question.keep, question.keep_absent);
            let is_keyed_by_epoch = question.is_keyed_by_epoch;
            let (value_bytes_max, epochs) = (self.value_bytes_max, Arc::clone(&self.epochs));
            async move {
                let (answer, is_lasting) = Notes::timed("below", ask).await?;
                // An upload came between: the answer may be that of before.
                let is_late = !is_keyed_by_epoch && epochs.is_over(epoch);
                if is_late || !is_lasting {
                    return Ok((answer, false));
                }
                let ttl = if answer.is_some() {
                    keep
                } else {
                    Some(keep_absent)
                };
                let Some(value) = wrap(answer.as_ref(), epoch) else {
                    return Ok((answer, false));
                };
                let value = sealed::seal(key.as_bytes(), &value);
                if value.len() > value_bytes_max {
                    return Ok((answer, false));
                }
                let put = store.put(key.as_bytes(), value, ttl).await;
                if let Err(error) = &put
                    && !matches!(error, StoreError::Resting)
                {
                    tracing::debug!(%error, key, "an answer is not remembered");
                }
                Ok((answer, put.is_ok()))
            }
            .boxed()
        };
        let (answer, joined) = match question.epoch {
            // A caller that asks after an upload must not share an answer asked for before it.
            Some(epoch) => {
                let flight = format!("{epoch:x}:{}", question.key);
                let mut own = Some(ask);
                let asking = || own.take().expect("a flight is begun once")();
                let (answer, joined) = self.flights.join(&flight, asking).await;
                match (answer, own) {
                    // Another one was refused, who had asked first. This one may not be.
                    (Err(error), Some(ask)) if error.is_about_caller() => (ask().await, false),
                    (answer, _) => (answer, joined),
                }
            }
            None => (ask().await, false),
        };
        if outcome == CacheOutcome::Miss {
            outcome = match &answer {
                _ if joined => CacheOutcome::Collapsed,
                Ok((_, true)) => CacheOutcome::Miss,
                _ => CacheOutcome::Unkept,
            };
        }
        note(self.store.node_of(key), outcome);
        let (answer, _) = answer?;
        Ok(read(answer).expect("what was just written can be read"))
    }
}

fn song_key(id: &SongId) -> String {
    format!("kadenza:song:{id}")
}

fn note(node: Arc<str>, outcome: CacheOutcome) {
    Notes::cache(CacheNote { node, outcome });
}

/// An answer, or that there was none in an epoch; nothing if that would not be true for long.
fn wrap(answer: Option<&Bytes>, epoch: Option<u64>) -> Option<Bytes> {
    let mut wrapped = BytesMut::with_capacity(9 + answer.map_or(0, Bytes::len));
    wrapped.put_u8(u8::from(answer.is_some()));
    match answer {
        Some(answer) => wrapped.put_slice(answer),
        None => wrapped.put_u64(epoch?),
    }
    Some(wrapped.freeze())
}

/// The value that was wrapped; `None` if its epoch is over.
fn unwrap(mut wrapped: Bytes, epoch: Option<u64>) -> Option<Option<Bytes>> {
    match wrapped.try_get_u8().ok()? {
        1 => Some(Some(wrapped)),
        0 if wrapped.try_get_u64().ok() == Some(epoch?) => Some(None),
        _ => None,
    }
}

/// A cover, with its type in front.
fn pack(artwork: &Artwork) -> Bytes {
    let content_type = artwork.content_type.as_bytes();
    let mut packed = BytesMut::with_capacity(2 + content_type.len() + artwork.bytes.len());
    packed.put_u16(u16::try_from(content_type.len()).unwrap_or(0));
    packed.put_slice(content_type);
    packed.put_slice(&artwork.bytes);
    packed.freeze()
}

fn unpack(mut packed: Bytes) -> Option<Artwork> {
    let length = usize::from(packed.try_get_u16().ok()?);
    let content_type = (length <= packed.len()).then(|| packed.split_to(length))?;
    Some(Artwork {
        content_type: String::from_utf8(content_type.to_vec()).ok()?,
        bytes: packed,
    })
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached")
            .field("below", &self.below)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl MusicService for Cached {
    fn for_caller(&self, credential: &Credential) -> Option<Arc<dyn MusicService>> {
        let below = self.below.for_caller(credential)?;
        let memory = Arc::clone(&self.memory);
        Some(Arc::new(Cached { below, memory }))
    }

    async fn song(&self, id: &SongId) -> Result<Option<Song>> {
        let id = *id;
        if self.memory.renewed.lock().contains(&id) {
            note(self.memory.answers.store.node_of(b""), CacheOutcome::Bypass);
            return Notes::timed("below", self.below.song(&id)).await;
        }
        let question = Question {
            key: song_key(&id),
            epoch: self.memory.epochs.now(&*self.memory.answers.store).await,
            is_keyed_by_epoch: false,
            keep: self.memory.config.songs,
            keep_absent: self.memory.config.absent,
        };
        let below = Arc::clone(&self.below);
        let ask = async move {
            let song = below.song(&id).await?;
            let text = song.map(|song| serde_json::to_vec(&song).expect("songs are always JSON"));
            Ok((text.map(Bytes::from), true))
        };
        let read = |raw: Option<Bytes>| match raw {
            None => Some(None),
            Some(raw) => {
                let song: Song = serde_json::from_slice(&raw).ok()?;
                (song.id() == id).then_some(Some(song))
            }
        };
        self.memory
            .answers
            .answer(&question, ask.boxed(), read)
            .await
    }

    async fn copies(&self, id: &SongId) -> Result<Option<Copies>> {
        self.below.copies(id).await
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        let asked = query.clone();
        self.list("search", query, |below| {
            async move { below.search(&asked).await }.boxed()
        })
        .await
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        let asked = browse.clone();
        self.list("browse", browse, |below| {
            async move { below.browse(&asked).await }.boxed()
        })
        .await
    }

    async fn upload(&self, song: NewSong) -> Result<Upload> {
        let uploading = self.memory.epochs.uploading();
        let upload = self.below.upload(song).await;
        match &upload {
            Ok(upload) => {
                uploading.done(&*self.memory.answers.store).await;
                if upload.outcome == Outcome::RecordingAdded {
                    self.memory.renew(&upload.song).await;
                }
            }
            Err(error) if error.is_transient() => drop(uploading),
            Err(_) => uploading.refused(),
        }
        upload
    }

    async fn audio(&self, request: &AudioRequest) -> Result<Option<Audio>> {
        self.below.audio(request).await
    }

    /// Lyrics are asked for once a song, and are not remembered.
    async fn lyrics(&self, id: &SongId) -> Result<Option<Lyrics>> {
        self.below.lyrics(id).await
    }

    async fn artwork(&self, request: &ArtworkRequest) -> Result<Option<Artwork>> {
        let size = request
            .size
            .map_or("whole".to_owned(), |size| size.to_string());
        let question = Question {
            key: format!("kadenza:cover:{}:{size}", request.song),
            epoch: self.memory.epochs.now(&*self.memory.answers.store).await,
            is_keyed_by_epoch: false,
            keep: self.memory.config.songs,
            keep_absent: self.memory.config.absent,
        };
        let (below, request) = (Arc::clone(&self.below), request.clone());
        let ask = async move {
            let artwork = below.artwork(&request).await?;
            Ok((artwork.as_ref().map(pack), true))
        };
        let read = |raw: Option<Bytes>| raw.map_or(Some(None), |raw| unpack(raw).map(Some));
        self.memory
            .covers
            .answer(&question, ask.boxed(), read)
            .await
    }

    async fn status(&self) -> Result<Status> {
        let (status, caches) = tokio::join!(self.below.status(), self.counts());
        let mut status = status?;
        status.cache.splice(..0, caches);
        Ok(status)
    }

    async fn servers(&self) -> Result<Vec<String>> {
        self.below.servers().await
    }
}
