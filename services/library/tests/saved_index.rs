//! The saved search index: it is only ever a shorter way to the same answers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use common::open;
use jiff::Timestamp;
use kadenza_contract::{ContentHash, Format, Query, Recording, Song, SongId, Tags};
use kadenza_library::{Card, Library, LibraryConfig};
use sqlx::Connection;
use tempfile::TempDir;

/// More than the fewest for which an index is saved.
const SONGS: u32 = 1200;

fn song(n: u32) -> Song {
    Song::new(Recording {
        content: ContentHash::of(&n.to_be_bytes()),
        format: Format::Flac,
        size: 1,
        duration_ms: Some(u64::from(n) + 1),
        bit_rate: Some(900),
        tags: Tags::new(&format!("Song {n}"), &format!("Artist {}", n % 50), "Album").unwrap(),
        has_artwork: false,
        added_at: Timestamp::from_millisecond(i64::from(n)).unwrap(),
        reader: 0,
    })
}

async fn filled(directory: &TempDir) -> Library {
    let library = open(directory).await;
    library
        .add_cards((0..SONGS).map(song).collect())
        .await
        .unwrap();
    library
}

async fn everything(library: &Library) -> Vec<Card> {
    library.cards_after(None, usize::MAX).await.unwrap()
}

/// The answers are those of a library that never saved anything.
async fn is_as_if_built_anew(directory: &TempDir, library: &Library) {
    let cards = everything(library).await;
    assert_eq!(library.counts().cards, cards.len() as u64);
    let mut songs: Vec<Song> = cards.iter().map(|card| card.song.clone()).collect();
    for text in ["song", "s", "artist 7", "song 11", "late"] {
        let query = Query::words(text).unwrap();
        let page = library.search_cards(&query).await.unwrap();
        assert_eq!(page, query.page(songs.clone()), "{text}");
    }
    // The database says the same.
    let copy = tempfile::tempdir().unwrap();
    for name in ["library.db", "library.db-wal"] {
        let from = directory.path().join(name);
        if from.exists() {
            fs::copy(from, copy.path().join(name)).unwrap();
        }
    }
    let anew = open(&copy).await;
    let mut others: Vec<Song> = everything(&anew)
        .await
        .into_iter()
        .map(|card| card.song)
        .collect();
    songs.sort_by_key(Song::id);
    others.sort_by_key(Song::id);
    assert!(songs == others, "the library knows what its database knows");
}

fn index(directory: &TempDir) -> PathBuf {
    directory.path().join("index")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

#[tokio::test]
async fn an_index_is_saved_when_the_library_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let library = filled(&directory).await;
    assert!(!index(&directory).join("manifest").exists());
    library.close().await;
    assert!(index(&directory).join("manifest").exists());
    let library = open(&directory).await;
    assert!(
        index(&directory).join("manifest").exists(),
        "the index fits"
    );
    is_as_if_built_anew(&directory, &library).await;
}

#[tokio::test]
async fn what_came_after_the_index_is_caught_up() {
    let directory = tempfile::tempdir().unwrap();
    let library = filled(&directory).await;
    library.close().await;
    let kept = tempfile::tempdir().unwrap();
    copy(&index(&directory), kept.path());

    let library = open(&directory).await;
    library
        .add_cards(vec![song(5000), song(5001)])
        .await
        .unwrap();
    library.drop_card(&song(7).id()).await.unwrap();
    library.drop_card(&song(5001).id()).await.unwrap();
    library.drop_card(&song(8).id()).await.unwrap();
    library.add_cards(vec![song(8)]).await.unwrap();
    let before = everything(&library).await;
    library.close().await;

    // As if the process had been killed: the index of the time before.
    fs::remove_dir_all(index(&directory)).unwrap();
    copy(kept.path(), &index(&directory));
    let library = open(&directory).await;
    assert!(
        index(&directory).join("manifest").exists(),
        "the index fits"
    );
    assert_eq!(everything(&library).await, before);
    assert_eq!(library.card(&song(7).id()).await.unwrap(), None);
    assert!(library.card(&song(8).id()).await.unwrap().is_some());
    is_as_if_built_anew(&directory, &library).await;
}

/// The database tells of a forgotten song only once: an index that was saved before cannot be caught up any more,
/// and would bring songs back.
#[tokio::test]
async fn an_index_that_is_too_old_is_built_anew() {
    let directory = tempfile::tempdir().unwrap();
    filled(&directory).await.close().await;
    let kept = tempfile::tempdir().unwrap();
    copy(&index(&directory), kept.path());
    let library = open(&directory).await;
    library.drop_card(&song(7).id()).await.unwrap();
    library.close().await;
    open(&directory).await.close().await;
    fs::remove_dir_all(index(&directory)).unwrap();
    copy(kept.path(), &index(&directory));
    let library = open(&directory).await;
    assert_eq!(library.card(&song(7).id()).await.unwrap(), None);
    is_as_if_built_anew(&directory, &library).await;
}

