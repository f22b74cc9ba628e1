//! From the database into memory, when a library is opened.
//!
//! The database gives batches of cards; all processors read and fold them; one thread puts them
//! into the index. Each hands over to the next through a queue of a few batches.

use std::{
    collections::HashMap,
    num::NonZero,
    sync::{Arc, mpsc::sync_channel},
    thread,
};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{
    catalogue::Catalogue,
    database::{Database, RawCard},
    failing::off_thread,
    index::Prepared,
};
use crate::{ContentHash, Result};

/// How many batches wait between two steps.
const BATCHES_MAX: usize = 4;

/// Everything that the database holds.
pub(super) async fn load(
    database: &Database,
    sizes: Arc<HashMap<ContentHash, u64>>,
) -> Result<Catalogue> {
    let (into, raw) = mpsc::channel(BATCHES_MAX);
    let building = off_thread("reading the database", move || build(raw, &sizes));
    let (read, built) = tokio::join!(database.cards(into), building);
    read?;
    built
}

fn build(
    raw: mpsc::Receiver<Vec<RawCard>>,
    sizes: &HashMap<ContentHash, u64>,
) -> Result<Catalogue> {
    let raw = Mutex::new(raw);
    let (into, prepared) = sync_channel::<Result<Vec<Prepared>>>(BATCHES_MAX);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            let (raw, into) = (&raw, into.clone());
            scope.spawn(move || {
                let next = || raw.lock().blocking_recv();
                while let Some(batch) = next() {
                    let cards = batch.iter().map(RawCard::parse);
                    let prepared = cards
                        .map(|card| Ok(Prepared::of(Arc::new(card?))))
                        .collect();
                    if into.send(prepared).is_err() {
                        break;
                    }
                }
            });
        }
        drop(into);
        let mut failed = None;
        let cards = prepared
            .into_iter()
            .map_while(|batch| batch.map_err(|error| failed = Some(error)).ok())
            .flatten();
        let catalogue = Catalogue::build(cards, sizes);
        match failed {
            Some(error) => Err(error),
            None => Ok(catalogue),
        }
    })
}
