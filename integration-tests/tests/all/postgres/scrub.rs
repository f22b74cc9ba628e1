//! The scrub of a library on PostgreSQL: it finds what nobody hears, one server does it, and another one goes
//! on where that one stopped.

use std::{fs, path::Path, time::Duration};

use kadenza_contract::{Error, MusicService, MusicServiceExt, Outcome, StorageStatus};
use kadenza_integration_tests::{
    fixtures::AudioFile,
    servers::{self, Database},
    stacks::Backends,
};
use kadenza_services::postgres::PostgresLibrary;

use super::damage::{copies, file, song};

async fn storage(library: &PostgresLibrary) -> StorageStatus {
    library.status().await.unwrap().storage.expect("its state")
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: not within a minute");
}

/// Waits until so many passes have ended; the last of two began after this was called.
async fn passes(library: &PostgresLibrary, count: u64) {
    let begun = storage(library).await.scrub.passes;
    until("passes have ended", async || {
        storage(library).await.scrub.passes >= begun + count
    })
    .await;
}

fn scrubbing(database: &Database) -> String {
    let ask = "SELECT encode(server, 'hex') FROM scrub WHERE until > now()";
    database.ask(ask).unwrap().trim().to_owned()
}

/// What befalls a file.
type Damage = fn(&Path);

