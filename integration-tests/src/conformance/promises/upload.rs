//! Uploading: what is acknowledged is there, what is refused leaves nothing.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use kadenza_contract::{
    AudioStream, Browse, ContentHash, Format, GroupKind, Limit, NewSong, Outcome, SongId, Stated,
};

use crate::conformance::{
    Ground, Promise, Verdict, ground::name_of, promise::promise, verdict::ensure,
};
use crate::fixtures::{AudioFile, Kind, More};

pub(super) const PROMISES: &[Promise] = &[
    promise!(an_acknowledged_upload_is_known_to_every_question),
    promise!(an_acknowledged_upload_survives_a_restart on an empty service),
    promise!(an_upload_tells_what_was_uploaded),
    promise!(tags_are_read_from_every_kind_of_file),
    promise!(what_the_uploader_states_wins_over_the_tags),
    promise!(a_stated_empty_album_means_none),
    promise!(a_path_names_what_neither_uploader_nor_tags_name),
    promise!(a_repeated_upload_is_already_there_and_changes_nothing),
    promise!(the_time_of_an_upload_is_when_it_was_taken_in),
    promise!(a_body_may_come_in_pieces_of_any_size),
    promise!(a_large_file_arrives_whole),
];

async fn an_acknowledged_upload_is_known_to_every_question(on: &Ground) -> Verdict {
    for n in 0..5 {
        let file = AudioFile {
            genre: format!("Genre {}", on.word()),
            ..on.file(&format!("Known {n}"))
        };
        let song = on.add(&file).await?;
        // At once, in this order: the first question after the acknowledgement differs each time.
        if n % 2 == 0 {
            on.page_is_right(&on.mine()).await?;
        }
        on.is_there(&song, &file.bytes()).await?;
        for (kind, name) in [
            (GroupKind::Artist, &file.artist),
            (GroupKind::Album, &file.album),
            (GroupKind::Genre, &file.genre),
        ] {
            let browse = Browse {
                artist: Some(on.artist()),
                limit: Limit::new(500)?,
                ..Browse::all(kind)
            };
            let groups = on.service().browse(&browse).await?.items;
            ensure!(
                groups.iter().any(|group| group.name == *name),
                "the {kind:?} {name:?} of an acknowledged song is not among the groups {groups:?}"
            );
        }
    }
    Ok(())
}

async fn an_acknowledged_upload_survives_a_restart(on: &Ground) -> Verdict {
    let mut kept = Vec::new();
    for (n, kind) in Kind::ALL.into_iter().enumerate() {
        let file = AudioFile {
            kind,
            audio_bytes: 300_000 * n + 5000,
            ..on.file(&format!("Kept {n}"))
        };
        kept.push((on.add(&file).await?, file.bytes()));
    }
    if !on.restart().await? {
        return Ok(());
    }
    for (song, audio) in &kept {
        on.is_there(song, audio).await?;
    }
    on.page_is_right(&on.mine()).await
}

async fn an_upload_tells_what_was_uploaded(on: &Ground) -> Verdict {
    for kind in Kind::ALL {
        let file = AudioFile {
            kind,
            audio_bytes: 40_000,
            ..on.file(&format!("Told {kind:?}"))
        };
        let song = on.add(&file).await?;
        let (recording, bytes) = (song.best(), file.bytes());
        let format = match kind {
            Kind::WavId3 | Kind::WavInfo => Format::Wav,
            Kind::Flac => Format::Flac,
            Kind::Mp3 => Format::Mp3,
        };
        let id = SongId::of(&file.title, &file.artist, &file.album);
        ensure!(
            song.id() == id,
            "{file:?} became the song {:?}, not {id:?}",
            song.id()
        );
        ensure!(
            recording.content == ContentHash::of(&bytes),
            "the content hash of {} is not that of its audio",
            name_of(&song)
        );
        ensure!(
            recording.size == bytes.len() as u64,
            "{} has {} bytes and is said to have {}",
            name_of(&song),
            bytes.len(),
            recording.size
        );
        ensure!(
            recording.format == format,
            "{} is {format:?}, not {:?}",
            name_of(&song),
            recording.format
        );
        let (said, lasts) = (recording.duration_ms.unwrap_or(0), file.duration_ms());
        // Readers differ by a frame or two.
        ensure!(
            said.abs_diff(lasts) <= 60,
            "{} lasts {lasts} ms, not {said}",
            name_of(&song)
        );
    }
    Ok(())
}

