//! Songs and their recordings: which audio is which song, and on how many machines it is.

use kadenza_contract::{
    AudioRequest, ContentHash, Limit, MusicServiceExt as _, Outcome, Query, Song, SongId, Sort,
    Stated,
};

use crate::conformance::{
    Ground, Promise, Verdict,
    ground::{eventually, name_of},
    promise::promise,
    verdict::ensure,
};
use crate::fixtures::{AudioFile, Kind};

pub(super) const PROMISES: &[Promise] = &[
    promise!(the_copies_of_an_acknowledged_upload_are_enough),
    promise!(other_audio_of_the_same_names_is_another_recording),
    promise!(a_song_has_an_entry_for_each_place_on_its_album),
    promise!(names_that_fold_to_the_same_are_the_same_song),
    promise!(the_same_audio_may_be_several_songs),
];

async fn the_copies_of_an_acknowledged_upload_are_enough(on: &Ground) -> Verdict {
    let file = on.file("Counted copies");
    let song = on.add(&file).await?;
    let other = AudioFile {
        seed: file.seed ^ 1,
        ..file.clone()
    };
    let song = [song, on.upload(&other).await?.song];
    on.remember(song[1].clone());
    // A machine within reach may be late for a moment.
    eventually(|| async {
        let copies = on.service().copies(&song[0].id()).await?;
        let contents = [&file, &other].map(|file| ContentHash::of(&file.bytes()));
        ensure!(
            copies
                .as_ref()
                .is_some_and(|copies| contents.iter().all(|of| copies.is_durable(of))),
            "of the recordings {contents:?} there are {copies:?}"
        );
        Ok(())
    })
    .await?;
    let absent = SongId::of(&format!("Absent {}", on.word()), "", "");
    ensure!(
        on.service().copies(&absent).await?.is_none(),
        "a song that is not there has copies"
    );
    Ok(())
}

async fn other_audio_of_the_same_names_is_another_recording(on: &Ground) -> Verdict {
    let file = on.file("Several recordings");
    let song = on.add(&file).await?;
    let mut files = vec![file.bytes()];
    for (n, kind) in Kind::ALL.into_iter().enumerate() {
        let other = AudioFile {
            kind,
            seed: file.seed ^ (n as u64 + 1),
            audio_bytes: 90_000,
            year: Some(2000),
            ..file.clone()
        };
        let upload = on.upload(&other).await?;
        files.push(other.bytes());
        ensure!(
            upload.outcome == Outcome::RecordingAdded,
            "other audio for a song that is there was said to be {:?}",
            upload.outcome
        );
        let contents: Vec<ContentHash> = files.iter().map(|file| ContentHash::of(file)).collect();
        let is_whole = |song: &Song| {
            let has = |content| song.recording(content).is_some();
            song.recordings().len() == files.len() && contents.iter().all(has)
        };
        ensure!(
            upload.song.id() == song.id() && is_whole(&upload.song),
            "after {} recordings, the answer to the last tells of {:?}",
            files.len(),
            upload.song
        );
        let found = on.service().song(&song.id()).await?;
        ensure!(
            found.as_ref().is_some_and(is_whole),
            "after {} recordings, the song has {found:?}",
            files.len()
        );
        on.remember(upload.song.clone());
        for file in &files {
            let request = AudioRequest {
                recording: Some(ContentHash::of(file)),
                ..AudioRequest::whole(song.id())
            };
            let heard = on.hear_as(&request).await?;
            ensure!(
                heard.as_ref() == Some(file),
                "a recording of {} does not sound as it was uploaded",
                name_of(&song)
            );
        }
        let best = files
            .iter()
            .find(|file| ContentHash::of(file) == upload.song.best().content);
        let heard = on.hear(&song.id()).await?;
        ensure!(
            heard.as_ref() == best,
            "{} does not play its best recording",
            name_of(&song)
        );
        let hits = on.service().search_all(&on.mine()).await?;
        ensure!(
            hits.iter().filter(|hit| hit.id() == song.id()).count() == 1,
            "a song of {} recordings is not one hit",
            files.len()
        );
    }
    on.page_is_right(&on.mine()).await
}

