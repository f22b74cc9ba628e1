//! The flags that say how a server is encrypted.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use kadenza_tls::Certificate;

use crate::fault::Fault;

/// The certificate of a server.
#[derive(Debug, Default, Args)]
pub(in crate::server) struct TlsFlags {
    /// The certificate of this server, as PEM, with those of its issuers after it: HTTPS alone is spoken then. Read
    /// again when it changes
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert, as PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,

    /// Speak HTTP without encryption at an --http address off loopback: for a proxy in front that speaks HTTPS, or a
    /// network in which everybody may hear everything
    #[arg(long)]
    insecure_http: bool,
}

impl TlsFlags {
    /// The certificate, if there is one. Without it, an address must be on loopback.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if the files are no certificate and key, or encryption is missing.
    pub(in crate::server) async fn certificate(
        &self,
        http: SocketAddr,
    ) -> Result<Option<Certificate>, Fault> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), Some(_)) if self.insecure_http => Err(Fault::Usage(
                "--tls-cert encrypts and --insecure-http does not: leave one of the two out"
                    .to_owned(),
            )),
            (Some(certificate), Some(key)) => {
                let opened = Certificate::open(certificate.clone(), key.clone()).await;
                opened.map(Some).map_err(|error| {
                    Fault::Usage(format!("--tls-cert, --tls-key: {}", error.told()))
                })
            }
            (Some(_), None) => Err(Fault::Usage("--tls-cert needs --tls-key FILE".to_owned())),
            (None, Some(_)) => Err(Fault::Usage("--tls-key needs --tls-cert FILE".to_owned())),
            (None, None) if http.ip().is_loopback() => Ok(None),
            (None, None) if self.insecure_http => {
                tracing::warn!(%http, "--insecure-http: whoever is on the way can read and change all that this server says");
                Ok(None)
            }
            (None, None) => Err(Fault::Usage(format!(
                "--http {http} is reached from other machines, and HTTP is not encrypted: add --tls-cert FILE and --tls-key FILE; or --insecure-http, if a proxy in front encrypts or everybody may hear everything"
            ))),
        }
    }
}
