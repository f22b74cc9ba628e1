//! The copies that this node holds for the network: its library, and the recordings that arrive from
//! other nodes.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use kadenza_contract::{Chunks, ContentHash, Error, Recording, Result, Song, SongId};
use kadenza_protocol::Item;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    Holding,
    outside::{
        env::Env,
        store::{Arriving, Store},
    },
    repairing::ledger::version,
    replicas::replica::Known,
};

/// How many recordings may be arriving at once. A bound on temporary files and memory.
const RECEIVING_MAX: usize = 64;
/// After this long without a chunk, a recording under way is given up by its sender.
const RECEIVING_IDLE: Duration = Duration::from_secs(30);
/// After this long without a chunk, a sender may begin again.
const RECEIVING_STALLED: Duration = Duration::from_secs(5);

/// The local store and the recordings on their way to it.
pub(crate) struct LocalCopies {
    store: Arc<dyn Store>,
    env: Arc<dyn Env>,
    receiving: Mutex<HashMap<u64, Arrival>>,
}

struct Arrival {
    what: (SongId, ContentHash),
    receiving: Arc<dyn Arriving>,
    heard: Instant,
}

impl LocalCopies {
    pub(crate) fn new(store: Arc<dyn Store>, env: Arc<dyn Env>) -> LocalCopies {
        LocalCopies {
            store,
            env,
            receiving: Mutex::default(),
        }
    }

    pub(crate) async fn song(&self, id: SongId) -> Result<Known> {
        Ok(match self.store.card(&id).await? {
            Some(card) => Known {
                song: Some(card.song),
                held: card.held,
            },
            None => Known::default(),
        })
    }

    /// Opens the storing of a recording; [`Error::Busy`] while it arrives already. The same node may be at it twice,
    /// for an upload and in repair: the second one must not end what the first has under way.
    pub(crate) async fn store(&self, recording: Recording, chunks: Chunks) -> Result<Option<u64>> {
        let what = (recording.tags.song_id(), recording.content);
        {
            let mut receiving = self.receiving.lock();
            receiving.retain(|_, arrival| {
                let idle = arrival.heard.elapsed();
                idle < RECEIVING_IDLE && !(arrival.what == what && idle >= RECEIVING_STALLED)
            });
            if receiving.len() >= RECEIVING_MAX
                || receiving.values().any(|arrival| arrival.what == what)
            {
                return Err(Error::Busy);
            }
        }
        let song = Song::new(recording);
        let Some(receiving) = self.store.receive(song, chunks).await? else {
            return Ok(None);
        };
        let ticket = self.env.random();
        let arrival = Arrival {
            what,
            receiving,
            heard: Instant::now(),
        };
        self.receiving.lock().insert(ticket, arrival);
        Ok(Some(ticket))
    }

    pub(crate) async fn store_chunk(&self, ticket: u64, index: u32, chunk: Bytes) -> Result<()> {
        let receiving = {
            let mut receiving = self.receiving.lock();
            let arrival = receiving.get_mut(&ticket).ok_or_else(given_up)?;
            arrival.heard = Instant::now();
            arrival.receiving.clone()
        };
        receiving.write_chunk(index as usize, chunk).await
    }

    pub(crate) async fn store_commit(&self, ticket: u64) -> Result<()> {
        let arrival = self.receiving.lock().remove(&ticket).ok_or_else(given_up)?;
        arrival.receiving.commit().await
    }

    /// The songs of these items that are not held here in the same version.
    pub(crate) async fn missing(&self, holding: Holding, items: &[Item]) -> Result<Vec<SongId>> {
        let mut missing = Vec::new();
        for item in items {
            let card = self.store.card(&item.id).await?;
            if card.is_none_or(|card| version(holding, &card) != Some(item.version)) {
                missing.push(item.id);
            }
        }
        Ok(missing)
    }
}

fn given_up() -> Error {
    Error::Invalid {
        what: "no recording is arriving under this ticket; begin again".into(),
    }
}

#[cfg(test)]
mod tests {
    use kadenza_contract::{Format, Tags};
    use kadenza_library::{Library, LibraryConfig};

    use super::*;
    use crate::outside::{disk::Disk, env::Machine};

    #[tokio::test]
    async fn a_second_store_does_not_end_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let library = Library::open(directory, LibraryConfig::default());
        let store = Disk {
            library: library.await.unwrap(),
            directory: directory.to_owned(),
        };
        let copies = LocalCopies::new(Arc::new(store), Arc::new(Machine));
        let bytes = Bytes::from_static(b"audio");
        let recording = Recording {
            content: ContentHash::of(&bytes),
            format: Format::Wav,
            size: bytes.len() as u64,
            duration_ms: None,
            bit_rate: None,
            tags: Tags::new("Twice", "", "").unwrap(),
            has_artwork: false,
            added_at: Default::default(),
            reader: 0,
        };
        let content = recording.content;
        let chunks = Chunks::from_bytes(&content, recording.size, content.as_bytes()).unwrap();
        let first = copies.store(recording.clone(), chunks.clone()).await;
        let ticket = first.unwrap().expect("it is not here yet");
        let second = copies.store(recording.clone(), chunks.clone()).await;
        assert!(matches!(second, Err(Error::Busy)), "{second:?}");
        copies.store_chunk(ticket, 0, bytes).await.unwrap();
        copies.store_commit(ticket).await.unwrap();
        assert_eq!(copies.store(recording, chunks).await.unwrap(), None);
    }
}
