//! From the disk into memory, when a library is opened.
//!
//! A saved index is caught up with the changes after it. Without one, or with one that does not fit,
//! every card is read: the database gives batches of them, all processors read those, and then they are
//! arranged.

use std::{
    num::NonZero,
    path::PathBuf,
    sync::mpsc::sync_channel,
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::database::{Database, RawCard};
use crate::index::{Index, Row, Saved};
use kadenza_audio::{disk, off_thread};
use kadenza_contract::Result;

/// How many batches wait between two steps.
const BATCHES_MAX: usize = 4;
const OPENING: &str = "opening the search index";
const READING: &str = "reading the database";

/// How often progress is logged.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// The index over everything that the database holds, and where it is saved.
pub(crate) async fn load(database: &Database, folder: PathBuf) -> Result<(Index, Saved)> {
    let now = database.moment().await?;
    let opened = off_thread(OPENING, move || {
        Saved::open(folder, now).map_err(disk(OPENING))
    });
    let (saved, index) = opened.await?;
    let since = index.as_ref().map(Index::change);
    let forgotten = match since {
        Some(change) => database.forgotten_since(change).await?,
        None => Vec::new(),
    };
    let (into, raw) = mpsc::channel(BATCHES_MAX);
    let building = off_thread(READING, move || {
        let cards = collect(raw)?;
        Ok(match index {
            Some(index) => index.with(cards, &forgotten, now.last),
            None => build(cards, now.last),
        })
    });
    let (read, built) = tokio::join!(database.cards(since, into), building);
    read?;
    let built = built?;
    // The database need not remember older removals: the saved index has them, or there is none.
    let known = since.unwrap_or(now.last);
    if known > now.since {
        database.prune(known).await?;
    }
    Ok((built, saved))
}

fn collect(raw: mpsc::Receiver<Vec<RawCard>>) -> Result<Row> {
    let raw = Mutex::new(raw);
    let (into, packed) = sync_channel::<Result<Row>>(BATCHES_MAX);
    thread::scope(|scope| {
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
                tracing::info!(cards = cards.len(), "reading cards for the search index");
            }
        }
        Ok(cards)
    })
}

fn build(cards: Row, change: u64) -> Index {
    let (count, begun) = (cards.len(), Instant::now());
    let index = Index::build(cards, change);
    if begun.elapsed() >= TOLD_EVERY {
        let ms = begun.elapsed().as_millis() as u64;
        tracing::info!(cards = count, ms, "the search index is built");
    }
    index
}

fn pack(batch: &[RawCard]) -> Result<Row> {
    let mut row = Row::default();
    for raw in batch {
        row.push(&raw.parse()?);
    }
    Ok(row)
}
