//! Servers that say nothing: frozen ones, which keep their connections and answer no more.
//!
//! A request may take long for good reasons, so its own time says little. But whoever lives tells at
//! once that it is there. So while a server keeps somebody waiting, it is asked for its health beside;
//! one that does not answer that either is not waited for. Only where another one does answer: a single
//! server is better waited for, and so are many on a machine that is starved.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::{sleep, timeout};

use crate::{
    choice::{Ending, Server},
    http::exchange::Failed,
    shared::Shared,
};

/// How long a server may keep somebody waiting before it is asked for its health.
const QUIET: Duration = Duration::from_millis(300);
/// How long it may take to say anything about its health. With the time before, less than a second.
const ANSWER_WITHIN: Duration = Duration::from_millis(600);
/// How many others are asked for theirs beside.
const OTHERS_MAX: usize = 8;
/// How long it is left alone after it answered.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Shared {
    /// Waits for something from a server: for so long at most, and no longer than it lives.
    ///
    /// # Errors
    ///
    /// How it failed to come.
    pub(crate) async fn within<T>(
        &self,
        server: &Server,
        limit: Duration,
        something: impl Future<Output = T>,
    ) -> Result<T, Failed> {
        tokio::select! {
            biased;
            came = timeout(limit, something) => came.map_err(|_| Failed::timeout(limit)),
            () = self.silent(server) => Err(Failed::silent(&server.base)),
        }
    }

    /// Ends when a server that keeps somebody waiting is found silent. Never ends while it lives.
    pub(crate) async fn silent(&self, server: &Server) {
        sleep(QUIET).await;
        while !self.is_silent(server).await {
            sleep(AGAIN_AFTER).await;
        }
    }

    /// Asks a slow server for its health in a task of its own, since nobody may wait for its answer any
    /// more. A silent one is out.
    pub(crate) fn suspect(self: &Arc<Self>, server: &Server) {
        if !self.with(|state, _| state.suspects.insert(server.id)) {
            return;
        }
        let (shared, server) = (Arc::clone(self), server.clone());
        tokio::spawn(async move {
            let is_silent = shared.is_silent(&server).await;
            shared.with(|state, _| state.suspects.remove(&server.id));
            if is_silent {
                let took = ANSWER_WITHIN;
                shared.note(&server, Ending::Gone { took });
            }
        });
    }

    /// Whether a server does not answer while another one does: if none does, this machine is at fault, or the
    /// network, and to go from one to the next would only use up all of them.
    async fn is_silent(&self, server: &Server) -> bool {
        let others = self.with(|state, now| state.pool.others_in(now, server.id));
        if others.is_empty() {
            return false;
        }
        let answer = |server: &Server| timeout(ANSWER_WITHIN, self.health(&server.base));
        let mut others: FuturesUnordered<_> = others.iter().take(OTHERS_MAX).map(answer).collect();
        let another = async {
            while let Some(answered) = others.next().await {
                if matches!(answered, Ok(Ok(_))) {
                    return true;
                }
            }
            false
        };
        // Whatever it says, and a refusal too, is known at once.
        let (asked, another_answers) = tokio::join!(answer(server), another);
        asked.is_err() && another_answers
    }
}
