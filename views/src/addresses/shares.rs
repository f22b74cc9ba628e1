//! How much of something an address has at once, of that which all share.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Source;

/// Places that each address has a number of. Nothing is kept of those that have none.
#[derive(Debug)]
pub(crate) struct Shares {
    each: usize,
    taken: Mutex<HashMap<Source, Arc<Semaphore>>>,
}

impl Shares {
    pub(crate) fn new(each: usize) -> Arc<Shares> {
        Arc::new(Shares {
            each: each.clamp(1, Semaphore::MAX_PERMITS),
            taken: Mutex::default(),
        })
    }

    /// A place, if the address has not all of its places.
    pub(crate) fn try_take(self: &Arc<Self>, source: Source) -> Option<Share> {
        let places = self.places(source);
        let place = Arc::clone(&places.semaphore).try_acquire_owned();
        Some(Share {
            place: Some(place.ok()?),
            _places: places,
        })
    }

    /// A place, once there is one.
    pub(crate) async fn take(self: Arc<Self>, source: Source) -> Share {
        let places = self.places(source);
        let place = Arc::clone(&places.semaphore).acquire_owned().await;
        Share {
            place: Some(place.expect("the semaphore is never closed")),
            _places: places,
        }
    }

    fn places(self: &Arc<Self>, source: Source) -> Places {
        let fresh = || Arc::new(Semaphore::new(self.each));
        let mut taken = self.taken.lock();
        Places {
            semaphore: Arc::clone(taken.entry(source).or_insert_with(fresh)),
            source,
            shares: Arc::clone(self),
        }
    }
}

/// A place, until this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    place: Option<OwnedSemaphorePermit>,
    // Dropped after the place.
    _places: Places,
}

impl Drop for Share {
    fn drop(&mut self) {
        drop(self.place.take());
    }
}

/// The places of one address. The last user forgets them.
#[derive(Debug)]
struct Places {
    semaphore: Arc<Semaphore>,
    source: Source,
    shares: Arc<Shares>,
}

impl Drop for Places {
    fn drop(&mut self) {
        let mut taken = self.shares.taken.lock();
        // That of the table and this one; permits that are held belong to users who are there as well.
        if Arc::strong_count(&self.semaphore) <= 2 {
            taken.remove(&self.source);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn source(address: &str) -> Source {
        Source::of(address.parse().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn an_address_has_its_places_and_leaves_nothing_behind() {
        let shares = Shares::new(2);
        let (one, other) = (source("203.0.113.7"), source("203.0.113.8"));
        let first = shares.try_take(one).unwrap();
        let second = shares.try_take(one).unwrap();
        assert!(shares.try_take(one).is_none());
        let of_other = shares.try_take(other).unwrap();
        let mut waiting = Box::pin(Arc::clone(&shares).take(one));
        let early = timeout(Duration::from_millis(20), &mut waiting).await;
        assert!(early.is_err(), "{early:?}");
        drop(first);
        let third = waiting.await;
        assert!(shares.try_take(one).is_none());
        // Somebody who gave up waiting leaves no trace either.
        let given_up = timeout(Duration::from_millis(20), Arc::clone(&shares).take(one));
        assert!(given_up.await.is_err());
        drop((second, of_other));
        assert_eq!(shares.taken.lock().len(), 1);
        drop(third);
        assert!(shares.taken.lock().is_empty());
    }
}
