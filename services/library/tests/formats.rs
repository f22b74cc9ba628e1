//! Every format that is taken, and the names of those that are not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{
    made::{
        adts, ape, flac_with, matroska, monkeys_audio, musepack, musepack_7, ogg_flac, opus, speex,
        wav, wav_info, wavpack,
    },
    mpeg::{Id3, frames, latin, picture},
    open, upload,
};
use kadenza_contract::{ArtworkRequest, Error, Format, MusicService};

#[tokio::test]
async fn each_format_is_known_timed_and_named() {
    for (format, title, lasts, file) in [
        (
            Format::Flac,
            "F",
            3715,
            flac_with(40 * 4096, 40, &["TITLE=F"]),
        ),
        (Format::OggFlac, "OF", 3715, ogg_flac(40, &["TITLE=OF"])),
        (Format::Opus, "O", 3000, opus(1, 3)),
        (Format::Speex, "S", 3000, speex(3, "TITLE=S")),
        (
            Format::WavPack,
            "WP",
            3000,
            wavpack(132_300, &[("Title", "WP")]),
        ),
        (
            Format::Musepack,
            "MP",
            3000,
            musepack(132_300, &[("Title", "MP")]),
        ),
        (
            Format::Musepack,
            "M7",
            2612,
            musepack_7(100, &[("Title", "M7")]),
        ),
        (
            Format::MonkeysAudio,
            "MA",
            3000,
            monkeys_audio(132_300, &[("Title", "MA")]),
        ),
        (Format::Wav, "W", 2000, wav(b"RIFF", 32_066, 32_000, 32_000)),
        (
            Format::Matroska,
            "M",
            2500,
            matroska(
                "matroska",
                "A_AC3",
                2500.0,
                "M",
                &[("ARTIST", "Artist"), ("DATE", "1997")],
            ),
        ),
        (
            Format::Webm,
            "WM",
            2500,
            matroska(
                "webm",
                "A_OPUS",
                2500.0,
                "WM",
                &[("ARTIST", "Artist"), ("DATE", "1997")],
            ),
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let song = upload(&open(&directory).await, file.into()).await;
        let song = song
            .unwrap_or_else(|error| panic!("{format:?}: {error}"))
            .song;
        assert_eq!(song.best().format, format);
        assert_eq!(song.tags().title(), title, "{format:?}");
        assert_eq!(song.best().duration_ms, Some(lasts), "{format:?}");
        if format == Format::Matroska {
            assert_eq!(
                (song.tags().artist(), song.tags().year()),
                ("Artist", Some(1997))
            );
        }
    }
}

#[tokio::test]
async fn broken_files_of_each_format_are_answered() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    for whole in [
        flac_with(40 * 4096, 40, &["TITLE=F"]),
        ogg_flac(40, &["TITLE=OF"]),
        [opus(1, 3), opus(2, 3)].concat(),
        speex(3, "TITLE=S"),
        wavpack(132_300, &[("Title", "WP")]),
        musepack(132_300, &[("Title", "MP")]),
        musepack_7(100, &[("Title", "M7")]),
        monkeys_audio(132_300, &[("Title", "MA")]),
        wav(b"RF64", u32::MAX, u32::MAX, 32_000),
        matroska("matroska", "A_AC3", 2500.0, "M", &[("ARTIST", "Artist")]),
        (0..100).flat_map(|n| adts(40 + n)).collect(),
        [
            frames(60),
            b"APETAGEX\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
            frames(3),
        ]
        .concat(),
    ] {
        let parts = (1..12).map(|part| whole[..whole.len() * part / 12].to_vec());
        let turned = (0..whole.len().min(240)).step_by(5).map(|at| {
            let mut turned = whole.clone();
            turned[at] ^= 0xff;
            turned
        });
        let huge = (4..whole.len().min(120)).step_by(8).map(|at| {
            let mut huge = whole.clone();
            huge[at..at + 4].fill(0xff);
            huge
        });
        for file in parts.chain(turned).chain(huge) {
            match upload(&library, file.into()).await {
                Ok(_) | Err(Error::NotAudio { .. } | Error::NoTitle) => {}
                Err(other) => panic!("{other}"),
            }
        }
    }
}

