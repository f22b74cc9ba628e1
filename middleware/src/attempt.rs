//! Questions: asked of one server, of the next when it fails, and of a second one when it is slow.
//!
//! Reads change nothing, so they may be repeated at will; what bounds them is the budget, the
//! number of attempts, and the deadline. A final answer (the song is not there, the request is
//! wrong) is believed at once: each server answers for the whole service.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use kadenza_contract::{Error, Result};
use kadenza_notes::Notes;
use tokio::time::{Instant, sleep_until, timeout};

use crate::{
    exchange::{Failed, How},
    health::{Kind, Outcome},
    pool::{Place, ServerId},
    route::{Route, WhenSpent},
    shared::Shared,
};

/// The least time after which a second server is asked. Below it, the scheduling of this machine
/// decides more than the server.
const HEDGE_MIN: Duration = Duration::from_millis(20);
/// The time after which a second server is asked while little is known of the first.
const HEDGE_UNKNOWN: Duration = Duration::from_millis(500);

type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failed>> + Send + 'a>>;

impl Shared {
    /// Asks until some server answers, within the deadline.
    pub(crate) async fn read<T, A, F>(self: &Arc<Self>, kind: Kind, ask: A) -> Result<T>
    where
        A: Fn(Place) -> F + Send + Sync,
        F: Future<Output = Result<T, Failed>> + Send,
        T: Send,
    {
        let deadline = Instant::now() + self.config.deadline;
        let mut route = Route::new(self.config.attempts_max, WhenSpent::GiveUp);
        let mut under_way: FuturesUnordered<Asked<'_, T>> = FuturesUnordered::new();
        let mut failures = Failures::default();
        // When the one request under way is slow enough for a second one.
        let mut hedge_at = None;
        loop {
            if under_way.is_empty() {
                let Some(place) = self.next(&mut route, deadline).await else {
                    return Err(failures.into_error(self.config.deadline));
                };
                hedge_at = self.hedge_at(place.id, kind);
                under_way.push(Box::pin(self.attempt(kind, place, &ask)));
            }
            tokio::select! {
                biased;
                Some(answer) = under_way.next() => match answer {
                    Ok(answer) => return Ok(answer),
                    Err(failed) if failed.how == How::Final => return Err(failed.error),
                    Err(failed) => failures.add(failed),
                },
                () = sleep_until(hedge_at.unwrap_or(deadline)), if hedge_at.is_some() => {
                    hedge_at = None;
                    let place = self.with(|state, now| {
                        route.hedge(now, &state.pool, &mut state.budget, rand::random())
                    });
                    if let Some(place) = place {
                        under_way.push(Box::pin(self.attempt(kind, place, &ask)));
                    }
                }
                () = sleep_until(deadline) => {
                    return Err(failures.into_error(self.config.deadline));
                }
            }
        }
    }

    /// Asks one server, within the time that an attempt may take.
    async fn attempt<T, A, F>(
        self: &Arc<Self>,
        kind: Kind,
        place: Place,
        ask: &A,
    ) -> Result<T, Failed>
    where
        A: Fn(Place) -> F + Send + Sync,
        F: Future<Output = Result<T, Failed>> + Send,
    {
        let limit = self.config.attempt_timeout;
        let flight = self.flight(&place, Some(kind));
        let (answer, notes) = match timeout(limit, Notes::collect(ask(place))).await {
            Ok(answered) => answered,
            Err(_) => (Err(Failed::timeout(limit)), Notes::default()),
        };
        // Of several attempts, the one that is believed says how the answer came to be.
        if answer.is_ok() {
            notes.pass_on();
        }
        let took = flight.took();
        flight.land(match &answer {
            Ok(_) => Outcome::Answered { took },
            Err(failed) => failed.outcome(took),
        });
        answer
    }

    fn hedge_at(&self, id: ServerId, kind: Kind) -> Option<Instant> {
        // The status is measured anew for each request, which is too much work to ask for twice.
        if !self.config.hedge || kind == Kind::Status {
            return None;
        }
        let usual = self.with(|state, _| state.pool.slowest_twentieth(id, kind));
        Some(Instant::now() + usual.map_or(HEDGE_UNKNOWN, |usual| usual.max(HEDGE_MIN)))
    }
}

/// What the attempts of one call failed with; one of them is told to the caller.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    told: Option<Error>,
}

impl Failures {
    /// The last reason that a server gave says more than that another one did not answer.
    pub(crate) fn add(&mut self, failed: Failed) {
        let says_little =
            |error: &Error| matches!(error, Error::Unreachable { .. } | Error::Timeout { .. });
        if self
            .told
            .as_ref()
            .is_none_or(|told| says_little(told) || !says_little(&failed.error))
        {
            self.told = Some(failed.error);
        }
    }

    /// The error to tell; a timeout if nothing failed, and so nothing was ever answered.
    pub(crate) fn into_error(self, waited: Duration) -> Error {
        self.told.unwrap_or(Error::Timeout { waited })
    }
}
