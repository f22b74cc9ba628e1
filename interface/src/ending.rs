//! How the process is ended: by Ctrl-C or SIGTERM, in order, and in bounded time.

#[cfg(feature = "server")]
use std::time::Duration;

#[cfg(feature = "server")]
use tokio_util::sync::CancellationToken;

use crate::fault::Fault;

/// How long a server may take to end in order. Service managers kill after ten seconds or more;
/// the rest is for the process itself.
#[cfg(feature = "server")]
const IN_ORDER_MAX: Duration = Duration::from_millis(8500);

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

/// Runs a server command. The first signal cancels the token, whereupon the server ends in order
/// within [`IN_ORDER_MAX`]; the second one ends the process at once.
#[cfg(feature = "server")]
pub(crate) async fn in_order<F>(server: impl FnOnce(CancellationToken) -> F) -> Result<(), Fault>
where
    F: Future<Output = Result<(), Fault>>,
{
    let mut signals = Signals::listen()?;
    let end = CancellationToken::new();
    let told = end.clone();
    let watch = tokio::spawn(async move {
        signals.next().await;
        tracing::info!("ending");
        told.cancel();
        let signal = signals.next().await;
        crate::output::complain("ended at once");
        std::process::exit(i32::from(128 + signal));
    });
    let limit = async {
        end.cancelled().await;
        tokio::time::sleep(IN_ORDER_MAX).await;
    };
    let result = tokio::select! {
        result = server(end.clone()) => result,
        () = limit => {
            tracing::warn!("not everything ended in time; left as after a power cut, which loses nothing acknowledged");
            Ok(())
        }
    };
    watch.abort();
    result
}

/// The signals that ask a process to end.
#[derive(Debug)]
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> Result<Signals, Fault> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen =
            |kind| signal(kind).map_err(|cause| Fault::io("cannot listen for signals", cause));
        Ok(Signals {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// The number of the next signal.
    #[cfg(unix)]
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
        }
    }

    #[cfg(not(unix))]
    fn listen() -> Result<Signals, Fault> {
        Ok(Signals {})
    }

    /// The number of the next signal.
    #[cfg(not(unix))]
    async fn next(&mut self) -> u8 {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        2
    }
}
