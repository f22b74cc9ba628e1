//! Audio that is damaged or missing: noticed, remembered, not counted, and healed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::{fs, os::unix::fs::FileExt, path::PathBuf};

use bytes::Bytes;
use common::{files, until, upload, wav};
use futures_util::StreamExt;
use kadenza_contract::{AudioRequest, Error, MusicService, Outcome, SongId};
use kadenza_library::{Library, LibraryConfig};
use sqlx::Connection;
use tempfile::TempDir;

/// The audio file of a directory that has one.
fn file(directory: &TempDir) -> PathBuf {
    let all = files(directory);
    let audio = all.into_iter().filter(|path| !path.ends_with("library"));
    let [one] = audio
        .collect::<Vec<_>>()
        .try_into()
        .expect("one audio file");
    one
}

async fn heard(library: &Library, id: &SongId) -> Result<Vec<u8>, Error> {
    let audio = library.audio(&AudioRequest::whole(*id)).await?;
    let mut stream = audio.expect("a song that is there").stream;
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

/// Without a scrub: a listener must find it.
fn config() -> LibraryConfig {
    LibraryConfig {
        scrub_bytes_per_second: 0,
        ..LibraryConfig::default()
    }
}

async fn reopened(directory: &TempDir) -> Library {
    Library::open(directory.path(), config()).await.unwrap()
}

async fn sql(directory: &TempDir, statement: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new();
    let options = options.filename(directory.path().join("library.db"));
    let mut database = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    sqlx::query(statement).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
}

/// A way to lose audio.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Damage {
    Flipped,
    Cut,
    Lengthened,
    Deleted,
    Unreadable,
    HashesGone,
    HashesWrong,
}

use Damage::{Cut, Deleted, Flipped, HashesGone, HashesWrong, Lengthened, Unreadable};

impl Damage {
    const ALL: [Damage; 7] = [
        Flipped,
        Cut,
        Lengthened,
        Deleted,
        Unreadable,
        HashesGone,
        HashesWrong,
    ];

    async fn happen(self, directory: &TempDir) {
        let path = file(directory);
        let size = fs::metadata(&path).unwrap().len();
        let open = || {
            fs::File::options()
                .write(true)
                .read(true)
                .open(&path)
                .unwrap()
        };
        match self {
            Flipped => {
                let (file, mut byte) = (open(), [0]);
                file.read_exact_at(&mut byte, size / 2).unwrap();
                file.write_all_at(&[!byte[0]], size / 2).unwrap();
                file.sync_all().unwrap();
            }
            Cut => open().set_len(size / 2).unwrap(),
            Lengthened => open().write_all_at(b"x", size).unwrap(),
            Deleted => fs::remove_file(path).unwrap(),
            // Permissions do not stop the superuser, who may run this test.
            Unreadable => {
                fs::remove_file(&path).unwrap();
                fs::create_dir(&path).unwrap();
            }
            HashesGone => sql(directory, "DELETE FROM audio").await,
            HashesWrong => {
                sql(
                    directory,
                    "UPDATE audio SET chunks = zeroblob(length(chunks))",
                )
                .await;
            }
        }
    }

    /// Whether all bytes are still there, so that the library helps itself.
    fn is_of_the_database(self) -> bool {
        matches!(self, HashesGone | HashesWrong)
    }
}

async fn copies(library: &Library, id: &SongId) -> u64 {
    let copies = library.copies(id).await.unwrap().expect("the song");
    copies.recordings.iter().map(|one| one.copies).sum()
}

/// 700 KB: three chunks.
fn song() -> Bytes {
    wav("Title", "Artist", "Album", 45, 1)
}

