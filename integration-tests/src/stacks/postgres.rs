//! Libraries on a PostgreSQL server that share one database and one audio store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use kadenza_contract::MusicService;
use kadenza_services::{
    PostgresLibrary,
    objects::AudioObjects,
    postgres::{IntakeConfig, PostgresConfig},
};
use tempfile::TempDir;

use super::{Spread, text};
use crate::{
    conformance::{Running, Stack, UPLOAD_BYTES_MAX},
    servers::{self, Database, Postgres},
};

/// So many libraries on a server, as one service that asks another of them with every call.
#[derive(Debug)]
pub struct OnPostgres {
    server: Arc<Postgres>,
    backends: usize,
}

impl OnPostgres {
    /// Libraries in a database on the server that tests share; `None` where there is none.
    #[must_use]
    pub fn new(backends: usize) -> Option<OnPostgres> {
        let server = servers::shared_postgres()?;
        Some(OnPostgres { server, backends })
    }
}

/// Libraries that share a database, each with a directory of its own for uploads under way.
#[derive(Debug)]
pub struct Backends {
    /// The database.
    pub database: Database,
    /// The directory of the audio store.
    pub audio: TempDir,
    scratch: Vec<TempDir>,
    /// The libraries.
    pub libraries: Vec<PostgresLibrary>,
}

impl Backends {
    /// So many libraries in a new database of a server.
    ///
    /// # Errors
    ///
    /// A description of the failure, for people.
    pub async fn start(server: &Arc<Postgres>, count: usize) -> Result<Backends, String> {
        let scratch: Result<Vec<TempDir>, _> = (0..count).map(|_| TempDir::new()).collect();
        let mut backends = Backends {
            database: server.database().map_err(text)?,
            audio: TempDir::new().map_err(text)?,
            scratch: scratch.map_err(text)?,
            libraries: Vec::new(),
        };
        backends.open().await?;
        Ok(backends)
    }

    /// Closes all libraries and opens them again.
    ///
    /// # Errors
    ///
    /// A description of the failure, for people.
    pub async fn reopen(&mut self) -> Result<(), String> {
        self.close().await;
        self.open().await
    }

    /// Opens all libraries at once, as after a power cut.
    async fn open(&mut self) -> Result<(), String> {
        let opening = self.scratch.iter().map(|scratch| {
            let url = self.database.url();
            open(url, self.store(), config(scratch))
        });
        self.libraries = futures_util::future::try_join_all(opening).await?;
        Ok(())
    }

    /// The address of the audio store.
    #[must_use]
    pub fn store(&self) -> String {
        format!("file://{}", self.audio.path().display())
    }

    async fn close(&mut self) {
        for library in self.libraries.drain(..) {
            library.close().await;
        }
    }
}

fn open(
    url: String,
    store: String,
    config: PostgresConfig,
) -> BoxFuture<'static, Result<PostgresLibrary, String>> {
    Box::pin(async move {
        let audio = Arc::new(AudioObjects::open(&store).map_err(text)?);
        let opened = PostgresLibrary::open(&url, audio, config).await;
        opened.map_err(|error| error.chain())
    })
}

fn config(scratch: &TempDir) -> PostgresConfig {
    PostgresConfig {
        intake: IntakeConfig {
            // Many libraries share a disk here, and none of them is large.
            disk_reserve_bytes: 0,
            upload_bytes_max: UPLOAD_BYTES_MAX,
            ..IntakeConfig::default()
        },
        arrival_lease: Duration::from_secs(20),
        // Beside everything else, as fast as can be.
        scrub_bytes_per_second: u64::MAX,
        scrub_lease: Duration::from_secs(2),
        ..PostgresConfig::new(scratch.path())
    }
}

#[async_trait]
impl Stack for OnPostgres {
    async fn start(&self) -> Result<Box<dyn Running>, String> {
        let backends = Backends::start(&self.server, self.backends).await?;
        Ok(Box::new(backends))
    }
}

#[async_trait]
impl Running for Backends {
    fn service(&self) -> Arc<dyn MusicService> {
        Arc::new(Spread::over(self.faces()))
    }

    fn faces(&self) -> Vec<Arc<dyn MusicService>> {
        let libraries = self.libraries.iter().cloned();
        libraries
            .map(|library| Arc::new(library) as Arc<dyn MusicService>)
            .collect()
    }

    async fn restart(&mut self) -> Result<bool, String> {
        self.close().await;
        self.open().await?;
        Ok(true)
    }

    async fn stop(mut self: Box<Self>) {
        self.close().await;
    }
}
