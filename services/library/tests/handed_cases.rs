//! Files that were read amiss once: each becomes the song that it is. Needs KADENZA_DATA.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::{fs, path::Path, process::Command};

use common::{open, real_data};
use kadenza_contract::{ArtworkRequest, Format, MusicService, MusicServiceExt, Recording, Stated};
use kadenza_library::Library;

/// A file, its format, and its duration in milliseconds.
const READ: [(&str, Format, u64); 18] = [
    ("cover12.flac", Format::Flac, 1000),
    ("enc_u16_odd.mp3", Format::Mp3, 3030),
    ("junk_0.mp3", Format::Mp3, 3030),
    ("vbr_noxing.mp3", Format::Mp3, 20_040),
    ("fragmented.m4a", Format::M4aAac, 3000),
    ("flacpipe.flac", Format::Flac, 3000),
    ("chained.ogg", Format::OggVorbis, 7000),
    ("glued.mp3", Format::Mp3, 40_050),
    ("trunc.flac", Format::Flac, 11_300),
    ("unsync.mp3", Format::Mp3, 3030),
    ("itunes24.mp3", Format::Mp3, 3030),
    ("enc_cp1251b.mp3", Format::Mp3, 3030),
    ("oggflac.oga", Format::OggFlac, 3000),
    ("rf64.wav", Format::Wav, 3000),
    ("flacinmp4.mp4", Format::M4aFlac, 3000),
    ("cover_BMP.mp3", Format::Mp3, 1045),
    ("folder_silent/wv.wv", Format::WavPack, 3000),
    ("folder_silent/mka.mka", Format::Matroska, 3000),
];

/// A file, and its title, artist, track, disc and year; what is not looked at is empty.
const NAMED: [(&str, &str, &str, [u32; 3]); 6] = [
    ("enc_u16_odd.mp3", "Odd Length", "Odd", [0; 3]),
    ("enc_cp1251b.mp3", "Ещё раз", "ДДТ", [0; 3]),
    ("itunes24.mp3", "", "iTunes", [0; 3]),
    ("year_slash.flac", "", "", [0, 0, 1997]),
    ("track_of.flac", "", "", [3, 2, 0]),
    (
        "07 - Some Artist - Untagged Song.mp3",
        "Untagged Song",
        "Some Artist",
        [7, 0, 0],
    ),
];

async fn read(library: &Library, cases: &Path, name: &str) -> Result<Recording, String> {
    let bytes = match name.strip_suffix("12.flac") {
        None => fs::read(cases.join(name)).unwrap(),
        Some(_) => {
            let packed = cases.join(name).with_extension("flac.gz");
            let unpacked = Command::new("gzip").arg("-dc").arg(packed).output();
            unpacked.unwrap().stdout
        }
    };
    let stated = Stated {
        path: Some(name.to_owned()),
        ..Stated::default()
    };
    let uploaded = library.upload_bytes(bytes.into(), stated).await;
    uploaded
        .map(|uploaded| uploaded.song.best().clone())
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn every_handed_file_is_taken_and_timed() {
    let Some(data) = real_data() else { return };
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let mut wrong = Vec::new();
    for (name, format, lasts) in READ {
        let read = read(&library, &data.join("cases"), name).await;
        let is_right = read.as_ref().is_ok_and(|read| {
            let lasted = read.duration_ms.unwrap_or(0);
            read.format == format && lasted.abs_diff(lasts) * 50 <= lasts
        });
        if !is_right {
            wrong.push(format!("{name}: {read:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_handed_file_is_named_as_is_right() {
    let Some(data) = real_data() else { return };
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    for (name, title, artist, numbers) in NAMED {
        let tags = read(&library, &data.join("cases"), name)
            .await
            .unwrap()
            .tags;
        if !title.is_empty() {
            assert_eq!(tags.title(), title, "{name}");
        }
        if !artist.is_empty() {
            assert_eq!(tags.artist(), artist, "{name}");
        }
        let read = [tags.track(), tags.disc(), tags.year()];
        for (read, expected) in read.into_iter().zip(numbers) {
            assert!(expected == 0 || read == Some(expected), "{name}: {tags:?}");
        }
        if name.starts_with("itunes") {
            assert_eq!(tags.title(), "x".repeat(300), "{name}");
        }
    }
}

#[tokio::test]
async fn the_cover_of_an_unsynchronised_tag_is_whole() {
    let Some(data) = real_data() else { return };
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let cases = data.join("cases");
    let recording = read(&library, &cases, "unsync.mp3").await.unwrap();
    let asked = ArtworkRequest {
        song: recording.tags.song_id(),
        size: None,
    };
    let cover = library.artwork(&asked).await.unwrap().unwrap();
    let expected = fs::read(cases.join("unsync_expected.jpg")).unwrap();
    assert!(cover.bytes == expected, "{} bytes", cover.bytes.len());
}

#[tokio::test]
async fn what_is_not_taken_is_refused_by_its_name() {
    let Some(data) = real_data() else { return };
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    for (file, name) in [("ac3.ac3", "AC-3"), ("wma.wma", "Windows Media Audio")] {
        let path = format!("folder_silent/{file}");
        let refused = read(&library, &data.join("cases"), &path)
            .await
            .unwrap_err();
        assert!(
            refused.contains(&format!("{name} is not taken")),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_cover_of_another_kind_is_a_picture() {
    let Some(data) = real_data() else { return };
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let recording = read(&library, &data.join("cases"), "cover_BMP.mp3")
        .await
        .unwrap();
    for (size, kind) in [(None, "image/bmp"), (Some(64), "image/jpeg")] {
        let asked = ArtworkRequest {
            song: recording.tags.song_id(),
            size,
        };
        let cover = library.artwork(&asked).await.unwrap().unwrap();
        assert_eq!(cover.content_type, kind);
    }
}
