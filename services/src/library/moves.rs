//! Audio that comes and goes with a transaction: files in a [`Directory`], objects in a
//! [`Remote`](super::remote) store. Both rooms tell the order of their steps.

use std::sync::Arc;

#[cfg(feature = "objects")]
use super::remote::{Brought, Leaving, Remote};
use super::{
    buffers::Buffers,
    directory::{Directory, Named, Temporary},
    failing::{disk, off_thread},
    opened::Opened,
    spool::Spooled,
    writer::Whole,
};
use crate::{Chunks, ContentHash, Error, Result};

const MOVING: &str = "moving audio";
const SYNCING: &str = "syncing audio to the disk";

/// Where the audio of a library is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// In files of this machine.
    Files(Arc<Directory>),
    /// In an object store.
    #[cfg(feature = "objects")]
    Objects(Arc<Remote>),
}

impl Place {
    /// Makes an upload durable, so that it may become part of the library.
    pub(super) async fn take(&self, spooled: Spooled) -> Result<Whole> {
        let Spooled { file, chunks } = spooled;
        let audio = match self {
            Place::Files(_) => {
                let synced = off_thread(SYNCING, move || {
                    file.file().sync_data().map_err(disk(SYNCING))?;
                    Ok(file)
                });
                Arriving::File(synced.await?)
            }
            #[cfg(feature = "objects")]
            Place::Objects(remote) => Arriving::Object(remote.bring(file, &chunks).await?),
        };
        Ok(Whole { audio, chunks })
    }

    /// Opens audio for reading.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if it is not in its place.
    pub(super) async fn open(&self, chunks: Arc<Chunks>, buffers: Arc<Buffers>) -> Result<Opened> {
        match self {
            Place::Files(directory) => {
                let path = directory.audio(&chunks.content());
                off_thread("opening audio", move || {
                    let content = chunks.content();
                    Opened::open(&path, chunks, buffers).map_err(|error| Error::Damaged {
                        what: format!("the file of audio {content} cannot be opened: {error}"),
                    })
                })
                .await
            }
            #[cfg(feature = "objects")]
            Place::Objects(remote) => Ok(Opened::remote(Arc::clone(remote), chunks, buffers)),
        }
    }
}

/// Audio that is whole and durable, and waits for its transaction. Dropping it leaves nothing.
#[derive(Debug)]
pub(super) enum Arriving {
    /// In a file.
    File(Temporary),
    /// In an object store.
    #[cfg(feature = "objects")]
    Object(Brought),
}

/// What comes and goes with one transaction.
#[derive(Debug, Default)]
pub(super) struct Moves {
    files: Files,
    #[cfg(feature = "objects")]
    arriving: Vec<Brought>,
    #[cfg(feature = "objects")]
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
    pub(super) async fn prepare(
        place: &Place,
        arriving: Vec<(ContentHash, Arriving)>,
        leaving: Vec<ContentHash>,
    ) -> Result<Moves> {
        let mut moves = Moves::default();
        let mut files = Vec::new();
        for (content, audio) in arriving {
            match audio {
                Arriving::File(file) => files.push((content, file)),
                #[cfg(feature = "objects")]
                Arriving::Object(mut brought) => {
                    // It was here when it was brought, and left in between: that is rare.
                    brought.put().await?;
                    moves.arriving.push(brought);
                }
            }
        }
        match place {
            Place::Files(directory) if !files.is_empty() || !leaving.is_empty() => {
                let directory = Arc::clone(directory);
                let prepared =
                    off_thread(MOVING, move || Files::prepare(&directory, files, leaving));
                moves.files = prepared.await?;
            }
            Place::Files(_) => {}
            #[cfg(feature = "objects")]
            Place::Objects(remote) => {
                for content in leaving {
                    match remote.mark(content).await {
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
    pub(super) async fn place_files(&mut self) -> Result<()> {
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

    /// What the transaction did is known. Objects are let go of only now: whoever takes the same
    /// audio back asks what is known.
    pub(super) async fn finish(self) -> Result<()> {
        #[cfg(feature = "objects")]
        {
            for leaving in self.leaving {
                leaving.remove().await;
            }
            let arriving = self.arriving;
            if !arriving.is_empty() {
                return off_thread(MOVING, move || {
                    let errors = arriving.into_iter().filter_map(|one| one.finish().err());
                    let failed = errors.fold(None, |_, error| Some(error));
                    failed.map_or(Ok(()), |error| Err(disk(MOVING)(error)))
                })
                .await;
            }
        }
        Ok(())
    }

    /// The transaction did not happen. Objects that arrived take themselves back.
    pub(super) async fn take_back(self) {
        let taken_back = off_thread(MOVING, move || {
            self.files.undo();
            #[cfg(feature = "objects")]
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
    pub(super) async fn leave_open(mut self) {
        self.files.arriving.clear();
        #[cfg(feature = "objects")]
        {
            self.leaving.clear();
            self.arriving.drain(..).for_each(Brought::leave_open);
        }
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
