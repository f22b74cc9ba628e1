//! The library on a PostgreSQL server, its audio in an audio store: for when one machine is not
//! enough.
//!
//! It answers as the library on one machine does, song by song and page by page. Any number of
//! servers may share one database and one audio store; each may die at any moment, and so may the
//! database: what was acknowledged is there, and what was not leaves nothing for long. Everything
//! that is known is in the database; a server keeps nothing but covers and the hashes of the chunks
//! of what was heard last.
//!
//! An upload puts its audio into the store and then, by one transaction, its song into the database
//! (`upload`, `arrivals`). A search is a few SQL queries, whose order is that of
//! [`Query::key`](kadenza_contract::Query::key) (`search`).

mod accounts;
mod adopt;
mod arrivals;
mod browse;
mod chance;
mod config;
mod connections;
mod damage;
mod facts;
mod failing;
mod forms;
mod recordings;
mod renewal;
mod search;
mod service;
mod songs;
mod upload;
mod words;

use std::{
    sync::{Arc, Weak, atomic::AtomicBool},
    time::Duration,
};

use futures_util::future::BoxFuture;
use kadenza_audio::{AudioStore, Intake};
use tokio::sync::{Mutex, Notify};

use connections::Connections;

use kadenza_contract::{Chunks, ContentHash, Error, Result, Song, SongId};
use quick_cache::{OptionsBuilder, Weighter, sync::Cache};

pub use config::PostgresConfig;
pub use kadenza_audio::{IntakeConfig, ReaderProgram};

/// How many bytes of hashes of chunks are kept in memory: those of 128 GiB of audio.
const CHUNKS_BYTES_MAX: usize = 16 << 20;

/// How many recordings are expected in that memory: a song has some 40 chunks, of 32 bytes each.
const CHUNKS_COUNT: usize = CHUNKS_BYTES_MAX / (40 * 32);

/// The weight of the hashes of chunks: their bytes.
#[derive(Debug, Clone)]
struct HashBytes;

impl Weighter<ContentHash, Arc<Chunks>> for HashBytes {
    fn weight(&self, _: &ContentHash, chunks: &Arc<Chunks>) -> u64 {
        chunks.len() as u64 * 32
    }
}

fn chunks_memory() -> Cache<ContentHash, Arc<Chunks>, HashBytes> {
    let options = OptionsBuilder::new()
        .estimated_items_capacity(CHUNKS_COUNT)
        .weight_capacity(CHUNKS_BYTES_MAX as u64)
        // Hashes that are larger than a shard would never be kept.
        .shards(4)
        .build()
        .expect("both capacities are given");
    Cache::with_options(options, HashBytes, Default::default(), Default::default())
}

/// A library on a PostgreSQL server.
///
/// Cloning it is cheap, and all clones are the same library. Needs a tokio runtime.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use kadenza_contract::{MusicService, Query};
/// use kadenza_objects::AudioObjects;
/// use kadenza_postgres::{PostgresConfig, PostgresLibrary};
///
/// # async fn example() -> kadenza_contract::Result<()> {
/// let audio = Arc::new(AudioObjects::open("file:///srv/audio")?);
/// let config = PostgresConfig::new("/var/lib/kadenza/uploads");
/// let library = PostgresLibrary::open("postgres://me@db.home/music", audio, config).await?;
/// for song in library.search(&Query::words("love")?).await?.items {
///     println!("{}", song.tags().title());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PostgresLibrary {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: PostgresConfig,
    connections: Connections,
    audio: Arc<dyn AudioStore>,
    intake: Intake,
    /// This server among those that share the library.
    name: [u8; 16],
    /// What the audio store says if it is this library's.
    owner: String,
    /// Whether the audio store was not this library's when it was asked last.
    is_away: AtomicBool,
    chunks: Cache<ContentHash, Arc<Chunks>, HashBytes>,
    /// The arrival whose audio was removed, and which is not forgotten yet. LentConnection by whoever clears up.
    removed: Mutex<Option<Vec<u8>>>,
    /// Told when there is something to clear up.
    sweep: Arc<Notify>,
}

impl PostgresLibrary {
    /// Opens the library in a database, making its tables if there are none, with its audio in this
    /// store.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the URL is not understood, the database is not
    /// one that can be used, or the store holds the audio of another library;
    /// [`Error::Unreachable`] if the server is out of reach;
    /// [`Error::Storage`] and those of
    /// [`AudioStore::check`]. No error tells the password.
    pub async fn open(
        url: &str,
        audio: Arc<dyn AudioStore>,
        config: PostgresConfig,
    ) -> Result<PostgresLibrary> {
        PostgresLibrary::opening(url, audio, config).await
    }