#[tokio::test]
async fn damaged_audio_does_not_count_and_is_healed_by_an_upload() {
    for damage in Damage::ALL {
        let directory = TempDir::new().unwrap();
        let library = reopened(&directory).await;
        let id = upload(&library, song()).await.unwrap().song.id();
        library.close().await;
        damage.happen(&directory).await;

        let library = reopened(&directory).await;
        // The bytes that belong to it are whole where one is only too many.
        match heard(&library, &id).await {
            Ok(_) if damage == Lengthened => continue,
            Ok(_) if damage.is_of_the_database() => {}
            heard => {
                let error = heard.unwrap_err();
                assert!(
                    matches!(error, Error::Damaged { .. }),
                    "{damage:?}: {error}"
                );
            }
        }
        if damage.is_of_the_database() {
            let whole = async || {
                heard(&library, &id)
                    .await
                    .is_ok_and(|heard| heard == song())
            };
            until("the hashes are made anew from the audio", whole).await;
            // That it was doubted is forgotten after it can be heard.
            let counts = async || copies(&library, &id).await == 1;
            until("its copy counts again", counts).await;
            continue;
        }
        assert_eq!(copies(&library, &id).await, 0, "{damage:?}");
        assert_eq!(library.status().await.unwrap().storage.unwrap().damaged, 1);
        library.close().await;
        let library = reopened(&directory).await;
        assert_eq!(copies(&library, &id).await, 0, "{damage:?} after a restart");
        assert!(
            library.song(&id).await.unwrap().is_some(),
            "it is still listed"
        );

        if damage == Unreadable {
            fs::remove_dir(file_place(&directory)).unwrap();
        }
        let again = upload(&library, song()).await.unwrap();
        assert_eq!(again.outcome, Outcome::Added, "{damage:?}");
        assert_eq!(heard(&library, &id).await.unwrap(), song(), "{damage:?}");
        assert_eq!(copies(&library, &id).await, 1, "{damage:?}");
        assert_eq!(library.status().await.unwrap().storage.unwrap().damaged, 0);
        let once_more = upload(&library, song()).await.unwrap();
        assert_eq!(once_more.outcome, Outcome::AlreadyThere);
        library.close().await;
        let library = reopened(&directory).await;
        assert_eq!(heard(&library, &id).await.unwrap(), song(), "{damage:?}");
    }
}

/// The directory that stands where a file should be.
fn file_place(directory: &TempDir) -> PathBuf {
    let folders = fs::read_dir(directory.path().join("audio")).unwrap();
    let folders = folders.map(|entry| entry.unwrap().path());
    let inside = folders
        .filter(|path| path.is_dir())
        .flat_map(|path| fs::read_dir(path).unwrap());
    let mut places = inside.map(|entry| entry.unwrap().path());
    places.next().expect("a place")
}

