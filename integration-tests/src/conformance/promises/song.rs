//! Looking songs up, for whoever asks.

use kadenza_contract::{MusicServiceExt, NewSong, SongId, Stated};

use crate::conformance::{
    Ground, Promise, Verdict, ground::body, promise::promise, verdict::ensure,
};

pub(super) const PROMISES: &[Promise] = &[
    promise!(an_unknown_song_is_none),
    promise!(songs_are_never_changed_by_other_songs),
    promise!(a_caller_is_answered_by_the_same_service),
];

async fn an_unknown_song_is_none(on: &Ground) -> Verdict {
    let known = on.add(&on.file("Known")).await?;
    let mut close = *known.id().as_bytes();
    close[31] ^= 1;
    for id in [
        SongId::from_bytes(close),
        SongId::from_bytes([0; 32]),
        SongId::from_bytes([0xff; 32]),
        SongId::of("Known", &on.artist(), ""),
    ] {
        let found = on.service().song(&id).await?;
        ensure!(found.is_none(), "for an unknown id there is {found:?}");
    }
    Ok(())
}

async fn songs_are_never_changed_by_other_songs(on: &Ground) -> Verdict {
    let file = on.file("Evergreen");
    let evergreen = on.add(&file).await?;
    for n in 0..12 {
        let mut other = on.file(&format!("Evergreen {n}"));
        other.year = Some(1950 + n);
        on.add(&other).await?;
    }
    on.is_there(&evergreen, &file.bytes()).await?;
    for song in on.service().search_all(&on.mine()).await? {
        ensure!(
            on.songs().contains(&song),
            "there is a song that is not as it was acknowledged: {song:?}"
        );
    }
    Ok(())
}

async fn a_caller_is_answered_by_the_same_service(on: &Ground) -> Verdict {
    let Some(theirs) = on.service().for_caller(on.credential()) else {
        return Ok(());
    };
    let known = on.add(&on.file("Known to all")).await?;
    let found = theirs.song(&known.id()).await?;
    ensure!(
        found.as_ref() == Some(&known),
        "of a song that is there a caller is told {found:?}"
    );
    let file = on.file("Brought by a caller");
    let brought = NewSong {
        stated: Stated::default(),
        audio: body(file.bytes()),
    };
    theirs.upload(brought).await?;
    let songs = on.service().search_all(&on.mine()).await?;
    ensure!(
        songs.len() == 2,
        "of a song that was there and one that a caller brought there are {songs:?}"
    );
    Ok(())
}
