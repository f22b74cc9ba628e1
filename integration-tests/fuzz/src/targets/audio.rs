//! Files of strangers, and what a process says that read one.

use kadenza_audio::fuzzing;

use super::files::{
    self, comments,
    mpeg::{self, Id3},
};
use crate::target::Target;

pub(super) const TAGS: Target = Target {
    name: "tags",
    about: "files: what they are, their tags, covers, lyrics and durations, and names from paths",
    seeds,
    words: &[
        "ID3\u{3}\0\0",
        "ID3\u{4}\0\0",
        "APIC",
        "TIT2",
        "TPE1",
        "TXXX",
        "USLT",
        "SYLT",
        "APETAGEX",
        "fLaC",
        "OggS",
        "OpusHead",
        "OpusTags",
        "vorbis",
        "Speex   ",
        "RIFF",
        "WAVE",
        "LIST",
        "INFO",
        "fmt ",
        "data",
        "id3 ",
        "ftyp",
        "moov",
        "ilst",
        "meta",
        "mdat",
        "free",
        "covr",
        "FORM",
        "AIFF",
        "SSND",
        "COMM",
        "wvpk",
        "MPCK",
        "MAC ",
        "TAG",
        "3DI",
        "image/png",
        "METADATA_BLOCK_PICTURE=",
        "\u{1}\u{2}",
        "TITLE=",
        "Xing",
        "Info",
        "VBRI",
        "LAME",
        "01 - ",
        "/CD2/",
        " - ",
    ],
    bytes_max: 64 << 10,
    memory_max: 96 << 20,
    open: || {
        Box::new(|bytes| {
            // The end of the file says where it lies.
            let path = &bytes[bytes.len().saturating_sub(60)..];
            fuzzing::read(bytes, &String::from_utf8_lossy(path))
        })
    },
};

pub(super) const READER: Target = Target {
    name: "reader",
    about: "what the process says that reads files: it may have been taken over",
    seeds: said,
    words: &[
        "\u{4}",
        "\u{5}",
        "\u{6}",
        "\"NoCover\"",
        "{\"Refused\":\"",
        "{\"Picture\":{\"width\":",
        "4294967295",
        "null",
        "\"Bounds\"",
        "{\"Tagged\":{",
        "\"title\":",
        "[]",
        "\"details\":{}",
    ],
    bytes_max: 20 << 10,
    // A picture of the largest size.
    memory_max: 64 << 20,
    open: || {
        let file = mp3("Love me tender", "Ann");
        Box::new(move |bytes| fuzzing::hear(bytes, &file))
    },
};

/// An MP3 file.
pub(super) fn mp3(title: &str, artist: &str) -> Vec<u8> {
    let text = |text: &str| [b"\x03", text.as_bytes()].concat();
    let tag = Id3 {
        version: 4,
        ..Id3::default()
    };
    let tag = tag.tag(&[
        ("TIT2", text(title)),
        ("TPE1", text(artist)),
        ("APIC", mpeg::picture(PNG)),
    ]);
    [tag, mpeg::frames(12)].concat()
}

/// A FLAC file.
pub(super) fn flac(title: &str, artist: &str) -> Vec<u8> {
    comments::flac(
        &[("TITLE", title), ("ARTIST", artist), ("GENRE", "Jazz")],
        3,
    )
    .to_vec()
}

/// One pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\x3a\x7e\x9bU\0\0\0\nIDATx\x9cc\xf8\0\0\0\x01\0\x01\xcf\x1f\xf3\xdf\0\0\0\0IEND\xaeB`\x82";

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = files::all(PNG);
    seeds.extend([mp3("T", "A"), flac("T", "A"), PNG.to_vec()]);
    seeds
}

/// Conversations of a reader.
fn said() -> Vec<Vec<u8>> {
    let message = |kind: u8, bytes: &[u8]| {
        let len = (bytes.len() as u32).to_le_bytes();
        [&[kind][..], &len, bytes].concat()
    };
    let asked = [&5_u64.to_le_bytes()[..], &100_u32.to_le_bytes()].concat();
    let found = br#"{"Tagged":{"format":"mp3","duration_ms":1,"bit_rate":2,"title":"T","album":null,"track":1,"disc":null,"year":1997,"artists":["A"],"genres":[],"album_artists":[],"is_compilation":false,"details":{},"picture":null}}"#;
    let picture =
        br#"{"Picture":{"width":2,"height":1,"has_alpha":false,"kind":"png","is_whole":true}}"#;
    vec![
        message(6, found),
        [message(4, &asked), message(6, b"\"NoCover\"")].concat(),
        [message(5, PNG), message(6, b"\"Cover\"")].concat(),
        [message(5, &[1, 2, 3, 4, 5, 6]), message(6, picture)].concat(),
        message(6, br#"{"Refused":"no"}"#),
        message(6, br#"{"Lyrics":"la la"}"#),
    ]
}
