//! How the process is ended: by Ctrl-C or SIGTERM, in order, and in bounded time.

mod signals;

#[cfg(feature = "server")]
mod in_order;

#[cfg(feature = "server")]
pub(crate) use in_order::in_order;

use self::signals::Signals;
use crate::fault::Fault;

/// Runs a client command; a signal drops it, and with it whatever it has begun.
pub(crate) async fn interruptible(
    command: impl Future<Output = Result<(), Fault>>,
) -> Result<(), Fault> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        result = command => result,
        signal = signals.next() => Err(Fault::Interrupted(signal)),
    }
}
