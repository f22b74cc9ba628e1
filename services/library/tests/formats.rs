//! Every format that is taken, and the names of those that are not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{
    made::{flac_with, matroska, ogg_flac, opus, speex, wav, wavpack},
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
        (Format::WavPack, "WP", 3000, wavpack(132_300, "WP")),
        (Format::Wav, "W", 2000, wav(b"RIFF", 32_066, 32_000, 32_000)),
        (
            Format::Matroska,
            "M",
            2500,
            matroska("matroska", "A_AC3", 2500.0, "M"),
        ),
        (
            Format::Webm,
            "WM",
            2500,
            matroska("webm", "A_OPUS", 2500.0, "WM"),
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
async fn what_is_not_taken_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    for (name, head) in [
        (
            "Windows Media Audio",
            &b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c"[..],
        ),
        ("AC-3", b"\x0b\x77\0\0"),
        ("DSF", b"DSD "),
        ("DSDIFF", b"FRM8"),
        ("True Audio", b"TTA1"),
        ("TAK", b"tBaK"),
        ("Core Audio Format", b"caff"),
        ("DTS", b"\x7f\xfe\x80\x01"),
        ("MIDI", b"MThd"),
        ("AMR", b"#!AMR\n"),
    ] {
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
    let video = matroska("matroska", "V_VP9", 2500.0, "V");
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