#[tokio::test]
async fn an_index_of_another_library_or_later_time_is_refused() {
    let [directory, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    filled(&directory).await.close().await;
    // The database as it was, and the index of what came later.
    let restored = tempfile::tempdir().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new();
    let options = options.filename(directory.path().join("library.db"));
    let mut database = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    let place = restored.path().join("library.db");
    let backup = sqlx::query("VACUUM INTO ?").bind(place.to_str().unwrap());
    backup.execute(&mut database).await.unwrap();
    let library = open(&directory).await;
    library.add_cards(vec![song(9000)]).await.unwrap();
    library.close().await;
    copy(&index(&directory), &index(&restored));
    copy(&index(&directory), &index(&other));
    let library = open(&restored).await;
    assert!(
        !index(&restored).join("manifest").exists(),
        "it is not trusted"
    );
    assert_eq!(library.card(&song(9000).id()).await.unwrap(), None);
    is_as_if_built_anew(&restored, &library).await;
    let library = open(&other).await;
    assert_eq!(library.counts().cards, 0);
}

#[tokio::test]
async fn a_damaged_index_is_built_anew_wherever_it_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    filled(&directory).await.close().await;
    let library = open(&directory).await;
    library.drop_card(&song(3).id()).await.unwrap();
    let before = everything(&library).await;
    library.close().await;
    let good = tempfile::tempdir().unwrap();
    copy(&index(&directory), good.path());
    let files: Vec<PathBuf> = fs::read_dir(good.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(files.len() >= 2);
    for file in files {
        let whole = fs::read(&file).unwrap();
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            bytes
        };
        let damaged = [
            Some(Vec::new()),
            Some(whole[..whole.len() / 2].to_vec()),
            Some(whole[..whole.len() - 1].to_vec()),
            Some(flipped(3)),
            Some(flipped(whole.len() / 2)),
            Some(flipped(whole.len() - 1)),
            Some([&whole[..], b"more"].concat()),
            None,
        ];
        for bytes in damaged {
            fs::remove_dir_all(index(&directory)).unwrap();
            copy(good.path(), &index(&directory));
            let place = index(&directory).join(file.file_name().unwrap());
            match bytes {
                Some(bytes) => fs::write(place, bytes).unwrap(),
                None => fs::remove_file(place).unwrap(),
            }
            let library = open(&directory).await;
            assert!(
                !index(&directory).join("manifest").exists(),
                "it is not trusted"
            );
            assert!(everything(&library).await == before);
            library.close().await;
        }
    }
}

/// A process of its own that adds cards until it is killed, and tells which are acknowledged. It runs
/// only when the test below starts it.
#[tokio::test]
async fn adds_cards_until_it_is_killed() {
    let Some(directory) = std::env::var_os("KADENZA_TEST_ADDS_CARDS") else {
        return;
    };
    let library = Library::open(directory, LibraryConfig::default())
        .await
        .unwrap();
    let first = library.counts().cards as u32;
    for n in (first..).step_by(40) {
        library
            .add_cards((n..n + 40).map(song).collect())
            .await
            .unwrap();
        println!("acknowledged {}", n + 40);
    }
}

#[tokio::test]
async fn a_process_killed_between_commit_and_saving_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    filled(&directory).await.close().await;
    let mut acknowledged = SONGS;
    for round in 0..4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "adds_cards_until_it_is_killed", "--nocapture"])
            .env("KADENZA_TEST_ADDS_CARDS", directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = lines.filter_map(|line| {
            let line = line.unwrap();
            line.strip_prefix("acknowledged ")?.parse::<u32>().ok()
        });
        acknowledged = told.nth(3 + round * 5).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged = told.last().unwrap_or(acknowledged);
        let library = open(&directory).await;
        let missing: Vec<SongId> = {
            let known: std::collections::HashSet<SongId> = everything(&library)
                .await
                .iter()
                .map(|card| card.song.id())
                .collect();
            (0..acknowledged)
                .map(|n| song(n).id())
                .filter(|id| !known.contains(id))
                .collect()
        };
        assert_eq!(missing, []);
        is_as_if_built_anew(&directory, &library).await;
        library.close().await;
    }
    assert!(acknowledged > SONGS);
}
