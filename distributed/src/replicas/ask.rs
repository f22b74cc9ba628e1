//! Asking all nodes that are responsible for something.
//!
//! One replica is enough for a *yes*: what it says can be checked. A *no* needs a majority of the responsible of every
//! version of the layout, and a lease of it; all nodes are waited for as long as they are not late.

use std::{collections::HashSet, future::Future, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use kadenza_contract::{Error, Partial, Result};
use tokio::time::{Instant, sleep_until};

use crate::{
    Contact, Key,
    cluster::Cluster,
    replicas::{
        local::LocalReplica,
        remote::RemoteReplica,
        replica::Replica,
        responsible::{About, Responsible},
    },
};

/// A node that stays silent for this long is late, unless its usual round trip is even longer.
/// A guess: long enough for a search on a busy disk, short enough for a listener.
const LATE_AFTER_MIN: Duration = Duration::from_millis(250);

/// How often a question is asked anew because the layout changed meanwhile.
const ATTEMPTS: usize = 4;

/// The answers of the responsible nodes.
pub(crate) struct Answers<T> {
    /// The answers.
    pub(crate) given: Vec<(Contact, T)>,
    /// Whose answers are missing; none where those that were given are everything: what none of them knows, there
    /// is not.
    partial: Option<Partial>,
    /// How many nodes must answer for a "no".
    needed: usize,
}

impl<T> Answers<T> {
    /// Whether enough have answered for a "no".
    pub(crate) fn suffice(&self) -> bool {
        self.partial.is_none()
    }

    /// Whose answers are missing, unless enough have answered for a "no".
    pub(crate) fn partial(&self) -> Option<Partial> {
        self.partial.clone()
    }

    /// The error that fewer have answered than must agree.
    pub(crate) fn too_few(&self) -> Error {
        let missing = self.partial.as_ref().map_or(&[][..], Partial::missing);
        let silent = missing.iter().map(|node| format!("{node}: no answer"));
        Error::TooFew {
            reached: self.given.len(),
            needed: self.needed,
            machines: silent.collect::<Vec<_>>().join("; "),
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
        about: About,
        question: impl Fn(Arc<dyn Replica>) -> F,
        enough: impl Fn(&T) -> bool,
    ) -> Answers<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut attempts = 0..ATTEMPTS;
        loop {
            let responsible = Responsible::of(self.members().view(), about);
            let deny = |answered: &HashSet<Key>| responsible.deny(answered);
            let nodes = &responsible.nodes;
            let (given, is_last) = self.ask_once(nodes, deny, &question, &enough).await;
            let mut answers = Answers {
                given,
                partial: None,
                needed: responsible.needed_to_deny(),
            };
            let answered = answers.nodes();
            if is_last || !responsible.deny(&answered) {
                answers.partial = Some(named(responsible.missing(&answered)));
                return answers;
            }
            // That the answers are everything holds only if nothing was written under a layout that this node does
            // not know. So the word of the others is looked at after the answers.
            match self.assure().await {
                Some(view) if view.digest() == responsible.view.digest() => return answers,
                Some(_) if attempts.next().is_some() => {}
                _ => {
                    answers.partial = Some(self.out_of_reach());
                    return answers;
                }
            }
        }
    }

    /// The members that do not answer: with them there may be a newer layout.
    fn out_of_reach(&self) -> Partial {
        let others = self.members().others().into_iter();
        named(others.filter(|node| self.members().is_unheard(&node.id)))
    }

    /// Asks some nodes at once, and waits for those that are not late.
    pub(crate) async fn ask_some<T, F>(
        self: &Arc<Self>,
        nodes: &[Contact],
        question: impl Fn(Arc<dyn Replica>) -> F,
    ) -> Vec<(Contact, T)>
    where
        F: Future<Output = Result<T>>,
    {
        let asked = self.ask_once(nodes, |_| true, &question, &|_| false);
        asked.await.0
    }

    /// `suffice` says whether these answers are enough not to wait for whoever is late.
    async fn ask_once<T, F>(
        self: &Arc<Self>,
        nodes: &[Contact],
        suffice: impl Fn(&HashSet<Key>) -> bool,
        question: &impl Fn(Arc<dyn Replica>) -> F,
        enough: &impl Fn(&T) -> bool,
    ) -> (Vec<(Contact, T)>, bool)
    where
        F: Future<Output = Result<T>>,
    {
        let started = Instant::now();
        let mut late_after = LATE_AFTER_MIN;
        let mut asked: FuturesUnordered<_> = nodes
            .iter()
            .map(|node| {
                late_after = late_after.max(self.caller().patience(node));
                let answer = question(self.replica(*node));
                async move { (*node, answer.await) }
            })
            .collect();
        let mut given = Vec::new();
        let mut answered = HashSet::new();
        let late = sleep_until(started + late_after);
        tokio::pin!(late);
        loop {
            let is_late = late.is_elapsed();
            tokio::select! {
                biased;
                answer = asked.next() => match answer {
                    None => return (given, false),
                    Some((node, Ok(answer))) => {
                        let is_last = enough(&answer);
                        answered.insert(node.id);
                        given.push((node, answer));
                        if is_last || (is_late && suffice(&answered)) {
                            return (given, is_last);
                        }
                    }
                    Some((node, Err(error))) => {
                        tracing::debug!(peer = ?node, error = error.chain(), "no answer");
                    }
                },
                () = &mut late, if !is_late => if suffice(&answered) {
                    return (given, false);
                },
            }
        }
    }
}

fn named(nodes: impl IntoIterator<Item = Contact>) -> Partial {
    Partial::new(nodes.into_iter().map(|node| node.address.to_string()))
}

impl<T> Answers<T> {
    fn nodes(&self) -> HashSet<Key> {
        self.given.iter().map(|(node, _)| node.id).collect()
    }
}
