//! Tags as real programs write them: every version of ID3, in every encoding that they know.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{open, upload};
use kadenza_contract::{Format, Song, TEXT_BYTES_MAX};

/// How a text is written in an ID3v2 frame: its byte, and the bytes that follow.
#[derive(Debug, Clone, Copy)]
enum Text {
    Latin1,
    Utf16,
    Utf16BigEndian,
    Utf8,
}

impl Text {
    fn bytes(self, text: &str) -> Vec<u8> {
        let wide = |bom: Vec<u8>, order: fn(u16) -> [u8; 2]| {
            bom.into_iter()
                .chain(text.encode_utf16().flat_map(order))
                .collect::<Vec<u8>>()
        };
        let (kind, bytes) = match self {
            Text::Latin1 => (
                0,
                text.chars()
                    .map(|c| u8::try_from(u32::from(c)).unwrap())
                    .collect(),
            ),
            Text::Utf16 => (1, wide(vec![0xff, 0xfe], u16::to_le_bytes)),
            Text::Utf16BigEndian => (2, wide(vec![], u16::to_be_bytes)),
            Text::Utf8 => (3, text.as_bytes().to_vec()),
        };
        [vec![kind], bytes].concat()
    }
}

fn synchsafe(n: usize) -> [u8; 4] {
    [n >> 21, n >> 14, n >> 7, n].map(|part| (part & 0x7f) as u8)
}

/// An ID3v2 tag of version 2.`version` with these frames.
fn id3v2(version: u8, frames: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (id, content) in frames {
        body.extend(id.as_bytes());
        let size = (content.len() as u32).to_be_bytes();
        match version {
            2 => body.extend(&size[1..]),
            3 => body.extend(size),
            _ => body.extend(synchsafe(content.len())),
        }
        if version > 2 {
            body.extend([0, 0]);
        }
        body.extend(content);
    }
    let mut tag = vec![b'I', b'D', b'3', version, 0, 0];
    tag.extend(synchsafe(body.len()));
    tag.extend(body);
    tag
}

/// An ID3v1.1 tag.
fn id3v1(title: &[u8], artist: &[u8], album: &[u8], year: &str, track: u8, genre: u8) -> Vec<u8> {
    let mut tag = b"TAG".to_vec();
    for (text, len) in [(title, 30), (artist, 30), (album, 30), (year.as_bytes(), 4)] {
        tag.extend(text);
        tag.resize(tag.len() + len - text.len(), 0);
    }
    tag.extend([0; 29]);
    tag.extend([track, genre]);
    tag
}

/// Two seconds of silence as MPEG 1 layer III, made different by its seed.
fn frames(seed: u8) -> Vec<u8> {
    let mut frame = vec![0xff, 0xfb, 0x90, 0];
    frame.resize(417, 0);
    frame[416] = seed & 0x7f;
    frame.repeat(77)
}

fn mp3(seed: u8, before: &[u8], behind: &[u8]) -> bytes::Bytes {
    [before, &frames(seed), behind].concat().into()
}

async fn song(file: bytes::Bytes) -> Song {
    let directory = tempfile::tempdir().unwrap();
    upload(&open(&directory).await, file).await.unwrap().song
}

#[tokio::test]
async fn every_version_and_encoding_of_id3v2_is_read() {
    let names = ["TIT2", "TPE1", "TALB", "TCON", "TRCK", "TPOS"];
    let old = ["TT2", "TP1", "TAL", "TCO", "TRK", "TPA"];
    for (version, text, year) in [
        (2, Text::Latin1, ("TYE", "1999")),
        (2, Text::Utf16, ("TYE", "1999")),
        (3, Text::Latin1, ("TYER", "1999")),
        (3, Text::Utf16, ("TYER", "1999")),
        (4, Text::Latin1, ("TDRC", "1999-11-28")),
        (4, Text::Utf16, ("TDRC", "1999-11-28T12:00")),
        (4, Text::Utf16BigEndian, ("TDRC", "1999-11")),
        (4, Text::Utf8, ("TDRC", "1999")),
    ] {
        let names = if version == 2 { old } else { names };
        let values = ["Jóga", "Björk", "Homogenic", "(17)", "2/10", "1/2"];
        let mut all: Vec<_> = names
            .iter()
            .zip(values)
            .map(|(name, value)| (*name, text.bytes(value)))
            .collect();
        all.push((year.0, text.bytes(year.1)));
        let song = song(mp3(1, &id3v2(version, &all), &[])).await;
        let tags = song.tags();
        let what = format!("2.{version} in {text:?}");
        assert_eq!(
            (tags.title(), tags.artist(), tags.album()),
            ("Jóga", "Björk", "Homogenic"),
            "{what}"
        );
        assert_eq!(tags.genre(), Some("Rock"), "{what}");
        assert_eq!(
            (tags.track(), tags.disc(), tags.year()),
            (Some(2), Some(1), Some(1999)),
            "{what}"
        );
        assert_eq!(song.best().format, Format::Mp3);
        assert!(
            (1900..2200).contains(&song.best().duration_ms.unwrap()),
            "{what}"
        );
        assert!(
            (127..=129).contains(&song.best().bit_rate.unwrap()),
            "{what}"
        );
    }
}

