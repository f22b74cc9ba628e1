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
use kadenza_contract::{Error, Result};
use kadenza_tls::{Caller, client::TlsStream};
use tokio::net::TcpStream;
use tokio_util::either::Either;
use tonic::codegen::{Service, http::Uri};

use super::client_config::ClientConfig;

/// HTTP/2 over TLS, by its name of ALPN.
const H2: &[u8] = b"h2";
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
    /// Shakes hands where TLS is spoken.
    caller: Option<Caller>,
    timeout: Duration,
    failed: Arc<Mutex<Option<Failed>>>,
}

/// What is spoken over.
type Connected = Either<TcpStream, TlsStream<TcpStream>>;

/// An attempt that took its time.
#[derive(Clone)]
struct Failed {
    at: Instant,
    kind: io::ErrorKind,
    text: String,
}

impl Connector {
    /// To this host and port.
    pub(super) fn new(host: &str, port: u16, config: &ClientConfig) -> Result<Connector> {
        let caller = config.roots.as_ref().map(|roots| roots.caller(&[H2]));
        let caller = caller.transpose().map_err(|error| Error::Invalid {
            what: format!("TLS cannot be set up: {error}"),
        })?;
        Ok(Connector {
            place: (host.into(), port),
            caller,
            timeout: config.connect_timeout,
            failed: Arc::default(),
        })
    }

    async fn connect(self) -> io::Result<TokioIo<Connected>> {
        let recent = self.failed().clone();
        if let Some(failed) = recent.filter(|failed| failed.at.elapsed() < REMEMBERED) {
            return Err(io::Error::new(failed.kind, failed.text));
        }
        let begun = Instant::now();
        let attempt = tokio::time::timeout(self.timeout, self.attempt());
        let connected = attempt.await.unwrap_or_else(|_| {
            let text = format!("no connection within {} ms", self.timeout.as_millis());
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        });
        match connected {
            Ok(stream) => {
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

    async fn attempt(&self) -> io::Result<Connected> {
        let (host, port) = &self.place;
        let stream = TcpStream::connect((&**host, *port)).await?;
        // Small messages must not wait for each other.
        stream.set_nodelay(true)?;
        let Some(caller) = &self.caller else {
            return Ok(Either::Left(stream));
        };
        let stream = caller.connect(host, stream).await?;
        match stream.get_ref().1.alpn_protocol() {
            Some(H2) => Ok(Either::Right(stream)),
            // As RFC 9113 has it in section 3.2.
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the other end speaks TLS and no HTTP/2",
            )),
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
    type Response = TokioIo<Connected>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<Connected>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}