/// The first bytes of what is recognised and not taken.
const REFUSED: [(&str, &[u8]); 12] = [
    (
        "Windows Media Audio",
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c",
    ),
    ("AC-3", b"\x0b\x77\0\0"),
    ("DSF", b"DSD "),
    ("DSDIFF", b"FRM8"),
    ("True Audio", b"TTA1"),
    ("TAK", b"tBaK"),
    ("OptimFROG", b"OFR "),
    ("Core Audio Format", b"caff"),
    ("AMR", b"#!AMR\n"),
    ("RealAudio", b".ra\xfd"),
    ("DTS", b"\x7f\xfe\x80\x01"),
    ("MIDI", b"MThd"),
];

#[tokio::test]
async fn what_is_not_taken_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    for (name, head) in REFUSED {
        let file = [head, &[1; 900]].concat();
        let refused = upload(&library, file.into()).await.unwrap_err();
        let Error::NotAudio { what } = refused else {
            panic!("{name}: {refused:?}");
        };
        assert!(
            what.starts_with(&format!("{name} is not taken: ")),
            "{what}"
        );
    }
    let video = matroska(
        "matroska",
        "V_VP9",
        2500.0,
        "V",
        &[("ARTIST", "Artist"), ("DATE", "1997")],
    );
    let refused = upload(&library, video.into()).await.unwrap_err();
    assert!(
        refused.to_string().contains("video is not taken"),
        "{refused}"
    );
}

#[tokio::test]
async fn covers_of_every_kind_are_served() {
    let image = image::RgbImage::from_fn(60, 60, |x, y| image::Rgb([x as u8, y as u8, 9]));
    let mut bmp = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bmp, image::ImageFormat::Bmp).unwrap();
    let tiff = [b"II*\0\x08\0\0\0", &[0; 50][..]].concat();
    let avif = [b"\0\0\0\x1cftypavif\0\0\0\0", &[0; 50][..]].concat();
    for (kind, scaled, bytes) in [
        ("image/bmp", "image/jpeg", bmp.into_inner()),
        ("image/tiff", "image/tiff", tiff),
        ("image/avif", "image/avif", avif),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let library = open(&directory).await;
        let id3 = Id3 {
            version: 3,
            ..Id3::default()
        };
        let tag = id3.tag(&[("TIT2", latin("T")), ("APIC", picture(&bytes))]);
        let song = upload(&library, [tag, frames(80)].concat().into())
            .await
            .unwrap()
            .song;
        assert!(song.best().has_artwork, "{kind}");
        for (size, kind) in [(None, kind), (Some(30), scaled)] {
            let asked = ArtworkRequest {
                song: song.id(),
                size,
            };
            let cover = library.artwork(&asked).await.unwrap().unwrap();
            assert_eq!(cover.content_type, kind);
        }
    }
}

#[tokio::test]
async fn covers_in_ape_tags_are_served() {
    let image = image::RgbImage::new(60, 60);
    let mut png = std::io::Cursor::new(Vec::new());
    image.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let png = png.into_inner();
    let back = [b"back.png\0", &png[..20]].concat();
    let front = [b"front.png\0", &png[..]].concat();
    let items = [
        ("Title", &b"T"[..]),
        ("Cover Art (Back)", &back),
        ("Cover Art (Front)", &front),
        ("Artist", b"A"),
    ];
    let tag = ape(&items);
    let old = [&b"TAG"[..], &[0; 125]].concat();
    for (what, file) in [
        ("wv", wavpack(44_100, &items)),
        ("mpc", musepack(44_100, &items)),
        ("ape", monkeys_audio(44_100, &items)),
        ("mp3", [frames(80), tag.clone()].concat()),
        ("mp3 and ID3v1", [frames(80), tag, old].concat()),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let library = open(&directory).await;
        let song = upload(&library, file.into()).await.unwrap().song;
        assert_eq!(song.tags().artist(), "A", "{what}");
        let asked = ArtworkRequest {
            song: song.id(),
            size: None,
        };
        let cover = library.artwork(&asked).await.unwrap();
        let cover = cover.map(|cover| cover.bytes);
        assert_eq!(cover, Some(png.clone().into()), "{what}");
    }
}