fn flip(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    bytes[600_000] ^= 1;
    fs::write(file, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scrub_finds_damage_on_postgres_and_what_is_whole_again() {
    let Some(server) = servers::shared_postgres() else {
        return;
    };
    let kinds: [(&str, Damage); 5] = [
        ("flipped", flip),
        ("cut", |file| {
            let file = fs::File::options().write(true).open(file).unwrap();
            file.set_len(300_000).unwrap();
        }),
        ("lengthened", |file| {
            let file = fs::File::options().write(true).open(file).unwrap();
            file.set_len(900_000).unwrap();
        }),
        ("deleted", |file| fs::remove_file(file).unwrap()),
        ("unreadable", |file| {
            fs::remove_file(file).unwrap();
            std::os::unix::fs::symlink(file, file).unwrap();
        }),
    ];
    for (what, damage) in kinds {
        let mut backends = Backends::start(&server, 2).await.unwrap();
        let upload = backends.libraries[0].upload_bytes(song(), Default::default());
        let id = upload.await.unwrap().song.id();
        let path = file(&backends.store());
        damage(&path);
        // Nobody listens.
        for library in &backends.libraries {
            let found = async || storage(library).await.damaged == 1;
            until(&format!("the scrub finds what is {what}"), found).await;
            assert_eq!(copies(library, &id).await, 0, "{what}");
            assert_eq!(library.status().await.unwrap().bytes, 0, "{what}");
        }
        // A restart does not forget, and the same bytes brought back are found.
        let is_uploaded = what == "flipped";
        if !is_uploaded {
            let _ = fs::remove_file(&path);
            fs::write(&path, song()).unwrap();
        }
        backends.reopen().await.unwrap();
        let [one, other] = [0, 1].map(|number| &backends.libraries[number]);
        if is_uploaded {
            assert_eq!(storage(one).await.damaged, 1, "{what}");
            let again = other.upload_bytes(song(), Default::default()).await;
            assert_eq!(again.unwrap().outcome, Outcome::Added, "{what}");
        }
        until(&format!("what was {what} is whole again"), async || {
            storage(one).await.damaged == 0
        })
        .await;
        assert_eq!(copies(other, &id).await, 1, "{what}");
        let heard = one.audio_bytes(&id).await.unwrap();
        assert_eq!(heard.unwrap(), song(), "{what}");
    }
}

/// The hashes of the chunks are in the database, and can be damaged too. The audio tells what they are.
#[tokio::test(flavor = "multi_thread")]
async fn hashes_that_are_damaged_in_postgres_are_made_anew() {
    let Some(server) = servers::shared_postgres() else {
        return;
    };
    for damage in ["'\\x00'", "set_byte(chunks, 3, 255 - get_byte(chunks, 3))"] {
        let mut backends = Backends::start(&server, 1).await.unwrap();
        let upload = backends.libraries[0].upload_bytes(song(), Default::default());
        let id = upload.await.unwrap().song.id();
        let update = format!("UPDATE audio SET chunks = {damage}");
        backends.database.ask(&update).unwrap();
        // What is in memory knows nothing of it.
        backends.reopen().await.unwrap();
        let library = &backends.libraries[0];
        passes(library, 2).await;
        assert_eq!(storage(library).await.damaged, 0, "{damage}");
        let heard = library.audio_bytes(&id).await.unwrap();
        assert_eq!(heard.unwrap(), song(), "{damage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_servers_scrubs_until_it_is_gone() {
    let Some(server) = servers::shared_postgres() else {
        return;
    };
    let mut backends = Backends::start(&server, 3).await.unwrap();
    for n in 0..5 {
        let audio = AudioFile::named(&format!("Number {n}"), "A", "").bytes();
        let upload = backends.libraries[0].upload_bytes(audio, Default::default());
        upload.await.unwrap();
    }
    passes(&backends.libraries[0], 1).await;
    let mut names = vec![scrubbing(&backends.database)];
    passes(&backends.libraries[0], 1).await;
    assert_eq!(scrubbing(&backends.database), names[0], "one keeps at it");
    // Killed one after the other: whoever is left takes over, and counts on from where the others came.
    while backends.libraries.len() > 1 {
        let before = storage(&backends.libraries[0]).await.scrub;
        drop(backends.libraries.pop());
        let library = &backends.libraries[0];
        passes(library, 1).await;
        let after = storage(library).await.scrub;
        assert!(after.passes > before.passes && after.ended_at > before.ended_at);
        names.push(scrubbing(&backends.database));
    }
    backends.reopen().await.unwrap();
    let known = storage(&backends.libraries[0]).await.scrub;
    passes(&backends.libraries[0], 1).await;
    names.push(scrubbing(&backends.database));
    assert!(storage(&backends.libraries[0]).await.scrub.passes > known.passes);
    assert!(known.passes > 0, "the database has what was done before");
    names.dedup();
    assert!(names.len() > 1, "the server of before is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_is_not_taken_for_an_empty_one() {
    let Some(server) = servers::shared_postgres() else {
        return;
    };
    let mut backends = Backends::start(&server, 2).await.unwrap();
    let upload = backends.libraries[0].upload_bytes(song(), Default::default());
    let id = upload.await.unwrap().song.id();
    let mounted = backends.audio.path().to_owned();
    let away = mounted.with_extension("away");

    // The disk goes away while the servers run.
    fs::rename(&mounted, &away).unwrap();
    fs::create_dir(&mounted).unwrap();
    for library in &backends.libraries {
        assert_eq!(copies(library, &id).await, 0);
        assert!(storage(library).await.is_away);
        let heard = library.audio_bytes(&id).await;
        assert!(matches!(heard, Err(Error::Storage { .. })), "{heard:?}");
        let refused = library.upload_bytes(song(), Default::default()).await;
        assert!(matches!(refused, Err(Error::Storage { .. })), "{refused:?}");
    }
    let is_empty = || fs::read_dir(&mounted).unwrap().count() == 0;
    assert!(is_empty(), "something was written to an empty mount point");

    // And is not there when one is started.
    let refused = backends.reopen().await.unwrap_err();
    assert!(refused.contains("--audio-lost"), "{refused}");
    assert!(is_empty(), "an empty mount point was taken");

    fs::remove_dir(&mounted).unwrap();
    fs::rename(&away, &mounted).unwrap();
    backends.reopen().await.unwrap();
    let library = &backends.libraries[0];
    let state = storage(library).await;
    assert!(!state.is_away && state.damaged == 0, "{state:?}");
    assert_eq!(copies(library, &id).await, 1);
    let heard = library.audio_bytes(&id).await.unwrap();
    assert_eq!(heard.unwrap(), song());
}
