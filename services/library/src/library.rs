//! The handle of a library, and what it has for a layer that spreads songs over several machines.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kadenza_audio::{AudioReader, ChunkSource, Intake, check_size, off_thread, read_range};
use kadenza_contract::{
    Artwork, Browse, ByteRange, Chunks, ContentHash, Entry, Error, Group, Lyrics, Page, Query,
    Result, Song, SongId,
};
use quick_cache::sync::Cache;
use tokio::sync::{Semaphore, watch};

use crate::{
    audio::{AudioHome, Buffers, LibraryStore},
    card::Card,
    config::{AudioPlace, LibraryConfig},
    directory::{Directory, Root},
    following::Following,
    index::Scope,
    marker::Owner,
    records::{Catalogue, Database, Saving, load},
    scrub::{Progress, Scrub},
    watch::Watch,
    writer::{self, Change, OpenAudio, Writer, WriterState},
};

const OPENING: &str = "opening the library";
/// The most bytes that [`Library::read`] gives at once.
const READ_BYTES_MAX: u64 = 1 << 20;

/// The library in one directory of this machine.
///
/// Cloning it is cheap, and all clones are the same library. A directory is open in one process at
/// a time. Needs a tokio runtime; what waits for the disk runs on its blocking pool.
///
/// ```
/// use futures_util::StreamExt;
/// use kadenza_contract::{AudioRequest, MusicService, Query};
/// use kadenza_library::{Library, LibraryConfig};
///
/// # async fn example() -> kadenza_contract::Result<()> {
/// let library = Library::open("/var/lib/kadenza", LibraryConfig::default()).await?;
/// for song in library.search(&Query::words("love")?).await?.items {
///     println!("{}", song.tags().title());
///     if let Some(audio) = library.audio(&AudioRequest::whole(song.id())).await? {
///         let pieces: Vec<_> = audio.stream.collect().await;
///         println!("{} pieces", pieces.len());
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Library {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: LibraryConfig,
    pub(crate) directory: Arc<Directory>,
    pub(crate) home: AudioHome,
    pub(crate) database: Arc<Database>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) scrub: Arc<Progress>,
    /// The size of what arrived last and had no room; 0 if there was room.
    pub(crate) refused: AtomicU64,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) writer: Writer,
    pub(crate) opened: Arc<OpenAudio>,
    pub(crate) buffers: Arc<Buffers>,
    pub(crate) intake: Intake,
    pub(crate) receiving: Arc<Semaphore>,
    pub(crate) ended: watch::Receiver<()>,
}

impl Library {
    /// Opens the library in a directory, making it if there is none, and ends what a crash
    /// interrupted.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if another process has it open, or the disk or the database fails.
    pub async fn open(directory: impl AsRef<Path>, config: LibraryConfig) -> Result<Library> {
        Library::opening(directory.as_ref().to_owned(), config).await
    }

