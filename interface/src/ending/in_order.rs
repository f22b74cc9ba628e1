//! How a server ends: in order at the first signal, at once at the second.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::signals::Signals;
use crate::fault::{Fault, complain};

/// How long a server may take to end in order. Service managers kill after ten seconds or more;
/// the rest is for the process itself.
const IN_ORDER_MAX: Duration = Duration::from_millis(8500);

/// Runs a server command. The first signal cancels the token, whereupon the server ends in order
/// within [`IN_ORDER_MAX`]; the second one ends the process at once.
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
        complain("ended at once");
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
