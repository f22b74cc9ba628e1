//! The layers below the cache: a library, on PostgreSQL or in this process, behind gRPC.

use std::{net::SocketAddr, sync::Arc};

use clap::ValueEnum;
use futures_util::{StreamExt, stream};
use kadenza_contract::{Error, MusicService, MusicServiceExt, Outcome, SongId, Stated};
use kadenza_servers::{Database, Postgres};
use kadenza_services::library::LibraryConfig;
use kadenza_stack::{Address, GrpcListener, LibraryLocation};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::wav::wav;
use crate::{error::EvaluateError, table::Row};

/// How many songs are uploaded at a time.
const UPLOADS: usize = 16;

/// The kinds of library that an evaluation can fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LibraryKind {
    /// In a directory of this process
    Embedded,
    /// On a PostgreSQL server that is started for it
    Postgres,
}

/// A library with songs, and a backend that offers it. All of it is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Backend {
    /// A client of the library over gRPC, as if it were in another process.
    pub(super) client: Arc<dyn MusicService>,
    /// The kind of the library, for people.
    pub(super) description: String,
    library: Arc<dyn MusicService>,
    // Fields are dropped in this order: the users of the database, the server, the files.
    _serving: JoinSet<usize>,
    database: Option<Database>,
    _directory: TempDir,
}

/// The rows after the filling: songs, and those left out.
#[derive(Debug, Default)]
pub(crate) struct Filled {
    /// The songs, in the order of the rows.
    pub(crate) songs: Vec<(Row, SongId)>,
    /// Rows that the library took for songs that were there.
    pub(crate) same: usize,
    /// Rows that the library refused, and why it refused the first of them.
    pub(crate) refused: usize,
    pub(crate) refusal: Option<String>,
}

impl Backend {
    pub(super) async fn start(kind: LibraryKind) -> Result<Backend, EvaluateError> {
        let directory = TempDir::with_prefix("kadenza-evaluate-")
            .map_err(|cause| EvaluateError::io("cannot make a temporary directory", cause))?;
        let config = LibraryConfig {
            // The library is small, and removed after some minutes.
            disk_reserve_bytes: 0,
            ..LibraryConfig::default()
        };
        let data = directory.path().to_owned();
        let (location, database, description) = match kind {
            LibraryKind::Embedded => {
                let location = LibraryLocation::Embedded { data, config };
                (location, None, "embedded".to_owned())
            }
            LibraryKind::Postgres => {
                // Without waiting for the disk at each commit: that would measure the disk.
                let server = tokio::task::block_in_place(|| Postgres::start(false))?;
                let (version, database) = (server.version()?, server.database()?);
                let url = database.url().into();
                let location = LibraryLocation::Postgres { url, data, config };
                (location, Some(database), version)
            }
        };
        let library = location.open().await?;
        let cannot = |cause| EvaluateError::io("cannot serve gRPC on loopback", cause);
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = GrpcListener::bind(loopback, None).await.map_err(cannot)?;
        let address: Result<Address, String> = listener.address().to_string().parse();
        let address = address.map_err(EvaluateError::Failed)?;
        let there = LibraryLocation::Backend {
            address,
            roots: None,
        };
        let mut serving = JoinSet::new();
        serving.spawn(listener.serve(Arc::clone(&library), std::future::pending()));
        Ok(Backend {
            client: there.open().await?,
            description,
            library,
            _serving: serving,
            database,
            _directory: directory,
        })
    }

    /// Adds a song for each row.
    pub(super) async fn fill(
        &self,
        rows: Vec<Row>,
        one_done: impl Fn(),
    ) -> Result<Filled, EvaluateError> {
        let mut uploads = stream::iter(rows.into_iter().enumerate())
            .map(|(number, row)| async move {
                let stated = Stated {
                    title: Some(row.title.clone()),
                    artists: vec![row.artist_or_nobody().to_owned()],
                    album: Some(row.album.clone()),
                    ..Stated::default()
                };
                let audio = wav(number as u64);
                let upload = self.library.upload_bytes(audio, stated).await;
                (row, upload)
            })
            // In order, so that every run of the program has the same songs in the same order.
            .buffered(UPLOADS);
        let mut filled = Filled::default();
        while let Some((row, upload)) = uploads.next().await {
            match upload {
                Ok(upload) if upload.outcome == Outcome::Added => {
                    filled.songs.push((row, upload.song.id()));
                }
                Ok(_) => filled.same += 1,
                Err(error @ (Error::Invalid { .. } | Error::NoTitle | Error::NotAudio { .. })) => {
                    filled.refused += 1;
                    filled.refusal.get_or_insert_with(|| error.to_string());
                }
                Err(error) => return Err(error.into()),
            }
            one_done();
        }
        if let Some(database) = &self.database {
            // PostgreSQL would do so by itself about a minute later, and runs before and after
            // could not be compared.
            tokio::task::block_in_place(|| database.ask("VACUUM ANALYZE"))?;
        }
        Ok(filled)
    }
}
