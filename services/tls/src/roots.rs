//! Whom a client takes for the server that it names.

use std::{fmt, io, path::Path, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    pem::{self, Unusable},
    provider,
};

/// Those who may vouch for a server: whom the system trusts, and whom its operator adds. Default: the former alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Roots {
    added: Vec<CertificateDer<'static>>,
    pem: Vec<u8>,
}

impl Roots {
    /// Trusts the certificates of a file too, in PEM: those of authorities, or of servers that vouch for themselves.
    ///
    /// # Errors
    ///
    /// What is wrong with the file.
    pub fn and(mut self, path: &Path) -> Result<Roots, Unusable> {
        let pem = pem::read(path)?;
        let found = pem::certificates(path, &pem)?;
        let mut roots = RootCertStore::empty();
        for certificate in &found {
            let added = roots.add(certificate.clone());
            added.map_err(|cause| Unusable::Broken {
                path: path.to_owned(),
                cause,
            })?;
        }
        self.added.extend(found);
        self.pem.extend_from_slice(&pem);
        self.pem.push(b'\n');
        Ok(self)
    }

    /// What was added, in PEM.
    #[must_use]
    pub fn added(&self) -> Option<&[u8]> {
        (!self.pem.is_empty()).then_some(&self.pem)
    }

    /// All of them in PEM, for a client that takes nothing else. Reads what the system trusts.
    #[must_use]
    pub fn all(&self) -> Vec<u8> {
        let mut all = self.pem.clone();
        for certificate in rustls_native_certs::load_native_certs().certs {
            let text = BASE64_STANDARD.encode(certificate);
            let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
            all.extend_from_slice(pem.as_bytes());
        }
        all
    }

    /// A client that trusts in this way and speaks these protocols, the preferred first. Reads what the system trusts;
    /// where it trusts nobody, and nobody is added, all servers are refused.
    ///
    /// # Errors
    ///
    /// None with the provider that is built in.
    pub fn client(&self, protocols: &[&[u8]]) -> Result<ClientConfig, rustls::Error> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?;
        let mut config = match Verifier::new_with_extra_roots(self.added.clone(), provider()) {
            Ok(verifier) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth(),
            Err(error) => {
                tracing::debug!(%error, "the system vouches for no server");
                builder
                    .with_root_certificates(RootCertStore::empty())
                    .with_no_client_auth()
            }
        };
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }
}

impl Roots {
    /// The side of TLS that connects, with what [`client`](Roots::client) says.
    ///
    /// # Errors
    ///
    /// None with the provider that is built in.
    pub fn caller(&self, protocols: &[&[u8]]) -> Result<Caller, rustls::Error> {
        let config = self.client(protocols)?;
        Ok(Caller(TlsConnector::from(Arc::new(config))))
    }
}

/// The side of TLS that connects. Clones share their sessions.
#[derive(Clone)]
pub struct Caller(TlsConnector);

impl Caller {
    /// Shakes hands with a host, by its name or number. How long that may take is up to the caller.
    ///
    /// # Errors
    ///
    /// If this is no host, the connection breaks, or the other end does not prove to be that host.
    pub async fn connect<S>(&self, host: &str, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let host = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.0.connect(host, stream).await
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots")
            .field("added", &self.added.len())
            .finish()
    }
}