    // Boxed in a function that is not async: the code of an async function is compiled anew in each
    // crate that polls it.
    fn opening(
        url: &str,
        audio: Arc<dyn AudioStore>,
        config: PostgresConfig,
    ) -> BoxFuture<'_, Result<PostgresLibrary>> {
        Box::pin(PostgresLibrary::open_at(url, audio, config))
    }

    async fn open_at(
        url: &str,
        audio: Arc<dyn AudioStore>,
        config: PostgresConfig,
    ) -> Result<PostgresLibrary> {
        let intake = Intake::open(&config.scratch, config.intake.clone()).await?;
        let connections = Connections::open(url, &config).await?;
        let owner = connections.owner().await?;
        let some = match config.is_audio_lost {
            true => Vec::new(),
            false => connections.some_audio().await?,
        };
        ready(Arc::clone(&audio), owner.clone(), some).await?;
        let sweep = Arc::new(Notify::new());
        let sweep_every = config.sweep_every;
        let inner = Arc::new(Inner {
            config,
            connections,
            audio,
            intake,
            name: chance::fresh(),
            owner,
            is_away: AtomicBool::new(false),
            chunks: chunks_memory(),
            removed: Mutex::new(None),
            sweep: Arc::clone(&sweep),
        });
        tokio::spawn(sweeping(Arc::downgrade(&inner), sweep, sweep_every));
        inner.begin_reading_anew();
        inner.begin_to_scrub();
        Ok(PostgresLibrary { inner })
    }

    /// Closes the connections to the database in order. Dropping every clone does the same without
    /// waiting.
    pub async fn close(self) {
        if let Err(error) = self.inner.leave_scrub().await {
            tracing::debug!(error = %error.chain(), "the scrub waits for the end of a lease");
        }
        self.inner.connections.close().await;
    }

    /// Takes songs over from another library, with the hashes of the chunks of all their recordings;
    /// they are merged with what is known here. The audio must be in the audio store: copied there
    /// before, under the same names. All of them are taken, or none.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the chunks of a recording are missing; those of
    /// the database.
    pub async fn adopt(&self, songs: &[(Song, Vec<Chunks>)]) -> Result<()> {
        if songs.is_empty() {
            return Ok(());
        }
        self.inner.adopt(songs).await
    }

    /// Removes from the audio store what uploads left there whose servers died or gave up. Done now
    /// and then by itself; gives how many leftovers were dealt with.
    ///
    /// # Errors
    ///
    /// Those of the database and of the audio store. What was left is looked at again later.
    pub async fn clear_up(&self) -> Result<usize> {
        self.inner.clear_up().await
    }
}

/// Makes sure that a store can be used, and is this library's, which has `some` audio. A store that is
/// nobody's is only taken if one of it is there, or the library has none; else nothing is written to it, since
/// it may be where a disk is to be mounted.
fn ready(
    audio: Arc<dyn AudioStore>,
    owner: String,
    some: Vec<ContentHash>,
) -> BoxFuture<'static, Result<()>> {
    Box::pin(async move {
        let is_ours = is_ours(&*audio, &some).await;
        if matches!(is_ours, Ok(false)) {
            return Err(Error::Invalid {
                what: format!(
                    "the audio of this library is not in {}: mount its disk, or give the place where \
                     it is (`--audio`). If it is lost, start once with `--audio-lost`: uploading a \
                     song again brings it back",
                    audio.address()
                ),
            });
        }
        // A store that does not answer is tried all the same: the trial says what to do.
        audio.check().await?;
        is_ours?;
        audio.claim(&owner).await?;
        Ok(())
    })
}

async fn is_ours(audio: &dyn AudioStore, some: &[ContentHash]) -> Result<bool> {
    if some.is_empty() || audio.owner().await?.is_some() {
        return Ok(true);
    }
    for content in some {
        if audio.size(content).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Inner {
    async fn song(&self, id: &SongId) -> Result<Option<Song>> {
        let mut held = self.connections.take().await?;
        let work = songs::song(&mut held, &self.connections.server, id);
        let song = self.connections.answered(work).await?;
        held.give_back();
        Ok(song)
    }

    /// The hashes of the chunks of audio, from memory where it was asked for just before.
    async fn chunks(&self, content: &ContentHash) -> Result<Option<Arc<Chunks>>> {
        let known = self.known_audio(content).await?;
        Ok(known.map(|(chunks, _)| chunks))
    }

    /// The same, and whether the audio is damaged, as far as anybody noticed.
    async fn known_audio(&self, content: &ContentHash) -> Result<Option<(Arc<Chunks>, bool)>> {
        if let Some(chunks) = self.chunks.get(content) {
            return Ok(Some((chunks, false)));
        }
        let mut held = self.connections.take().await?;
        let work = songs::chunks(&mut held, &self.connections.server, content);
        let known = self.connections.answered(work).await?;
        held.give_back();
        let known = known.map(|(chunks, is_damaged)| (Arc::new(chunks), is_damaged));
        if let Some((chunks, false)) = &known {
            self.chunks.insert(*content, Arc::clone(chunks));
        }
        Ok(known)
    }
}

/// Clears up when told, and every so often, as long as the library is there.
async fn sweeping(inner: Weak<Inner>, told: Arc<Notify>, every: Duration) {
    loop {
        let Some(library) = inner.upgrade() else {
            return;
        };
        // Before anything is removed: a disk that is away is not cleared up.
        let cleared = async {
            library.look().await?;
            library.clear_up().await
        };
        if let Err(error) = cleared.await {
            tracing::debug!(error = %error.chain(), "clearing up is put off");
        }
        drop(library);
        // Also when nobody tells: a lease ends by itself.
        let _ = tokio::time::timeout(every, told.notified()).await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // So that the sweeper ends now.
        self.sweep.notify_one();
    }
}
