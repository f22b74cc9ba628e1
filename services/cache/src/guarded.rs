//! A store that costs no more than a bounded time when it fails.
//!
//! Each call has a deadline. After a few failures in a row the circuit opens: calls fail at once,
//! until one is let through to see whether the store is back (Nygard, "Release It!", 2007).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{
    latency::Latencies,
    store::{Keep, Store, StoreError, StoredValue},
};
use kadenza_contract::{CacheNodeStatus, chain};

/// So many failures in a row open the circuit.
const FAILURES_MAX: u32 = 3;
/// How long a store may take to say how it is: nobody waits for music meanwhile, and a connection may
/// have to be made first.
const COUNTING: Duration = Duration::from_secs(1);

/// When calls are given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long one call may take.
    pub call: Duration,
    /// How long a failing store is left alone before it is tried again.
    pub rest: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            call: Duration::from_millis(50),
            rest: Duration::from_millis(500),
        }
    }
}

/// A store with a deadline and a circuit breaker in front.
#[derive(Debug)]
pub struct Guarded {
    store: Arc<dyn Store>,
    patience: Patience,
    circuit: Mutex<Circuit>,
    failures: AtomicU64,
    skipped: AtomicU64,
    latencies: Latencies,
    /// Its last status.
    told: Mutex<Vec<CacheNodeStatus>>,
}

#[derive(Debug, Default)]
struct Circuit {
    failures: u32,
    /// Open until then; afterwards one call may try.
    until: Option<Instant>,
}

impl Guarded {
    /// Guards a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, patience: Patience) -> Guarded {
        Guarded {
            store,
            patience,
            circuit: Mutex::new(Circuit::default()),
            failures: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            latencies: Latencies::default(),
            told: Mutex::default(),
        }
    }

    /// Whether calls are let through.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.circuit.lock().until.is_none()
    }

    /// Whether it has been left alone for long enough: the next call tries it.
    pub(super) fn is_due(&self) -> bool {
        let until = self.circuit.lock().until;
        until.is_some_and(|until| Instant::now() >= until)
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if !self.may_try() {
            self.skipped.fetch_add(1, Ordering::Relaxed);
            return Err(StoreError::Resting);
        }
        let begun = Instant::now();
        let outcome = tokio::time::timeout(self.patience.call, call).await;
        self.latencies.took(begun.elapsed());
        let outcome = outcome.unwrap_or(Err(StoreError::Late(self.patience.call)));
        match &outcome {
            Ok(_) | Err(StoreError::Refused(_)) => self.answered(),
            Err(error) => self.failed(error),
        }
        outcome
    }

    fn may_try(&self) -> bool {
        let mut circuit = self.circuit.lock();
        let Some(until) = circuit.until else {
            return true;
        };
        let now = Instant::now();
        if now < until {
            return false;
        }
        // The next one waits for what becomes of this one, or as long again.
        circuit.until = Some(now + self.patience.rest);
        true
    }

    fn answered(&self) {
        let before = std::mem::take(&mut *self.circuit.lock());
        if before.until.is_some() {
            let node = self.store.node_of(b"");
            tracing::info!(%node, "a cache answers again");
        }
    }

    fn failed(&self, error: &StoreError) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut circuit = self.circuit.lock();
        circuit.failures += 1;
        if circuit.failures >= FAILURES_MAX {
            if circuit.until.is_none() {
                let (node, error) = (self.store.node_of(b""), chain(error));
                tracing::warn!(%node, error, "a cache fails and is left alone for a while");
            }
            circuit.until = Some(Instant::now() + self.patience.rest);
        }
    }
}

#[async_trait]
impl Store for Guarded {
    fn node_of(&self, key: &[u8]) -> Arc<str> {
        self.store.node_of(key)
    }

    async fn get(&self, key: &[u8]) -> Result<Option<StoredValue>, StoreError> {
        self.call(self.store.get(key)).await
    }

    async fn put(&self, key: &[u8], value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.call(self.store.put(key, value, ttl)).await
    }

    async fn keeps(&self, key: &[u8]) -> Result<Option<Keep>, StoreError> {
        self.call(self.store.keeps(key)).await
    }

    async fn counts(&self) -> Vec<CacheNodeStatus> {
        let mut counts = self.told_now().await;
        // Where several nodes are behind one guard, nobody knows whose failures they are.
        if let [node] = counts.as_mut_slice() {
            node.failures += self.failures.load(Ordering::Relaxed);
            node.skipped += self.skipped.load(Ordering::Relaxed);
            node.latency = self.latencies.so_far();
            node.is_up &= self.is_closed();
        }
        counts
    }
}

impl Guarded {
    /// The status of the store; its last one, marked as down, if it does not answer.
    async fn told_now(&self) -> Vec<CacheNodeStatus> {
        if !self.may_try() {
            return self.told_last();
        }
        let asked = tokio::time::timeout(COUNTING, self.store.counts()).await;
        let Ok(mut counts) = asked else {
            self.failed(&StoreError::Late(COUNTING));
            return self.told_last();
        };
        match counts.iter().find(|node| !node.is_up) {
            None => *self.circuit.lock() = Circuit::default(),
            Some(node) => {
                let what = format!("{} does not say how it is", node.node);
                self.failed(&StoreError::Failed(what.into()));
            }
        }
        let mut told = self.told.lock();
        for node in &mut counts {
            let before = told.iter().find(|before| before.node == node.node);
            // One that is away has not undone what it did.
            if let (false, Some(before)) = (node.is_up, before) {
                node.evictions = node.evictions.max(before.evictions);
            }
        }
        told.clone_from(&counts);
        counts
    }

    fn told_last(&self) -> Vec<CacheNodeStatus> {
        let mut told = self.told.lock().clone();
        if told.is_empty() {
            told.push(CacheNodeStatus {
                node: self.store.node_of(b"").to_string(),
                ..CacheNodeStatus::default()
            });
        }
        told.iter_mut().for_each(|node| node.is_up = false);
        told
    }
}
