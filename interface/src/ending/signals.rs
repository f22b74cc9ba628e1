//! The signals that ask a process to end.

#[cfg(not(unix))]
pub(super) use elsewhere::Signals;
#[cfg(unix)]
pub(super) use on_unix::Signals;

#[cfg(unix)]
mod on_unix {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use crate::fault::Fault;

    /// SIGINT and SIGTERM.
    #[derive(Debug)]
    pub(in crate::ending) struct Signals {
        interrupt: Signal,
        terminate: Signal,
    }

    impl Signals {
        pub(in crate::ending) fn listen() -> Result<Signals, Fault> {
            let listen =
                |kind| signal(kind).map_err(|cause| Fault::io("cannot listen for signals", cause));
            Ok(Signals {
                interrupt: listen(SignalKind::interrupt())?,
                terminate: listen(SignalKind::terminate())?,
            })
        }

        /// The number of the next signal.
        pub(in crate::ending) async fn next(&mut self) -> u8 {
            tokio::select! {
                _ = self.interrupt.recv() => 2,
                _ = self.terminate.recv() => 15,
            }
        }
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use crate::fault::Fault;

    /// Ctrl-C.
    #[derive(Debug)]
    pub(in crate::ending) struct Signals;

    impl Signals {
        pub(in crate::ending) fn listen() -> Result<Signals, Fault> {
            Ok(Signals)
        }

        /// The number of the next signal.
        pub(in crate::ending) async fn next(&mut self) -> u8 {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            2
        }
    }
}
