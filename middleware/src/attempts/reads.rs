//! Questions: asked of one server, of the next when it fails, and of a second one when it is slow.
//!
//! Reads change nothing, so they may be repeated at will; what bounds them is the budget, the
//! number of attempts, and the deadline. A final answer (the song is not there, the request is
//! wrong) is believed at once: each server answers for the whole service.

use std::{future::Future, pin::Pin, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use kadenza_contract::Result;
use kadenza_notes::Notes;
use tokio::time::{Instant, sleep_until};

use super::failures::Failures;
use crate::{
    asker::Asker,
    choice::{Ending, Kind, Route, Server, ServerId, WhenSpent},
    http::exchange::{Failed, How},
};

/// The least time after which a second server is asked. Below it, the scheduling of this machine
/// decides more than the server.
const HEDGE_MIN: Duration = Duration::from_millis(20);
/// The time after which a second server is asked while little is known of the first.
const HEDGE_UNKNOWN: Duration = Duration::from_millis(500);

/// How long a whole answer is waited for once there is a partial one. A guess: some times as long as nodes wait for
/// those that are late, and no longer than a listener likes to.
const WHOLE_WITHIN: Duration = Duration::from_secs(1);

type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<(T, Notes), Failed>> + Send + 'a>>;

/// The best of the partial answers so far: with what it lacks, the less the better.
struct Best<T, L>(Option<(L, T, Notes)>);

impl Asker {
    /// Asks until some server answers, within the deadline.
    pub(crate) async fn read<T, A, F>(&self, kind: Kind, ask: A) -> Result<T>
    where
        A: Fn(Server) -> F + Send + Sync,
        F: Future<Output = Result<T, Failed>> + Send,
        T: Send,
    {
        self.read_whole(kind, ask, |_| None::<()>).await
    }

    /// Asks until some server gives an answer that lacks nothing. Failing that, gives the one that lacks least: the
    /// others are asked once each, only those that are well, and as far as the budget can spare it.
    pub(crate) async fn read_whole<T, A, F, L>(
        &self,
        kind: Kind,
        ask: A,
        lack: impl Fn(&T) -> Option<L> + Send + Sync,
    ) -> Result<T>
    where
        A: Fn(Server) -> F + Send + Sync,
        F: Future<Output = Result<T, Failed>> + Send,
        T: Send,
        L: Ord + Send,
    {
        let mut deadline = Instant::now() + self.config.deadline;
        let mut best = Best(None);
        let mut route = Route::new(self.config.attempts_max, WhenSpent::GiveUp);
        let mut under_way: FuturesUnordered<Asked<'_, T>> = FuturesUnordered::new();
        let mut failures = Failures::default();
        // When the one request under way is slow enough for a second one, and whose it is.
        let mut hedge_at = None;
        let mut first = None;
        loop {
            if under_way.is_empty() {
                let server = match &best.0 {
                    None => self.next(&mut route, deadline).await,
                    Some(_) => self.with(|state, now| {
                        let (pool, budget) = (&state.pool, &mut state.budget);
                        route.for_the_whole(now, pool, budget, rand::random())
                    }),
                };
                let Some(server) = server else {
                    return best.or_error(failures, self.config.deadline);
                };
                hedge_at = self.hedge_at(server.id, kind);
                first = Some(server.clone());
                under_way.push(Box::pin(self.attempt(kind, server, &ask)));
            }
            tokio::select! {
                biased;
                Some(answer) = under_way.next() => match answer {
                    Ok((answer, notes)) => {
                        let Some(lack) = lack(&answer) else {
                            notes.pass_on();
                            return Ok(answer);
                        };
                        best.keep(lack, answer, notes);
                        deadline = deadline.min(Instant::now() + WHOLE_WITHIN);
                    }
                    Err(failed) if matches!(failed.how, How::Final | How::Conflict) && best.0.is_none() => {
                        return Err(failed.error);
                    }
                    Err(failed) => {
                        failures.add(failed);
                        // The one that is left may be the slow one for which this one was asked.
                        if !under_way.is_empty() {
                            hedge_at = Some(Instant::now());
                        }
                    }
                },
                () = sleep_until(hedge_at.unwrap_or(deadline)), if hedge_at.is_some() => {
                    hedge_at = None;
                    if let Some(slow) = &first {
                        self.suspect(slow);
                    }
                    let server = self.with(|state, now| {
                        route.hedge(now, &state.pool, &mut state.budget, rand::random())
                    });
                    if let Some(server) = server {
                        under_way.push(Box::pin(self.attempt(kind, server, &ask)));
                    }
                }
                () = sleep_until(deadline) => {
                    return best.or_error(failures, self.config.deadline);
                }
            }
        }
    }

    /// Asks one server, within the time that an attempt may take.
    async fn attempt<T, A, F>(
        &self,
        kind: Kind,
        server: Server,
        ask: &A,
    ) -> Result<(T, Notes), Failed>
    where
        A: Fn(Server) -> F + Send + Sync,
        F: Future<Output = Result<T, Failed>> + Send,
    {
        let limit = self.config.attempt_timeout;
        let flight = self.flight(&server, Some(kind));
        let asking = Notes::collect(ask(server.clone()));
        let answered = self.within(&server, limit, asking).await;
        let (answer, notes) = answered.unwrap_or_else(|failed| (Err(failed), Notes::default()));
        let took = flight.took();
        flight.land(match &answer {
            Ok(_) => Ending::Answered { took },
            Err(failed) => failed.ending(took),
        });
        answer.map(|answer| (answer, notes))
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

impl<T, L: Ord> Best<T, L> {
    fn keep(&mut self, lack: L, answer: T, notes: Notes) {
        if self.0.as_ref().is_none_or(|(least, ..)| lack < *least) {
            self.0 = Some((lack, answer, notes));
        }
    }

    /// Of several attempts, the one that is believed says how the answer came to be.
    fn or_error(self, failures: Failures, waited: Duration) -> Result<T> {
        let (_, answer, notes) = self.0.ok_or_else(|| failures.into_error(waited))?;
        notes.pass_on();
        Ok(answer)
    }
}
