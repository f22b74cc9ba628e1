//! Audio that comes and goes with a transaction: files in a [`Directory`], or audio in a
//! [`LibraryStore`]. Both modules tell the order of their steps.

use std::sync::Arc;

use kadenza_audio::{ChunkSource, SpooledAudio, Temporary, disk, off_thread};
use kadenza_contract::{Chunks, ContentHash, Result};

use super::{
    buffers::Buffers,
    file::{OpenFile, unreadable},
    stored::{Brought, Leaving, LibraryStore},
};
use crate::directory::{Directory, Named};

const MOVING: &str = "moving audio";
const SYNCING: &str = "syncing audio to the disk";

/// Where the audio of a library is.
#[derive(Debug, Clone)]
pub(crate) enum AudioHome {
    /// In files of this machine.
    Files(Arc<Directory>, Arc<Buffers>),
    /// In an audio store.
    Store(Arc<LibraryStore>),
}

impl AudioHome {
    /// Makes an upload durable, so that it may become part of the library.
    pub(crate) async fn take(&self, spooled: SpooledAudio) -> Result<DurableAudio> {
        let SpooledAudio { file, chunks } = spooled;
        let at = match self {
            AudioHome::Files(..) => {
                let synced = off_thread(SYNCING, move || {
                    file.file().sync_data().map_err(disk(SYNCING))?;
                    Ok(file)
                });
                Arriving::File(synced.await?)
            }
            AudioHome::Store(store) => Arriving::Stored(store.bring(file, &chunks).await?),
        };
        Ok(DurableAudio { at, chunks })
    }

    /// Opens audio for reading.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`](kadenza_contract::Error::Damaged) if it is not in its place.
    pub(crate) async fn open(&self, chunks: Arc<Chunks>) -> Result<Arc<dyn ChunkSource>> {
        match self {
            AudioHome::Files(directory, buffers) => {
                let (path, buffers) = (directory.audio(&chunks.content()), Arc::clone(buffers));
                off_thread("opening audio", move || {
                    let content = chunks.content();
                    match OpenFile::open(&path, chunks, buffers) {
                        Ok(file) => Ok(Arc::new(file) as Arc<dyn ChunkSource>),
                        Err(error) => {
                            Err(unreadable(&format!("the file of audio {content}"), error))
                        }
                    }
                })
                .await
            }
            AudioHome::Store(store) => Ok(store.source(chunks)),
        }
    }
}

/// Audio that is whole and durable, but not part of the library yet. Dropping it leaves nothing.
#[derive(Debug)]
pub(crate) struct DurableAudio {
    pub(crate) at: Arriving,
    pub(crate) chunks: Arc<Chunks>,
}

/// Where durable audio waits for its transaction.
#[derive(Debug)]
pub(crate) enum Arriving {
    /// In a file.
    File(Temporary),
    /// In an audio store.
    Stored(Brought),
}

/// The audio that comes and goes with one transaction.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    files: Files,
    arriving: Vec<Brought>,
    leaving: Vec<Leaving>,
}

/// Files that come and go.
#[derive(Debug, Default)]
struct Files {
    arriving: Vec<Named>,
    leaving: Vec<Named>,
}

impl Moves {
    /// Before the transaction.
    pub(crate) async fn prepare(
        home: &AudioHome,
        arriving: Vec<(ContentHash, Arriving)>,
        leaving: Vec<ContentHash>,
    ) -> Result<Moves> {
        let mut moves = Moves::default();
        let mut files = Vec::new();
        for (content, audio) in arriving {
            match audio {
                Arriving::File(file) => files.push((content, file)),
                Arriving::Stored(mut brought) => {
                    // It was here when it was brought, and left in between: that is rare.
                    brought.put().await?;
                    moves.arriving.push(brought);
                }
            }
        }
        match home {
            AudioHome::Files(directory, _) if !files.is_empty() || !leaving.is_empty() => {
                let directory = Arc::clone(directory);
                let prepared =
                    off_thread(MOVING, move || Files::prepare(&directory, files, leaving));
                moves.files = prepared.await?;
            }
            AudioHome::Files(..) => {}
            AudioHome::Store(store) => {
                for content in leaving {
                    match store.mark(content).await {
                        Ok(mark) => moves.leaving.push(mark),
                        Err(error) => {
                            moves.take_back().await;
                            return Err(error);
                        }
                    }
                }
            }
        }
        Ok(moves)
    }

    /// The transaction happened: files go to their places, before anybody is told of them.
    pub(crate) async fn place_files(&mut self) -> Result<()> {
        let files = std::mem::take(&mut self.files);
        if files.arriving.is_empty() && files.leaving.is_empty() {
            return Ok(());
        }
        off_thread(MOVING, move || {
            let arrived = files.arriving.into_iter().map(Named::place);
            let left = files.leaving.into_iter().map(Named::remove);
            // One that fails does not keep the others from their places.
            let errors = arrived.chain(left).filter_map(Result::err);
            let failed = errors.fold(None, |_, error| Some(error));
            failed.map_or(Ok(()), |error| Err(disk(MOVING)(error)))
        })
        .await
    }

    /// The catalogue has the transaction. Objects are let go of only now: a task that takes the same
    /// audio back asks what is known.
    pub(crate) async fn finish(self) -> Result<()> {
        for leaving in self.leaving {
            leaving.remove().await;
        }
        let arriving = self.arriving;
        if arriving.is_empty() {
            return Ok(());
        }
        off_thread(MOVING, move || {
            let errors = arriving.into_iter().filter_map(|one| one.finish().err());
            let failed = errors.fold(None, |_, error| Some(error));
            failed.map_or(Ok(()), |error| Err(disk(MOVING)(error)))
        })
        .await
    }

    /// The transaction did not happen. Objects that arrived take themselves back.
    pub(crate) async fn take_back(self) {
        let taken_back = off_thread(MOVING, move || {
            self.files.undo();
            for error in self
                .leaving
                .into_iter()
                .filter_map(|mark| mark.stay().err())
            {
                tracing::error!(%error, "a temporary file stays until the next start");
            }
            Ok(())
        });
        if let Err(error) = taken_back.await {
            let error = error.chain();
            tracing::error!(error, "audio is not moved back before the next start");
        }
    }

    /// The transaction may have happened: the next start asks the database whether arrivals live,
    /// and what was to leave.
    pub(crate) async fn leave_open(mut self) {
        self.files.arriving.clear();
        self.leaving.clear();
        self.arriving.drain(..).for_each(Brought::leave_open);
        self.take_back().await;
    }
}

impl Files {
    fn prepare(
        directory: &Directory,
        arriving: Vec<(ContentHash, Temporary)>,
        leaving: Vec<ContentHash>,
    ) -> Result<Files> {
        let mut files = Files {
            arriving: directory.name(arriving).map_err(disk(MOVING))?,
            leaving: Vec::new(),
        };
        for content in leaving {
            match directory.displace(&content) {
                Ok(left) => files.leaving.extend(left),
                Err(error) => {
                    files.undo();
                    return Err(disk(MOVING)(error));
                }
            }
        }
        Ok(files)
    }

    fn undo(self) {
        let arrived = self.arriving.into_iter().map(Named::remove);
        let left = self.leaving.into_iter().map(Named::place);
        for error in arrived.chain(left).filter_map(Result::err) {
            tracing::error!(%error, "audio is not moved back before the next start");
        }
    }
}
