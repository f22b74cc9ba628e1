//! Drives the routing table and lookups over RPC: finding nodes, joining, keeping the table alive.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, future, stream, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};

use crate::{
    Contact, Key, Reply, Request,
    beginning::Introductions,
    cluster::Cluster,
    kademlia::{ALPHA, DisjointLookup, Due, K, PATHS},
    rpc::CallError,
};

/// The longest that a node is waited for at all.
const HARD: Duration = Duration::from_secs(5);
/// Nodes told of in one lookup that are pinged at most, to learn whether they are there.
const PINGS_MAX: usize = 8;
/// At how many names is asked in one attempt to join.
const NAMES_MAX: usize = 64;
/// At how many addresses is asked for one name.
const ADDRESSES_MAX: usize = 32;
/// How often the table is looked after.
const MAINTENANCE: Duration = Duration::from_secs(1);

impl Cluster {
    /// Finds the `want` nodes closest to a key, this one not among them: the closest first.
    pub(crate) async fn locate(self: &Arc<Self>, target: Key, want: usize) -> Vec<Contact> {
        self.locate_counting(target, want).await.0
    }

    /// The same, and how many requests it took.
    pub(crate) async fn locate_counting(
        self: &Arc<Self>,
        target: Key,
        want: usize,
    ) -> (Vec<Contact>, usize) {
        let mut lookup = {
            let (mut table, now_ms) = (self.table().lock(), self.now_ms());
            table.looked_up(now_ms, &target);
            let known = table.closest(&target, K, &[]);
            DisjointLookup::new(self.own().id, target, want, PATHS, known)
                .doubting(&table.doubtful(now_ms, &target, K))
        };
        let request = Request::FindNode { target };
        let caller = self.caller();
        let mut calls = FuturesUnordered::new();
        // When which of those asked is late; in the order of asking.
        let mut deadlines: Vec<(Instant, Contact)> = Vec::new();
        let mut asks = lookup.start();
        loop {
            for node in asks.drain(..) {
                deadlines.push((Instant::now() + caller.patience(&node), node));
                let request = &request;
                calls.push(
                    async move { (node, caller.call(&node, request, Bytes::new(), HARD).await) },
                );
            }
            if lookup.is_done() || calls.is_empty() {
                break;
            }
            let late = deadlines.iter().map(|(at, _)| *at).min();
            let late = async {
                match late {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some((node, answer)) = calls.next() => {
                    deadlines.retain(|(_, waiting)| *waiting != node);
                    asks = match answer.map(|answer| answer.reply) {
                        Ok(Reply::Nodes { settled: counts, nodes }) => {
                            lookup.answered(&node, &nodes, counts)
                        }
                        Ok(_) | Err(_) => lookup.failed(&node),
                    };
                }
                () = late => {
                    let now = Instant::now();
                    for (_, node) in deadlines.extract_if(.., |(at, _)| *at <= now) {
                        self.table().lock().late(self.now_ms(), &node);
                        // The lookup may end without it: whether it is silent is found out beside.
                        caller.suspect(&node);
                        asks.extend(lookup.late(&node));
                    }
                }
            }
        }
        self.heard_of(lookup.told());
        (lookup.result(), lookup.asked())
    }

    /// Pings those of the nodes told of that the table has a place for.
    fn heard_of(self: &Arc<Self>, told: impl Iterator<Item = Contact>) {
        let now_ms = self.now_ms();
        let mut new = Vec::new();
        {
            let mut table = self.table().lock();
            for node in told {
                if new.len() == PINGS_MAX {
                    break;
                }
                if table.heard_of(now_ms, node) {
                    new.push(node);
                }
            }
        }
        for node in new {
            let cluster = self.clone();
            self.begin(async move { drop(cluster.ping(&node).await) });
        }
    }

    /// Asks at these addresses, and all members, whether they are there. One that belongs to a network is what a
    /// node waits for.
    async fn knock(self: &Arc<Self>, through: &dyn Introductions) {
        let mut names = through.addresses().await;
        names.truncate(NAMES_MAX);
        stream::iter(&names)
            .for_each_concurrent(8, |name| self.knock_at(name))
            .await;
        self.ask_around().await;
    }

    /// Asks at all addresses that a name stands for. One that answers is enough for it.
    async fn knock_at(self: &Arc<Self>, name: &str) {
        let mut addresses = self.outside().wire.resolve(name).await;
        addresses.truncate(ADDRESSES_MAX);
        let introduced = addresses.iter().map(|address| async {
            let node = self.caller().introduce(*address).await?;
            // What it says of itself is noted there.
            drop(self.ping(&node).await);
            Ok(())
        });
        let introduced: Vec<Result<(), CallError>> = future::join_all(introduced).await;
        let is_there =
            |answer: &Result<(), CallError>| matches!(answer, Ok(()) | Err(CallError::Ourselves));
        // That this node waits was told once.
        if introduced.iter().any(is_there) || self.members().are_awaited() {
            tracing::debug!(
                name,
                ?introduced,
                "asked at the addresses of a node to join"
            );
        } else if let Some(Err(error)) = introduced.last() {
            tracing::warn!(name, %error, "a node to join does not answer");
        } else {
            tracing::warn!(name, "the address of a node to join cannot be resolved");
        }
    }

    /// Joins through any of those that it is told of, and looks for itself, by which its neighbours learn of it, and
    /// then into every bucket.
    pub(crate) async fn join(self: &Arc<Self>, through: &dyn Introductions) {
        self.knock(through).await;
        self.look_around().await;
    }

    /// Looks for this node itself, and into every bucket.
    async fn look_around(self: &Arc<Self>) {
        self.locate(self.own().id, K).await;
        let keys = self
            .table()
            .lock()
            .refresh_all(self.now_ms(), &mut || self.outside().env.random());
        stream::iter(keys)
            .for_each_concurrent(ALPHA, |key| async move {
                self.locate(key, K).await;
            })
            .await;
    }

    /// Looks after the table until the task is ended.
    pub(crate) async fn maintain(self: Arc<Self>, through: Arc<dyn Introductions>) {
        loop {
            tokio::time::sleep(MAINTENANCE).await;
            let due = self
                .table()
                .lock()
                .due(self.now_ms(), &mut || self.outside().env.random());
            for due in due {
                let cluster = self.clone();
                match due {
                    Due::Ping(node) => self.begin(async move { drop(cluster.ping(&node).await) }),
                    Due::Refresh(key) => {
                        self.begin(async move { drop(cluster.locate(key, K).await) });
                    }
                    Due::Rejoin => self.join(&*through).await,
                }
            }
            if self.members().are_awaited() {
                self.knock(&*through).await;
                if !self.members().are_awaited() {
                    self.look_around().await;
                }
            }
        }
    }
}
