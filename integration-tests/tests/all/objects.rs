//! The library with its audio in an object store, and the store failing.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::TryStreamExt;
use kadenza_contract::{
    AudioRequest, ContentHash, Error, MusicService, MusicServiceExt, Query, Stated,
};
use kadenza_integration_tests::{
    fixtures::AudioFile,
    processes::PATIENCE,
    s3::{Fault, S3Server},
};
use kadenza_services::{
    Library,
    library::{AudioPlace, LibraryConfig},
    objects::{AudioObjects, AudioStore, StoreAddress},
};
use tempfile::TempDir;

const PREFIX: &str = "one/library";

async fn open(directory: &TempDir, store: &S3Server) -> Result<Library, Error> {
    let config = LibraryConfig {
        audio: AudioPlace::Store(Arc::new(store.objects(PREFIX))),
        ..LibraryConfig::default()
    };
    Library::open(directory.path(), config).await
}

fn file(n: usize) -> AudioFile {
    AudioFile {
        // Some pieces each; some so large that they go in parts.
        audio_bytes: if n % 4 == 3 { 9 << 20 } else { 700_000 },
        ..AudioFile::named(&format!("Song {n}"), "Objects", "In a Store")
    }
}

async fn upload(library: &Library, n: usize) -> Result<kadenza_contract::Upload, Error> {
    let bytes = file(n).bytes();
    library.upload_bytes(bytes, Stated::default()).await
}

/// The names of all objects in the store, in order.
async fn objects(store: &S3Server) -> Vec<ContentHash> {
    let mut found: Vec<_> = store
        .objects(PREFIX)
        .list()
        .map_ok(|(content, _)| content)
        .try_collect()
        .await
        .unwrap();
    found.sort();
    found
}

fn incoming(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory.join("incoming")).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

