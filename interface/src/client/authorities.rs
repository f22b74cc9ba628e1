//! Whom the clients of a command trust.

use std::path::PathBuf;

use clap::Args;
use kadenza_tls::Roots;

use crate::fault::Fault;

/// Whom servers with encryption may be vouched for by.
#[derive(Debug, Args)]
pub(crate) struct Authorities {
    /// A file with certificates, as PEM, that may vouch for servers beside those that this system
    /// trusts: of an authority of your own; repeatable [in the variable: separated by commas]
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    ca: Vec<PathBuf>,
}

impl Authorities {
    /// The root certificates of all of them.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if a file holds no certificate.
    pub(crate) fn roots(&self) -> Result<Roots, Fault> {
        let trusted = self
            .ca
            .iter()
            .try_fold(Roots::default(), |roots, file| roots.and(file));
        trusted.map_err(|error| Fault::Usage(format!("--ca: {}", error.told())))
    }
}
