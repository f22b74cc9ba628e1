//! No field of a file vetoes its audio: what can be read is read, and what cannot is left out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::io::Write;

use common::{
    comments::{data, m4a},
    flac,
    made::{flac_with, opus_with},
    mpeg::{Id3, frames, latin, picture},
    open, upload,
};
use kadenza_contract::{ArtworkRequest, MusicService, MusicServiceExt, Song, Stated};

async fn song(file: Vec<u8>) -> Song {
    let directory = tempfile::tempdir().unwrap();
    upload(&open(&directory).await, file.into())
        .await
        .unwrap()
        .song
}

fn id3(version: u8) -> Id3 {
    Id3 {
        version,
        ..Id3::default()
    }
}

/// A picture, and behind it every pair of bytes that unsynchronisation cares about.
fn jpeg(bytes: usize) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new(&mut jpeg);
    let picture =
        image::RgbImage::from_fn(40, 40, |x, y| image::Rgb([x as u8 * 6, y as u8 * 6, 0]));
    picture.write_with_encoder(encoder).unwrap();
    let all = [0xff, 0, 0, 0xff, 0xff, 0xfe, 0xff, 0x12];
    jpeg.extend(all.into_iter().cycle().take(bytes));
    jpeg
}

#[tokio::test]
async fn a_broken_text_hides_no_other_field() {
    let utf_16 = |text: &str| {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        [1, 0xff, 0xfe]
            .into_iter()
            .chain(units)
            .collect::<Vec<u8>>()
    };
    let mut odd = utf_16("Odd");
    odd.push(b'!');
    let unmarked: Vec<u8> = [vec![1], utf_16("Odd!").split_off(3)].concat();
    let lone = [utf_16("Odd!"), vec![0x00, 0xd8]].concat();
    let not_utf_8 = b"\x03Odd!\xff\xfe".to_vec();
    for version in [3, 4] {
        for (what, title) in [
            ("odd length", odd.clone()),
            ("no mark", unmarked.clone()),
            ("half a pair", lone.clone()),
            ("not UTF-8", not_utf_8.clone()),
            ("no encoding", b"Odd!".to_vec()),
        ] {
            let tag = id3(version).tag(&[
                ("TIT2", title),
                ("APIC", vec![9; 40]),
                ("COMM", vec![1, b'e']),
                ("TPE1", latin("Artist")),
            ]);
            let song = song([tag, frames(80)].concat()).await;
            let tags = song.tags();
            assert!(tags.title().starts_with("Odd!"), "{what}: {}", tags.title());
            assert_eq!(tags.artist(), "Artist", "{what}");
        }
    }
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

/// Before what is packed stands how much it is, in version 2.4 in seven bits a byte and by its own sign.
#[tokio::test]
async fn frames_that_are_packed_are_read() {
    let title = latin("A title that was packed");
    for (version, frame_flags, before) in [
        (3, 0x80, (title.len() as u32).to_be_bytes().to_vec()),
        // In a group.
        (
            3,
            0xa0,
            [&(title.len() as u32).to_be_bytes()[..], &[7]].concat(),
        ),
        (4, 0x09, (title.len() as u32).to_be_bytes().to_vec()),
        (
            4,
            0x49,
            [&[7], &(title.len() as u32).to_be_bytes()[..]].concat(),
        ),
        // Without the sign of the length, as some programs write it.
        (4, 0x08, Vec::new()),
        (4, 0x0b, (title.len() as u32).to_be_bytes().to_vec()),
    ] {
        let frame = |content: &[u8]| [&before[..], &packed(content)].concat();
        let tag = Id3 {
            version,
            frame_flags,
            ..Id3::default()
        };
        let tag = tag.tag(&[("TIT2", frame(&title)), ("TPE1", frame(&latin("Packer")))]);
        let song = song([tag, frames(80)].concat()).await;
        assert_eq!(
            song.tags().title(),
            "A title that was packed",
            "{version} {frame_flags:x}"
        );
        assert_eq!(song.tags().artist(), "Packer", "{version} {frame_flags:x}");
    }
}

/// A few hundred kilobytes would be hundreds of gigabytes: each frame is a thousandth of what it unpacks to.
#[tokio::test]
async fn packed_frames_unpack_to_no_more_than_a_bound() {
    let large = packed(&vec![0; 16 << 20]);
    let bomb = [&(16u32 << 20).to_be_bytes()[..], &large].concat();
    let tag = Id3 {
        version: 3,
        frame_flags: 0x80,
        ..Id3::default()
    };
    let mut all: Vec<(&str, Vec<u8>)> = vec![("APIC", bomb); 2000];
    let broken = [&9u32.to_be_bytes()[..], b"not packed"].concat();
    all.push(("TPE1", broken));
    let title = latin("After all");
    let len = (title.len() as u32).to_be_bytes();
    all.insert(0, ("TIT2", [&len[..], &packed(&title)].concat()));
    let song = song([tag.tag(&all), frames(80)].concat()).await;
    assert_eq!(song.tags().title(), "After all");
}

/// Fields that nobody reads must not take so long that the file is refused.
#[tokio::test]
async fn any_number_of_fields_leaves_the_audio() {
    let many = |name: &'static str, n: usize| {
        (
            name,
            [&b"\0key"[..], format!("{n}\0value").as_bytes()].concat(),
        )
    };
    let mut all: Vec<_> = (0..70_000).map(|n| many("TXXX", n)).collect();
    all.push(("TIT2", latin("Last")));
    for version in [3, 4] {
        let song = song([id3(version).tag(&all), frames(80)].concat()).await;
        assert_eq!(song.tags().title(), "Last", "{version}");
    }
    let texts: Vec<String> = (0..70_000).map(|n| format!("KEY{n}=value")).collect();
    let texts: Vec<&str> = texts
        .iter()
        .map(String::as_str)
        .chain(["TITLE=Last"])
        .collect();
    let song_of_flac = song(flac_with(0, 9, &texts)).await;
    assert_eq!(song_of_flac.tags().title(), "Last");
}

