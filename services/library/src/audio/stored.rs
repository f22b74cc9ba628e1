//! Audio of a library in an object store, and how it comes and goes.
//!
//! As in a [`Directory`], the database alone decides what belongs to the library, and a file in
//! `incoming/` tells the next start what may be half done. Audio comes in by these steps: a file in
//! `incoming/` under its hash; put into the store; committed to the database; the local file removed.
//! So what the database knows is in the store, and a store that fails makes an upload fail, not a
//! song without audio. Audio goes out by: an empty file in `incoming/` under its hash; the commit;
//! the object removed; the file removed. Wherever the machine stops, the next start looks at each
//! file in `incoming/`: of audio that the database does not know, the object is removed.
//!
//! Uploads are put into the store side by side, so that a large one does not keep the
//! [writer](crate::writer) waiting. Two of the same content take turns until the database knows the
//! first: else one that fails would remove the object that the other one relies on.

use std::{io, sync::Arc};

use kadenza_audio::{
    AudioStore, ChunkMemory, ChunkSource, Pace, StoredAudio, Temporary, disk, examine, off_thread,
};
use kadenza_contract::{Chunks, ContentHash, Error, Result};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{
    directory::{Directory, Named},
    records::Catalogue,
};

/// How many contents can be on their way side by side; two that share a lock take turns.
const LOCKS: usize = 1024;
/// How many bytes of checked chunks are kept in memory: some 250 chunks.
const MEMORY_BYTES_MAX: usize = 64 << 20;
const ARRIVING: &str = "bringing audio into the object store";

/// The audio store of a library.
#[derive(Debug)]
pub(crate) struct LibraryStore {
    store: Arc<dyn AudioStore>,
    directory: Arc<Directory>,
    catalogue: Arc<Catalogue>,
    alone: Vec<Arc<Mutex<()>>>,
    memory: Arc<ChunkMemory>,
}

impl LibraryStore {
    /// Makes sure that the store works and is this library's, and ends what a crash interrupted.
    /// `owner` names this library, and `some` is audio that its database knows.
    pub(crate) async fn open(
        store: Arc<dyn AudioStore>,
        owner: &str,
        directory: Arc<Directory>,
        catalogue: Arc<Catalogue>,
        some: &[ContentHash],
    ) -> Result<Arc<LibraryStore>> {
        store.check().await?;
        store.claim(owner).await?;
        let store = LibraryStore {
            store,
            directory,
            catalogue,
            alone: (0..LOCKS).map(|_| Arc::default()).collect(),
            memory: Arc::new(ChunkMemory::new(MEMORY_BYTES_MAX)),
        };
        store.settle().await?;
        store.look_for_some(some).await?;
        Ok(Arc::new(store))
    }

    /// Audio in the store, for reading. Takes no request.
    pub(crate) fn source(&self, chunks: Arc<Chunks>) -> Arc<dyn ChunkSource> {
        let audio = StoredAudio::new(Arc::clone(&self.store), chunks);
        Arc::new(audio.remembered(Arc::clone(&self.memory)))
    }

    /// Reads audio past the memory, to see whether it is what was uploaded.
    ///
    /// # Errors
    ///
    /// Those of [`examine`].
    pub(crate) async fn examine(&self, content: &ContentHash, pace: Pace) -> Result<Chunks> {
        examine(&*self.store, content, pace).await
    }

    /// Whether those who keep the audio examine it.
    pub(crate) fn is_examined_elsewhere(&self) -> bool {
        self.store.is_examined_elsewhere()
    }

