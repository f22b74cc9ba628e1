//! Members end by goodbye or by the operator's word, and never by time alone.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use kadenza_contract::{Error, Result};

use crate::{Key, cluster::Cluster, kademlia::K};

impl Cluster {
    /// A node said goodbye.
    pub(crate) fn left(&self, id: &Key) {
        self.members().left(id);
        self.place_without(id);
    }

    /// A node does not come back, as the operator says.
    pub(crate) fn give_up(&self, id: &Key) {
        self.members().give_up(id);
        self.place_without(id);
    }

    /// Nothing is placed on a node any more.
    fn place_without(&self, id: &Key) {
        self.table().lock().remove(self.now_ms(), id);
        self.wake_repair();
    }

    /// Gives a member up, here and on all nodes within reach.
    pub(crate) async fn forget(self: &Arc<Self>, id: &Key) -> Result<()> {
        let refused = |what: &str| Error::Invalid {
            what: format!("node {id} {what}"),
        };
        if *id == self.own().id {
            return Err(refused(
                "is this one: to take it out of the network, tell it to leave",
            ));
        }
        let Some(member) = self.members().get(id) else {
            return Err(refused("is no member of this network"));
        };
        if self.ping(&member.contact).await.is_ok() {
            return Err(refused(
                "is up: tell it to leave, so that it hands its share on",
            ));
        }
        self.give_up(id);
        self.save_members();
        let others = self.placed_among().into_iter();
        let others = others.filter(|node| node.id != self.own().id);
        stream::iter(others)
            .for_each_concurrent(K, |node| async move {
                if let Err(error) = self.replica(node).give_up(id).await {
                    tracing::debug!(peer = ?node, error = error.chain(), "it was not told who is gone");
                }
            })
            .await;
        Ok(())
    }
}
