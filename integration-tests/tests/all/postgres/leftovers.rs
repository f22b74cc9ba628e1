//! Audio that dead servers left in the audio store, and audio that must not be taken for it.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future::join_all, stream};
use kadenza_contract::{
    AudioRequest, ContentHash, Error, MusicService, MusicServiceExt, NewSong, Outcome, Query,
    Stated,
};
use kadenza_integration_tests::{
    fixtures::AudioFile,
    servers::{self, Database},
    stacks::Backends,
};
use kadenza_services::objects::{AudioObjects, AudioStore};

/// The audio in a store, and the audio that songs have.
pub(super) async fn stored_and_needed(
    store: &str,
    database: &Database,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let stored = AudioObjects::open(store).unwrap().list();
    let stored = stored
        .map_ok(|(content, _)| content.to_string())
        .try_collect()
        .await
        .unwrap();
    let needed = database
        .ask("SELECT encode(content, 'hex') FROM recordings")
        .unwrap();
    (stored, needed.lines().map(str::to_owned).collect())
}

fn stated(title: &str) -> Stated {
    Stated {
        title: Some(title.to_owned()),
        artists: vec!["A".to_owned()],
        album: Some(String::new()),
        ..Stated::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_uploads_through_two_libraries_adds_the_song() {
    let Some(server) = servers::shared_postgres() else {
        return;
    };
    let backends = Backends::start(&server, 2).await.unwrap();
    for round in 0..10 {
        let title = format!("Round {round}");
        let uploads = (0..8).map(|n: usize| {
            let library = backends.libraries[n % 2].clone();
            // Half of them the same audio, half of them other audio.
            let bytes = AudioFile::named(&title, &(n / 4 * n).to_string(), "").bytes();
            let stated = stated(&title);
            tokio::spawn(async move { library.upload_bytes(bytes, stated).await.unwrap() })
        });
        let uploads: Vec<_> = join_all(uploads)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let count = |outcome| {
            let such = uploads.iter().filter(|upload| upload.outcome == outcome);
            such.count()
        };
        assert_eq!(
            Outcome::ALL.map(count),
            [1, 4, 3],
            "five kinds of audio, one of them four times"
        );
        let id = uploads[0].song.id();
        assert!(uploads.iter().all(|upload| upload.song.id() == id));
        let song = backends.libraries[0].song(&id).await.unwrap().unwrap();
        assert_eq!(song.recordings().len(), 5);
    }
    // The losers' audio goes by itself.
    let mut left = String::new();
    for _ in 0..200 {
        left = backends
            .database
            .ask("SELECT count(*) FROM arrivals")
            .unwrap();
        if left == "0" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(left, "0");
    let (stored, needed) = stored_and_needed(&backends.store(), &backends.database).await;
    assert_eq!(stored, needed);
    assert_eq!(needed.len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn abandoned_audio_is_removed_and_needed_audio_stays() {
    let Some(server) = servers::shared_postgres() else {
        return;
    };
    let backends = Backends::start(&server, 1).await.unwrap();
    let library = &backends.libraries[0];
    let bytes = AudioFile::named("There", "", "").bytes();
    let there = library
        .upload_bytes(bytes.clone(), stated("There"))
        .await
        .unwrap();
    let there = there.song.best().content;

    // Three dead servers and one that lives have announced audio before they put it there.
    let store = AudioObjects::open(&backends.store()).unwrap();
    let mut contents = vec![there];
    for n in 0..3u64 {
        let bytes = n.to_be_bytes();
        let content = ContentHash::of(&bytes);
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, &bytes).unwrap();
        store.put(&content, &file, 8).await.unwrap();
        contents.push(content);
    }
    for (n, content) in contents.iter().enumerate() {
        for (which, until) in [(0, "-1"), (1, if n == 1 { "60" } else { "-2" })] {
            backends
                .database
                .ask(&format!(
                    "INSERT INTO arrivals (id, content, until) VALUES \
                    (decode('{n:030x}0{which}', 'hex'), decode('{content}', 'hex'), \
                    now() + interval '{until} seconds')"
                ))
                .unwrap();
        }
    }
    let dealt_with = library.clear_up().await.unwrap();
    assert!(dealt_with >= 4, "{dealt_with}");
    let (stored, _) = stored_and_needed(&backends.store(), &backends.database).await;
    let kept: BTreeSet<String> = contents[..2].iter().map(ToString::to_string).collect();
    assert_eq!(stored, kept);
    assert_eq!(
        backends
            .database
            .ask("SELECT count(*) FROM arrivals")
            .unwrap(),
        "1"
    );
    let songs = library.search_all(&Query::all()).await.unwrap();
    let heard = library.audio_bytes(&songs[0].id()).await.unwrap();
    assert_eq!(heard, Some(bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_under_removal_is_put_again_only_after_the_removal() {
    let Some(server) = servers::shared_postgres() else {
        return;
    };
    let backends = Backends::start(&server, 1).await.unwrap();
    let library = backends.libraries[0].clone();
    let bytes = AudioFile::named("Again", "", "").bytes();
    let content = ContentHash::of(&bytes);
    backends
        .database
        .ask(&format!(
            "INSERT INTO arrivals (id, content, until, removing) VALUES \
            ('\\x00', decode('{content}', 'hex'), now() + interval '60 seconds', true)"
        ))
        .unwrap();
    let upload = tokio::spawn(async move { library.upload_bytes(bytes, stated("Again")).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (stored, _) = stored_and_needed(&backends.store(), &backends.database).await;
    assert_eq!(stored.len(), 0, "it was put while it was being removed");
    backends
        .database
        .ask("DELETE FROM arrivals WHERE removing")
        .unwrap();
    assert_eq!(upload.await.unwrap().unwrap().outcome, Outcome::Added);
    let (stored, needed) = stored_and_needed(&backends.store(), &backends.database).await;
    assert_eq!((stored.len(), stored), (1, needed));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_lease_was_lost_puts_its_audio_again() {
    let Some(server) = servers::shared_postgres() else {
        return;
    };
    let backends = Backends::start(&server, 1).await.unwrap();
    let library = backends.libraries[0].clone();
    // The first that wants to give its arrival to a song finds it gone.
    backends
        .database
        .ask(
            "CREATE SEQUENCE lost; \
         CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
            IF nextval('lost') = 1 THEN RETURN NULL; END IF; RETURN OLD; END $$; \
         CREATE TRIGGER lose BEFORE DELETE ON arrivals FOR EACH ROW EXECUTE FUNCTION lose()",
        )
        .unwrap();
    let bytes = AudioFile::named("Lost", "", "").bytes();
    let upload = library
        .upload_bytes(bytes.clone(), stated("Lost"))
        .await
        .unwrap();
    assert_eq!(upload.outcome, Outcome::Added);
    assert_eq!(
        library.audio_bytes(&upload.song.id()).await.unwrap(),
        Some(bytes)
    );
    let (stored, needed) = stored_and_needed(&backends.store(), &backends.database).await;
    assert_eq!(stored, needed);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_audio_is_an_error_and_never_other_bytes() {
    let Some(server) = servers::shared_postgres() else {
        return;
    };
    let backends = Backends::start(&server, 1).await.unwrap();
    let library = &backends.libraries[0];
    let file = AudioFile {
        audio_bytes: 700_000,
        ..AudioFile::named("Whole", "", "")
    };
    let bytes: Bytes = file.bytes();
    let pieces: Vec<_> = bytes
        .chunks(10_000)
        .map(Bytes::copy_from_slice)
        .map(Ok)
        .collect();
    let song = NewSong {
        stated: Stated::default(),
        audio: stream::iter(pieces).boxed(),
    };
    let song = library.upload(song).await.unwrap().song;
    let name = song.best().content.to_string();
    let path = backends.audio.path().join(&name[..2]).join(&name[2..]);
    let mut damaged = bytes.to_vec();
    damaged[600_000] ^= 1;
    std::fs::write(&path, &damaged).unwrap();

    let listen = async || {
        let audio = library
            .audio(&AudioRequest::whole(song.id()))
            .await
            .unwrap()
            .unwrap();
        let mut heard = Vec::new();
        let mut stream = audio.stream;
        loop {
            match stream.next().await {
                Some(Ok(piece)) => heard.extend_from_slice(&piece),
                Some(Err(error)) => {
                    assert!(stream.next().await.is_none());
                    return (heard, Some(error));
                }
                None => return (heard, None),
            }
        }
    };
    let (heard, error) = listen().await;
    assert!(matches!(error, Some(Error::Damaged { .. })), "{error:?}");
    assert_eq!(heard[..], bytes[..heard.len()]);
    std::fs::remove_file(&path).unwrap();
    let (heard, error) = listen().await;
    assert!(matches!(error, Some(Error::Damaged { .. })), "{error:?}");
    assert!(heard.is_empty());
}
