//! Audio that is damaged in the store of a library on PostgreSQL: noted for all servers, and healed by the
//! same upload.

use std::{fs, path::PathBuf};

use bytes::Bytes;
use kadenza_contract::{ContentHash, Error, MusicService, MusicServiceExt, Outcome, SongId};
use kadenza_integration_tests::{fixtures::AudioFile, servers, stacks::Backends};
use kadenza_services::postgres::PostgresLibrary;

pub(super) fn song() -> Bytes {
    let file = AudioFile {
        audio_bytes: 700_000,
        ..AudioFile::named("Fragile", "", "")
    };
    file.bytes()
}

/// The file that has the audio of the song.
pub(super) fn file(store: &str) -> PathBuf {
    let name = ContentHash::of(&song()).to_string();
    let mut folders = vec![PathBuf::from(store.trim_start_matches("file://"))];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if file.len() > 8 && name.ends_with(&file) {
                return path;
            }
        }
    }
    panic!("no audio in {store}");
}

pub(super) async fn copies(library: &PostgresLibrary, id: &SongId) -> u64 {
    let copies = library.copies(id).await.unwrap().expect("the song");
    copies.recordings[0].copies
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_noted_for_all_servers_and_healed_by_an_upload() {
    let Some(server) = servers::shared_postgres() else {
        return;
    };
    for listened in [true, false] {
        for (what, damage) in [
            (
                "flipped",
                (|file| {
                    let mut bytes = fs::read(file).unwrap();
                    bytes[600_000] ^= 1;
                    fs::write(file, bytes).unwrap();
                }) as fn(&PathBuf),
            ),
            ("cut", |file| {
                let file = fs::File::options().write(true).open(file).unwrap();
                file.set_len(300_000).unwrap();
            }),
            ("deleted", |file| fs::remove_file(file).unwrap()),
        ] {
            let backends = Backends::start(&server, 2).await.unwrap();
            let [one, other] = [0, 1].map(|number| &backends.libraries[number]);
            let upload = one.upload_bytes(song(), Default::default()).await;
            let id = upload.unwrap().song.id();
            damage(&file(&backends.store()));
            if listened {
                let heard = one.audio_bytes(&id).await;
                assert!(matches!(heard, Err(Error::Damaged { .. })), "{what}");
                assert_eq!(copies(other, &id).await, 0, "{what}");
            }
            let again = other.upload_bytes(song(), Default::default()).await;
            assert_eq!(again.unwrap().outcome, Outcome::Added, "{what}");
            for library in [one, other] {
                assert_eq!(copies(library, &id).await, 1, "{what}");
                let heard = library.audio_bytes(&id).await.unwrap();
                assert_eq!(heard.unwrap(), song(), "{what}");
            }
            let again = one.upload_bytes(song(), Default::default()).await;
            assert_eq!(again.unwrap().outcome, Outcome::AlreadyThere, "{what}");
        }
    }
}