async fn tags_are_read_from_every_kind_of_file(on: &Ground) -> Verdict {
    for kind in Kind::ALL {
        let file = AudioFile {
            kind,
            genre: "Szimfonikus metál".into(),
            track: Some(7),
            disc: Some(2),
            year: Some(1997),
            ..on.file(&format!("Tőr és Ångström {kind:?}"))
        };
        let song = on.add(&file).await?;
        let tags = song.tags();
        ensure!(
            (tags.title(), tags.artist(), tags.album())
                == (
                    file.title.as_str(),
                    file.artist.as_str(),
                    file.album.as_str()
                ),
            "{kind:?}: the tags of {file:?} were read as {tags:?}"
        );
        ensure!(
            tags.genre() == Some(file.genre.as_str())
                && tags.track() == file.track
                && tags.year() == file.year,
            "{kind:?}: genre, track or year of {file:?} were read as {tags:?}"
        );
        let disc = (kind != Kind::WavInfo).then_some(2);
        ensure!(
            tags.disc() == disc,
            "{kind:?}: the disc is {disc:?}, not {:?}",
            tags.disc()
        );
    }
    Ok(())
}

async fn what_the_uploader_states_wins_over_the_tags(on: &Ground) -> Verdict {
    let file = AudioFile {
        genre: "Ska".into(),
        track: Some(3),
        ..on.file("From the file")
    };
    let file = file.with(More::AlbumArtist, "The band of the file");
    let of_album = ["The band", "Her friends"].map(|name| format!("{name} {}", on.word()));
    let (title, artist, album) = (
        format!("Stated {}", on.word()),
        format!("Somebody {}", on.word()),
        format!("Elsewhere {}", on.word()),
    );
    for (stated, expected) in [
        (
            Stated {
                title: Some(title.clone()),
                ..Stated::default()
            },
            [&title, &file.artist, &file.album],
        ),
        (
            Stated {
                artists: vec![artist.clone()],
                ..Stated::default()
            },
            [&file.title, &artist, &file.album],
        ),
        (
            Stated {
                title: Some(title.clone()),
                artists: vec![artist.clone()],
                album: Some(album.clone()),
                album_artists: of_album.to_vec(),
                ..Stated::default()
            },
            [&title, &artist, &album],
        ),
    ] {
        let song = on.send(file.bytes(), stated.clone()).await?.song;
        let tags = song.tags();
        ensure!(
            [tags.title(), tags.artist(), tags.album()] == expected.map(String::as_str),
            "{stated:?} over {file:?} became {tags:?}"
        );
        let of_album = match &stated.album_artists[..] {
            [] => vec!["The band of the file"],
            named => named.iter().map(String::as_str).collect(),
        };
        ensure!(
            tags.album_artists().values().eq(of_album.iter().copied()),
            "{stated:?} put the song on an album by {:?}",
            tags.album_artists()
        );
        ensure!(
            tags.genre() == Some("Ska") && tags.track() == Some(3),
            "{stated:?} took away what it did not state: {tags:?}"
        );
        on.is_there(&song, &file.bytes()).await?;
    }
    Ok(())
}

async fn a_stated_empty_album_means_none(on: &Ground) -> Verdict {
    let file = on.file("Single");
    let stated = Stated {
        album: Some(String::new()),
        ..Stated::default()
    };
    let song = on.send(file.bytes(), stated).await?.song;
    ensure!(
        song.tags().album().is_empty(),
        "an empty album was stated, and the song is on {:?}",
        song.tags().album()
    );
    on.is_there(&song, &file.bytes()).await
}