/// The rows of the first table below a heading of docs/FORMATS.md, without its head.
fn table(heading: &str) -> Vec<Vec<String>> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/FORMATS.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    let lines = section.lines().skip_while(|line| !line.starts_with('|'));
    let rows = lines.take_while(|line| line.starts_with('|'));
    let rows = rows.map(|line| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    });
    let mut rows: Vec<_> = rows.collect();
    let head = rows.remove(0);
    rows[0] = head;
    rows
}

#[test]
fn the_page_of_formats_has_every_format() {
    let told: Vec<_> = table("Audio")
        .into_iter()
        .skip(1)
        .map(|row| row[1..5].to_vec())
        .collect();
    let all = Format::ALL.map(|format| {
        let name = serde_json::to_value(format).unwrap();
        vec![
            format!("`{}`", name.as_str().unwrap()),
            format.extension().to_owned(),
            format.content_type().to_owned(),
            if format.is_lossless() { "yes" } else { "no" }.to_owned(),
        ]
    });
    assert_eq!(told, all);
    let told: Vec<_> = table("Refused by name")
        .into_iter()
        .skip(1)
        .flatten()
        .collect();
    assert_eq!(told, REFUSED.map(|(name, _)| name));
}

/// A file with one text beside its title, in the tag that a column of the table is about; `None` for those
/// that are not made here.
fn with_field(column: &str, title: &str, name: &str, text: &str) -> Option<Vec<u8>> {
    let frame = |version| {
        let id3 = Id3 {
            version,
            ..Id3::default()
        };
        let tag = id3.tag(&[(title, latin("T")), (name, latin(text))]);
        [tag, frames(80)].concat()
    };
    let both = [(title, "T"), (name, text)];
    Some(match column {
        "ID3v2.3" => frame(3),
        "ID3v2.4" => frame(4),
        "Vorbis comments" => {
            let comments = both.map(|(name, text)| format!("{name}={text}"));
            flac_with(4096, 1, &[&comments[0], &comments[1]])
        }
        "APEv2" => wavpack(132_300, &both),
        "RIFF INFO" => wav_info(&both),
        "Matroska" => matroska("matroska", "A_AC3", 2500.0, "", &both),
        _ => return None,
    })
}

#[tokio::test]
async fn each_field_is_read_as_the_page_says() {
    let table = table("Fields");
    let (columns, fields) = table.split_first().unwrap();
    let titles = &fields[0];
    for row in &fields[1..] {
        for (at, names) in row.iter().enumerate().skip(1) {
            let title = titles[at].trim_matches('`');
            for name in names.split_whitespace().map(|name| name.trim_matches('`')) {
                let text = if row[0] == "year" { "1997" } else { "7" };
                let Some(file) = with_field(&columns[at], title, name, text) else {
                    continue;
                };
                let directory = tempfile::tempdir().unwrap();
                let song = upload(&open(&directory).await, file.into())
                    .await
                    .unwrap()
                    .song;
                let tags = song.tags();
                let read = match row[0].as_str() {
                    "artist" => tags.artist().to_owned(),
                    "album" => tags.album().to_owned(),
                    "track" => tags.track().unwrap_or(0).to_string(),
                    "disc" => tags.disc().unwrap_or(0).to_string(),
                    "year" => tags.year().unwrap_or(0).to_string(),
                    // A number stands for a genre of ID3v1.
                    "genre" => tags.genre().map_or("", |_| text).to_owned(),
                    other => panic!("no test knows the field {other}"),
                };
                assert_eq!(read, text, "{} {name}: {tags:?}", columns[at]);
                // That WAV has a title already.
                assert!(["T", "W"].contains(&tags.title()), "{tags:?}");
            }
        }
    }
}
