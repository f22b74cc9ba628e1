//! Real music, and files that were made to break players. Needs KADENZA_DATA.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::{
    collections::HashMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use common::{open, real_data, upload};
use kadenza_contract::{ArtworkRequest, Error, Format, MusicService, MusicServiceExt, Stated};
use kadenza_library::identify;

/// The rows of a table, by the names of its columns.
fn table(path: &Path) -> Vec<HashMap<String, String>> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned));
    let names: Vec<String> = lines.next().unwrap().collect();
    lines
        .map(|row| names.iter().cloned().zip(row).collect())
        .collect()
}

#[tokio::test]
async fn real_music_says_what_the_manifest_says() {
    let Some(data) = real_data() else { return };
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    for row in table(&data.join("audio/MANIFEST.tsv")) {
        let name = &row["path"];
        let bytes = fs::read(data.join("audio").join(name)).unwrap();
        let uploaded = upload(&library, bytes.clone().into()).await;
        if row["title"].is_empty() {
            assert!(
                matches!(uploaded, Err(Error::NoTitle)),
                "{name}: {uploaded:?}"
            );
            let stated = Stated {
                title: Some(format!("Untitled {name}")),
                ..Stated::default()
            };
            library.upload_bytes(bytes.into(), stated).await.unwrap();
            continue;
        }
        // The same song as another file is another recording of it, and 09 is the better one.
        let song = uploaded.unwrap().song;
        let tags = song.tags();
        assert_eq!(tags.title(), row["title"], "{name}");
        assert_eq!(tags.artist(), row["artist"], "{name}");
        assert_eq!(tags.album(), row["album"], "{name}");
        assert_eq!(tags.genre().unwrap_or(""), row["genre"], "{name}");
        assert_eq!(
            tags.year().map(|year| year.to_string()),
            row["date"].get(..4).map(str::to_owned),
            "{name}"
        );
        let seconds: f64 = row["duration_s"].parse().unwrap();
        let measured = song.best().duration_ms.unwrap() as f64 / 1000.0;
        assert!(
            (measured / seconds - 1.0).abs() < 0.01,
            "{name}: {measured} s, not {seconds} s"
        );
        assert!(song.best().bit_rate.is_some(), "{name}");
        let expected = match row["codec"].as_str() {
            "vorbis" => Format::OggVorbis,
            "mp3" => Format::Mp3,
            "aac" => Format::M4aAac,
            "alac" => Format::M4aAlac,
            "opus" => Format::Opus,
            "flac" => Format::Flac,
            other if other.starts_with("pcm") => Format::Wav,
            other => panic!("{other}"),
        };
        assert_eq!(song.best().format, expected, "{name}");
        let covered = name.starts_with("11") || name.starts_with("14");
        assert_eq!(song.best().has_artwork, covered, "{name}");
        let request = |size| ArtworkRequest {
            song: song.id(),
            size,
        };
        let cover = library.artwork(&request(None)).await.unwrap();
        assert_eq!(cover.is_some(), covered, "{name}");
        if let Some(cover) = cover {
            assert!(cover.content_type.starts_with("image/"));
            let small = library.artwork(&request(Some(64))).await.unwrap().unwrap();
            let picture = image::load_from_memory(&small.bytes).unwrap();
            assert_eq!(picture.width().max(picture.height()), 64);
        }
        assert_eq!(
            library.audio_bytes(&song.id()).await.unwrap().unwrap(),
            bytes,
            "{name}"
        );
    }
    // 01 and 09 are the same song, as are none of the others.
    assert_eq!(library.counts().songs, 18);
}

#[tokio::test]
async fn the_wav_file_has_its_tags_too() {
    let Some(data) = real_data() else { return };
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let bytes = fs::read(data.join("audio/09-defeat-pinkham.wav")).unwrap();
    let song = upload(&library, bytes.into()).await.unwrap().song;
    let (tags, best) = (song.tags(), song.best());
    assert_eq!(
        (tags.title(), tags.artist(), tags.album()),
        ("Defeat", "Timothy Pinkham", "The Battle for Wesnoth OST")
    );
    assert_eq!(
        (best.format, best.duration_ms, tags.genre()),
        (Format::Wav, Some(8487), Some("Romantic Classical"))
    );
}

#[tokio::test]
async fn odd_files_get_an_answer_or_a_clear_refusal_within_seconds() {
    let Some(data) = real_data() else { return };
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    for row in table(&data.join("odd/MANIFEST.tsv")) {
        let name = &row["path"];
        let bytes = fs::read(data.join("odd").join(name)).unwrap();
        let begun = Instant::now();
        let stated = Stated {
            title: Some(name.clone()),
            ..Stated::default()
        };
        let uploaded = library.upload_bytes(bytes.clone().into(), stated).await;
        assert!(begun.elapsed() < Duration::from_secs(5), "{name}");
        match uploaded {
            Ok(upload) => {
                let song = upload.song;
                assert_eq!(
                    library.audio_bytes(&song.id()).await.unwrap().unwrap(),
                    bytes
                );
                let request = ArtworkRequest {
                    song: song.id(),
                    size: Some(300),
                };
                let cover = library.artwork(&request).await;
                assert!(
                    matches!(cover, Ok(_) | Err(Error::Damaged { .. })),
                    "{name}: {cover:?}"
                );
                eprintln!(
                    "taken    {name}: {:?}, {:?} ms",
                    song.best().format,
                    song.best().duration_ms
                );
            }
            Err(Error::NotAudio { what }) => eprintln!("refused  {name}: {what}"),
            Err(other) => panic!("{name}: {other:?}"),
        }
    }
    let files = common::files(&directory);
    assert!(
        files
            .iter()
            .all(|path| !path.to_string_lossy().contains("incoming"))
    );
}

#[tokio::test]
async fn a_file_is_identified_as_the_song_that_its_upload_becomes() {
    let Some(data) = real_data() else { return };
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let titled = Stated {
        title: Some("A title".to_owned()),
        ..Stated::default()
    };
    let mut taken = 0;
    for folder in ["audio", "odd"] {
        let folder = data.join(folder);
        for row in table(&folder.join("MANIFEST.tsv")) {
            let path = folder.join(&row["path"]);
            let bytes = fs::read(&path).unwrap();
            for stated in [Stated::default(), titled.clone()] {
                let uploaded = library
                    .upload_bytes(bytes.clone().into(), stated.clone())
                    .await;
                let identified = identify(&path, &stated);
                match (&uploaded, &identified) {
                    (Ok(upload), Ok(tags)) => {
                        assert_eq!(upload.song.id(), tags.song_id(), "{path:?}");
                    }
                    (Err(upload), Err(error)) => {
                        assert_eq!(upload.to_string(), error.to_string(), "{path:?}");
                        continue;
                    }
                    _ => panic!("{path:?}: {uploaded:?}, but {identified:?}"),
                }
                taken += 1;
            }
        }
    }
    assert!(taken > 30, "{taken}");
}