async fn a_path_names_what_neither_uploader_nor_tags_name(on: &Ground) -> Verdict {
    let artist = on.artist();
    for kind in Kind::ALL {
        let title = format!("Found {kind:?} {}", on.word());
        let path = format!("07 - {artist} - {title}.wav");
        // Without tags, without an artist in the tags, with all of them, and with a stated title.
        for (n, (tagged, named, stated)) in [
            (["", ""], [title.as_str(), artist.as_str()], None),
            (["Tagged", ""], ["Tagged", artist.as_str()], None),
            (["", "Somebody"], [title.as_str(), "Somebody"], None),
            (["Tagged", "Somebody"], ["Tagged", "Somebody"], None),
            (["", ""], ["Stated", artist.as_str()], Some("Stated")),
        ]
        .into_iter()
        .enumerate()
        {
            let word = on.word();
            let own = |name: &str| match name {
                "" => String::new(),
                name if name == title || name == artist => name.to_owned(),
                name => format!("{name} {n} {word} {kind:?}"),
            };
            let file = AudioFile {
                kind,
                seed: n as u64,
                ..AudioFile::named(&own(tagged[0]), &own(tagged[1]), "")
            };
            let stated = Stated {
                title: stated.map(own),
                path: Some(path.clone()),
                ..Stated::default()
            };
            let upload = on.send(file.bytes(), stated.clone()).await?;
            let tags = upload.song.tags();
            ensure!(
                [tags.title(), tags.artist()] == named.map(own).each_ref().map(String::as_str),
                "{stated:?} over {file:?} became {tags:?}"
            );
            let from_path: Vec<&str> = upload.from_path.names().collect();
            let mut expected = Vec::new();
            if tagged[0].is_empty() && stated.title.is_none() {
                expected.push("title");
            }
            if tagged[1].is_empty() {
                expected.push("artist");
            }
            ensure!(
                from_path == expected,
                "{stated:?} over {file:?}: {from_path:?} are said to come from the path, not {expected:?}"
            );
        }
    }
    Ok(())
}

async fn a_repeated_upload_is_already_there_and_changes_nothing(on: &Ground) -> Verdict {
    let file = on.file("Again");
    let song = on.add(&file).await?;
    for _ in 0..3 {
        let again = on.upload(&file).await?;
        ensure!(
            again.outcome == Outcome::AlreadyThere,
            "a repeated upload was said to be {:?}",
            again.outcome
        );
        ensure!(
            again.song == song,
            "the answer to a repeated upload tells another song: {:?} instead of {song:?}",
            again.song
        );
        on.is_there(&song, &file.bytes()).await?;
        on.page_is_right(&on.mine()).await?;
    }
    Ok(())
}

async fn the_time_of_an_upload_is_when_it_was_taken_in(on: &Ground) -> Verdict {
    for n in 0..3 {
        let before = milliseconds_now();
        let song = on.add(&on.file(&format!("Now {n}"))).await?;
        let (at, after) = (song.best().added_at.as_millisecond(), milliseconds_now());
        // All clocks here are one clock; the slack is for the rounding to milliseconds.
        ensure!(
            before - 1 <= at && at <= after + 1,
            "uploaded from {before} to {after} ms, said to be added at {at}"
        );
    }
    Ok(())
}

fn milliseconds_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

async fn a_body_may_come_in_pieces_of_any_size(on: &Ground) -> Verdict {
    for size in [1, 2, 1000, usize::MAX] {
        let file = on.file(&format!("In pieces of {size}"));
        let bytes = file.bytes();
        let mut pieces = vec![Ok(Bytes::new())];
        for piece in bytes.chunks(size.min(bytes.len())) {
            pieces.push(Ok(Bytes::copy_from_slice(piece)));
            if pieces.len() % 100 == 0 {
                pieces.push(Ok(Bytes::new()));
            }
        }
        let audio: AudioStream = stream::iter(pieces).boxed();
        let stated = Stated::default();
        let song = on.service().upload(NewSong { stated, audio }).await?.song;
        on.is_there(&song, &bytes).await?;
    }
    Ok(())
}

async fn a_large_file_arrives_whole(on: &Ground) -> Verdict {
    for (kind, audio_bytes) in [(Kind::Flac, 5_000_001), (Kind::WavId3, 4 << 20)] {
        let file = AudioFile {
            kind,
            audio_bytes,
            ..on.file(&format!("Symphony {kind:?}"))
        };
        let song = on.add(&file).await?;
        on.is_there(&song, &file.bytes()).await?;
    }
    Ok(())
}
