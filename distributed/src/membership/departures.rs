//! Members end by goodbye or by the operator's word, and never by time alone.

use std::{sync::Arc, time::Duration};

use kadenza_contract::{Error, Result};
use tokio::time::sleep;

use super::agreeing::not_kept;
use crate::{Key, cluster::Cluster};

/// How often a goodbye is said, and how long the pause is.
const GOODBYES: usize = 20;
const GOODBYE_PAUSE: Duration = Duration::from_millis(500);

impl Cluster {
    /// Says goodbye until a majority of the others has heard it: nobody else can say it later, and whoever did not hear
    /// it would count on this node for ever.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if so many cannot be reached; they hear it as long as this node runs.
    pub(crate) async fn say_goodbye(self: &Arc<Self>) -> Result<()> {
        self.members().leave().await.map_err(not_kept)?;
        for _ in 0..GOODBYES {
            self.ask_around().await;
            if self.assure().await.is_some() {
                return Ok(());
            }
            sleep(GOODBYE_PAUSE).await;
        }
        Err(Error::Busy)
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
