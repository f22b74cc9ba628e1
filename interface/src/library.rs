//! Where the library of a server is: on this machine's disk, or elsewhere.
//!
//! `serve --standalone` and `backend` stand on a library, and take the same flags for it. What they
//! stand on, they cannot tell: all of them get a service.

#[cfg(any(feature = "distributed", feature = "postgres"))]
use std::path::Path;
use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use clap::Args;
#[cfg(feature = "grpc")]
use kadenza_services::grpc::{Client, ClientConfig};
#[cfg(feature = "distributed")]
use kadenza_services::library::LibraryConfig;
use kadenza_services::{MusicService, library::Library};
#[cfg(feature = "postgres")]
use kadenza_services::{
    PostgresLibrary,
    library::{AudioPlace, AudioStore},
    objects::AudioObjects,
    postgres::PostgresConfig,
};

#[cfg(feature = "grpc")]
use crate::bounds;
#[cfg(feature = "grpc")]
use crate::front::{Address, address};
use crate::{bounds::Bounds, fault::Fault, given::Given};

/// The port of a backend where a URL names none.
#[cfg(feature = "grpc")]
const GRPC_PORT: u16 = 4535;

/// Where a library is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LibraryUrl {
    /// In the data directory of this process.
    Embedded,
    /// On a PostgreSQL server; the whole URL, which may hold a password.
    #[cfg(feature = "postgres")]
    Postgres(String),
    /// In another process, `kadenza backend`, which answers at this address.
    #[cfg(feature = "grpc")]
    Grpc(Address),
}

impl FromStr for LibraryUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<LibraryUrl, String> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        match scheme {
            None if text == "embedded" => Ok(LibraryUrl::Embedded),
            Some("postgres" | "postgresql") => postgres(text),
            Some("grpc") => grpc(text),
            _ => Err(format!(
                "expected `embedded` (the library in --data){POSTGRES_TOO}{GRPC_TOO}"
            )),
        }
    }
}

const POSTGRES_TOO: &str = if cfg!(feature = "postgres") {
    ", postgres://USER@HOST/DATABASE"
} else {
    ""
};

const GRPC_TOO: &str = if cfg!(feature = "grpc") {
    ", or grpc://HOST:PORT (a `kadenza backend`)"
} else {
    ""
};

#[cfg(feature = "postgres")]
fn postgres(text: &str) -> Result<LibraryUrl, String> {
    Ok(LibraryUrl::Postgres(text.to_owned()))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &str) -> Result<LibraryUrl, String> {
    Err("this build knows no PostgreSQL; build it with the feature `postgres`, or take `embedded` (the library in --data)".to_owned())
}

#[cfg(feature = "grpc")]
fn grpc(text: &str) -> Result<LibraryUrl, String> {
    let rest = text.strip_prefix("grpc://").unwrap_or(text);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let has_port = rest.rsplit_once(':').is_some_and(|(host, port)| {
        !port.contains(']') && (!host.contains(':') || host.starts_with('['))
    });
    let parsed = if has_port {
        address(rest)
    } else {
        address(&format!("{rest}:{GRPC_PORT}"))
    };
    let wrong =
        |why| format!("expected grpc://HOST:PORT, for example grpc://127.0.0.1:4535: {why}");
    parsed.map(LibraryUrl::Grpc).map_err(wrong)
}

#[cfg(not(feature = "grpc"))]
fn grpc(_: &str) -> Result<LibraryUrl, String> {
    Err("this build speaks no gRPC; build it with the feature `grpc`, or take `embedded` (the library in --data)".to_owned())
}

/// Without the password, for messages and logs.
impl fmt::Display for LibraryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LibraryUrl::Embedded => f.write_str("embedded"),
            #[cfg(feature = "postgres")]
            LibraryUrl::Postgres(_) => f.write_str("postgres://…"),
            #[cfg(feature = "grpc")]
            LibraryUrl::Grpc(address) => write!(f, "grpc://{address}"),
        }
    }
}

/// The flags that say where a library is.
#[derive(Debug, Args)]
pub(crate) struct Shelf {
    /// The directory of the library; it is made if it is missing. Not needed where another process
    /// keeps everything
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Where the library is: `embedded` (in --data), or a URL of a library elsewhere, as in
    /// postgres://USER:PASSWORD@HOST/DATABASE or grpc://HOST:PORT
    #[arg(long, value_name = "URL", default_value = "embedded")]
    library: LibraryUrl,

    #[command(flatten)]
    bounds: Bounds,
}

