//! What is below the cache: a library, on PostgreSQL or in this process, behind gRPC.

use std::sync::Arc;

use clap::ValueEnum;
use futures_util::{StreamExt, stream};
use kadenza_servers::{Database, Postgres};
use kadenza_services::{
    Error, Library, MusicService, MusicServiceExt, Outcome, PostgresLibrary, SongId, Stated,
    grpc::{self, Client, ClientConfig, ServerConfig},
    library::LibraryConfig,
    objects::AudioObjects,
    postgres::PostgresConfig,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet};

use super::wav::wav;
use crate::{evaluate::table::Row, fault::Fault};

/// How many songs are uploaded at a time.
const UPLOADS: usize = 16;

/// What the library is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::evaluate) enum LibraryKind {
    /// The library in this process
    Embedded,
    /// A PostgreSQL server that is started for it
    Postgres,
}

/// A library with songs, and a backend that offers it. All of it is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Ground {
    /// The library in another process, as it were.
    pub(super) client: Arc<dyn MusicService>,
    /// What it is, for people.
    pub(super) told: String,
    library: Arc<dyn MusicService>,
    // In the order in which they must go: who uses the database, the server, the files.
    _serving: JoinSet<usize>,
    database: Option<Database>,
    _directory: TempDir,
}

/// What became of the rows.
#[derive(Debug, Default)]
pub(in crate::evaluate) struct Filled {
    /// The songs, in the order of the rows.
    pub(in crate::evaluate) songs: Vec<(Row, SongId)>,
    /// Rows that the library took for songs that were there.
    pub(in crate::evaluate) same: usize,
    /// Rows that the library refused, and why it refused the first of them.
    pub(in crate::evaluate) refused: usize,
    pub(in crate::evaluate) refusal: Option<String>,
}

impl Ground {
    pub(super) async fn start(kind: LibraryKind) -> Result<Ground, Fault> {
        let directory = TempDir::with_prefix("kadenza-evaluate-")
            .map_err(|cause| Fault::io("cannot make a temporary directory", cause))?;
        let config = LibraryConfig {
            // It is there for minutes, and small.
            disk_reserve_bytes: 0,
            ..LibraryConfig::default()
        };
        let (library, database, what): (Arc<dyn MusicService>, _, _) = match kind {
            LibraryKind::Embedded => {
                let library = Library::open(directory.path(), config).await?;
                (Arc::new(library), None, "embedded".to_owned())
            }
            LibraryKind::Postgres => {
                // What waits for the disk would measure the disk.
                let server = tokio::task::block_in_place(|| Postgres::start(false))?;
                let (version, database) = (server.version()?, server.database()?);
                let audio = directory.path().join("audio");
                std::fs::create_dir(&audio).map_err(|cause| Fault::file("make", &audio, cause))?;
                let audio = AudioObjects::open(&format!("file://{}", audio.display()))?;
                let audio = Arc::new(audio);
                let config = PostgresConfig {
                    intake: config.intake(),
                    ..PostgresConfig::new(directory.path().join("uploads"))
                };
                let library = PostgresLibrary::open(&database.url(), audio, config).await?;
                (Arc::new(library), Some(database), version)
            }
        };
        let cannot = |cause| Fault::io("cannot serve gRPC on loopback", cause);
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(cannot)?;
        let port = listener.local_addr().map_err(cannot)?.port();
        let mut serving = JoinSet::new();
        serving.spawn(grpc::serve(
            Arc::clone(&library),
            listener,
            ServerConfig::default(),
            std::future::pending(),
        ));
        let client = Client::new("127.0.0.1", port, ClientConfig::default())?;
        Ok(Ground {
            client: Arc::new(client),
            told: what,
            library,
            _serving: serving,
            database,
            _directory: directory,
        })
    }

    /// Adds a song for each row.
    pub(super) async fn fill(&self, rows: Vec<Row>, one_done: impl Fn()) -> Result<Filled, Fault> {
        let mut uploads = stream::iter(rows.into_iter().enumerate())
            .map(|(number, row)| async move {
                let stated = Stated {
                    title: Some(row.title.clone()),
                    artist: Some(row.artist_or_nobody().to_owned()),
                    album: Some(row.album.clone()),
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
            // The server does so by itself about a minute later: then runs before and after that would
            // not be comparable.
            tokio::task::block_in_place(|| database.ask("VACUUM ANALYZE"))?;
        }
        Ok(filled)
    }
}
