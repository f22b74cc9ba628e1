//! Finds how much memory a Redis server needs for a number of answers.
//!
//! Redis is bounded by bytes, but caches of the same number of entries are compared. So a sample of
//! answers is taken, and servers with different bounds are filled with answers of these sizes,
//! until one holds the number of entries that is wanted.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use kadenza_contract::{CacheNodeStatus, MusicService};
use kadenza_services::cache::{
    self, Cached, CachedConfig, Keep, Policy, Redis, Store, StoreError, StoredValue,
};
use parking_lot::Mutex;

use super::{asking::ask_below, nodes};
use crate::{error::EvaluateError, questions::Load};

/// How many answers are in a sample.
const SAMPLE: usize = 400;
/// How many are asked for at a time.
const AT_ONCE: usize = 16;
/// How many bounds are tried at most, and by how many entries a small server is overfilled.
const TRIES_MAX: usize = 12;
const OVERFLOW: usize = 100;

/// The sizes that were found out, by the load and the number of entries.
#[derive(Debug, Default)]
pub(super) struct Sizing {
    samples: HashMap<String, Vec<Remembered>>,
    known: HashMap<(String, usize), u64>,
}

/// An answer as a cache keeps it.
#[derive(Debug, Clone)]
struct Remembered {
    key_bytes: usize,
    value: Bytes,
    ttl: Option<Duration>,
}

impl Sizing {
    /// The bytes with which a server has room for so many answers to the questions of a load.
    pub(super) async fn bytes(
        &mut self,
        below: &Arc<dyn MusicService>,
        load: &Load,
        config: CachedConfig,
        entries: usize,
    ) -> Result<u64, EvaluateError> {
        let cell = (load.name.clone(), entries);
        if let Some(bytes) = self.known.get(&cell) {
            return Ok(*bytes);
        }
        if !self.samples.contains_key(&load.name) {
            let sample = look_at(below, load, config).await?;
            self.samples.insert(load.name.clone(), sample);
        }
        let bytes = try_out(&self.samples[&load.name], entries).await?;
        self.known.insert(cell, bytes);
        Ok(bytes)
    }
}

/// Takes a sample of answers, to questions from all parts of the load.
async fn look_at(
    below: &Arc<dyn MusicService>,
    load: &Load,
    config: CachedConfig,
) -> Result<Vec<Remembered>, EvaluateError> {
    let watch = Arc::new(SampleStore::default());
    let store = || Arc::clone(&watch) as Arc<dyn Store>;
    let cached = Cached::new(Arc::clone(below), store(), store(), config);
    let every = load.questions.len().div_ceil(SAMPLE).max(1);
    stream::iter(load.questions.iter().step_by(every))
        .map(|question| ask_below(&cached, question))
        .buffer_unordered(AT_ONCE)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    let seen = std::mem::take(&mut *watch.0.lock());
    match seen.is_empty() {
        true => Err(EvaluateError::Failed(
            "no answer is kept by a cache".to_owned(),
        )),
        false => Ok(seen),
    }
}

/// Finds with how many bytes a full server holds this many answers like those of the sample.
async fn try_out(sample: &[Remembered], entries: usize) -> Result<u64, EvaluateError> {
    // Without a bound nothing is evicted: this gives a first guess, and the bytes of an entry.
    let no_bound = 0;
    let (empty, _) = fill(no_bound, sample, 0).await?;
    let (full, _) = fill(no_bound, sample, entries).await?;
    let each = ((full.saturating_sub(empty)) / entries as u64).max(1);
    let mut bytes = full;
    // The server counts its buffers and tables too, which grow by leaps. So the guess is corrected,
    // between bounds that are known to be too small and too large.
    let (mut too_little, mut too_much) = (0, 4 * full);
    for _ in 0..TRIES_MAX {
        let (_, held) = fill(bytes, sample, entries + entries.max(OVERFLOW)).await?;
        let apart = held.abs_diff(entries as u64);
        if apart <= (entries as u64 / 100).max(1) {
            break;
        }
        let mended = if held > entries as u64 {
            too_much = bytes;
            bytes.saturating_sub(apart * each)
        } else {
            too_little = bytes;
            bytes + apart * each
        };
        bytes = match mended > too_little && mended < too_much {
            true => mended,
            false => too_little.midpoint(too_much),
        };
    }
    Ok(bytes)
}

/// Writes so many entries one after the other to a server with this bound; gives the bytes and the
/// entries that there are then. The server is a new one: one that was emptied keeps some of its memory.
async fn fill(
    bound: u64,
    sample: &[Remembered],
    entries: usize,
) -> Result<(u64, u64), EvaluateError> {
    let server = nodes::redis(bound, Policy::AllkeysRandom)?;
    let redis = Redis::new(&server.url())?;
    let failed = |error: StoreError| EvaluateError::Failed(format!("a cache node fails: {error}"));
    // The connection takes memory too.
    redis.get(b"none").await.map_err(failed)?;
    for number in 0..entries {
        let one = &sample[number % sample.len()];
        let key = format!("{number:0>width$}", width = one.key_bytes);
        match redis.put(key.as_bytes(), one.value.clone(), one.ttl).await {
            // The bound is below the memory that the server needs for itself: it holds nothing.
            Ok(()) | Err(StoreError::Refused(_)) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    match redis.counts().await.first() {
        Some(counts) if counts.is_up => Ok((counts.bytes, counts.entries)),
        _ => Err(EvaluateError::Failed(
            "a cache node does not say how full it is".to_owned(),
        )),
    }
}

/// A store that collects the answers that it is given, and finds none of them again.
#[derive(Debug, Default)]
struct SampleStore(Mutex<Vec<Remembered>>);

#[async_trait]
impl Store for SampleStore {
    fn node_of(&self, _key: &[u8]) -> Arc<str> {
        "watch".into()
    }

    async fn get(&self, _key: &[u8]) -> Result<Option<StoredValue>, StoreError> {
        Ok(None)
    }

    async fn put(&self, key: &[u8], value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        if !cache::is_bookkeeping(key) {
            let key_bytes = key.len();
            self.0.lock().push(Remembered {
                key_bytes,
                value,
                ttl,
            });
        }
        Ok(())
    }

    async fn keeps(&self, _key: &[u8]) -> Result<Option<Keep>, StoreError> {
        Ok(None)
    }

    async fn counts(&self) -> Vec<CacheNodeStatus> {
        Vec::new()
    }
}