    /// The size of audio in the store; none if it is not there.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub(crate) async fn size_of(&self, content: &ContentHash) -> Result<Option<u64>> {
        self.store.size(content).await
    }

    /// Brings audio that is synced into the store. Whoever goes away meanwhile leaves it to be
    /// taken back.
    pub(crate) async fn bring(
        self: &Arc<LibraryStore>,
        file: Temporary,
        chunks: &Chunks,
    ) -> Result<Brought> {
        let (content, size) = (chunks.content(), chunks.size());
        let owner = Arc::clone(self);
        // A task of its own: a request that is given up may happen all the same, after what was to
        // undo it.
        let bringing = tokio::spawn(async move {
            let alone = Arc::clone(&owner.alone[stripe(&content)])
                .lock_owned()
                .await;
            let home = Arc::clone(&owner.directory);
            let named = off_thread(ARRIVING, move || {
                home.name(vec![(content, file)]).map_err(disk(ARRIVING))
            });
            let mut brought = Brought {
                named: named.await?.pop(),
                content,
                size,
                is_put: false,
                _alone: alone,
                owner,
            };
            if !brought.owner.catalogue.holds(&content) {
                brought.put().await?;
            }
            Ok(brought)
        });
        match bringing.await {
            Ok(brought) => brought,
            Err(panicked) => Err(Error::storage(ARRIVING)(panicked.into())),
        }
    }

    /// Audio is about to leave.
    pub(crate) async fn mark(self: &Arc<LibraryStore>, content: ContentHash) -> Result<Leaving> {
        let home = Arc::clone(&self.directory);
        let doing = "removing audio";
        let mark = off_thread(doing, move || home.mark(&content).map_err(disk(doing))).await?;
        Ok(Leaving {
            owner: Arc::clone(self),
            content,
            mark,
        })
    }

    async fn settle(&self) -> Result<()> {
        let home = Arc::clone(&self.directory);
        let doing = "clearing up after the last run";
        let left_over = off_thread(doing, move || home.left_over()).await?;
        for (content, named) in left_over {
            if !self.catalogue.owns(&content) {
                self.store.remove(&content).await?;
            }
            off_thread(doing, move || named.remove().map_err(disk(doing))).await?;
        }
        Ok(())
    }

    /// A library whose audio is all somewhere else is better not opened: its songs could be found
    /// and not heard.
    async fn look_for_some(&self, some: &[ContentHash]) -> Result<()> {
        if some.is_empty() {
            return Ok(());
        }
        for content in some {
            if self.store.size(content).await?.is_some() {
                return Ok(());
            }
        }
        Err(Error::Invalid {
            what: format!(
                "the audio of this library is not in {}: give the place where it is, or copy it \
                 there first (the files under `audio/`, with their names)",
                self.store.address()
            ),
        })
    }
}

/// Contents are hashes, so any of their bytes spreads them evenly.
fn stripe(content: &ContentHash) -> usize {
    let bytes = content.as_bytes();
    usize::from(u16::from_le_bytes([bytes[0], bytes[1]])) % LOCKS
}

/// Audio that is in the store or can be put there, and that no other upload touches meanwhile.
/// Dropping it takes it back, unless the database knows it.
#[derive(Debug)]
pub(crate) struct Brought {
    owner: Arc<LibraryStore>,
    /// The local file; gone when there is nothing more to do.
    named: Option<Named>,
    content: ContentHash,
    size: u64,
    is_put: bool,
    _alone: OwnedMutexGuard<()>,
}

impl Brought {
    /// Puts it into the store, unless that is done.
    pub(crate) async fn put(&mut self) -> Result<()> {
        if let Some(named) = self.named.as_ref().filter(|_| !self.is_put) {
            let file = named.open().map_err(disk(ARRIVING))?;
            // Even one that fails may have happened.
            self.is_put = true;
            self.owner
                .store
                .put(&self.content, &file, self.size)
                .await?;
        }
        Ok(())
    }

    /// The database knows it: the local file is not needed any more.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.named.take().map_or(Ok(()), Named::remove)
    }

    /// The database may know it: the next start finds out.
    pub(crate) fn leave_open(mut self) {
        self.named = None;
    }
}

impl Drop for Brought {
    fn drop(&mut self) {
        let Some(named) = self.named.take() else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (owner, content, is_put) = (Arc::clone(&self.owner), self.content, self.is_put);
        // Nobody else may bring the same before this one is gone.
        let alone = Arc::clone(&owner.alone[stripe(&content)]);
        runtime.spawn(async move {
            let _alone = alone.lock_owned().await;
            let is_gone = !is_put || owner.catalogue.owns(&content) || {
                let removed = owner.store.remove(&content).await;
                if let Err(error) = &removed {
                    let error = error.chain();
                    tracing::warn!(error, %content, "an object stays until the next start");
                }
                removed.is_ok()
            };
            let cleared = off_thread(ARRIVING, move || {
                // The name alone makes the next start remove the audio.
                let cleared = if is_gone {
                    named.remove()
                } else {
                    named.empty()
                };
                cleared.map_err(disk(ARRIVING))
            });
            if let Err(error) = cleared.await {
                let error = error.chain();
                tracing::warn!(error, "a temporary file stays until the next start");
            }
        });
    }
}

/// Audio that leaves the store when the database has forgotten it.
#[derive(Debug)]
pub(crate) struct Leaving {
    owner: Arc<LibraryStore>,
    content: ContentHash,
    mark: Named,
}

impl Leaving {
    /// The database has forgotten it. A store that cannot be reached keeps the object until the
    /// next start; nobody sees it.
    pub(crate) async fn remove(self) {
        let Leaving {
            owner,
            content,
            mark,
        } = self;
        let removed = owner.store.remove(&content).await;
        let removed = match removed {
            Ok(()) => off_thread(ARRIVING, move || mark.remove().map_err(disk(ARRIVING))).await,
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            let error = error.chain();
            tracing::warn!(error, %content, "an object stays until the next start");
        }
    }

    /// The database has not forgotten it.
    pub(crate) fn stay(self) -> io::Result<()> {
        self.mark.remove()
    }
}
