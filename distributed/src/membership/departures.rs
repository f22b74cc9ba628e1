//! Members end by goodbye or by the operator's word, and never by time alone.

use std::sync::Arc;

use kadenza_contract::{Error, Result};

use super::agreeing::not_kept;
use crate::{Key, cluster::Cluster};

impl Cluster {
    /// Says goodbye, to all within reach. The others hear of it from them.
    pub(crate) async fn say_goodbye(self: &Arc<Self>) -> Result<()> {
        self.members().leave().await.map_err(not_kept)?;
        self.ask_around().await;
        Ok(())
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
        let view = self.members().view();
        let contact = view.layout().contact(id);
        let Some(contact) = contact.filter(|_| !self.members().is_gone(id)) else {
            return Err(refused("is no member of this network"));
        };
        if self.ping(&contact).await.is_ok() {
            return Err(refused(
                "is up: tell it to leave, so that it hands its share on",
            ));
        }
        self.members().give_up(id).await.map_err(not_kept)?;
        self.table().lock().remove(self.now_ms(), id);
        self.ask_around().await;
        self.repairing().wake();
        Ok(())
    }
}
