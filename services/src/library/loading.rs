//! From the database into memory, when a library is opened without a saved index.
//!
//! The database gives batches of cards; all processors read them; then they are arranged.

use std::{
    num::NonZero,
    sync::mpsc::sync_channel,
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{
    database::{Database, RawCard},
    failing::off_thread,
    index::{Index, Row},
};
use crate::Result;

/// How many batches wait between two steps.
const BATCHES_MAX: usize = 4;
/// How often progress is logged.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// The index over everything that the database holds.
pub(super) async fn load(database: &Database) -> Result<Index> {
    let (into, raw) = mpsc::channel(BATCHES_MAX);
    let building = off_thread("reading the database", move || build(raw));
    let (read, built) = tokio::join!(database.cards(into), building);
    read?;
    built
}

fn build(raw: mpsc::Receiver<Vec<RawCard>>) -> Result<Index> {
    let raw = Mutex::new(raw);
    let (into, packed) = sync_channel::<Result<Row>>(BATCHES_MAX);
    let cards = thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            let (raw, into) = (&raw, into.clone());
            scope.spawn(move || {
                let next = || raw.lock().blocking_recv();
                while let Some(batch) = next() {
                    if into.send(pack(&batch)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(into);
        let mut cards = Row::default();
        let mut told = Instant::now();
        for batch in packed {
            cards.append(batch?);
            if told.elapsed() >= TOLD_EVERY {
                told = Instant::now();
                tracing::info!(cards = cards.len(), "building the search index");
            }
        }
        Ok(cards)
    })?;
    let (count, begun) = (cards.len(), Instant::now());
    let index = Index::build(cards);
    if begun.elapsed() >= TOLD_EVERY {
        let ms = begun.elapsed().as_millis() as u64;
        tracing::info!(cards = count, ms, "the search index is built");
    }
    Ok(index)
}

fn pack(batch: &[RawCard]) -> Result<Row> {
    let mut row = Row::default();
    for raw in batch {
        row.push(&raw.parse()?);
    }
    Ok(row)
}
