//! Reading a whole piece of audio when nobody listens, to see whether it is what was uploaded.

use std::time::Duration;

use kadenza_contract::{CHUNK_BYTES, ChunkHasher, Chunks, ContentHash, Error, Result};

use super::store::AudioStore;

/// How fast audio is read when nobody listens.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Bytes in a second; never 0.
    pub bytes_per_second: u64,
}

impl Pace {
    /// As fast as can be: somebody waits.
    pub const UNBOUNDED: Pace = Pace {
        bytes_per_second: u64::MAX,
    };
    /// How fast audio that is damaged is read again at least, also where the scrub is off.
    pub const AGAIN: Pace = Pace {
        bytes_per_second: 4 << 20,
    };
    /// How often damaged audio is examined again: a disk or a person may bring it back.
    pub const AGAIN_EVERY: Duration = Duration::from_secs(15);
    /// How much damaged audio is examined again at a time.
    pub const AGAIN_MAX: usize = 16;
    /// How long is waited between two passes of the scrub.
    pub const BETWEEN_PASSES: Duration = Duration::from_secs(5);
    /// How long is waited after a glance at an object of a bucket.
    pub const AFTER_A_GLANCE: Duration = Duration::from_millis(100);

    /// Waits for as long as so many bytes may take.
    pub async fn rest_after(self, bytes: u64) {
        if self.bytes_per_second == u64::MAX {
            return;
        }
        let seconds = bytes as f64 / self.bytes_per_second.max(1) as f64;
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    }
}

/// Reads audio from a store, all of it, and gives the hashes of its chunks. Needs nothing that is known of
/// it but its content hash.
///
/// # Errors
///
/// [`Error::Damaged`] if it is not there, or is something else. All others say that nothing was found out.
pub async fn examine(store: &dyn AudioStore, content: &ContentHash, pace: Pace) -> Result<Chunks> {
    let damaged = |what: &str| Error::Damaged {
        what: format!("audio {content} {what} {}", store.address()),
    };
    let size = store.size(content).await?;
    let size = size.ok_or_else(|| damaged("is not in"))?;
    let (mut hasher, mut at) = (ChunkHasher::new(), 0);
    while at < size {
        let end = size.min(at + CHUNK_BYTES as u64);
        let read = store.read(content, at..end).await?;
        hasher.update(&read.ok_or_else(|| damaged("is no longer in"))?);
        pace.rest_after(end - at).await;
        at = end;
    }
    let (found, chunks) = hasher.finish();
    match found == *content {
        true => Ok(chunks),
        false => Err(damaged("is not what was uploaded in")),
    }
}
