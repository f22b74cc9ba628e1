//! How much memory a Redis server needs for so many answers.
//!
//! Redis is bounded by bytes, and what is compared is bounded by entries. So some answers are looked
//! at, and a server is filled with their sizes under one bound after the other, until it holds as many
//! of them as there is to be room for.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use kadenza_services::{
    CacheNodeStatus, MusicService,
    cache::{Cached, CachedConfig, Found, Policy, Redis, Store, StoreError},
};
use parking_lot::Mutex;

use super::{ask_below, nodes};
use crate::{evaluate::questions::Load, fault::Fault};

/// How many answers are looked at.
const SAMPLE: usize = 400;
/// How many are asked for at a time.
const AT_ONCE: usize = 16;
/// How many bounds are tried at most, and by how many entries a small server is overfilled.
const TRIES_MAX: usize = 6;
const OVERFLOW: usize = 100;

/// What was found out, by the load and the number of entries.
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
    ) -> Result<u64, Fault> {
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

/// Answers to questions from all over the load.
async fn look_at(
    below: &Arc<dyn MusicService>,
    load: &Load,
    config: CachedConfig,
) -> Result<Vec<Remembered>, Fault> {
    let watch = Arc::new(Watch::default());
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
        true => Err(Fault::Failed("no answer is kept by a cache".to_owned())),
        false => Ok(seen),
    }
}

/// With how many bytes a server holds so many of these when it is full.
async fn try_out(sample: &[Remembered], entries: usize) -> Result<u64, Fault> {
    let no_bound = 0;
    let server = nodes::redis(no_bound, Policy::AllkeysRandom)?;
    let redis = Redis::new(&server.url())?;
    let set = |bytes: u64| -> Result<(), Fault> {
        let ask = || {
            server.tell("FLUSHALL")?;
            server.tell(&format!("CONFIG SET maxmemory {bytes}"))
        };
        tokio::task::block_in_place(ask)?;
        Ok(())
    };
    // Nothing leaves yet: a first guess, and what an entry takes.
    let (empty, _) = fill(&redis, sample, 0).await?;
    let (full, _) = fill(&redis, sample, entries).await?;
    let each = ((full.saturating_sub(empty)) / entries as u64).max(1);
    let mut bytes = full;
    // The server counts its buffers and tables too, which grow by leaps.
    for _ in 0..TRIES_MAX {
        set(bytes)?;
        let (_, held) = fill(&redis, sample, entries + entries.max(OVERFLOW)).await?;
        let apart = held.abs_diff(entries as u64);
        if apart * 100 <= entries as u64 {
            break;
        }
        bytes = match held > entries as u64 {
            true => bytes.saturating_sub(apart * each),
            false => bytes + apart * each,
        };
    }
    Ok(bytes)
}

/// Writes so many entries one after the other; gives the bytes and the entries that there are then.
async fn fill(redis: &Redis, sample: &[Remembered], entries: usize) -> Result<(u64, u64), Fault> {
    let failed = |error: StoreError| Fault::Failed(format!("a cache node fails: {error}"));
    // The connection takes room too.
    redis.get(b"none").await.map_err(failed)?;
    for number in 0..entries {
        let one = &sample[number % sample.len()];
        let key = format!("{number:0>width$}", width = one.key_bytes);
        let put = redis.put(key.as_bytes(), one.value.clone(), one.ttl);
        put.await.map_err(failed)?;
    }
    match redis.counts().await.first() {
        Some(counts) if counts.is_up => Ok((counts.bytes, counts.entries)),
        _ => Err(Fault::Failed(
            "a cache node does not say how full it is".to_owned(),
        )),
    }
}

/// A store that only looks at what it is given.
#[derive(Debug, Default)]
struct Watch(Mutex<Vec<Remembered>>);

#[async_trait]
impl Store for Watch {
    fn node_of(&self, _key: &[u8]) -> Arc<str> {
        "watch".into()
    }

    async fn get(&self, _key: &[u8]) -> Result<Option<Found>, StoreError> {
        Ok(None)
    }

    async fn put(&self, key: &[u8], value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        // The epoch is one entry only, and looks like no answer.
        if key != b"kadenza:epoch" {
            let key_bytes = key.len();
            self.0.lock().push(Remembered {
                key_bytes,
                value,
                ttl,
            });
        }
        Ok(())
    }

    async fn counts(&self) -> Vec<CacheNodeStatus> {
        Vec::new()
    }
}