#[tokio::test]
async fn id3v1_is_read_where_there_is_nothing_better() {
    let tag = id3v1(b"J\xf3ga", b"Bj\xf6rk", b"Homogenic", "1997", 2, 26);
    let old = song(mp3(2, &[], &tag)).await;
    let tags = old.tags();
    assert_eq!(
        (tags.title(), tags.artist(), tags.album()),
        ("Jóga", "Björk", "Homogenic")
    );
    assert_eq!((tags.track(), tags.year()), (Some(2), Some(1997)));
    assert_eq!(tags.genre(), Some("Ambient"));

    let better = id3v2(
        3,
        &[(
            "TIT2",
            Text::Utf16.bytes("J\u{f3}ga (a title that is too long for the old one)"),
        )],
    );
    let both = song(mp3(3, &better, &tag)).await;
    assert!(both.tags().title().ends_with("old one)"));
    // A field that the better tag lacks is taken from the old one.
    assert_eq!(both.tags().artist(), "Björk");
}

#[tokio::test]
async fn code_pages_in_latin_1_frames_are_read_as_they_were_meant() {
    // Windows-1251 and Shift-JIS, as players of their time wrote them.
    let raw = |bytes: &[u8]| [&[0], bytes].concat();
    let russian = id3v2(
        3,
        &[
            (
                "TIT2",
                raw(b"\xc3\xf0\xf3\xef\xef\xe0 \xea\xf0\xee\xe2\xe8"),
            ),
            ("TPE1", raw(b"\xca\xe8\xed\xee")),
        ],
    );
    let russian = song(mp3(4, &russian, &[])).await;
    assert_eq!(
        (russian.tags().title(), russian.tags().artist()),
        ("Группа крови", "Кино")
    );
    let old = id3v1(
        b"\xc3\xf0\xf3\xef\xef\xe0 \xea\xf0\xee\xe2\xe8",
        b"\xca\xe8\xed\xee",
        b"",
        "",
        1,
        255,
    );
    let old = song(mp3(5, &[], &old)).await;
    assert_eq!(old.tags().title(), "Группа крови");
}

#[tokio::test]
async fn texts_are_bounded_and_clean() {
    let endless = "a\u{7}é".repeat(20_000);
    let tag = id3v2(
        4,
        &[
            ("TIT2", Text::Utf8.bytes(&endless)),
            ("TPE1", Text::Utf8.bytes("two\nlines\u{1b}[31m")),
            ("TRCK", Text::Utf8.bytes("99999999999/2")),
            ("TDRC", Text::Utf8.bytes("in the year of the rat")),
        ],
    );
    let song = song(mp3(6, &tag, &[])).await;
    let tags = song.tags();
    assert!(tags.title().len() > TEXT_BYTES_MAX - 4 && tags.title().len() <= TEXT_BYTES_MAX);
    assert!(!tags.title().chars().any(char::is_control));
    assert_eq!(tags.artist(), "two lines [31m");
    assert_eq!((tags.track(), tags.year()), (None, None));
}

#[tokio::test]
async fn a_tag_of_ten_thousand_frames_is_read_in_bounded_time() {
    let mut many: Vec<_> = (0..10_000)
        .map(|n| {
            (
                "TXXX",
                Text::Utf8.bytes(&format!("field {n}\0{}", "x".repeat(100))),
            )
        })
        .collect();
    many.push(("TIT2", Text::Utf8.bytes("Behind them all")));
    let begun = std::time::Instant::now();
    let song = song(mp3(7, &id3v2(4, &many), &[])).await;
    assert_eq!(song.tags().title(), "Behind them all");
    assert!(begun.elapsed() < std::time::Duration::from_secs(5));
}

