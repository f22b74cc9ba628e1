//! The copies that this node holds for the network: its library, and the recordings that arrive from
//! other nodes.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use kadenza_contract::{Chunks, ContentHash, Error, Recording, Result, Song, SongId};
use kadenza_protocol::Item;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    Holding, Key,
    outside::{Outside, store::Arriving},
    repairing::ledger::version,
    replicas::replica::Known,
};

/// How many recordings may be arriving at once. A bound on temporary files and memory.
const RECEIVING_MAX: usize = 64;
/// After this long without a chunk, a recording under way is given up by its sender.
const RECEIVING_IDLE: Duration = Duration::from_secs(30);
/// After this long without a chunk, another sender may take over.
const RECEIVING_STALLED: Duration = Duration::from_secs(5);

/// The local store and the recordings on their way to it.
pub(crate) struct LocalCopies {
    outside: Outside,
    receiving: Mutex<HashMap<u64, Arrival>>,
}

struct Arrival {
    sender: Key,
    what: (SongId, ContentHash),
    receiving: Arc<dyn Arriving>,
    heard: Instant,
}

impl LocalCopies {
    pub(crate) fn new(outside: Outside) -> LocalCopies {
        LocalCopies {
            outside,
            receiving: Mutex::default(),
        }
    }

    pub(crate) async fn song(&self, id: SongId) -> Result<Known> {
        Ok(match self.outside.store.card(&id).await? {
            Some(card) => Known {
                song: Some(card.song),
                held: card.held,
            },
            None => Known::default(),
        })
    }

    /// Opens the storing of a recording; [`Error::Busy`] while another sender is at it. A sender
    /// that begins again has given up what it began before.
    pub(crate) async fn store(
        &self,
        sender: Key,
        recording: Recording,
        chunks: Chunks,
    ) -> Result<Option<u64>> {
        let what = (recording.tags.song_id(), recording.content);
        {
            let mut receiving = self.receiving.lock();
            receiving.retain(|_, arrival| {
                let idle = arrival.heard.elapsed();
                let again = arrival.sender == sender || idle >= RECEIVING_STALLED;
                idle < RECEIVING_IDLE && !(arrival.what == what && again)
            });
            if receiving.len() >= RECEIVING_MAX
                || receiving.values().any(|arrival| arrival.what == what)
            {
                return Err(Error::Busy);
            }
        }
        let song = Song::new(recording);
        let Some(receiving) = self.outside.store.receive(song, chunks).await? else {
            return Ok(None);
        };
        let ticket = self.outside.env.random();
        let arrival = Arrival {
            sender,
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
            let card = self.outside.store.card(&item.id).await?;
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
