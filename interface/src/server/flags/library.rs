//! The flags that say where the library of a server is: on this machine's disk, or elsewhere.
//!
//! `serve` and `backend` take the same flags for it.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use clap::Args;
#[cfg(feature = "distributed")]
use kadenza_services::library::LibraryConfig;
use kadenza_stack::{LibraryLocation, SecretUrl};
use kadenza_tls::{Certificate, Roots};

use super::{
    bounds::{self, Bounds},
    given::Given,
    grpc::{BackendUrl, InsecureGrpc},
    tls::CertificateFlags,
    values::in_file,
};
use crate::{client::authorities::Authorities, fault::Fault};

/// A value of `--library`: the place of a library.
#[derive(Debug, Clone, PartialEq, Eq)]
enum LibraryUrl {
    /// In the data directory of this process.
    Embedded,
    /// On a PostgreSQL server.
    Postgres(SecretUrl),
    /// In another process, `kadenza backend`, which answers at this address.
    Grpc(BackendUrl),
}

impl FromStr for LibraryUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<LibraryUrl, String> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        match scheme {
            None if text == "embedded" => Ok(LibraryUrl::Embedded),
            Some("postgres" | "postgresql") => Ok(LibraryUrl::Postgres(text.to_owned().into())),
            Some("grpc" | "grpcs") => text.parse().map(LibraryUrl::Grpc),
            _ => Err("expected `embedded` (the library in --data), postgres://USER@HOST/DATABASE, or grpcs://HOST:PORT or grpc://HOST:PORT (a `kadenza backend`)".to_owned()),
        }
    }
}

/// Without the password, for messages and logs.
impl fmt::Display for LibraryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LibraryUrl::Embedded => f.write_str("embedded"),
            LibraryUrl::Postgres(_) => f.write_str("postgres://…"),
            LibraryUrl::Grpc(url) => url.fmt(f),
        }
    }
}

/// The flags that say where a library is.
#[derive(Debug, Args)]
pub(in crate::server) struct LibraryFlags {
    /// The directory of the library; it is made if it is missing. With postgres://… it holds the
    /// uploads under way, and the audio unless --audio is given; grpcs://… needs none
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Where the library is: `embedded` (in --data), postgres://USER:PASSWORD@HOST/DATABASE (on a
    /// PostgreSQL server), or grpcs://HOST:PORT (in a `kadenza backend`; on this machine also grpc://, without
    /// encryption)
    #[arg(long, value_name = "URL", default_value = "embedded")]
    library: LibraryUrl,

    /// A file that holds what --library would name, so that a password is not in the list of processes; with
    /// systemd for instance a credential, %d/library
    #[arg(long, value_name = "FILE", conflicts_with = "library")]
    #[arg(value_parser = |file: &str| in_file(file, str::parse::<LibraryUrl>))]
    library_file: Option<LibraryUrl>,

    #[command(flatten)]
    authorities: Authorities,

    #[command(flatten)]
    insecure: InsecureGrpc,

    #[command(flatten)]
    bounds: Bounds,
}

impl LibraryFlags {
    /// The data directory of a node among others, which has its library there and nowhere else, and
    /// how that library is set up.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if no directory is given, or the library is elsewhere.
    #[cfg(feature = "distributed")]
    pub(in crate::server) fn of_a_node(
        self,
        given: &Given,
    ) -> Result<(PathBuf, LibraryConfig), Fault> {
        let library = given.of_two("library", self.library, self.library_file);
        if library != LibraryUrl::Embedded {
            return Err(Fault::Usage(format!(
                "a node among others keeps its songs in its own --data, not at {library}: add --standalone to serve that library alone, or take `embedded`"
            )));
        }
        let data = self.data.ok_or_else(no_data)?;
        Ok((data, self.bounds.config(given)))
    }

    /// Those who may vouch for what this server connects to.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if a file holds no certificate.
    pub(in crate::server) fn roots(&self) -> Result<Roots, Fault> {
        self.authorities.roots()
    }

    /// The certificate for the address at which the library is offered over gRPC, if there is one.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if the files are no certificate and key, or encryption is missing.
    pub(in crate::server) async fn certificate(
        &self,
        files: &CertificateFlags,
        grpc: SocketAddr,
    ) -> Result<Option<Certificate>, Fault> {
        self.insecure.certificate(files, grpc).await
    }

    /// The place of the library. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if a directory is needed and none is given, or a flag is given that only a
    /// library in this process could obey.
    pub(in crate::server) fn location(self, given: &Given) -> Result<LibraryLocation, Fault> {
        match given.of_two("library", self.library, self.library_file) {
            LibraryUrl::Embedded => Ok(LibraryLocation::Embedded {
                data: self.data.ok_or_else(no_data)?,
                config: self.bounds.config(given),
            }),
            LibraryUrl::Postgres(url) => Ok(LibraryLocation::Postgres {
                url,
                data: self.data.ok_or_else(|| {
                    Fault::Usage(
                        "--data DIR is missing: the directory for uploads under way, and for the audio where no --audio is given"
                            .to_owned(),
                    )
                })?,
                config: self.bounds.config(given),
            }),
            LibraryUrl::Grpc(url) => {
                let why = "is for a library in this process: give it to the `kadenza backend` that keeps the songs";
                given.none_of(&["data"], why)?;
                given.none_of(&bounds::FLAGS, why)?;
                self.insecure.check(&url)?;
                let roots = url.is_encrypted.then(|| self.authorities.roots());
                Ok(LibraryLocation::Backend {
                    address: url.address,
                    roots: roots.transpose()?,
                })
            }
        }
    }
}

fn no_data() -> Fault {
    Fault::Usage("--data DIR is missing: the directory in which the library is".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_embedded_or_at_a_url() {
        assert_eq!("embedded".parse(), Ok(LibraryUrl::Embedded));
        for wrong in ["", "Embedded", "/srv/music", "http://host", "mysql://host"] {
            let told = wrong.parse::<LibraryUrl>().unwrap_err();
            assert!(told.contains("embedded"), "{wrong}: {told}");
        }
    }

    #[test]
    fn a_password_is_never_told() {
        let url: LibraryUrl = "postgres://me:secret@host/music".parse().unwrap();
        assert!(!format!("{url} {url:?}").contains("secret"));
    }
}
