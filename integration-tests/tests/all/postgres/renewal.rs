//! A database that an older program wrote: what its reader did not know of the audio is read anew, in the background.

use kadenza_contract::{Browse, GroupKind, MusicService, MusicServiceExt, Query};
use kadenza_integration_tests::{
    fixtures::{AudioFile, Kind, More},
    servers,
    stacks::Backends,
};

#[tokio::test(flavor = "multi_thread")]
async fn recordings_of_an_older_database_are_read_anew() {
    let Some(server) = servers::shared_postgres() else {
        return;
    };
    let mut backends = Backends::start(&server, 2).await.unwrap();
    let mut ids = Vec::new();
    for kind in [Kind::Flac, Kind::Mp3] {
        let file = AudioFile {
            kind,
            ..AudioFile::named(&format!("Aria {kind:?}"), "Main", "Arias")
        };
        let file = file.with(More::AlbumArtist, "The Orchestra");
        let file = file.with(More::Composer, "Strozzi").bytes();
        let upload = backends.libraries[0].upload_bytes(file, Default::default());
        ids.push(upload.await.unwrap().song.id());
    }
    let older = "UPDATE recordings SET description = (description::jsonb \
            #- '{tags,albumArtists}' #- '{tags,details}' || '{\"reader\": 1}')::text; \
        UPDATE library SET reader = 0";
    backends.database.ask(older).unwrap();
    let library = &backends.libraries[0];
    let song = library.song(&ids[0]).await.unwrap().unwrap();
    assert!(song.tags().album_artists().is_empty(), "{song:?}");

    // Both at once: what they make of the audio is the same.
    backends.reopen().await.unwrap();
    let words = Query::words("strozzi").unwrap();
    let mut found = 0;
    for _ in 0..600 {
        let page = backends.libraries[0].search(&words).await.unwrap();
        found = page.items.len();
        if found == ids.len() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(found, ids.len(), "songs that their composer finds");
    for library in &backends.libraries {
        for id in &ids {
            let song = library.song(id).await.unwrap().unwrap();
            assert_eq!(song.tags().album_artist(), "The Orchestra");
        }
        let albums = library.browse(&Browse::all(GroupKind::Album)).await;
        let albums = albums.unwrap().items;
        assert_eq!(albums.len(), 1, "{albums:?}");
        assert_eq!(albums[0].artist.as_deref(), Some("The Orchestra"));
    }
}