/// The store has the audio of all songs and of no other, and nothing is left on the way. What was
/// given up is taken back soon, and not at once.
async fn is_whole(library: &Library, directory: &TempDir, store: &S3Server) {
    let begun = Instant::now();
    loop {
        let songs = library.search_all(&Query::all()).await.unwrap();
        let mut known: Vec<_> = songs.iter().map(|song| song.best().content).collect();
        known.sort();
        known.dedup();
        let (there, left) = (objects(store).await, incoming(directory.path()));
        if there == known && left.is_empty() && store.stray_parts() == 0 {
            return;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "known {known:?}, in the store {there:?}, on the way {left:?}, {} parts",
            store.stray_parts()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_to_a_failing_store_is_whole_or_absent() {
    let store = S3Server::start().unwrap();
    let directory = TempDir::new().unwrap();
    let library = open(&directory, &store).await.unwrap();
    let mut n = 0;
    for fault in Fault::ALL {
        store.fail(fault);
        let mut refused = Vec::new();
        for _ in 0..4 {
            n += 1;
            let done = upload(&library, n).await;
            let works = !matches!(fault, Fault::Down | Fault::Errors);
            match done {
                Ok(_) => assert!(works, "an upload to a store that has {fault:?}"),
                Err(error) => {
                    assert!(!works, "{fault:?}: {}", error.chain());
                    assert!(error.is_transient(), "{error:?}");
                    let told = error.chain();
                    assert!(!told.contains("a-secret"), "{told}");
                    refused.push(n);
                }
            }
            if !works {
                // Each waits for its retries: one tells as much as four.
                break;
            }
        }
        let songs = library.search_all(&Query::all()).await.unwrap();
        store.fail(Fault::None);
        for n in &refused {
            let title = file(*n).title;
            assert!(songs.iter().all(|song| song.tags().title() != title));
            // Repeating it is safe and completes it.
            upload(&library, *n).await.unwrap();
        }
        for song in library.search_all(&Query::all()).await.unwrap() {
            let heard = library.audio_bytes(&song.id()).await.unwrap().unwrap();
            assert_eq!(ContentHash::of(&heard), song.best().content);
        }
    }
    // Objects that could not be removed while the store was away are removed at the next start.
    library.close().await;
    let library = open(&directory, &store).await.unwrap();
    is_whole(&library, &directory, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_hears_what_was_uploaded_or_an_error() {
    let store = S3Server::start().unwrap();
    let directory = TempDir::new().unwrap();
    for (n, fault) in Fault::ALL.into_iter().enumerate() {
        // Opened anew, since pieces that were read stay in memory.
        let library = open(&directory, &store).await.unwrap();
        let song = upload(&library, n).await.unwrap().song;
        let whole = file(n).bytes();
        store.fail(fault);
        let begun = Instant::now();
        let heard = library.audio_bytes(&song.id()).await;
        match (fault, heard) {
            (Fault::Slow, heard) => assert!(heard.unwrap() == Some(whole.clone())),
            (Fault::Wrong, Err(Error::Damaged { what })) => {
                assert!(what.contains("is not what was uploaded"), "{what}");
            }
            (Fault::Down, Err(Error::Unreachable { place, .. })) => {
                assert!(place.contains("s3://music"), "{place}");
            }
            (Fault::Cut | Fault::Errors, Err(error)) => {
                assert!(error.is_transient(), "{error:?}");
            }
            (fault, other) => panic!("{fault:?}: {other:?}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(25), "{fault:?}");
        store.fail(Fault::None);
        // Nothing wrong was remembered.
        let heard = library.audio_bytes(&song.id()).await.unwrap();
        assert!(heard == Some(whole), "after {fault:?}");
        // What was found damaged while the store failed is examined again, and counts again.
        let content = song.best().content;
        while library.read(&content, 0..100_000).await.unwrap().is_none() {
            assert!(
                begun.elapsed() < PATIENCE,
                "{fault:?} is held against the audio"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The chunk that was read last is in memory.
        let asked = store.requests();
        library.read(&content, 0..100_000).await.unwrap().unwrap();
        assert_eq!(store.requests(), asked);
        library.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_who_pauses_makes_the_store_wait() {
    let store = S3Server::start().unwrap();
    let directory = TempDir::new().unwrap();
    let library = open(&directory, &store).await.unwrap();
    let song = upload(&library, 3).await.unwrap().song;
    let asked = store.requests();
    let request = AudioRequest::whole(song.id());
    let mut audio = library.audio(&request).await.unwrap().unwrap();
    audio.stream.try_next().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    // Of 36 pieces, the first and four ahead of it.
    assert!(
        store.requests() <= asked + 5,
        "{}",
        store.requests() - asked
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_abandoned_uploads_leave_no_object_behind() {
    let store = S3Server::start().unwrap();
    let directory = TempDir::new().unwrap();
    let library = open(&directory, &store).await.unwrap();
    // The same audio under several titles, and the same song several times, all at once.
    let stated = |title: &str| Stated {
        title: Some(title.to_owned()),
        ..Stated::default()
    };
    let uploads = (0..12).map(|n| {
        let title = format!("Title {}", n % 3);
        library.upload_bytes(file(0).bytes(), stated(&title))
    });
    for done in futures_util::future::join_all(uploads).await {
        done.unwrap();
    }
    assert_eq!(library.counts().songs, 3);
    assert_eq!(objects(&store).await.len(), 1);
    // Given up after so many milliseconds, at every step there is.
    for n in 1..30 {
        let limit = Duration::from_millis(2 * n as u64);
        let _ = tokio::time::timeout(limit, upload(&library, n)).await;
    }
    is_whole(&library, &directory, &store).await;

    // Audio leaves when the last song of it does.
    let songs = library.search_all(&Query::words("title").unwrap()).await;
    for song in songs.unwrap() {
        let content = song.best().content;
        assert!(objects(&store).await.contains(&content));
        library.drop_card(&song.id()).await.unwrap();
    }
    is_whole(&library, &directory, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cover_costs_a_piece_or_two_and_not_the_song() {
    let store = S3Server::start().unwrap();
    let directory = TempDir::new().unwrap();
    let library = open(&directory, &store).await.unwrap();
    let song = AudioFile {
        cover: Some(kadenza_integration_tests::fixtures::cover(1, 300, 300)),
        kind: kadenza_integration_tests::fixtures::Kind::Mp3,
        audio_bytes: 9 << 20,
        ..AudioFile::named("Covered", "Objects", "In a Store")
    };
    let upload = library.upload_bytes(song.bytes(), Stated::default()).await;
    let content = upload.unwrap().song.best().content;
    let asked = store.requests();
    library
        .artwork_of(&content, Some(64))
        .await
        .unwrap()
        .unwrap();
    let cost = store.requests() - asked;
    assert!(cost <= 4, "{cost} requests");
    library
        .artwork_of(&content, Some(64))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(store.requests(), asked + cost);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_used_is_told_at_the_start() {
    let store = S3Server::start().unwrap();
    let address = |change: &str, to: &str| {
        let mut variables = store.variables();
        for (name, value) in &mut variables {
            if *name == change {
                *value = to.to_owned();
            }
        }
        let variables = variables
            .each_ref()
            .map(|(name, value)| (*name, &value[..]));
        StoreAddress::with_variables(&store.url(PREFIX), variables)
    };
    let told = |address: StoreAddress| async move {
        let error = AudioObjects::at(&address)
            .unwrap()
            .check()
            .await
            .unwrap_err();
        (error.chain(), error)
    };
    let (text, error) = told(address("AWS_SECRET_ACCESS_KEY", "wrong")).await;
    assert!(matches!(error, Error::Invalid { .. }), "{text}");
    assert!(
        text.contains("AWS_SECRET_ACCESS_KEY") && !text.contains("wrong"),
        "{text}"
    );
    let (text, _) = told(address("AWS_ACCESS_KEY_ID", "NOBODY")).await;
    assert!(text.contains("AWS_ACCESS_KEY_ID"), "{text}");
    let variables = store.variables();
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, &value[..]));
    let (text, _) = told(StoreAddress::with_variables("s3://nobodys/x", variables)).await;
    assert!(text.contains("no such bucket"), "{text}");
    let (text, error) = told(address("AWS_ENDPOINT", "http://127.0.0.1:9")).await;
    assert!(matches!(error, Error::Unreachable { .. }), "{text}");
    store.objects(PREFIX).check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_belongs_to_one_library_and_a_library_to_its_audio() {
    let store = S3Server::start().unwrap();
    let directory = TempDir::new().unwrap();
    let library = open(&directory, &store).await.unwrap();
    upload(&library, 1).await.unwrap();
    library.close().await;
    let other = TempDir::new().unwrap();
    let refused = open(&other, &store).await.unwrap_err().chain();
    assert!(refused.contains("another prefix"), "{refused}");
    // The right library, and an empty place.
    let config = LibraryConfig {
        audio: AudioPlace::Store(Arc::new(store.objects("empty"))),
        ..LibraryConfig::default()
    };
    let refused = Library::open(directory.path(), config).await.unwrap_err();
    let refused = refused.chain();
    assert!(refused.contains("is not in s3://music/empty"), "{refused}");
    open(&directory, &store).await.unwrap();
}
