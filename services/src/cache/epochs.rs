//! Which remembered lists are still true.
//!
//! Every upload begins a new epoch. A list is remembered under the epoch in which it was asked for,
//! so that an upload makes all of them unreachable at once; they leave the cache by and by. The
//! present epoch is in the cache too, for others who use the same one: they see it within a moment.
//! Epochs only grow, so that none comes back when the cache forgets the present one.

use std::time::Duration;

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
}

#[derive(Debug)]
struct State {
    now: u64,
    /// When the cache was asked last.
    asked: Option<Instant>,
}

impl Epochs {
    /// Asks the cache for the epoch so often.
    pub(super) fn new(every: Duration) -> Epochs {
        Epochs {
            state: Mutex::new(State {
                now: 1,
                asked: None,
            }),
            every,
        }
    }

    /// The present epoch.
    pub(super) async fn now(&self, store: &dyn Store) -> u64 {
        {
            let mut state = self.state.lock();
            let is_fresh = state
                .asked
                .is_some_and(|asked| asked.elapsed() < self.every);
            if is_fresh {
                return state.now;
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
        self.state.lock().now
    }

    /// Begins a new one.
    pub(super) async fn advance(&self, store: &dyn Store) {
        let clock = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0) << BITS;
        let now = {
            let mut state = self.state.lock();
            state.now = clock.max(state.now + 1);
            state.now
        };
        self.write(store, now).await;
    }

    async fn write(&self, store: &dyn Store, epoch: u64) {
        let value = sealed::seal(KEY, &epoch.to_be_bytes());
        if let Err(error) = store.put(KEY, value, None).await {
            tracing::debug!(%error, "others do not hear of an upload yet");
            self.state.lock().asked = None;
        }
    }
}

fn read(value: Bytes) -> Option<u64> {
    let epoch = sealed::open(KEY, value)?;
    Some(u64::from_be_bytes(epoch.as_ref().try_into().ok()?))
}
