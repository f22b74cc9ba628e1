//! How the cluster is, as one node finds it by asking all.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{StreamExt, stream};
use kadenza_contract::{Health, NodeStatus, Replication, Result, Status};

use tokio::time::Instant;

use crate::{
    Contact,
    cluster::Cluster,
    kademlia::K,
    repairing::{
        Survey,
        remembered::{Reported, ReportedOf},
    },
    replicas::replica::Report,
};

/// How often a status is measured anew because a node turned out to be gone meanwhile.
const REPORT_ATTEMPTS: usize = 3;

impl Cluster {
    /// Asks every node for its report; nodes that are known and do not answer are listed as down.
    pub(crate) async fn status(self: &Arc<Self>) -> Result<Status> {
        // Without a lease for want of others, the reports say so.
        let view = self.members().view();
        let mut nodes = self.members().others();
        nodes.push(self.own());
        let reports: Vec<_> = stream::iter(nodes)
            .map(|node| async move { (node, self.replica(node).report().await) })
            .buffer_unordered(K)
            .collect()
            .await;
        let (mut songs, mut complete) = (0, 0);
        let (mut missing_bytes, mut bytes_per_second) = (0, 0);
        let mut lacking: BTreeMap<String, u64> = BTreeMap::new();
        let mut listed = Vec::new();
        for (node, report) in reports {
            match report {
                Ok(report) => {
                    songs += report.primary;
                    complete += report.complete;
                    missing_bytes += report.missing_bytes;
                    bytes_per_second += report.bytes_per_second;
                    for (node, songs) in report.lacking {
                        *lacking.entry(node).or_default() += songs;
                    }
                    listed.push(report.node);
                }
                Err(error) => {
                    tracing::debug!(peer = ?node, error = error.chain(), "no report");
                    listed.push(down(node, self.members().http(&node.id)));
                }
            }
        }
        for node in &mut listed {
            node.lacks = lacking.get(&node.id).copied().unwrap_or(0);
        }
        let missing_bytes = coming_bytes(missing_bytes, &listed);
        let own = self.own().id.to_string();
        listed.sort_by(|a, b| (a.id != own, &a.rpc, &a.id).cmp(&(b.id != own, &b.rpc, &b.id)));
        Ok(Status {
            songs,
            bytes: listed.iter().map(|node| node.bytes).sum(),
            nodes: listed,
            replication: Some(Replication {
                factor: view.layout().replication() as u64,
                complete,
                incomplete: songs.saturating_sub(complete),
                missing_bytes,
                bytes_per_second,
            }),
            storage: None,
            cache: Vec::new(),
        })
    }

    /// This node's report of itself, its copies confirmed by their holders a moment ago. However many ask, it is made once
    /// at a time, and again only when something has changed here or after a while.
    pub(crate) async fn report(self: &Arc<Self>) -> Result<Report> {
        let mut last = self.repairing().reported.lock().await;
        let (at, of) = (Instant::now(), self.reported_of());
        if let Some(report) = last.as_ref().and_then(|last| last.still(&of)) {
            return Ok(report);
        }
        let report = self.report_now().await?;
        *last = Some(Reported::new(at, of, report.clone()));
        Ok(report)
    }

    fn reported_of(&self) -> ReportedOf {
        let members = self.members();
        let generation = self.store().generation();
        (generation, members.view().digest(), members.unheard_now())
    }

    async fn report_now(self: &Arc<Self>) -> Result<Report> {
        let mut survey = Survey::default();
        for _ in 0..REPORT_ATTEMPTS {
            let layout = self.members().view().digest();
            survey = self.survey().await?;
            if self.members().view().digest() == layout {
                break;
            }
        }
        let counts = self.store().counts();
        let health = match self.assure().await {
            Some(_) => Health::Up,
            None => Health::Joining,
        };
        let own = self.own();
        let node = NodeStatus {
            id: own.id.to_string(),
            rpc: own.address.to_string(),
            http: self.http().map(str::to_owned),
            health,
            songs: counts.songs,
            cards: counts.cards,
            bytes: counts.bytes,
            lacks: 0,
            storage: Some(self.store().storage().await?),
        };
        Ok(Report {
            node,
            primary: survey.songs,
            complete: survey.complete(),
            lacking: survey.lacking,
            missing_bytes: survey.missing_bytes,
            bytes_per_second: self.repairing().pace().recent_bytes_per_second(),
        })
    }

    /// The HTTP addresses of this node and of those that answer.
    pub(crate) fn servers(&self) -> Vec<String> {
        let others = self.members().others().into_iter();
        let others = others.filter(|node| !self.members().is_unheard(&node.id));
        let mut others: Vec<String> = others
            .filter_map(|node| self.members().http(&node.id))
            .collect();
        others.sort();
        self.http()
            .map(str::to_owned)
            .into_iter()
            .chain(others)
            .collect()
    }
}

/// What is missing where there is room. The rest is not under way: an estimate with it would promise an end that does
/// not come.
fn coming_bytes(missing_bytes: u64, nodes: &[NodeStatus]) -> u64 {
    let has_room = |node: &&NodeStatus| !node.storage.as_ref().is_some_and(|of| of.is_full);
    let lacked: u64 = nodes.iter().map(|node| node.lacks).sum();
    let coming: u64 = nodes.iter().filter(has_room).map(|node| node.lacks).sum();
    (missing_bytes / lacked.max(1)).saturating_mul(coming)
}

fn down(node: Contact, http: Option<String>) -> NodeStatus {
    NodeStatus {
        id: node.id.to_string(),
        rpc: node.address.to_string(),
        http,
        health: Health::Down,
        songs: 0,
        cards: 0,
        bytes: 0,
        lacks: 0,
        storage: None,
    }
}

#[cfg(test)]
mod tests {
    use kadenza_contract::StorageStatus;

    use super::*;
    use crate::Key;

    fn node(lacks: u64, is_full: bool) -> NodeStatus {
        let contact = Contact {
            id: Key::from_bytes([1; 32]),
            address: ([127, 0, 0, 1], 1).into(),
        };
        let storage = StorageStatus {
            is_full,
            ..StorageStatus::default()
        };
        NodeStatus {
            lacks,
            storage: Some(storage),
            ..down(contact, None)
        }
    }

    #[test]
    fn only_what_there_is_room_for_is_coming() {
        assert_eq!(coming_bytes(900, &[node(2, false), node(1, false)]), 900);
        assert_eq!(coming_bytes(900, &[node(2, true), node(1, false)]), 300);
        assert_eq!(coming_bytes(900, &[node(3, true), node(0, false)]), 0);
        assert_eq!(coming_bytes(0, &[node(0, true), node(0, false)]), 0);
    }
}
