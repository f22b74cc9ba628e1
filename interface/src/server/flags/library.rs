//! The flags that say where the library of a server is: on this machine's disk, or elsewhere.
//!
//! `serve` and `backend` take the same flags for it.

use std::{fmt, path::PathBuf, str::FromStr};

use clap::Args;
#[cfg(feature = "distributed")]
use kadenza_services::library::LibraryConfig;
use kadenza_stack::{Address, LibraryLocation, SecretUrl};

use super::{
    bounds::{self, Bounds},
    given::Given,
    values::in_file,
};
use crate::fault::Fault;

/// The port of a backend where a URL names none.
const GRPC_PORT: u16 = 4535;

/// A value of `--library`: the place of a library.
#[derive(Debug, Clone, PartialEq, Eq)]
enum LibraryUrl {
    /// In the data directory of this process.
    Embedded,
    /// On a PostgreSQL server.
    Postgres(SecretUrl),
    /// In another process, `kadenza backend`, which answers at this address.
    Grpc(Address),
}

impl FromStr for LibraryUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<LibraryUrl, String> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        match scheme {
            None if text == "embedded" => Ok(LibraryUrl::Embedded),
            Some("postgres" | "postgresql") => Ok(LibraryUrl::Postgres(text.to_owned().into())),
            Some("grpc") => backend(text),
            _ => Err("expected `embedded` (the library in --data), postgres://USER@HOST/DATABASE, or grpc://HOST:PORT (a `kadenza backend`)".to_owned()),
        }
    }
}

fn backend(text: &str) -> Result<LibraryUrl, String> {
    let rest = text.strip_prefix("grpc://").unwrap_or(text);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let has_port = rest.rsplit_once(':').is_some_and(|(host, port)| {
        !port.contains(']') && (!host.contains(':') || host.starts_with('['))
    });
    let parsed: Result<Address, String> = if has_port {
        rest.parse()
    } else {
        format!("{rest}:{GRPC_PORT}").parse()
    };
    // Without what was wrong: that may be a part of a password.
    let wrong = |_| "expected grpc://HOST:PORT, for example grpc://127.0.0.1:4535".to_owned();
    parsed.map(LibraryUrl::Grpc).map_err(wrong)
}

/// Without the password, for messages and logs.
impl fmt::Display for LibraryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LibraryUrl::Embedded => f.write_str("embedded"),
            LibraryUrl::Postgres(_) => f.write_str("postgres://…"),
            LibraryUrl::Grpc(address) => write!(f, "grpc://{address}"),
        }
    }
}

/// The flags that say where a library is.
#[derive(Debug, Args)]
pub(in crate::server) struct LibraryFlags {
    /// The directory of the library; it is made if it is missing. With postgres://… it holds the
    /// uploads under way, and the audio unless --audio is given; grpc://… needs none
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Where the library is: `embedded` (in --data), postgres://USER:PASSWORD@HOST/DATABASE (on a
    /// PostgreSQL server), or grpc://HOST:PORT (in a `kadenza backend`)
    #[arg(long, value_name = "URL", default_value = "embedded")]
    library: LibraryUrl,

    /// A file that holds what --library would name, so that a password is not in the list of processes; with
    /// systemd for instance a credential, %d/library
    #[arg(long, value_name = "FILE", conflicts_with = "library")]
    #[arg(value_parser = |file: &str| in_file(file, str::parse::<LibraryUrl>))]
    library_file: Option<LibraryUrl>,

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
            LibraryUrl::Grpc(address) => {
                let why = "is for a library in this process: give it to the `kadenza backend` that keeps the songs";
                given.none_of(&["data"], why)?;
                given.none_of(&bounds::FLAGS, why)?;
                Ok(LibraryLocation::Backend(address))
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
    fn a_backend_is_a_host_with_a_port_or_at_the_usual_one() {
        for (text, told) in [
            ("grpc://localhost:1", "grpc://localhost:1"),
            ("grpc://music.home", "grpc://music.home:4535"),
            ("grpc://music.home/", "grpc://music.home:4535"),
            ("grpc://[::1]:7/", "grpc://[::1]:7"),
            ("grpc://[::1]", "grpc://[::1]:4535"),
        ] {
            let url: LibraryUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), told);
        }
        for wrong in [
            "grpc://",
            "grpc://a:b",
            "grpc://::1",
            "grpc://a/b",
            "grpc://:1",
        ] {
            let told = wrong.parse::<LibraryUrl>().unwrap_err();
            assert!(told.contains("grpc://HOST:PORT"), "{wrong}: {told}");
        }
    }

    #[test]
    fn a_password_is_never_told() {
        let url: LibraryUrl = "postgres://me:secret@host/music".parse().unwrap();
        assert!(!format!("{url} {url:?}").contains("secret"));
    }
}
