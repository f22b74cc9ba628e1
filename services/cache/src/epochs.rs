//! Which remembered lists are still true.
//!
//! Every upload begins a new epoch. A list is remembered under the epoch in which it was asked for,
//! so that an upload makes all of them unreachable at once; they leave the cache by and by. The
//! present epoch is in the cache too, for others who use the same one: they see it within a moment. It
//! is there several times over, so that some nodes have it while another one is down or has just come
//! back with an old one. Epochs only grow, so that none comes back when the cache forgets the present
//! one; and they begin with the time, so that nobody who starts uses one that is over.
//!
//! An upload that was given up, or whose outcome is unknown, may still happen a little later. Until
//! that is over there is no epoch, and nothing that an upload could change is remembered.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{
    sealed,
    store::{EPOCH_KEYS, Store},
};

/// How many epochs one millisecond has room for.
const BITS: u32 = 20;

/// The present epoch, as far as is known here.
#[derive(Debug)]
pub(super) struct Epochs {
    state: Mutex<State>,
    every: Duration,
    unsettled: Duration,
}

#[derive(Debug)]
struct State {
    now: u64,
    /// When the cache was asked last.
    asked: Option<Instant>,
    /// Until when an upload without a known outcome may still happen.
    unsettled: Option<Instant>,
}

/// An upload under way. Unless it is told what became of it, that is unknown.
#[derive(Debug)]
pub(super) struct Uploading(Option<Arc<Epochs>>);

impl Epochs {
    /// Asks the cache for the epoch so often; takes an upload without a known outcome to be over
    /// after so long.
    pub(super) fn new(every: Duration, unsettled: Duration) -> Epochs {
        Epochs {
            state: Mutex::new(State {
                // Two that start in the same millisecond are apart as well.
                now: clock() | rand::random_range(0..1 << (BITS - 1)),
                asked: None,
                unsettled: None,
            }),
            every,
            unsettled,
        }
    }

    /// The present epoch; none while it is not clear what uploads did.
    pub(super) async fn now(&self, store: &dyn Store) -> Option<u64> {
        self.look(store).await;
        let state = self.state.lock();
        let is_settled = state.unsettled.is_none_or(|until| Instant::now() >= until);
        is_settled.then_some(state.now)
    }

    /// Whether an epoch is known to be over.
    pub(super) fn is_over(&self, epoch: Option<u64>) -> bool {
        epoch.is_some_and(|epoch| self.state.lock().now > epoch)
    }

    /// Asks the cache for the epoch, if it is time to.
    async fn look(&self, store: &dyn Store) {
        {
            let mut state = self.state.lock();
            let is_fresh = state
                .asked
                .is_some_and(|asked| asked.elapsed() < self.every);
            if is_fresh {
                return;
            }
            state.asked = Some(Instant::now());
        }
        // A node that is away has nothing that could be out of date.
        let found = join_all(EPOCH_KEYS.map(|key| async move {
            let found = store.get(key).await.ok()?;
            Some(found.and_then(|found| read(key, found.value)))
        }));
        let found: Vec<Option<u64>> = found.await.into_iter().flatten().collect();
        let now = {
            let mut state = self.state.lock();
            let newest = found.iter().flatten().max();
            state.now = state.now.max(newest.copied().unwrap_or(0));
            state.now
        };
        if found.iter().any(|there| *there != Some(now)) {
            self.write(store, now).await;
        }
    }

    /// An upload begins.
    pub(super) fn uploading(self: &Arc<Epochs>) -> Uploading {
        Uploading(Some(Arc::clone(self)))
    }

    /// Begins a new one.
    fn advance(&self) -> u64 {
        let mut state = self.state.lock();
        state.now = clock().max(state.now + 1);
        state.now
    }

