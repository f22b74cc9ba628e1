//! What a server presents. The files are read again when they change, as renewed certificates come every few weeks
//! and a restart would interrupt listeners.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::RwLock;
use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::sleep,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    pem::{self, Unusable},
    provider,
};

/// How often the files are looked at. What has changed is used once two looks in a row saw the same, so that files
/// that are being written are left alone.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The type of the first record of a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// The certificate of a server and its key. Clones share both, and what becomes of them.
#[derive(Clone)]
pub struct Certificate {
    presented: Arc<Presented>,
    /// Ends with the last clone.
    _watching: Arc<AbortOnDropHandle<()>>,
}

impl Certificate {
    /// Reads a certificate, with those of its issuers after it, and its key. Must be called within a tokio runtime,
    /// where the files are watched: changed ones are used for connections from then on; where they cannot be, the
    /// old ones stay, and the log says so.
    ///
    /// # Errors
    ///
    /// What is wrong with the files.
    pub async fn open(certificate: PathBuf, key: PathBuf) -> Result<Certificate, Unusable> {
        let files = Arc::new(Files { certificate, key });
        let (seen, read) = files.look().await;
        let presented = Arc::new(Presented(RwLock::new(Arc::new(read?))));
        let watching = tokio::spawn(watch(files, seen, Arc::clone(&presented)));
        Ok(Certificate {
            presented,
            _watching: Arc::new(AbortOnDropHandle::new(watching)),
        })
    }

    /// A server with this certificate that speaks these protocols, the preferred first (RFC 7301).
    ///
    /// # Errors
    ///
    /// None with the provider that is built in.
    pub fn door(&self, protocols: &[&[u8]]) -> Result<Door, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.presented.clone());
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(Door {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            _certificate: self.clone(),
        })
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

/// The side of TLS that is connected to. Clones share their sessions.
#[derive(Clone)]
pub struct Door {
    acceptor: TlsAcceptor,
    _certificate: Certificate,
}

impl Door {
    /// Shakes hands. How long that may take is up to the caller.
    ///
    /// # Errors
    ///
    /// If the connection breaks, or the other end does not speak TLS as it should.
    pub async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.acceptor.accept(stream).await
    }

    /// Whether the other end begins to shake hands, as opposed to saying something else. Waits for the first byte
    /// and leaves it there.
    ///
    /// # Errors
    ///
    /// If the connection breaks.
    pub async fn is_knocked_at(&self, stream: &TcpStream) -> io::Result<bool> {
        let mut first = [0];
        match stream.peek(&mut first).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(first == [HANDSHAKE]),
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}

/// What is presented now.
#[derive(Debug)]
struct Presented(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Presented {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read()))
    }
}

/// What was in the two files; nothing of one that could not be read.
type Seen = (Option<Vec<u8>>, Option<Vec<u8>>);

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    /// Reads both.
    async fn look(self: &Arc<Self>) -> (Seen, Result<CertifiedKey, Unusable>) {
        let files = Arc::clone(self);
        let looking = tokio::task::spawn_blocking(move || files.look_now());
        looking
            .await
            .expect("reading two files does not panic, and nobody ends it")
    }

    fn look_now(&self) -> (Seen, Result<CertifiedKey, Unusable>) {
        let (certificate, key): (&Path, &Path) = (&self.certificate, &self.key);
        match (pem::read(certificate), pem::read(key)) {
            (Ok(chain), Ok(secret)) => {
                let certified = pem::certified((certificate, &chain), (key, &secret));
                ((Some(chain), Some(secret)), certified)
            }
            (Err(unread), secret) => ((None, secret.ok()), Err(unread)),
            (chain, Err(unread)) => ((chain.ok(), None), Err(unread)),
        }
    }
}

/// Presents what the files hold, for as long as anybody presents anything.
async fn watch(files: Arc<Files>, mut used: Seen, presented: Arc<Presented>) {
    let mut before = used.clone();
    loop {
        sleep(LOOK_EVERY).await;
        let (seen, read) = files.look().await;
        if seen == before && seen != used {
            match read {
                Ok(certified) => {
                    *presented.0.write() = Arc::new(certified);
                    tracing::info!(file = %files.certificate.display(), "a new certificate is in use");
                }
                Err(error) => {
                    tracing::warn!(
                        error = error.told(),
                        "the new certificate cannot be used; the old one stays in use"
                    );
                }
            }
            used = seen.clone();
        }
        before = seen;
    }
}
