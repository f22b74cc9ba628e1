//! One question below for many that ask the same at the same time.

use std::{collections::HashMap, sync::Arc};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use parking_lot::Mutex;

use kadenza_contract::{Error, Failure, Result};

type Flight<T> = Shared<BoxFuture<'static, Result<T, Arc<Error>>>>;
type UnderWay<T> =
    Arc<Mutex<HashMap<String, WeakShared<BoxFuture<'static, Result<T, Arc<Error>>>>>>>;

/// Questions under way, by their keys. As many as there are callers at most.
#[derive(Debug)]
pub(super) struct Flights<T: Clone>(UnderWay<T>);

impl<T: Clone> Default for Flights<T> {
    fn default() -> Flights<T> {
        Flights(Arc::default())
    }
}

/// One of those who wait for an answer. When the last one goes away, the question is given up.
struct Passenger<T: Clone> {
    key: String,
    flight: Option<Flight<T>>,
    under_way: UnderWay<T>,
}

impl<T: Clone> Drop for Passenger<T> {
    fn drop(&mut self) {
        let mut under_way = self.under_way.lock();
        self.flight = None;
        let is_over = under_way
            .get(&self.key)
            .is_some_and(|flight| flight.upgrade().is_none());
        if is_over {
            under_way.remove(&self.key);
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// The answer to the question of this key: asked now, or waited for where it is under way. Says
    /// which.
    pub(super) async fn join(
        &self,
        key: &str,
        ask: impl FnOnce() -> BoxFuture<'static, Result<T>>,
    ) -> (Result<T>, bool) {
        let (flight, joined) = {
            let mut under_way = self.0.lock();
            match under_way.get(key).and_then(WeakShared::upgrade) {
                Some(flight) => (flight, true),
                None => {
                    let flight = ask()
                        .map(|answer| answer.map_err(Arc::new))
                        .boxed()
                        .shared();
                    if let Some(weak) = flight.downgrade() {
                        under_way.insert(key.to_owned(), weak);
                    }
                    (flight, false)
                }
            }
        };
        let passenger = Passenger {
            key: key.to_owned(),
            flight: Some(flight.clone()),
            under_way: Arc::clone(&self.0),
        };
        let answer = flight.await;
        drop(passenger);
        (answer.map_err(own), joined)
    }

    /// How many are under way.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().len()
    }
}

/// The error for one of those who share it.
fn own(error: Arc<Error>) -> Error {
    Arc::try_unwrap(error)
        .unwrap_or_else(|error| Failure::from(&*error).into_error("the same question"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn the_same_question_is_asked_once_and_answered_to_all() {
        let flights: Arc<Flights<usize>> = Arc::default();
        let (asked, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let join = |key: &'static str| {
            let (flights, asked) = (Arc::clone(&flights), Arc::clone(&asked));
            let gate = Arc::clone(&gate);
            async move {
                let ask = || {
                    async move {
                        let _open = gate.acquire().await;
                        Ok(asked.fetch_add(1, Ordering::Relaxed))
                    }
                    .boxed()
                };
                flights.join(key, ask).await
            }
        };
        let waiting: Vec<_> = (0..10).map(|_| tokio::spawn(join("a"))).collect();
        while flights.len() == 0 {
            tokio::task::yield_now().await;
        }
        // One that goes away does not take the others with it.
        waiting[0].abort();
        gate.add_permits(1);
        let mut joined = 0;
        for task in waiting.into_iter().skip(1) {
            let (answer, followed) = task.await.unwrap();
            assert_eq!(answer.unwrap(), 0);
            joined += usize::from(followed);
        }
        assert!(joined >= 8);
        assert_eq!(flights.len(), 0);
        assert_eq!(join("a").await.0.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_question_that_nobody_waits_for_any_more_is_given_up() {
        let flights: Flights<()> = Flights::default();
        let ask = || futures_util::future::pending().boxed();
        assert!(flights.join("a", ask).now_or_never().is_none());
        assert_eq!(flights.len(), 0);
    }

    #[tokio::test]
    async fn an_error_keeps_its_meaning_for_all() {
        let flights: Flights<()> = Flights::default();
        let ask = || async {
            tokio::task::yield_now().await;
            Err(Error::TooLarge { limit: 7 })
        };
        let join = || flights.join("a", || ask().boxed());
        let ((a, _), (b, joined)) = tokio::join!(join(), join());
        assert!(joined);
        for answer in [a, b] {
            assert!(matches!(answer, Err(Error::TooLarge { limit: 7 })));
        }
    }
}
