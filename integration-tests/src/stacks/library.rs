//! The library alone, with its audio in its directory or in an object store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use kadenza_contract::MusicService;
use kadenza_services::{
    Library,
    library::{AudioPlace, LibraryConfig},
};
use tempfile::TempDir;

use super::text;
use crate::{
    conformance::{Running, Stack, UPLOAD_BYTES_MAX},
    s3::S3Server,
};

/// How long a library that was closed may take to let its directory go: what was under way ends
/// in the background.
const CLOSING: Duration = Duration::from_secs(10);

/// A library in a directory of its own.
#[derive(Debug)]
pub struct OneLibrary;

/// A library with its audio in an object store of its own.
#[derive(Debug)]
pub struct LibraryOnObjects;

struct Open {
    library: Option<Library>,
    directory: TempDir,
    store: Option<S3Server>,
}

#[async_trait]
impl Stack for OneLibrary {
    async fn start(&self) -> Result<Box<dyn Running>, String> {
        let directory = TempDir::new().map_err(text)?;
        let library = Some(open(&directory, AudioPlace::Data).await?);
        Ok(Box::new(Open {
            library,
            directory,
            store: None,
        }))
    }
}

#[async_trait]
impl Stack for LibraryOnObjects {
    async fn start(&self) -> Result<Box<dyn Running>, String> {
        let directory = TempDir::new().map_err(text)?;
        let store = S3Server::start().map_err(text)?;
        let library = Some(open(&directory, place(Some(&store))).await?);
        Ok(Box::new(Open {
            library,
            directory,
            store: Some(store),
        }))
    }
}

#[async_trait]
impl Running for Open {
    fn service(&self) -> Arc<dyn MusicService> {
        let library = self.library.clone();
        Arc::new(library.expect("it is absent only while it is restarted"))
    }

    async fn restart(&mut self) -> Result<bool, String> {
        self.library = None;
        self.library = Some(open(&self.directory, place(self.store.as_ref())).await?);
        Ok(true)
    }

    async fn stop(self: Box<Self>) {}
}

fn place(store: Option<&S3Server>) -> AudioPlace {
    store.map_or(AudioPlace::Data, |store| {
        AudioPlace::Store(Arc::new(store.objects("deep/audio")))
    })
}

/// Opens the library in a directory; waits for another handle of this process to close it.
pub(super) async fn open(directory: &TempDir, audio: AudioPlace) -> Result<Library, String> {
    let config = || LibraryConfig {
        audio: audio.clone(),
        // Many libraries share a disk here, and none of them is large.
        disk_reserve_bytes: 0,
        upload_bytes_max: UPLOAD_BYTES_MAX,
        ..LibraryConfig::default()
    };
    let deadline = tokio::time::Instant::now() + CLOSING;
    loop {
        match Library::open(directory.path(), config()).await {
            Ok(library) => return Ok(library),
            Err(error) if tokio::time::Instant::now() > deadline => return Err(error.chain()),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