/// Nobody listened, and nothing was examined: the upload itself finds it.
#[tokio::test]
async fn an_upload_heals_damage_that_nobody_has_noticed() {
    for damage in Damage::ALL {
        let directory = TempDir::new().unwrap();
        let library = reopened(&directory).await;
        let id = upload(&library, song()).await.unwrap().song.id();
        damage.happen(&directory).await;
        if damage == Unreadable {
            fs::remove_dir(file_place(&directory)).unwrap();
        }
        let is_gone = matches!(damage, Cut | Deleted | Unreadable);
        assert_eq!(
            copies(&library, &id).await,
            u64::from(!is_gone),
            "{damage:?}"
        );
        let again = upload(&library, song()).await.unwrap();
        let outcome = match damage.is_of_the_database() {
            true => Outcome::AlreadyThere,
            false => Outcome::Added,
        };
        assert_eq!(again.outcome, outcome, "{damage:?}");
        library.close().await;
        let library = reopened(&directory).await;
        assert_eq!(copies(&library, &id).await, 1, "{damage:?}");
        assert_eq!(heard(&library, &id).await.unwrap(), song(), "{damage:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_written_to_after_the_first_listen_is_noticed() {
    for damage in [Flipped, Cut] {
        let directory = TempDir::new().unwrap();
        let library = reopened(&directory).await;
        let id = upload(&library, song()).await.unwrap().song.id();
        for _ in 0..2 {
            assert_eq!(heard(&library, &id).await.unwrap(), song());
        }
        damage.happen(&directory).await;
        let error = heard(&library, &id).await.unwrap_err();
        assert!(
            matches!(error, Error::Damaged { .. }),
            "{damage:?}: {error}"
        );
        assert_eq!(copies(&library, &id).await, 0);
    }
}

#[tokio::test]
async fn the_scrub_finds_what_nobody_hears_and_what_is_brought_back() {
    for damage in [Flipped, Cut, Lengthened, Deleted, HashesGone, HashesWrong] {
        let directory = TempDir::new().unwrap();
        let library = reopened(&directory).await;
        let id = upload(&library, song()).await.unwrap().song.id();
        library.close().await;
        let (path, backup) = (file(&directory), directory.path().join("backup"));
        fs::copy(&path, &backup).unwrap();
        damage.happen(&directory).await;
        let config = LibraryConfig {
            scrub_bytes_per_second: u64::MAX,
            ..config()
        };
        let library = Library::open(directory.path(), config).await.unwrap();
        let storage = async || library.status().await.unwrap().storage.unwrap();
        let examined = async || storage().await.scrub.passes > 0;
        until("a pass has ended", examined).await;
        if damage.is_of_the_database() {
            assert_eq!(storage().await.damaged, 0, "{damage:?}");
            assert_eq!(heard(&library, &id).await.unwrap(), song(), "{damage:?}");
            continue;
        }
        assert_eq!(storage().await.damaged, 1, "{damage:?}");
        fs::rename(&backup, &path).unwrap();
        library.close().await;
        let library = reopened(&directory).await;
        let whole = async || library.status().await.unwrap().storage.unwrap().damaged == 0;
        until("what was brought back counts again", whole).await;
        assert_eq!(copies(&library, &id).await, 1);
        assert_eq!(heard(&library, &id).await.unwrap(), song(), "{damage:?}");
    }
}

#[tokio::test]
async fn a_directory_without_its_marker_is_not_taken_for_an_empty_one() {
    let (directory, aside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let library = reopened(&directory).await;
    let id = upload(&library, song()).await.unwrap().song.id();

    // While it is open, the disk goes away and comes back.
    let (audio, away) = (directory.path().join("audio"), aside.path().join("audio"));
    fs::rename(&audio, &away).unwrap();
    let gone = async || library.status().await.unwrap().storage.unwrap().is_away;
    until("it is noticed that the directory is gone", gone).await;
    assert_eq!(copies(&library, &id).await, 0);
    fs::rename(&away, &audio).unwrap();
    let back = async || !library.status().await.unwrap().storage.unwrap().is_away;
    until("it is noticed that the directory is back", back).await;
    assert_eq!(copies(&library, &id).await, 1);
    assert_eq!(library.status().await.unwrap().storage.unwrap().damaged, 0);
    library.close().await;

    // It is not mounted when the library is opened.
    fs::rename(&audio, &away).unwrap();
    fs::create_dir(&audio).unwrap();
    let refused = Library::open(directory.path(), config()).await.unwrap_err();
    assert!(refused.to_string().contains("--audio-lost"), "{refused}");
    assert_eq!(
        fs::read_dir(&audio).unwrap().count(),
        0,
        "nothing was made there"
    );

    // Another library's directory.
    let other = TempDir::new().unwrap();
    reopened(&other).await.close().await;
    fs::remove_dir(&audio).unwrap();
    fs::rename(other.path().join("audio"), &audio).unwrap();
    let refused = Library::open(directory.path(), config()).await.unwrap_err();
    assert!(refused.to_string().contains("another library"), "{refused}");

    // It is lost: all songs are known and missing.
    fs::remove_dir_all(&audio).unwrap();
    let lost = LibraryConfig {
        is_audio_lost: true,
        ..config()
    };
    let library = Library::open(directory.path(), lost).await.unwrap();
    assert_eq!(library.status().await.unwrap().storage.unwrap().damaged, 1);
    assert_eq!(
        upload(&library, song()).await.unwrap().outcome,
        Outcome::Added
    );
    assert_eq!(heard(&library, &id).await.unwrap(), song());
}

#[tokio::test]
async fn a_library_of_before_gets_its_marker() {
    let directory = TempDir::new().unwrap();
    let library = reopened(&directory).await;
    let id = upload(&library, song()).await.unwrap().song.id();
    library.close().await;
    let marker = directory.path().join("audio/library");
    fs::remove_file(&marker).unwrap();
    let library = reopened(&directory).await;
    assert!(marker.exists());
    assert_eq!(heard(&library, &id).await.unwrap(), song());
}

/// Audio that cannot be put in its place is in the database all the same: it must not count as held.
#[tokio::test]
async fn audio_that_cannot_be_put_in_its_place_is_not_held() {
    let directory = TempDir::new().unwrap();
    let library = reopened(&directory).await;
    let id = upload(&library, song()).await.unwrap().song.id();
    let place = file(&directory);
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    for _ in 0..2 {
        let refused = upload(&library, song()).await;
        assert!(matches!(refused, Err(Error::Storage { .. })), "{refused:?}");
        assert_eq!(copies(&library, &id).await, 0);
        assert_eq!(library.status().await.unwrap().storage.unwrap().damaged, 1);
    }
    library.close().await;
    let library = reopened(&directory).await;
    assert_eq!(copies(&library, &id).await, 0, "after a restart");
    fs::remove_dir(&place).unwrap();
    upload(&library, song()).await.unwrap();
    assert_eq!(heard(&library, &id).await.unwrap(), song());
    assert_eq!(library.status().await.unwrap().storage.unwrap().damaged, 0);
}
