//! Turns: how many do something at once, and how long the others wait.

use std::{sync::Arc, time::Duration};

use kadenza_contract::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::disk::said;

/// Waits for a turn.
///
/// # Errors
///
/// [`Error::Busy`] after `patience`.
pub async fn take_turn(turns: &Arc<Semaphore>, patience: Duration) -> Result<OwnedSemaphorePermit> {
    let turn = Arc::clone(turns).acquire_owned();
    match tokio::time::timeout(patience, turn).await {
        Ok(Ok(turn)) => Ok(turn),
        Ok(Err(_)) => Err(Error::storage("waiting for a turn")(said("it is closed"))),
        Err(_) => Err(Error::Busy),
    }
}
