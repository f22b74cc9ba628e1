//! Reading a whole piece of audio from where it is stored, to see whether it is what was uploaded.
//!
//! What the machine has in memory proves nothing of the disk, so that a file is read past it.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc, time::Duration};

use kadenza_audio::{ChunkSource, off_thread};
use kadenza_contract::{CHUNK_BYTES, ChunkHasher, Chunks, ContentHash, Error, Result};
use rustix::fs::Advice;

use super::{file::unreadable, moves::AudioHome};

const DOING: &str = "examining audio";

/// What was found of audio.
#[derive(Debug)]
pub(crate) enum Examination {
    /// It is what was uploaded; with the hashes of its chunks.
    Whole(Chunks),
    /// It cannot be read, or is something else; what was found.
    Damaged(String),
}

/// How fast audio is read when nobody listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Bytes in a second; never 0.
    pub(crate) bytes_per_second: u64,
}

impl Pace {
    /// As fast as can be: somebody waits.
    pub(crate) const UNBOUNDED: Pace = Pace {
        bytes_per_second: u64::MAX,
    };

    async fn rest_after(self, bytes: u64) {
        if self.bytes_per_second == u64::MAX {
            return;
        }
        let seconds = bytes as f64 / self.bytes_per_second.max(1) as f64;
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    }
}

impl AudioHome {
    /// Whether audio is in its place with its size: a question that is cheap.
    ///
    /// # Errors
    ///
    /// If nothing was found out.
    pub(crate) async fn is_in_place(&self, content: &ContentHash, size: u64) -> Result<bool> {
        match self {
            AudioHome::Files(directory, _) => {
                let path = directory.audio(content);
                let asked = off_thread(DOING, move || Ok(path.metadata()));
                let found = asked.await?;
                Ok(found.is_ok_and(|file| file.is_file() && file.len() >= size))
            }
            AudioHome::Store(store) => Ok(store.size_of(content).await? == Some(size)),
        }
    }

    /// Examines audio. `known` are the hashes of its chunks, as far as they are known; a store is only
    /// read with them.
    ///
    /// # Errors
    ///
    /// If nothing was found out: the store is out of reach, or this process lacks something.
    pub(crate) async fn examine(
        &self,
        content: ContentHash,
        known: Option<&Chunks>,
        pace: Pace,
    ) -> Result<Examination> {
        let found = match (self, known) {
            (AudioHome::Files(directory, _), _) => {
                let path = directory.audio(&content);
                let what = format!("the file of audio {content}");
                let file = off_thread(DOING, move || {
                    let file = File::open(path).map_err(|error| unreadable(&what, error))?;
                    forget_pages(&file);
                    Ok(file)
                });
                match file.await {
                    Ok(file) => examine_file(file, content, pace).await,
                    Err(error) => Err(error),
                }
            }
            (AudioHome::Store(store), Some(chunks)) => {
                let audio = store.source_past_memory(Arc::new(chunks.clone()));
                examine_chunks(audio, pace).await
            }
            (AudioHome::Store(_), None) => Ok(Examination::Damaged(format!(
                "the hashes of audio {content} are not in the database"
            ))),
        };
        match found {
            Err(Error::Damaged { what }) => Ok(Examination::Damaged(what)),
            other => other,
        }
    }
}

async fn examine_file(file: File, content: ContentHash, pace: Pace) -> Result<Examination> {
    let (mut hasher, mut at) = (ChunkHasher::new(), 0);
    let file = Arc::new(file);
    loop {
        let reading = Arc::clone(&file);
        let (read, after) = off_thread(DOING, move || {
            let mut buffer = vec![0; CHUNK_BYTES];
            let what = format!("audio {content}");
            let read = read_at(&reading, &mut buffer, at).map_err(|e| unreadable(&what, e))?;
            let mut hasher = hasher;
            hasher.update(&buffer[..read]);
            Ok((read, hasher))
        })
        .await?;
        hasher = after;
        at += read as u64;
        if read < CHUNK_BYTES {
            break;
        }
        pace.rest_after(read as u64).await;
    }
    pace.rest_after(at % CHUNK_BYTES as u64).await;
    let (found, chunks) = hasher.finish();
    Ok(match found == content {
        true => Examination::Whole(chunks),
        false => Examination::Damaged(format!(
            "audio {content} is not what was uploaded: its {at} bytes have another hash"
        )),
    })
}

/// Bytes until the buffer is full or the file ends.
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match file.read_at(&mut buffer[len..], at + len as u64) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

/// Pages that were written to the disk are let go of, so that reading goes to the disk.
fn forget_pages(file: &File) {
    // A file system that does not know the advice is read through memory: less is found.
    let _ = rustix::fs::fadvise(file, 0, None, Advice::DontNeed);
}

async fn examine_chunks(audio: Arc<dyn ChunkSource>, pace: Pace) -> Result<Examination> {
    let chunks = Arc::clone(audio.chunks());
    for index in 0..chunks.len() {
        let chunk = Arc::clone(&audio).chunk(index).await?;
        pace.rest_after(chunk.len() as u64).await;
    }
    Ok(Examination::Whole(Chunks::clone(&chunks)))
}
