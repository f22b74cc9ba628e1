//! The PostgreSQL server, or a server that stands on it, is killed during uploads: what was
//! acknowledged is there, nothing is half there, and nothing is left over.
//!
//! `KADENZA_ROUNDS` sets how often; 20 times where it does not.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use kadenza_contract::{Error, MusicService, MusicServiceExt, Query, SongId, Stated};
use kadenza_integration_tests::{
    fixtures::AudioFile,
    processes::{self, Server},
    servers::{self, Database},
    stacks::Backends,
};
use parking_lot::Mutex;
use rand::RngExt;
use tempfile::TempDir;

use super::leftovers::stored_and_needed;

const UPLOADERS: u64 = 4;

fn rounds() -> u64 {
    let told = std::env::var("KADENZA_ROUNDS").ok();
    told.and_then(|rounds| rounds.parse().ok()).unwrap_or(20)
}

fn audio(n: u64) -> Bytes {
    AudioFile::named(&format!("Number {n}"), "Victims", "").bytes()
}

/// The answers that uploaders got.
#[derive(Debug, Default)]
struct Told {
    acknowledged: Mutex<BTreeMap<u64, SongId>>,
    failed: AtomicU64,
    next: AtomicU64,
    stop: AtomicBool,
}

impl Told {
    /// Uploads one song after the other until told to stop; a failed one is not repeated.
    async fn upload(&self, service: &dyn MusicService) {
        while !self.stop.load(Ordering::Relaxed) {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            match service.upload_bytes(audio(n), Stated::default()).await {
                Ok(upload) => {
                    self.acknowledged.lock().insert(n, upload.song.id());
                }
                Err(error) => {
                    assert!(error.is_transient(), "{}", error.chain());
                    self.failed.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    async fn wait_for_acknowledged(&self, more: usize) {
        let before = self.acknowledged.lock().len();
        let begun = Instant::now();
        while self.acknowledged.lock().len() < before + more {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "no upload gets through"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Every acknowledged song is there, whole and found; whatever else is found is whole as well.
    async fn verify(&self, service: &dyn MusicService) {
        let acknowledged = self.acknowledged.lock().clone();
        let found = service
            .search_all(&Query::words("victims").unwrap())
            .await
            .unwrap();
        for (n, id) in &acknowledged {
            assert!(
                found.iter().any(|song| song.id() == *id),
                "number {n} is lost"
            );
        }
        for song in &found {
            let n = song
                .tags()
                .title()
                .strip_prefix("Number ")
                .unwrap()
                .parse()
                .unwrap();
            let heard = service.audio_bytes(&song.id()).await.unwrap();
            assert_eq!(heard, Some(audio(n)), "number {n} is not whole");
        }
        let status = service.status().await.unwrap();
        assert_eq!(status.songs, found.len() as u64);
        eprintln!(
            "{} acknowledged, {} there, {} failed",
            acknowledged.len(),
            found.len(),
            self.failed.load(Ordering::Relaxed)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_song_survives_the_death_of_the_database() {
    let Some(server) = servers::postgres(true) else {
        return;
    };
    let backends = Backends::start(&server, 2).await.unwrap();
    let told = Arc::new(Told::default());
    let uploaders: Vec<_> = (0..UPLOADERS)
        .map(|n| {
            let told = Arc::clone(&told);
            let library = backends.libraries[n as usize % 2].clone();
            tokio::spawn(async move { told.upload(&library).await })
        })
        .collect();
    for _ in 0..rounds() {
        told.wait_for_acknowledged(5).await;
        let pause = rand::rng().random_range(0..20);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let killed = Arc::clone(&server);
        let killing = tokio::task::spawn_blocking(move || {
            killed.kill();
            killed.restart().unwrap();
        });
        killing.await.unwrap();
    }
    told.wait_for_acknowledged(5).await;
    told.stop.store(true, Ordering::Relaxed);
    for uploader in uploaders {
        uploader.await.unwrap();
    }
    // The other library, which was told nothing of these uploads, knows them as well.
    for library in &backends.libraries {
        told.verify(library).await;
    }
    // A lease that could not be given back while the database was down ends now, and its audio is removed.
    backends
        .database
        .ask("UPDATE arrivals SET until = now()")
        .unwrap();
    backends.libraries[0].clear_up().await.unwrap();
    nothing_is_left(&backends.store(), &backends.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_database_is_told_in_seconds_and_used_again_later() {
    let Some(server) = servers::postgres(false) else {
        return;
    };
    let backends = Backends::start(&server, 1).await.unwrap();
    let library = &backends.libraries[0];
    let song = library
        .upload_bytes(audio(0), Stated::default())
        .await
        .unwrap()
        .song;
    for _ in 0..2 {
        server.kill();
        let begun = Instant::now();
        let answers = futures_util::join!(
            async { library.song(&song.id()).await.map(|_| ()) },
            async { library.search(&Query::all()).await.map(|_| ()) },
            async {
                library
                    .upload_bytes(audio(1), Stated::default())
                    .await
                    .map(|_| ())
            },
            async { library.status().await.map(|_| ()) },
        );
        for answer in [answers.0, answers.1, answers.2, answers.3] {
            let error = answer.unwrap_err();
            let told = format!("{} {error:?}", error.chain());
            assert!(matches!(error, Error::Unreachable { .. }), "{told}");
            assert!(
                told.contains("127.0.0.1") && !told.contains("no-secret"),
                "{told}"
            );
        }
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{:?}",
            begun.elapsed()
        );
        server.restart().unwrap();
        assert_eq!(library.song(&song.id()).await.unwrap(), Some(song.clone()));
        assert_eq!(
            library.audio_bytes(&song.id()).await.unwrap(),
            Some(audio(0))
        );
    }
    library
        .upload_bytes(audio(1), Stated::default())
        .await
        .unwrap();
}

#[test]
fn a_database_elsewhere_must_prove_its_name() {
    let Some(server) = servers::shared_postgres() else {
        return;
    };
    let database = server.database().unwrap();
    let directory = TempDir::new().unwrap();
    let data = directory.path().to_str().unwrap();
    let serve = [
        "serve",
        "--standalone",
        "--http",
        "127.0.0.1:0",
        "--data",
        data,
        "--library",
    ];
    // The same server under an address that does not say that it is on this machine; it has no certificate.
    let elsewhere = database.url().replace("127.0.0.1", "0.0.0.0");
    for url in [&elsewhere, &format!("{elsewhere}?sslmode=prefer")] {
        let refused = processes::run(&[&serve[..], &[url]].concat());
        assert_eq!(refused.status, 1, "{refused:?}");
        let told = refused.stderr;
        assert!(
            told.contains("sslmode=disable") && !told.contains("no-secret"),
            "{told}"
        );
    }
    let unsafe_way = format!("{elsewhere}?sslmode=disable");
    for (url, is_warned) in [(&database.url(), false), (&unsafe_way, true)] {
        let server = Server::start(&[&serve[..], &[url]].concat());
        assert_eq!(server.told().contains("is not safe"), is_warned);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_song_survives_the_death_of_a_server() {
    let Some(postgres) = servers::postgres(true) else {
        return;
    };
    let database = postgres.database().unwrap();
    let (data, audio) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = format!("file://{}", audio.path().display());
    let (url, directory) = (database.url(), data.path().display().to_string());
    let mut server = Server::start(&[
        "serve",
        "--standalone",
        "--library",
        &url,
        "--audio",
        &store,
        "--data",
        &directory,
        "--http",
        "127.0.0.1:0",
    ]);
    let told = Arc::new(Told::default());
    for _ in 0..rounds().div_ceil(3) {
        told.stop.store(false, Ordering::Relaxed);
        let uploaders: Vec<_> = (0..UPLOADERS)
            .map(|_| {
                let (told, client) = (Arc::clone(&told), server.client());
                tokio::spawn(async move { told.upload(&client).await })
            })
            .collect();
        told.wait_for_acknowledged(10).await;
        // The last of them are on their way when it dies.
        told.stop.store(true, Ordering::Relaxed);
        server = tokio::task::spawn_blocking(move || {
            server.kill();
            server.restart();
            server
        })
        .await
        .unwrap();
        for uploader in uploaders {
            uploader.await.unwrap();
        }
    }
    assert!(!server.told().contains("no-secret"));
    told.verify(&server.client()).await;
    // The lease of the dead server ends now. The next server that starts removes its audio.
    database.ask("UPDATE arrivals SET until = now()").unwrap();
    let server = tokio::task::spawn_blocking(move || {
        server.kill();
        server.restart();
        server
    });
    let server = server.await.unwrap();
    nothing_is_left(&store, &database).await;
    drop(server);
}

/// No arrival is left once it was cleared up, and no audio without a song.
async fn nothing_is_left(store: &str, database: &Database) {
    let begun = Instant::now();
    while database.ask("SELECT count(*) FROM arrivals").unwrap() != "0" {
        assert!(begun.elapsed() < Duration::from_secs(30), "leftovers stay");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (stored, needed) = stored_and_needed(store, database).await;
    assert_eq!(stored, needed);
}
