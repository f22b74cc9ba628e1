//! Crashes, damage, and uploads that are given up: acknowledged songs survive, half songs do not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::FileExt,
    process::{Command, Stdio},
};

use common::{files, new_song, open, until, upload, wav};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use kadenza_contract::{
    AudioRequest, Error, MusicService, MusicServiceExt, NewSong, Query, Stated,
};
use kadenza_library::{Library, LibraryConfig};

#[tokio::test]
async fn a_reopened_library_knows_every_acknowledged_song() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let mut songs = Vec::new();
    for n in 0..5 {
        let bytes = wav(&format!("Song {n}"), "A", "B", 20, n);
        songs.push((upload(&library, bytes.clone()).await.unwrap().song, bytes));
    }
    let counts = library.counts();
    drop(library);
    let library = open(&directory).await;
    assert_eq!(library.counts(), counts);
    for (song, bytes) in songs {
        assert_eq!(library.song(&song.id()).await.unwrap(), Some(song.clone()));
        assert_eq!(library.audio_bytes(&song.id()).await.unwrap(), Some(bytes));
    }
    assert_eq!(
        library
            .search_all(&Query::words("song").unwrap())
            .await
            .unwrap()
            .len(),
        5
    );
}

#[tokio::test]
async fn leftovers_of_a_crash_vanish_and_interrupted_moves_are_ended() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let bytes = wav("Survivor", "", "", 1, 1);
    let song = upload(&library, bytes.clone()).await.unwrap().song;
    drop(library);
    let incoming = directory.path().join("incoming");
    fs::write(incoming.join("7.part"), b"half an upload").unwrap();
    fs::write(
        incoming.join(format!("{}.8", "ab".repeat(32))),
        b"never committed",
    )
    .unwrap();
    // As if the machine had stopped between the commit and the move.
    let place = files(&directory)
        .into_iter()
        .find(|path| !path.starts_with(&incoming))
        .unwrap();
    fs::rename(&place, incoming.join(format!("{}.3", song.best().content))).unwrap();
    let library = open(&directory).await;
    assert_eq!(files(&directory), [place]);
    assert_eq!(library.audio_bytes(&song.id()).await.unwrap(), Some(bytes));
}

#[tokio::test]
async fn a_directory_is_open_in_one_place_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let second = Library::open(directory.path(), LibraryConfig::default()).await;
    let refused = second.unwrap_err().chain();
    assert!(refused.contains("another process has it open"), "{refused}");
    drop(library);
    open(&directory).await;
}

#[tokio::test]
async fn damage_is_an_error_and_never_other_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let bytes = wav("Fragile", "", "", 60, 5);
    let song = upload(&library, bytes.clone()).await.unwrap().song;
    let place = &files(&directory)[0];
    let file = fs::File::options().write(true).open(place).unwrap();
    let at = 300_000;
    file.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();

    let audio = library
        .audio(&AudioRequest::whole(song.id()))
        .await
        .unwrap()
        .unwrap();
    let pieces: Vec<_> = audio.stream.collect().await;
    let (good, bad) = pieces.split_at(pieces.len() - 1);
    assert!(
        matches!(&bad[0], Err(Error::Damaged { what }) if what.contains("piece 1")),
        "{bad:?}"
    );
    let good: Vec<_> = good
        .iter()
        .map(|piece| piece.as_ref().unwrap().clone())
        .collect();
    assert_eq!(good.concat(), &bytes[..256 * 1024]);
    let content = song.best().content;
    // To other machines it counts no longer as here.
    let damaged = library.read(&content, 0..1000).await.unwrap();
    assert!(damaged.is_none());

    // A file cut short, and one that is gone.
    file.set_len(400_000).unwrap();
    drop(library);
    let library = open(&directory).await;
    let cut = library.audio_bytes(&song.id()).await;
    assert!(matches!(cut, Err(Error::Damaged { .. })), "{cut:?}");
    drop(library);
    fs::remove_file(place).unwrap();
    let library = open(&directory).await;
    let gone = library.audio_bytes(&song.id()).await;
    assert!(matches!(gone, Err(Error::Damaged { .. })), "{gone:?}");
    assert_eq!(library.song(&song.id()).await.unwrap(), Some(song));
}

