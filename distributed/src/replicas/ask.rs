//! Asking all nodes that are responsible for something.
//!
//! One replica is enough for a *yes*: what it says can be checked. A *no* needs a majority of the
//! responsible, and all of them are waited for as long as they are not late.

use std::{future::Future, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use kadenza_contract::{Error, Result};
use tokio::time::{Instant, sleep_until};

use crate::{
    Contact,
    cluster::Cluster,
    replicas::{
        local::LocalReplica, remote::RemoteReplica, replica::Replica, responsible::Responsible,
    },
};

/// A node that stays silent for this long is late, unless its usual round trip is even longer.
/// A guess: long enough for a search on a busy disk, short enough for a listener.
const LATE_AFTER_MIN: Duration = Duration::from_millis(250);

/// The answers of the responsible nodes.
pub(crate) struct Answers<T> {
    /// The answers.
    pub(crate) given: Vec<(Contact, T)>,
    /// How many of them came from settled nodes.
    pub(crate) settled: usize,
    /// How many of these are needed for a "no".
    pub(crate) needed: usize,
}

impl<T> Answers<T> {
    /// Whether enough have answered for a "no".
    pub(crate) fn suffice(&self) -> bool {
        self.settled >= self.needed
    }

    /// The error that fewer have answered than must agree.
    pub(crate) fn too_few(&self) -> Error {
        Error::TooFew {
            reached: self.settled,
            needed: self.needed,
            machines: String::new(),
        }
    }
}

impl Cluster {
    /// A node as an object: this one, or the stub of a remote one.
    pub(crate) fn replica(self: &Arc<Self>, node: Contact) -> Arc<dyn Replica> {
        let own = self.own().id;
        if node.id == own {
            Arc::new(LocalReplica {
                cluster: self.clone(),
                asker: own,
            })
        } else {
            Arc::new(RemoteReplica::new(node, self.caller().clone()))
        }
    }

    /// Asks all responsible nodes at once. Ends when all have answered, or enough have and the
    /// rest is late, or one gave an answer after which `enough` says that no other matters.
    pub(crate) async fn ask<T, F>(
        self: &Arc<Self>,
        responsible: &Responsible,
        question: impl Fn(Arc<dyn Replica>) -> F,
        enough: impl Fn(&T) -> bool,
    ) -> Answers<T>
    where
        F: Future<Output = Result<T>>,
    {
        let started = Instant::now();
        let mut late_after = LATE_AFTER_MIN;
        let mut asked: FuturesUnordered<_> = responsible
            .nodes
            .iter()
            .map(|member| {
                late_after = late_after.max(self.caller().patience(&member.contact));
                let answer = question(self.replica(member.contact));
                async move { (*member, answer.await) }
            })
            .collect();
        let mut answers = Answers {
            given: Vec::new(),
            settled: 0,
            needed: responsible.needed,
        };
        let late = sleep_until(started + late_after);
        tokio::pin!(late);
        loop {
            let is_late = late.is_elapsed();
            tokio::select! {
                answer = asked.next() => match answer {
                    None => return answers,
                    Some((member, Ok(answer))) => {
                        answers.settled += usize::from(member.settled);
                        let last = enough(&answer);
                        answers.given.push((member.contact, answer));
                        if last || (is_late && answers.suffice()) {
                            return answers;
                        }
                    }
                    Some((member, Err(error))) => {
                        tracing::debug!(peer = ?member.contact, error = error.chain(), "no answer");
                    }
                },
                () = &mut late, if !is_late => if answers.suffice() {
                    return answers;
                },
            }
        }
    }
}
