//! The audit log: who signed in, made tokens, invited, joined, revoked, uploaded or left, in a file of each data directory.
//!
//! Any layer tells of such an event by `tracing`, under the target `audit`: its message is the name of the event, its
//! fields say who and what, and nothing in them is secret. [`Recorder`] writes those of this process to the directory
//! that [`begin`] named. Without one they go nowhere, as in a program that embeds the layers. What a stranger can cause is
//! written a number of times each minute, and counted beyond that.

mod chain;
mod command;
mod flood;
mod recorder;

use std::{path::Path, sync::OnceLock};

use chain::Chain;

#[cfg(unix)]
pub(crate) use chain::files;
pub(crate) use command::Audit;
pub(crate) use recorder::Recorder;

/// The target of events that are written.
const TARGET: &str = "audit";

/// The log of this process. There is one process for each data directory, but for `demo`, which has none.
static LOG: OnceLock<Chain> = OnceLock::new();

/// From now on events are written to the log of this data directory.
pub(crate) fn begin(data: &Path) {
    let log = Chain::of(data);
    match log.head() {
        // Kept with the other logs, it shows whether this one was written anew meanwhile.
        Ok(head) => tracing::info!(%head, "the end of the audit log so far"),
        Err(error) => tracing::error!(%error, "the audit log cannot be read"),
    }
    // A second directory in one process has no log.
    let _ = LOG.set(log);
}