#[tokio::test]
async fn an_upload_given_up_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let bytes = wav("Given up", "", "", 100, 1);
    // The stream stops at some point behind its first mebibyte and never goes on.
    for pieces in [16, 20, 100] {
        let audio = common::pieces(&bytes, 64 * 1024)
            .take(pieces)
            .chain(futures_util::stream::pending())
            .boxed();
        let stated = Stated::default();
        let mut upload = Box::pin(library.upload(NewSong { stated, audio }));
        // Driven until it has made its file, and has nothing to do but wait.
        until("a temporary file is there", async || {
            assert!((&mut upload).now_or_never().is_none());
            files(&directory).len() == 1
        })
        .await;
        drop(upload);
        until("nothing is left", async || files(&directory).is_empty()).await;
    }
    assert_eq!(library.counts(), Default::default());
}

#[tokio::test]
async fn an_upload_given_up_happened_entirely_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let mut finished = false;
    for polls in 0.. {
        let bytes = wav(&format!("Song {polls}"), "", "", 1, polls);
        let mut upload = Box::pin(library.upload(new_song(&bytes)));
        for _ in 0..polls {
            // A poll at a time, with time in between for what it waits for.
            let step = tokio::time::timeout(std::time::Duration::from_millis(2), &mut upload);
            if step.await.is_ok() {
                finished = true;
                break;
            }
        }
        if finished {
            break;
        }
    }
    until("temporary files are gone", async || {
        files(&directory).len() as u64 == library.counts().songs
    })
    .await;
    let songs = library.search_all(&Query::all()).await.unwrap();
    assert_eq!(songs.len() as u64, library.counts().songs);
    for song in songs {
        assert!(library.audio_bytes(&song.id()).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn readers_under_way_finish_when_audio_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let bytes = wav("Leaving", "", "", 60, 1);
    let song = upload(&library, bytes.clone()).await.unwrap().song;
    let mut audio = library
        .audio(&AudioRequest::whole(song.id()))
        .await
        .unwrap()
        .unwrap();
    let first = audio.stream.try_next().await.unwrap().unwrap();
    library
        .drop_audio(&song.id(), &song.best().content)
        .await
        .unwrap();
    assert!(files(&directory).is_empty());
    assert!(
        library
            .audio(&AudioRequest::whole(song.id()))
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(library.song(&song.id()).await.unwrap(), None);
    let rest: Vec<_> = audio.stream.try_collect().await.unwrap();
    assert_eq!([first.to_vec(), rest.concat()].concat(), bytes);
    drop(library);
    let library = open(&directory).await;
    let card = library.card(&song.id()).await.unwrap().unwrap();
    assert_eq!((card.song, card.held), (song, vec![]));
}

/// Names the directory for the process that is going to be killed.
const VICTIM: &str = "KADENZA_TEST_VICTIM";

/// Not a test of its own: what the killed process does. Uploads without end, several at once, and
/// says which are acknowledged.
#[tokio::test]
async fn victim() {
    let Some(directory) = std::env::var_os(VICTIM) else {
        return;
    };
    let library = Library::open(directory, LibraryConfig::default())
        .await
        .unwrap();
    let first = library.counts().songs * 1000;
    let uploads = (first..).map(|n| {
        let library = library.clone();
        async move {
            let bytes = wav(&format!("Song {n}"), "", "", 5, n);
            let song = upload(&library, bytes).await.unwrap().song;
            println!("acknowledged {} {}", song.id(), song.best().content);
        }
    });
    futures_util::stream::iter(uploads)
        .buffer_unordered(8)
        .collect::<Vec<()>>()
        .await;
}

#[tokio::test]
async fn a_process_killed_in_uploads_loses_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..8 {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["victim", "--exact", "--nocapture"])
            .env(VICTIM, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let words = lines.map_while(Result::ok).filter_map(|line| {
            let words = line.split("acknowledged ").nth(1)?.to_owned();
            words
                .split_once(' ')
                .map(|(id, content)| (id.parse().unwrap(), content.parse().unwrap()))
        });
        acknowledged.extend(words.take(1 + 7 * round));
        process.kill().unwrap();
        process.wait().unwrap();

        let library = open(&directory).await;
        for (id, content) in &acknowledged {
            let song = library
                .song(id)
                .await
                .unwrap()
                .expect("an acknowledged song");
            assert_eq!(song.best().content, *content);
            let bytes = library.audio_bytes(id).await.unwrap().unwrap();
            assert_eq!(kadenza_contract::ContentHash::of(&bytes), *content);
        }
        // A song that was not acknowledged is there whole or not at all.
        let songs = library.search_all(&Query::all()).await.unwrap();
        assert_eq!(songs.len(), files(&directory).len());
        for song in songs {
            assert!(library.audio_bytes(&song.id()).await.unwrap().is_some());
        }
        library.close().await;
    }
    assert!(acknowledged.len() > 100);
}
