//! Reading a whole piece of audio from where it is stored, to see whether it is what was uploaded.
//!
//! What the machine has in memory proves nothing of the disk, so that a file is read past it.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

use kadenza_audio::{Pace, off_thread};
use kadenza_contract::{CHUNK_BYTES, ChunkHasher, Chunks, ContentHash, Error, Result};
use rustix::fs::Advice;

use super::{file::unreadable, moves::AudioHome};

const DOING: &str = "examining audio";

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
            AudioHome::Store(store) => match store.size_of(content).await {
                Err(Error::Damaged { .. }) => Ok(false),
                found => Ok(found? == Some(size)),
            },
        }
    }

    /// Examines audio, past what is in memory. Gives the hashes of its chunks.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if it cannot be read, or is something else. All others say that nothing was found
    /// out: the store is out of reach, or this process lacks something.
    pub(crate) async fn examine(&self, content: ContentHash, pace: Pace) -> Result<Chunks> {
        match self {
            AudioHome::Files(directory, _) => {
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
            AudioHome::Store(store) => store.examine(&content, pace).await,
        }
    }
}

async fn examine_file(file: File, content: ContentHash, pace: Pace) -> Result<Chunks> {
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
    match found == content {
        true => Ok(chunks),
        false => Err(Error::Damaged {
            what: format!(
                "audio {content} is not what was uploaded: its {at} bytes have another hash"
            ),
        }),
    }
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