#[tokio::test]
async fn junk_before_the_first_frame_is_passed_over() {
    let tag = id3(3).tag(&[("TIT2", latin("Title")), ("TPE1", latin("Artist"))]);
    let noise: Vec<u8> = (0..70_000u32)
        .map(|n| (n.wrapping_mul(n) >> 3) as u8)
        .collect();
    // Looks like a frame, and is none.
    let false_frame = [&[0xff, 0xfb, 0x90, 0], &[7; 900][..]].concat();
    for junk in [
        vec![0; 5000],
        vec![0; 200_000],
        noise,
        vec![0x20; 3000],
        false_frame,
    ] {
        for before in [true, false] {
            let file = match before {
                true => [&junk[..], &tag, &frames(80)].concat(),
                false => [&tag[..], &junk, &frames(80)].concat(),
            };
            let stated = Stated {
                title: Some("Title".into()),
                ..Stated::default()
            };
            let directory = tempfile::tempdir().unwrap();
            let library = open(&directory).await;
            let song = library
                .upload_bytes(file.into(), stated)
                .await
                .unwrap_or_else(|error| panic!("{before} {}: {error}", junk.len()))
                .song;
            let lasts = song.best().duration_ms.unwrap();
            assert!(
                (2060..2120).contains(&lasts),
                "{} {before}: {lasts}",
                junk.len()
            );
            if !before {
                assert_eq!(song.tags().artist(), "Artist", "{}", junk.len());
            }
        }
    }
}

#[tokio::test]
async fn a_cover_of_any_size_hides_no_tag() {
    let large = jpeg(12 << 20);
    let tag = id3(3).tag(&[
        ("APIC", picture(&large)),
        ("TIT2", latin("Title")),
        ("TPE1", latin("Artist")),
    ]);
    // A picture in Vorbis comments is written in letters, and so becomes larger.
    let letters = format!("METADATA_BLOCK_PICTURE={}", "A".repeat(20 << 20));
    let comments = [letters.as_str(), "TITLE=Title"];
    let song_of_opus = song(opus_with(1, 3, &comments)).await;
    // More pictures than anybody would keep in memory.
    let many: Vec<_> = (0..9).map(|_| ("APIC", picture(&jpeg(9 << 20)))).collect();
    let many = [many, vec![("TIT2", latin("Title"))]].concat();
    let song_of_many = song([id3(3).tag(&many), frames(80)].concat()).await;
    let song_of_mp3 = song([tag, frames(80)].concat()).await;
    let song_of_flac = song(flac("Title", &[(3, "image/jpeg", &large)]).to_vec()).await;
    for song in [song_of_opus, song_of_many, song_of_mp3, song_of_flac] {
        assert_eq!(song.tags().title(), "Title");
    }
}

