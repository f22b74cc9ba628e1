//! Which remembered lists are still true.
//!
//! Every upload begins a new epoch. A list is remembered under the epoch in which it was asked for,
//! so that an upload makes all of them unreachable at once; they leave the cache by and by. The
//! present epoch is in the cache too, for others who use the same one: they see it within a moment.
//! Epochs only grow, so that none comes back when the cache forgets the present one.
//!
//! An upload that was given up, or whose outcome is unknown, may still happen a little later. Until
//! that is over there is no epoch, and nothing that an upload could change is remembered.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{sealed, store::Store};

const KEY: &[u8] = b"kadenza:epoch";
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
                now: 1,
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
        // A cache that is away has nothing that could be out of date.
        if let Ok(found) = store.get(KEY).await {
            let there = found.and_then(|found| read(found.value));
            let now = {
                let mut state = self.state.lock();
                state.now = state.now.max(there.unwrap_or(0));
                state.now
            };
            if there != Some(now) {
                self.write(store, now).await;
            }
        }
    }

    /// An upload begins.
    pub(super) fn uploading(self: &Arc<Epochs>) -> Uploading {
        Uploading(Some(Arc::clone(self)))
    }

    /// Begins a new one.
    fn advance(&self) -> u64 {
        let clock = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0) << BITS;
        let mut state = self.state.lock();
        state.now = clock.max(state.now + 1);
        state.now
    }

    async fn write(&self, store: &dyn Store, epoch: u64) {
        let value = sealed::seal(KEY, &epoch.to_be_bytes());
        if let Err(error) = store.put(KEY, value, None).await {
            // They do when somebody looks the next time.
            tracing::debug!(%error, "others do not hear of an upload yet");
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

fn read(value: Bytes) -> Option<u64> {
    let epoch = sealed::open(KEY, value)?;
    Some(u64::from_be_bytes(epoch.as_ref().try_into().ok()?))
}