#[tokio::test]
async fn aiff_has_its_tags() {
    let mut common = vec![0, 1];
    common.extend(16_000u32.to_be_bytes());
    common.extend([0, 16]);
    // 8000 Hz as an 80-bit float.
    common.extend([0x40, 0x0b, 0xfa, 0, 0, 0, 0, 0, 0, 0]);
    let sound = [vec![0; 8], vec![7; 32_000]].concat();
    let tag = id3v2(
        4,
        &[
            ("TIT2", Text::Utf8.bytes("Jóga")),
            ("TPE1", Text::Utf8.bytes("Björk")),
        ],
    );
    let mut body = b"AIFF".to_vec();
    for (id, content) in [(b"COMM", common), (b"SSND", sound), (b"ID3 ", tag)] {
        body.extend(id);
        body.extend((content.len() as u32).to_be_bytes());
        body.extend(&content);
        body.resize(body.len() + content.len() % 2, 0);
    }
    let file = [&b"FORM"[..], &(body.len() as u32).to_be_bytes(), &body].concat();
    let song = song(file.into()).await;
    assert_eq!(
        (song.tags().title(), song.tags().artist()),
        ("Jóga", "Björk")
    );
    assert_eq!(
        (song.best().format, song.best().duration_ms),
        (Format::Aiff, Some(2000))
    );
    assert_eq!(song.best().format.content_type(), "audio/aiff");
}

/// A song whose cover is this picture.
fn covered(seed: u8, title: &str, png: &[u8]) -> bytes::Bytes {
    let picture = [&b"\x00image/png\0\x03\0"[..], png].concat();
    let tag = id3v2(4, &[("TIT2", Text::Utf8.bytes(title)), ("APIC", picture)]);
    mp3(seed, &tag, &[])
}

#[tokio::test]
async fn the_songs_of_an_album_share_a_cover_that_is_scaled_once() {
    let picture = image::RgbImage::from_fn(3000, 3000, |x, y| {
        image::Rgb([(x / 12) as u8, (y / 12) as u8, 100])
    });
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let png = png.into_inner();
    assert!(png.len() < 10 << 20);
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let mut contents = Vec::new();
    for n in 0..12 {
        let file = covered(n, &format!("Song {n}"), &png);
        contents.push(upload(&library, file).await.unwrap().song.best().content);
    }
    // Once from the uploads, and once by a library that was opened anew.
    let mut library = Some(library);
    for opened in ["as it was", "anew"] {
        if opened == "anew" {
            library.take().unwrap().close().await;
            library = Some(open(&directory).await);
        }
        let library = library.as_ref().unwrap();
        let begun = std::time::Instant::now();
        let first = library.artwork_of(&contents[0], Some(300)).await;
        let first = first.unwrap().unwrap();
        let one = begun.elapsed();
        for content in &contents {
            let cover = library.artwork_of(content, Some(300)).await.unwrap();
            // The very same memory.
            assert_eq!(cover.unwrap().bytes.as_ptr(), first.bytes.as_ptr());
        }
        let twelve = begun.elapsed() - one;
        eprintln!("{opened}: the first {one:?}, then twelve {twelve:?}");
    }
}

#[tokio::test]
async fn an_upload_that_is_too_large_for_disk_or_bound_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let bounded = |reserve, most| kadenza_library::LibraryConfig {
        disk_reserve_bytes: reserve,
        upload_bytes_max: most,
        ..Default::default()
    };
    let tag = id3v2(4, &[("TIT2", Text::Utf8.bytes("Last straw"))]);
    let file = mp3(9, &tag, &[]);
    for (reserve, most, told) in [
        (u64::MAX / 2, 1 << 30, "no room left"),
        (0, file.len() as u64 - 1, "larger than the limit"),
    ] {
        let library = kadenza_library::Library::open(directory.path(), bounded(reserve, most));
        let library = library.await.unwrap();
        let refused = upload(&library, file.clone()).await.unwrap_err();
        assert!(refused.to_string().contains(told), "{refused}");
        assert_eq!(common::files(&directory), Vec::<std::path::PathBuf>::new());
        library.close().await;
    }
    let library = kadenza_library::Library::open(directory.path(), bounded(0, file.len() as u64));
    upload(&library.await.unwrap(), file).await.unwrap();
}
