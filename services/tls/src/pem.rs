//! Certificates and keys in files, as PEM (RFC 7468).

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use crate::provider;

/// The largest file that is read, in bytes. The roots of a whole system are some 250 kB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Why a file gives no certificate or key. No message holds any of its content.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unread {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// There is no certificate in it.
    #[error("{} holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// There is no private key in it.
    #[error("{} holds no private key in PEM, without a password", .0.display())]
    NoKey(PathBuf),
    /// The key does not fit the certificate, or is of a kind that nobody accepts.
    #[error("the key in {} is not that of the certificate in {}, or of no usable kind", key.display(), certificate.display())]
    Unfit {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong.
        #[source]
        cause: rustls::Error,
    },
    /// A certificate is broken.
    #[error("{} holds a certificate that cannot be used", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        cause: rustls::Error,
    },
}

impl Unusable {
    /// The message, with its cause.
    #[must_use]
    pub fn told(&self) -> String {
        match std::error::Error::source(self) {
            Some(cause) => format!("{self}: {cause}"),
            None => self.to_string(),
        }
    }
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Unusable> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?
            .take(FILE_BYTES_MAX)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|cause| Unusable::Unread {
        path: path.to_owned(),
        cause,
    })
}

/// All certificates of a file, of which there is at least one.
pub(crate) fn certificates(
    path: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(|| Unusable::NoCertificate(path.to_owned()))
}

/// The certificates of a server, its own first, with its key.
pub(crate) fn certified(
    certificate: (&Path, &[u8]),
    key: (&Path, &[u8]),
) -> Result<CertifiedKey, Unusable> {
    let chain = certificates(certificate.0, certificate.1)?;
    let der =
        PrivateKeyDer::from_pem_slice(key.1).map_err(|_| Unusable::NoKey(key.0.to_owned()))?;
    CertifiedKey::from_der(chain, der, &provider()).map_err(|cause| Unusable::Unfit {
        certificate: certificate.0.to_owned(),
        key: key.0.to_owned(),
        cause,
    })
}