    async fn write(&self, store: &dyn Store, epoch: u64) {
        let writes = join_all(EPOCH_KEYS.map(|key| {
            let value = sealed::seal(key, &epoch.to_be_bytes());
            store.put(key, value, None)
        }));
        let written = writes.await;
        if let Some(Err(error)) = written.iter().find(|outcome| outcome.is_err()) {
            // It is tried again when somebody looks the next time.
            tracing::debug!(%error, "the cache does not hold the present epoch everywhere");
        }
    }
}

impl Uploading {
    /// The upload succeeded: what was remembered is not true any more.
    pub(super) async fn done(mut self, store: &dyn Store) {
        if let Some(epochs) = self.0.take() {
            let now = epochs.advance();
            epochs.write(store, now).await;
        }
    }

    /// The upload failed, and nothing changed.
    pub(super) fn refused(mut self) {
        self.0 = None;
    }
}

impl Drop for Uploading {
    fn drop(&mut self) {
        if let Some(epochs) = self.0.take() {
            epochs.advance();
            let mut state = epochs.state.lock();
            state.unsettled = Some(Instant::now() + epochs.unsettled);
            // The new epoch is written as soon as somebody looks.
            state.asked = None;
        }
    }
}

/// The time as an epoch.
fn clock() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0) << BITS
}

fn read(key: &[u8], value: Bytes) -> Option<u64> {
    let epoch = sealed::open(key, value)?;
    Some(u64::from_be_bytes(epoch.as_ref().try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Capacity, Embedded, Partitioned, Policy, SLOTS, SlotMap, slot_of};

    fn node(name: &str) -> Arc<dyn Store> {
        let capacity = Capacity {
            bytes: 1 << 20,
            entries: 100,
        };
        Arc::new(Embedded::new(name, capacity, Policy::default()))
    }

    fn epochs() -> Arc<Epochs> {
        Arc::new(Epochs::new(Duration::from_secs(1), Duration::from_secs(15)))
    }

    #[test]
    fn no_node_has_the_epoch_alone() {
        for nodes in 2..10 {
            let map = SlotMap::over(nodes);
            let ours = EPOCH_KEYS.map(|key| map.node_of(key));
            // Redis Cluster gives each node one range.
            let range = |key| usize::from(slot_of(key)) * nodes / SLOTS;
            for on in [ours, EPOCH_KEYS.map(range)] {
                let differ = on.iter().collect::<std::collections::HashSet<_>>().len();
                assert_eq!(differ, nodes.min(3), "{nodes} nodes: {on:?}");
            }
        }
    }

    /// Two that began with the number 1 both found lists of the first one's past there.
    #[tokio::test]
    async fn who_starts_uses_no_epoch_that_somebody_used_before() {
        let (one, other) = (epochs(), epochs());
        assert_ne!(one.state.lock().now, other.state.lock().now);
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_is_heard_of_by_others_while_any_node_lives() {
        for lost in ["a", "b", "c"] {
            let shared = Partitioned::over(vec![node("a"), node("b"), node("c")]).unwrap();
            let (one, other) = (epochs(), epochs());
            assert!(one.now(&shared).await.is_some());
            // The other one starts, which begins no epoch that the first does not hear of.
            other.now(&shared).await;
            tokio::time::advance(Duration::from_millis(1001)).await;
            let before = one.now(&shared).await;
            assert_eq!(other.now(&shared).await, before);

            one.uploading().done(&shared).await;
            let after = one.now(&shared).await;
            assert!(after > before);
            shared.remove(lost);
            tokio::time::advance(Duration::from_millis(1001)).await;
            assert_eq!(other.now(&shared).await, after);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_settled_for_a_while_after_a_given_up_upload() {
        let (epochs, store) = (epochs(), node("a"));
        let before = epochs.now(&*store).await;
        drop(epochs.uploading());
        assert_eq!(epochs.now(&*store).await, None);
        tokio::time::advance(Duration::from_secs(15)).await;
        let after = epochs.now(&*store).await;
        assert!(after > before);
        epochs.uploading().refused();
        assert_eq!(epochs.now(&*store).await, after);
    }
}