    // Boxed in a function that is not async: the code of an async function is compiled anew in each
    // crate that polls it.
    fn opening(root: PathBuf, config: LibraryConfig) -> BoxFuture<'static, Result<Library>> {
        Box::pin(Library::open_at(root, config))
    }

    async fn open_at(root: PathBuf, config: LibraryConfig) -> Result<Library> {
        let root = off_thread(OPENING, move || Root::open(root)).await?;
        let database = Arc::new(Database::open(&root.database()).await?);
        let library = database.moment().await?.library;
        let owner = Owner {
            library: hex::encode(library),
            some: database.some_audio().await?,
            is_lost: config.is_audio_lost,
        };
        let (place, named) = (config.audio.clone(), owner.clone());
        let directory = off_thread(OPENING, move || match place {
            AudioPlace::Data => Directory::with_files(root, None, &named),
            AudioPlace::Directory(audio) => Directory::with_files(root, Some(&audio), &named),
            AudioPlace::Store(_) => Directory::over_a_store(root),
        });
        let directory = Arc::new(directory.await?);
        let (index, saved) = load(&database, directory.index()).await?;
        let (bytes, damaged) = (database.audio_bytes().await?, database.damaged().await?);
        let catalogue = Arc::new(Catalogue::new(index, bytes, damaged));
        let buffers = Arc::new(Buffers::default());
        let (files, known) = (Arc::clone(&directory), Arc::clone(&catalogue));
        let home = match &config.audio {
            AudioPlace::Data | AudioPlace::Directory(_) => {
                off_thread(OPENING, move || files.settle(|content| known.owns(content))).await?;
                AudioHome::Files(Arc::clone(&directory), Arc::clone(&buffers))
            }
            AudioPlace::Store(store) => {
                let (store, owner) = (Arc::clone(store), &owner);
                let store = LibraryStore::open(store, &owner.library, files, known, &owner.some);
                AudioHome::Store(store.await?)
            }
        };
        let opened = Arc::new(Cache::new(config.open_files_max));
        let (writing, written) = watch::channel(());
        let state = WriterState {
            writing: database.writer().await?,
            home: home.clone(),
            catalogue: Arc::clone(&catalogue),
            opened: Arc::clone(&opened),
            saving: Saving::new(
                Arc::clone(&directory),
                Arc::clone(&catalogue),
                saved,
                library,
            ),
        };
        let writer = writer::start(state, writing);
        let watch = Arc::new(Watch {
            home: home.clone(),
            catalogue: Arc::clone(&catalogue),
            directory: Arc::clone(&directory),
            writer: writer.downgrade(),
            noted: Arc::default(),
        });
        let (ending, ended) = watch::channel(());
        let scrub = Arc::new(Progress::default());
        let scrubbing = Scrub {
            bytes_per_second: config.scrub_bytes_per_second,
            watch: Arc::downgrade(&watch),
            database: Arc::clone(&database),
            progress: Arc::clone(&scrub),
        };
        scrubbing.start(written, ending);
        let library = Library {
            inner: Arc::new(Inner {
                intake: Intake::over(Arc::clone(directory.incoming()), config.intake()),
                receiving: Arc::new(Semaphore::new(config.receiving_max)),
                buffers,
                config,
                directory,
                home,
                database,
                watch,
                scrub,
                refused: AtomicU64::new(0),
                catalogue,
                writer,
                opened,
                ended,
            }),
        };
        if library.inner.config.is_audio_lost {
            library.note_what_is_missing().await?;
        }
        library.begin_renewal();
        Ok(library)
    }

    /// Waits until every clone of the library is dropped, all that was handed in is written, and
    /// the directory is free for another process. Dropping it does the same without waiting.
    pub async fn close(self) {
        let mut ended = self.inner.ended.clone();
        drop(self);
        // Nothing is ever sent: the error says that the writer is gone, which was waited for.
        let _ = ended.changed().await;
    }

    /// Adds songs without their audio, merged with what is known of them. When this returns they
    /// are durable.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] and [`Error::Storage`].
    pub async fn add_cards(&self, songs: Vec<Song>) -> Result<()> {
        self.inner.writer.make(Change::Cards(songs)).await?;
        Ok(())
    }

    /// The card of a song, if there is one here.
    ///
    /// # Errors
    ///
    /// None now; a library that keeps its cards elsewhere would have some.
    pub async fn card(&self, id: &SongId) -> Result<Option<Card>> {
        let card = self.inner.catalogue.index().card(id);
        Ok(card.map(|card| self.inner.catalogue.whole(card)))
    }

    /// The cards behind an id in the order of ids, at most `limit`: for sweeps over all of them.
    ///
    /// # Errors
    ///
    /// None now; a library that keeps its cards elsewhere would have some.
    pub async fn cards_after(&self, after: Option<SongId>, limit: usize) -> Result<Vec<Card>> {
        let cards = self.inner.catalogue.index().after(after, limit);
        let whole = |card| self.inner.catalogue.whole(card);
        Ok(cards.into_iter().map(whole).collect())
    }

    /// All cards as they are now, and every change of one from now on: that its recordings or its audio here are
    /// others, or that audio was found damaged or whole.
    #[must_use]
    pub fn follow(&self) -> Following {
        self.inner.catalogue.follow()
    }

    /// Audio that is here, for reading: each chunk is checked, and damage is noted before the error is
    /// given. `None` if it is not here, or known to be damaged.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] and [`Error::Storage`].
    pub async fn source(&self, content: &ContentHash) -> Result<Option<Arc<dyn ChunkSource>>> {
        match self.inner.catalogue.holds(content) {
            true => self.opened(content).await,
            false => Ok(None),
        }
    }

    /// Like [`search`](kadenza_contract::MusicService::search), over all cards, with audio here or without.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if the machine is failing.
    pub async fn search_cards(&self, query: &Query) -> Result<Page<Entry>> {
        self.search_in(query, Scope::Known).await
    }

    /// Like [`browse`](kadenza_contract::MusicService::browse), over all cards, with audio here or without.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if the machine is failing.
    pub async fn browse_cards(&self, browse: &Browse) -> Result<Page<Group>> {
        self.browse_in(browse, Scope::Known).await
    }

    /// The hashes of the chunks of audio that is here.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] and [`Error::Damaged`].
    pub async fn chunks(&self, content: &ContentHash) -> Result<Option<Arc<Chunks>>> {
        if !self.inner.catalogue.holds(content) {
            return Ok(None);
        }
        if let Some(opened) = self.inner.opened.get(content) {
            return Ok(Some(Arc::clone(opened.chunks())));
        }
        self.known_chunks(content).await
    }

    /// The hashes of the chunks of audio that belongs here. That there are none is damage.
    async fn known_chunks(&self, content: &ContentHash) -> Result<Option<Arc<Chunks>>> {
        let chunks = match self.inner.database.chunks(content).await {
            Ok(Some(chunks)) => Ok(chunks),
            Ok(None) => Err(Error::Damaged {
                what: format!("the hashes of audio {content} are missing"),
            }),
            Err(error) => Err(error),
        };
        match chunks {
            Ok(chunks) => Ok(Some(Arc::new(chunks))),
            // It may have been dropped in between.
            Err(_) if !self.inner.catalogue.owns(content) => Ok(None),
            Err(error) => Err(self.inner.watch.note(*content, error).await),
        }
    }

    /// Bytes of audio that is here, checked; at most 1 MiB. The range is cut at the end of the
    /// audio. `None` if the audio is not here.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it is more than 1 MiB, [`Error::Range`] if it begins at or behind the
    /// end, [`Error::Damaged`] if the bytes are not those that were uploaded, [`Error::Storage`].
    pub async fn read(&self, content: &ContentHash, range: Range<u64>) -> Result<Option<Bytes>> {
        let Some(opened) = self.source(content).await? else {
            return Ok(None);
        };
        let range = ByteRange::from(range).within(opened.chunks().size())?;
        if range.end - range.start > READ_BYTES_MAX {
            return Err(Error::Invalid {
                what: format!("at most {READ_BYTES_MAX} bytes are read at once"),
            });
        }
        read_range(opened, range).await.map(Some)
    }

    /// The cover in audio that is here, its longer edge scaled down to at most `size` pixels.
    /// `None` if the audio is not here or has no cover.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the size is 0, [`Error::Busy`], [`Error::Damaged`],
    /// [`Error::Storage`].
    pub async fn artwork_of(
        &self,
        content: &ContentHash,
        size: Option<u32>,
    ) -> Result<Option<Artwork>> {
        check_size(size)?;
        let Some(held) = self.inner.catalogue.held(content) else {
            return Ok(None);
        };
        let card = held
            .songs
            .first()
            .and_then(|id| self.inner.catalogue.card(id));
        let recording = card.as_ref().and_then(|card| card.song.recording(content));
        if recording.is_some_and(|recording| !recording.has_artwork) {
            return Ok(None);
        }
        let open = async {
            let opened = self.opened(content).await?;
            Ok(opened.map(AudioReader::new))
        };
        self.inner.intake.cover(content, size, open).await
    }

    /// The lyrics in audio that is here. `None` if the audio is not here or has none.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Damaged`], [`Error::Storage`].
    pub async fn lyrics_of(&self, content: &ContentHash) -> Result<Option<Lyrics>> {
        let open = async {
            let opened = self.opened(content).await?;
            Ok(opened.map(AudioReader::new))
        };
        self.inner.intake.lyrics(open).await
    }

    /// Lets one song do without its audio on this machine. The audio itself goes unless another
    /// song has the same; the card stays, and readers under way finish.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub async fn drop_audio(&self, song: &SongId, content: &ContentHash) -> Result<()> {
        let change = Change::DropAudio(*content, *song);
        self.inner.writer.make(change).await?;
        Ok(())
    }

    /// Removes what is known of a song from this machine, its audio included unless another song
    /// has the same.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub async fn drop_card(&self, id: &SongId) -> Result<()> {
        self.inner.writer.make(Change::DropCard(*id)).await?;
        Ok(())
    }

    pub(crate) async fn search_in(&self, query: &Query, scope: Scope) -> Result<Page<Entry>> {
        let index = self.inner.catalogue.index();
        if !index.is_long(query) {
            return Ok(index.search(query, scope));
        }
        let query = query.clone();
        off_thread("searching", move || Ok(index.search(&query, scope))).await
    }

    pub(crate) async fn browse_in(&self, browse: &Browse, scope: Scope) -> Result<Page<Group>> {
        let index = self.inner.catalogue.index();
        if !index.is_long_browse(browse) {
            return Ok(index.browse(browse, scope));
        }
        let browse = browse.clone();
        off_thread("browsing", move || Ok(index.browse(&browse, scope))).await
    }

    /// Audio that belongs here, damaged or not, from the cache or opened now.
    pub(crate) async fn opened(
        &self,
        content: &ContentHash,
    ) -> Result<Option<Arc<dyn ChunkSource>>> {
        if !self.inner.catalogue.owns(content) {
            return Ok(None);
        }
        if let Some(opened) = self.inner.opened.get(content)
            && opened.is_in_place()
        {
            return Ok(Some(opened));
        }
        let Some(chunks) = self.known_chunks(content).await? else {
            return Ok(None);
        };
        match self.inner.home.open(chunks).await {
            Ok(opened) => {
                let opened = self.inner.watch.over(opened);
                self.inner.opened.insert(*content, Arc::clone(&opened));
                Ok(Some(opened))
            }
            // It may have been dropped in between.
            Err(_) if !self.inner.catalogue.owns(content) => Ok(None),
            Err(error) => Err(self.inner.watch.note(*content, error).await),
        }
    }
}