impl Shelf {
    /// The data directory of a node among others, which has its library there and nowhere else.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if none is given, or the library is elsewhere.
    #[cfg(feature = "distributed")]
    pub(crate) fn data_of_a_node(&self) -> Result<&Path, Fault> {
        if self.library != LibraryUrl::Embedded {
            return Err(Fault::Usage(format!(
                "a node among others keeps its songs in its own --data, not at {}: add --standalone to serve that library alone, or take `embedded`",
                self.library
            )));
        }
        self.data.as_deref().ok_or_else(no_data)
    }

    /// How the library of a node is set up.
    #[cfg(feature = "distributed")]
    pub(crate) fn config(&self) -> LibraryConfig {
        self.bounds.config()
    }

    /// Checks what needs no more than the flags.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if a directory is needed and none is given, or a flag is given that only a
    /// library in this process could obey.
    #[cfg_attr(
        not(feature = "grpc"),
        expect(unused_variables, reason = "a library in this process obeys all flags")
    )]
    pub(crate) fn check(&self, given: &Given) -> Result<(), Fault> {
        match self.library {
            #[cfg(feature = "grpc")]
            LibraryUrl::Grpc(_) => {
                let why = "is for a library in this process: give it to the `kadenza backend` that keeps the songs";
                given.none_of(&["data"], why)?;
                given.none_of(&bounds::FLAGS, why)
            }
            #[cfg(feature = "postgres")]
            LibraryUrl::Postgres(_) if self.data.is_none() => Err(Fault::Usage(
                "--data DIR is missing: the directory for uploads under way, and for the audio where no --audio is given"
                    .to_owned(),
            )),
            #[cfg(feature = "postgres")]
            LibraryUrl::Postgres(_) => Ok(()),
            LibraryUrl::Embedded if self.data.is_none() => Err(no_data()),
            LibraryUrl::Embedded => Ok(()),
        }
    }

    /// Whether other processes can add songs to it as well.
    pub(crate) fn is_shared(&self) -> bool {
        self.library != LibraryUrl::Embedded
    }

    /// Opens the library.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] as by [`Shelf::check`], and [`Fault::Service`] if the library cannot be
    /// opened. One in another process is only asked when it is needed, so that the two may be
    /// started in any order.
    pub(crate) async fn open(self) -> Result<Arc<dyn MusicService>, Fault> {
        match self.library {
            LibraryUrl::Embedded => {
                let data = self.data.ok_or_else(no_data)?;
                let library = Library::open(&data, self.bounds.config()).await?;
                Ok(Arc::new(library))
            }
            #[cfg(feature = "postgres")]
            LibraryUrl::Postgres(url) => {
                let data = self.data.ok_or_else(no_data)?;
                Ok(Arc::new(on_postgres(&url, &data, &self.bounds).await?))
            }
            #[cfg(feature = "grpc")]
            LibraryUrl::Grpc(address) => {
                let config = ClientConfig::default();
                let client = Client::new(address.host(), address.port(), config)?;
                Ok(Arc::new(client))
            }
        }
    }
}

/// A library on a PostgreSQL server. The data directory has the uploads under way, and the audio
/// unless it is elsewhere.
#[cfg(feature = "postgres")]
async fn on_postgres(url: &str, data: &Path, bounds: &Bounds) -> Result<PostgresLibrary, Fault> {
    // What it removes must not be what an embedded library needs.
    if data.join("library.db").exists() {
        return Err(Fault::Usage(format!(
            "--data {} has an embedded library: take another directory for a library on PostgreSQL",
            data.display()
        )));
    }
    let mut config = PostgresConfig::new(data.join("uploads"));
    let bounds = bounds.config();
    config.intake = bounds.intake();
    let audio: Arc<dyn AudioStore> = match bounds.audio {
        AudioPlace::Data => Arc::new(in_directory(&data.join("audio"))?),
        AudioPlace::Directory(directory) => Arc::new(in_directory(&directory)?),
        AudioPlace::Store(store) => store,
    };
    Ok(PostgresLibrary::open(url, audio, config).await?)
}

#[cfg(feature = "postgres")]
fn in_directory(directory: &Path) -> Result<AudioObjects, Fault> {
    let absolute = std::path::absolute(directory)
        .map_err(|error| Fault::io(format!("{} cannot be found", directory.display()), error))?;
    Ok(AudioObjects::open(&format!(
        "file://{}",
        absolute.display()
    ))?)
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

    #[cfg(feature = "grpc")]
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

    #[cfg(feature = "postgres")]
    #[test]
    fn a_password_is_never_told() {
        let url: LibraryUrl = "postgres://me:secret@host/music".parse().unwrap();
        assert!(!url.to_string().contains("secret"));
    }
}
