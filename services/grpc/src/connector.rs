//! How connections come about: in bounded time, for all who wait together.
//!
//! `tonic` connects again whenever a call needs it, one attempt after the other. Where each attempt
//! takes its whole time, as with a machine that is switched off, a hundred calls would wait a
//! hundred times as long; so such a failure is remembered for a moment, and shared.

use std::{
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tonic::codegen::{Service, http::Uri};

/// An attempt that failed faster than this cost nothing, and may be made again at once.
const QUICK: Duration = Duration::from_millis(100);
/// How long a failure that took its time counts for others. Long enough for all calls that had
/// waited for it; short beside the attempt itself.
const REMEMBERED: Duration = Duration::from_millis(500);

/// Makes connections to one place.
#[derive(Clone)]
pub(super) struct Connector {
    /// The host, an IPv6 address without brackets, and the port.
    place: (Arc<str>, u16),
    timeout: Duration,
    failed: Arc<Mutex<Option<Failed>>>,
}

/// An attempt that took its time.
#[derive(Clone)]
struct Failed {
    at: Instant,
    kind: io::ErrorKind,
    text: String,
}

impl Connector {
    /// To this host and port; an attempt ends after the timeout.
    pub(super) fn new(host: &str, port: u16, timeout: Duration) -> Connector {
        Connector {
            place: (host.into(), port),
            timeout,
            failed: Arc::default(),
        }
    }

    async fn connect(self) -> io::Result<TokioIo<TcpStream>> {
        let recent = self.failed().clone();
        if let Some(failed) = recent.filter(|failed| failed.at.elapsed() < REMEMBERED) {
            return Err(io::Error::new(failed.kind, failed.text));
        }
        let begun = Instant::now();
        let (host, port) = &self.place;
        let attempt = tokio::time::timeout(self.timeout, TcpStream::connect((&**host, *port)));
        let connected = attempt.await.unwrap_or_else(|_| {
            let text = format!("no connection within {} ms", self.timeout.as_millis());
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        });
        match connected {
            Ok(stream) => {
                // Small messages must not wait for each other.
                stream.set_nodelay(true)?;
                *self.failed() = None;
                Ok(TokioIo::new(stream))
            }
            Err(error) => {
                if begun.elapsed() > QUICK {
                    *self.failed() = Some(Failed {
                        at: Instant::now(),
                        kind: error.kind(),
                        text: error.to_string(),
                    });
                }
                Err(error)
            }
        }
    }

    fn failed(&self) -> std::sync::MutexGuard<'_, Option<Failed>> {
        // It is only ever replaced as a whole.
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connector").field(&self.place).finish()
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<TcpStream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}
