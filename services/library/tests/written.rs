//! Texts, numbers and dates as people and old programs write them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{
    made::{flac_with, wav_info},
    mpeg::{Id3, frames, latin},
    open, upload,
};
use kadenza_contract::Tags;

async fn tags(file: Vec<u8>) -> Tags {
    let directory = tempfile::tempdir().unwrap();
    let song = upload(&open(&directory).await, file.into()).await;
    song.unwrap().song.tags().clone()
}

fn id3(version: u8) -> Id3 {
    Id3 {
        version,
        ..Id3::default()
    }
}

#[tokio::test]
async fn dates_are_read_in_every_form_and_format() {
    for date in [
        "1997",
        "1997-05",
        "1997/05/21",
        "21.05.1997",
        "(1997)",
        "May 21, 1997",
        "19970521",
    ] {
        let comments = ["TITLE=T".to_owned(), format!("DATE={date}")];
        let flac = flac_with(4096, 1, &comments.each_ref().map(String::as_str));
        let title = ("TIT2", latin("T"));
        let v3 = id3(3).tag(&[title.clone(), ("TYER", latin(date))]);
        let v4 = id3(4).tag(&[title.clone(), ("TDRC", latin(date))]);
        let units = date.encode_utf16().flat_map(u16::to_le_bytes);
        let wide = [1, 0xff, 0xfe].into_iter().chain(units).collect();
        let wide = id3(4).tag(&[title.clone(), ("TDRC", wide)]);
        let rest = id3(3).tag(&[title, ("TYER", latin(&format!("{date}\0rest")))]);
        for (what, file) in [
            ("flac", flac),
            ("2.3", [v3, frames(80)].concat()),
            ("2.4", [v4, frames(80)].concat()),
            ("2.4 in UTF-16", [wide, frames(80)].concat()),
            ("2.3 with a rest", [rest, frames(80)].concat()),
        ] {
            assert_eq!(tags(file).await.year(), Some(1997), "{date} in {what}");
        }
    }
}

#[tokio::test]
async fn numbers_are_read_in_every_form_and_format() {
    for (track, disc, expected) in [
        ("3 / 12", "CD2", (Some(3), Some(2))),
        ("03", "Disc 2", (Some(3), Some(2))),
        ("3 of 12", "2/2", (Some(3), Some(2))),
        ("A1", "B", (None, None)),
    ] {
        let comments = [format!("TRACKNUMBER={track}"), format!("DISCNUMBER={disc}")];
        let flac = flac_with(4096, 1, &["TITLE=T", &comments[0], &comments[1]]);
        let tag = id3(3).tag(&[
            ("TIT2", latin("T")),
            ("TRCK", latin(track)),
            ("TPOS", latin(disc)),
        ]);
        for file in [flac, [tag, frames(80)].concat()] {
            let tags = tags(file).await;
            assert_eq!((tags.track(), tags.disc()), expected, "{track} {disc}");
        }
    }
}

#[tokio::test]
async fn the_code_page_of_a_file_is_that_of_all_its_texts() {
    // "Кино", "Группа крови" and "ДДТ" in Windows-1251.
    let [title, artist, album] = [
        &b"\xc3\xf0\xf3\xef\xef\xe0 \xea\xf0\xee\xe2\xe8"[..],
        b"\xc4\xc4\xd2",
        b"\xca\xe8\xed\xee",
    ];
    let text = |bytes: &[u8]| [&[0], bytes].concat();
    let all = id3(3).tag(&[
        ("TIT2", text(title)),
        ("TPE1", text(artist)),
        ("TALB", text(album)),
    ]);
    let some = id3(3).tag(&[("TPE1", text(artist)), ("TALB", text(album))]);
    let mut old = b"TAG".to_vec();
    for field in [title, artist, album] {
        old.extend(field);
        old.resize(old.len() + 30 - field.len(), 0);
    }
    old.resize(128, 0);
    let list = [("INAM", title), ("IART", artist), ("IPRD", album)];
    for (what, file) in [
        ("RIFF", wav_info(&list)),
        ("ID3v2", [all, frames(80)].concat()),
        ("ID3v1", [frames(80), old.clone()].concat()),
        ("both", [some, frames(80), old].concat()),
    ] {
        let tags = tags(file).await;
        let read = (tags.title(), tags.artist(), tags.album());
        // A list before this one has a title already.
        let title = if what == "RIFF" {
            "W"
        } else {
            "Группа крови"
        };
        assert_eq!(read, (title, "ДДТ", "Кино"), "{what}");
    }
}
