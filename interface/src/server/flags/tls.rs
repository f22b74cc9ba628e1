//! The flags that say how a server is encrypted.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use kadenza_tls::Certificate;

use crate::fault::Fault;

/// The certificate of a server.
#[derive(Debug, Default, Args)]
pub(in crate::server) struct CertificateFlags {
    /// The certificate of this server, as PEM, with those of its issuers after it: TLS alone is spoken then. Read
    /// again when it changes
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert, as PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
}

/// An address that is to be encrypted.
#[derive(Debug)]
pub(super) struct Door {
    /// What is spoken.
    pub(super) protocol: &'static str,
    /// The flag of the address.
    pub(super) flag: &'static str,
    /// The flag that does without.
    pub(super) insecure: &'static str,
    /// Whether that flag is given.
    pub(super) is_insecure: bool,
    /// When to give it, for people.
    pub(super) excuse: &'static str,
}

impl CertificateFlags {
    /// The certificate for an address, if there is one. Without it, the address must be on loopback.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if the files are no certificate and key, or encryption is missing.
    pub(super) async fn certificate(
        &self,
        door: &Door,
        at: SocketAddr,
    ) -> Result<Option<Certificate>, Fault> {
        let Door {
            protocol,
            flag,
            insecure,
            is_insecure,
            excuse,
        } = *door;
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), Some(_)) if is_insecure => Err(Fault::Usage(format!(
                "--tls-cert encrypts and {insecure} does not: leave one of the two out"
            ))),
            (Some(certificate), Some(key)) => {
                let opened = Certificate::open(certificate.clone(), key.clone()).await;
                opened.map(Some).map_err(|error| {
                    Fault::Usage(format!("--tls-cert, --tls-key: {}", error.told()))
                })
            }
            (Some(_), None) => Err(Fault::Usage("--tls-cert needs --tls-key FILE".to_owned())),
            (None, Some(_)) => Err(Fault::Usage("--tls-key needs --tls-cert FILE".to_owned())),
            (None, None) if at.ip().is_loopback() => Ok(None),
            (None, None) if is_insecure => {
                tracing::warn!(address = %at, "{insecure}: whoever is on the way can read and change all that this server says");
                Ok(None)
            }
            (None, None) => Err(Fault::Usage(format!(
                "{flag} {at} is reached from other machines, and {protocol} is not encrypted: add --tls-cert FILE and --tls-key FILE; or {insecure}, {excuse}"
            ))),
        }
    }
}

/// How the address of `--http` is encrypted.
#[derive(Debug, Default, Args)]
pub(in crate::server) struct TlsFlags {
    #[command(flatten)]
    files: CertificateFlags,

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
        let door = Door {
            protocol: "HTTP",
            flag: "--http",
            insecure: "--insecure-http",
            is_insecure: self.insecure_http,
            excuse: "if a proxy in front encrypts or everybody may hear everything",
        };
        self.files.certificate(&door, http).await
    }
}