async fn a_song_has_an_entry_for_each_place_on_its_album(on: &Ground) -> Verdict {
    let album = format!("{} with interludes", on.word());
    let file = |title: &str, track| AudioFile {
        album: album.clone(),
        track: Some(track),
        seed: on.seed() ^ u64::from(track),
        ..on.file(title)
    };
    let interlude = file("Interlude", 2);
    let song = on.add(&interlude).await?.id();
    on.add(&file("Between", 5)).await?;
    // The same place in another quality is no further entry.
    let better = AudioFile {
        kind: Kind::Flac,
        seed: on.seed() ^ 77,
        ..interlude.clone()
    };
    let later = file("Interlude", 7);
    for other in [&later, &better] {
        on.remember(on.upload(other).await?.song);
    }
    let mut query = Query {
        album: Some(album.clone()),
        sort: Sort::Album,
        ..Query::all()
    };
    on.page_is_right(&query).await?;
    query.limit = Limit::new(1)?;
    let mut tracks = Vec::new();
    loop {
        let page = on.service().search(&query).await?;
        for entry in &page.items {
            let track = entry.tags().track();
            tracks.push(track);
            ensure!(
                entry.pinned().is_some() == (entry.id() == song),
                "an entry does not name its recording, or needlessly: {entry:?}"
            );
            let Some(content) = entry.pinned() else {
                continue;
            };
            let request = AudioRequest {
                recording: Some(*content),
                ..AudioRequest::whole(song)
            };
            let heard = on.hear_as(&request).await?;
            let is_of_its_place = [&interlude, &later, &better]
                .iter()
                .any(|file| file.track == track && heard.as_ref() == Some(&file.bytes()));
            ensure!(
                is_of_its_place,
                "track {track:?} plays audio of another place"
            );
        }
        match page.next {
            Some(next) if tracks.len() < 9 => query.after = Some(next),
            _ => break,
        }
    }
    ensure!(
        tracks == [Some(2), Some(5), Some(7)],
        "one by one, the album has the tracks {tracks:?}"
    );
    on.page_is_right(&on.mine()).await
}

async fn names_that_fold_to_the_same_are_the_same_song(on: &Ground) -> Verdict {
    let file = on.file("Straße der Träume");
    let song = on.add(&file).await?;
    let titles = ["STRASSE DER TRÄUME", "  straße \t der  tra\u{308}ume "];
    for (n, title) in titles.into_iter().enumerate() {
        // With the same audio, a lost answer could not be told from a first upload.
        let other = AudioFile {
            seed: file.seed ^ (n as u64 + 1),
            ..file.clone()
        };
        let again = on
            .send(
                other.bytes(),
                Stated {
                    title: Some(title.into()),
                    artists: vec![on.artist().to_uppercase()],
                    album: None,
                    ..Stated::default()
                },
            )
            .await?;
        ensure!(
            again.outcome == Outcome::RecordingAdded && again.song.id() == song.id(),
            "{title:?} was not taken for {:?}, but became {:?}",
            file.title,
            again.song
        );
        on.remember(again.song);
    }
    let other = on.file("Strase der Traume");
    on.add(&other).await?;
    on.page_is_right(&on.mine()).await
}

async fn the_same_audio_may_be_several_songs(on: &Ground) -> Verdict {
    let file = on.file("One of several");
    let mut songs = vec![on.add(&file).await?];
    for n in 0..3 {
        let stated = Stated {
            title: Some(format!("Several {n}")),
            ..Stated::default()
        };
        let upload = on.send(file.bytes(), stated).await?;
        ensure!(
            upload.outcome == Outcome::Added,
            "a song of another name with known audio was said to be there already"
        );
        songs.push(upload.song);
    }
    for song in &songs {
        on.is_there(song, &file.bytes()).await?;
    }
    Ok(())
}