#[tokio::test]
async fn a_cover_that_is_too_large_hides_no_other() {
    let (large, small) = (jpeg(11 << 20), jpeg(100));
    let covers = [data(13, &large), data(13, &small)].concat();
    let file = m4a(&[(b"covr", covers), (b"\xa9nam", data(1, b"Title"))]);
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let song = upload(&library, file).await.unwrap().song;
    assert_eq!(song.tags().title(), "Title");
    let asked = ArtworkRequest {
        song: song.id(),
        size: None,
    };
    let read = library.artwork(&asked).await.unwrap();
    assert_eq!(read.map(|read| read.bytes), Some(small.into()));
}

#[tokio::test]
async fn frames_that_a_parser_refuses_hide_no_tag() {
    // Layer I, 128 kbit/s, 44,100 Hz: 384 samples.
    let frame = [&[0xff, 0xff, 0x40, 0][..], &[0; 132]].concat();
    let tag = id3(3).tag(&[("TIT2", latin("Title")), ("TPE1", latin("Artist"))]);
    let album = [&b"TAG"[..], &[0; 60], b"Album", &[0; 60]].concat();
    for junk in [0, 5000] {
        let junk = vec![0x20; junk];
        let song = song([&tag[..], &junk, &frame.repeat(400), &album].concat()).await;
        let tags = song.tags();
        let read = (tags.title(), tags.artist(), tags.album());
        assert_eq!(read, ("Title", "Artist", "Album"), "{}", junk.len());
        assert_eq!(song.best().duration_ms, Some(3482), "{}", junk.len());
    }
}

#[tokio::test]
async fn covers_are_read_through_every_unsynchronisation() {
    let cover = jpeg(5000);
    for (what, id3) in [
        (
            "2.3, on the tag",
            Id3 {
                version: 3,
                flags: 0x80,
                ..Id3::default()
            },
        ),
        (
            "2.4, on the frame",
            Id3 {
                version: 4,
                frame_flags: 2,
                ..Id3::default()
            },
        ),
        (
            "2.4, on both",
            Id3 {
                version: 4,
                flags: 0x80,
                frame_flags: 2,
                ..Id3::default()
            },
        ),
        (
            "2.4, on the tag, and not done",
            Id3 {
                version: 4,
                flags: 0x80,
                ..Id3::default()
            },
        ),
    ] {
        let tag = id3.tag(&[("APIC", picture(&cover)), ("TIT2", latin("Title"))]);
        let directory = tempfile::tempdir().unwrap();
        let library = open(&directory).await;
        let file = [tag, frames(80)].concat();
        let song = upload(&library, file.into()).await.unwrap().song;
        let asked = ArtworkRequest {
            song: song.id(),
            size: None,
        };
        let read = library.artwork(&asked).await.unwrap();
        assert_eq!(
            read.map(|read| read.bytes),
            Some(cover.clone().into()),
            "{what}"
        );
    }
}

#[tokio::test]
async fn plain_sizes_in_id3v2_4_are_read_as_such() {
    for len in [1, 127, 128, 300, 20_000] {
        let id3 = Id3 {
            version: 4,
            plain: true,
            ..Id3::default()
        };
        let title = "x".repeat(len.min(900));
        let tag = id3.tag(&[
            ("TIT2", latin(&title)),
            ("COMM", latin(&"y".repeat(len))),
            ("TPE1", latin("Artist")),
        ]);
        for padding in [0, 1, 2000] {
            let mut tag = tag.clone();
            tag.resize(tag.len() + padding, 0);
            let size = tag.len() - 10;
            for (n, shift) in [21, 14, 7, 0].into_iter().enumerate() {
                tag[6 + n] = (size >> shift) as u8 & 0x7f;
            }
            let song = song([tag, frames(80)].concat()).await;
            assert_eq!(song.tags().title(), title, "{len} {padding}");
            assert_eq!(song.tags().artist(), "Artist", "{len} {padding}");
        }
    }
}
