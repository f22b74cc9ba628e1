//! A replica that arrives in chunks, in any order, each checked as it comes.

use std::{os::unix::fs::FileExt, sync::Arc};

use bytes::Bytes;
use kadenza_audio::{SpooledAudio, Temporary, disk, off_thread, take_turn};
use kadenza_contract::{Chunks, Error, Result, Song};
use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    library::Library,
    writer::{Change, ChangeOutcome},
};

/// The answer to a replica that was announced: whether its audio is needed.
#[derive(Debug)]
pub enum Receipt {
    /// Nothing: the audio is here, and the song's card has it now.
    Held,
    /// All chunks of the audio.
    Receiving(Receiving),
}

/// A replica whose audio is coming in. Dropping it leaves nothing.
#[derive(Debug)]
pub struct Receiving {
    library: Library,
    song: Song,
    chunks: Arc<Chunks>,
    state: Mutex<State>,
    _turn: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct State {
    /// Gone once it was handed in. Shared with writes under way, which outlive a dropped future.
    file: Option<Arc<Temporary>>,
    here: Vec<bool>,
}

impl Library {
    /// Begins to take in a replica of a song, of the recording that `chunks` names.
    ///
    /// Where the audio is here already, the song and its other recordings are merged into what is
    /// known, durably, and nothing more is needed.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the song has no such recording; [`Error::TooLarge`], [`Error::Full`],
    /// [`Error::Busy`], [`Error::Storage`].
    pub async fn receive(&self, song: Song, chunks: Chunks) -> Result<Receipt> {
        let content = chunks.content();
        let announced = song.recording(&content).map(|recording| recording.size);
        if announced != Some(chunks.size()) {
            return Err(Error::Invalid {
                what: "the song has no recording of this content and size".into(),
            });
        }
        if chunks.size() > self.inner.config.upload_bytes_max {
            return Err(Error::TooLarge {
                limit: self.inner.config.upload_bytes_max,
            });
        }
        if self.inner.catalogue.holds(&content) {
            let adopt = Change::Adopt(song.clone(), content);
            if let ChangeOutcome::Done = self.inner.writer.make(adopt).await? {
                return Ok(Receipt::Held);
            }
        }
        let turn = take_turn(&self.inner.receiving, self.inner.config.patience).await?;
        let incoming = Arc::clone(self.inner.directory.incoming());
        let (size, reserve) = (chunks.size(), self.inner.config.disk_reserve_bytes);
        let file = off_thread("making a temporary file", move || {
            incoming.check_room(size, reserve)?;
            incoming.temporary()
        });
        let file = self.had_room(file.await, size)?;
        // Empty audio has no bytes to wait for.
        let here = vec![chunks.size() == 0; chunks.len()];
        Ok(Receipt::Receiving(Receiving {
            library: self.clone(),
            song,
            chunks: Arc::new(chunks),
            state: Mutex::new(State {
                file: Some(Arc::new(file)),
                here,
            }),
            _turn: turn,
        }))
    }
}

impl Receiving {
    /// Takes a chunk in. Chunks may come in any order, at the same time, and again.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if these bytes are not that chunk; [`Error::Full`], [`Error::Storage`].
    pub async fn write_chunk(&self, index: usize, bytes: Bytes) -> Result<()> {
        let file = {
            let state = self.state.lock();
            if state.here.get(index) == Some(&true) {
                return Ok(());
            }
            state.file.clone().ok_or_else(handed_in)?
        };
        let chunks = Arc::clone(&self.chunks);
        let doing = "writing a replica";
        off_thread(doing, move || {
            if !chunks.verify(index, &bytes) {
                return Err(Error::Invalid {
                    what: format!("these bytes are not piece {index} of {}", chunks.content()),
                });
            }
            let at = chunks.range_of(index).start;
            file.file().write_all_at(&bytes, at).map_err(disk(doing))
        })
        .await?;
        if let Some(here) = self.state.lock().here.get_mut(index) {
            *here = true;
        }
        Ok(())
    }

    /// The chunks that have not been taken in yet.
    #[must_use]
    pub fn missing(&self) -> Vec<usize> {
        let state = self.state.lock();
        let missing = state.here.iter().enumerate().filter(|(_, here)| !**here);
        missing.map(|(index, _)| index).collect()
    }

    /// Adds the audio and the card to the library. When this returns they are durable and found.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if chunks are missing or still being written, or it was committed before;
    /// [`Error::Full`] and [`Error::Storage`].
    pub async fn commit(&self) -> Result<()> {
        let file = {
            let mut state = self.state.lock();
            if !state.here.iter().all(|here| *here) {
                return Err(Error::Invalid {
                    what: "pieces of the replica are missing".into(),
                });
            }
            let file = state.file.take().ok_or_else(handed_in)?;
            Arc::try_unwrap(file).map_err(|shared| {
                state.file = Some(shared);
                Error::Invalid {
                    what: "pieces of the replica are still being written".into(),
                }
            })?
        };
        let chunks = Arc::clone(&self.chunks);
        let spooled = SpooledAudio { file, chunks };
        let audio = self.library.inner.home.take(spooled).await?;
        let replica = Change::Replica(self.song.clone(), audio);
        self.library.inner.writer.make(replica).await?;
        Ok(())
    }
}

fn handed_in() -> Error {
    Error::Invalid {
        what: "the replica was committed before".into(),
    }
}
