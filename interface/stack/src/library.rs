//! The bottom of a stack: the library, on this machine or elsewhere.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use kadenza_contract::MusicService;
use kadenza_services::{
    Library, PostgresLibrary,
    accounts::EntryStore,
    grpc::{Client, ClientConfig},
    library::{AccountsFile, AudioPlace, AudioStore, LibraryConfig},
    objects::AudioObjects,
    postgres::PostgresConfig,
};
use kadenza_tls::Roots;

use crate::{Address, SecretUrl};

/// The place of a library, and its bounds.
#[derive(Debug, Clone)]
pub enum LibraryLocation {
    /// In a directory of this machine.
    Embedded {
        /// The directory; it is made if it is missing.
        data: PathBuf,
        /// The place of its audio, and its bounds.
        config: LibraryConfig,
    },
    /// In a database of a PostgreSQL server, for several processes at once.
    Postgres {
        /// The URL of the database, which may hold a password.
        url: SecretUrl,
        /// A directory of this machine for uploads under way, and for the audio unless `config`
        /// puts it elsewhere.
        data: PathBuf,
        /// The place of its audio, and its bounds.
        config: LibraryConfig,
    },
    /// In another process, which offers it over gRPC.
    Backend {
        /// Where it answers.
        address: Address,
        /// Who may vouch for it, where TLS is spoken. Without them nothing is encrypted.
        roots: Option<Roots>,
    },
}

/// Why a library cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory for a library on PostgreSQL holds an embedded library. Nothing was done: the
    /// two would remove each other's files.
    #[error("{} has an embedded library", data.display())]
    HasEmbeddedLibrary {
        /// The directory.
        data: PathBuf,
    },
    /// A directory has no absolute path.
    #[error("{} cannot be found", directory.display())]
    NoSuchDirectory {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The library itself says why.
    #[error(transparent)]
    Service(#[from] kadenza_contract::Error),
}

/// A library, and the accounts of those who use it.
pub type OpenedForPeople = (Arc<dyn MusicService>, Option<Arc<dyn EntryStore>>);

impl LibraryLocation {
    /// Opens the library.
    ///
    /// A backend is only asked when it is needed, so that the two may be started in any order.
    ///
    /// # Errors
    ///
    /// Those of [`OpenError`].
    pub async fn open(self) -> Result<Arc<dyn MusicService>, OpenError> {
        self.opening().await
    }

    /// The directory of this machine that it uses; none where it is elsewhere.
    #[must_use]
    pub fn data(&self) -> Option<&Path> {
        match self {
            LibraryLocation::Embedded { data, .. } | LibraryLocation::Postgres { data, .. } => {
                Some(data)
            }
            LibraryLocation::Backend { .. } => None,
        }
    }

    /// Opens the library with the place of the accounts of those who use it; none where the library keeps none.
    ///
    /// # Errors
    ///
    /// Those of [`OpenError`].
    pub async fn open_with_accounts(self) -> Result<OpenedForPeople, OpenError> {
        match self {
            LibraryLocation::Embedded { data, config } => {
                let library = Arc::new(Library::open(&data, config).await?);
                // After the library, which has locked the directory.
                let accounts = Arc::new(AccountsFile::open(&data).await?);
                Ok((library, Some(accounts)))
            }
            LibraryLocation::Postgres { url, data, config } => {
                let library = Arc::new(on_postgres(url.expose(), &data, config).await?);
                Ok((Arc::clone(&library) as Arc<dyn MusicService>, Some(library)))
            }
            backend @ LibraryLocation::Backend { .. } => Ok((backend.open().await?, None)),
        }
    }

    // Boxed in a function that is not async: the code of an async function is compiled anew in each
    // crate that polls it.
    fn opening(self) -> BoxFuture<'static, Result<Arc<dyn MusicService>, OpenError>> {
        Box::pin(self.open_now())
    }

    async fn open_now(self) -> Result<Arc<dyn MusicService>, OpenError> {
        match self {
            LibraryLocation::Embedded { data, config } => {
                Ok(Arc::new(Library::open(&data, config).await?))
            }
            LibraryLocation::Postgres { url, data, config } => {
                Ok(Arc::new(on_postgres(url.expose(), &data, config).await?))
            }
            LibraryLocation::Backend { address, roots } => {
                let config = ClientConfig {
                    roots,
                    ..ClientConfig::default()
                };
                let client = Client::new(address.host(), address.port(), config)?;
                Ok(Arc::new(client))
            }
        }
    }
}

async fn on_postgres(
    url: &str,
    data: &Path,
    config: LibraryConfig,
) -> Result<PostgresLibrary, OpenError> {
    // A library on PostgreSQL removes files that its database does not know.
    if data.join("library.db").exists() {
        return Err(OpenError::HasEmbeddedLibrary {
            data: data.to_owned(),
        });
    }
    let (intake, is_audio_lost) = (config.intake(), config.is_audio_lost);
    let scrub_bytes_per_second = config.scrub_bytes_per_second;
    let audio: Arc<dyn AudioStore> = match config.audio {
        AudioPlace::Data => Arc::new(in_directory(&data.join("audio"))?),
        AudioPlace::Directory(directory) => Arc::new(in_directory(&directory)?),
        AudioPlace::Store(store) => store,
    };
    let config = PostgresConfig {
        intake,
        is_audio_lost,
        scrub_bytes_per_second,
        ..PostgresConfig::new(data.join("uploads"))
    };
    Ok(PostgresLibrary::open(url, audio, config).await?)
}

fn in_directory(directory: &Path) -> Result<AudioObjects, OpenError> {
    let absolute = std::path::absolute(directory).map_err(|cause| OpenError::NoSuchDirectory {
        directory: directory.to_owned(),
        cause,
    })?;
    let url = format!("file://{}", absolute.display());
    Ok(AudioObjects::open(&url)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_directory_is_not_used_by_two_kinds_of_library() {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(data.path().join("library.db"), "").unwrap();
        let location = LibraryLocation::Postgres {
            url: "postgres://127.0.0.1:1/none".to_owned().into(),
            data: data.path().to_owned(),
            config: LibraryConfig::default(),
        };
        let refused = location.open().await.unwrap_err();
        assert!(matches!(refused, OpenError::HasEmbeddedLibrary { .. }));
    }
}
