//! How much memory a Redis server needs for so many answers.
//!
//! Redis is bounded by bytes, and what is compared is bounded by entries. So some answers are looked
//! at, a server is filled with as many of their sizes as there is to be room for, and asked how much
//! memory it uses then.

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
/// How many are asked for or written at a time.
const AT_ONCE: usize = 16;

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
    /// The bytes that a server uses with so many answers to the questions of a load.
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
        let bytes = fill(&self.samples[&load.name], entries).await?;
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

/// What a server uses that has so many of these.
async fn fill(sample: &[Remembered], entries: usize) -> Result<u64, Fault> {
    let no_bound = 0;
    let server = nodes::redis(no_bound, Policy::NoEviction)?;
    let redis = Redis::new(&server.url())?;
    let failed = |error: StoreError| Fault::Failed(format!("a cache node fails: {error}"));
    // The connection takes room too.
    redis.get(b"none").await.map_err(failed)?;
    stream::iter(0..entries)
        .map(|number| {
            let one = &sample[number % sample.len()];
            let key = format!("{number:0>width$}", width = one.key_bytes);
            let redis = &redis;
            async move { redis.put(key.as_bytes(), one.value.clone(), one.ttl).await }
        })
        .buffer_unordered(AT_ONCE)
        .try_for_each(|()| async { Ok(()) })
        .await
        .map_err(failed)?;
    match redis.counts().await.first() {
        Some(counts) if counts.is_up => Ok(counts.bytes),
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
