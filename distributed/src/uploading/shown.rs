//! Whether a node holds what it says that it stored.
//!
//! A node may acknowledge and keep nothing. So it has to hash a chunk that it cannot foresee, before what it says counts.
//! Whoever keeps all of it until then and drops it afterwards is not found out here.

use std::sync::Arc;

use kadenza_contract::{Chunks, Error, Result};

use super::push::PushedRecording;
use crate::{Contact, cluster::Cluster, replicas::possession::Challenge};

impl Cluster {
    /// Has a node show that it holds a recording of which this one has the audio at hand.
    pub(super) async fn has_shown(
        self: &Arc<Self>,
        node: Contact,
        chunks: &Chunks,
        source: &dyn PushedRecording,
    ) -> Result<()> {
        if node.id == self.own().id {
            return Ok(());
        }
        let content = chunks.content();
        let challenge = Challenge::draw(&*self.outside().env, chunks.size());
        let chunk = source.chunk(challenge.chunk as usize).await?;
        let shown = self.replica(node).prove(&content, challenge).await?;
        if shown == Some(challenge.proof(node.id, &content, &chunk)) {
            return Ok(());
        }
        tracing::warn!(peer = ?node, %content, "a node does not prove that it holds what it says that it stored");
        Err(Error::Protocol {
            place: node.address.to_string(),
            what: "it does not hold what it says that it stored".to_owned(),
        })
    }
}
