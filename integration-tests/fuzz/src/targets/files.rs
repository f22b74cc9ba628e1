//! A file of each format that is taken, made by the code with which the library's own tests make them.

#[allow(dead_code, reason = "the tests of the library use the rest")]
#[path = "../../../../services/library/tests/common/comments.rs"]
pub(super) mod comments;
#[allow(dead_code, reason = "the tests of the library use the rest")]
#[path = "../../../../services/library/tests/common/made.rs"]
mod made;
#[allow(dead_code, reason = "the tests of the library use the rest")]
#[path = "../../../../services/library/tests/common/mpeg.rs"]
pub(super) mod mpeg;

use comments::data;
use made::{
    adts, ape, matroska, monkeys_audio, musepack, musepack_7, ogg_flac, opus, opus_with, speex,
    wav, wav_info, wavpack,
};
use mpeg::{Id3, frames, latin, picture};

/// A file of each format, small, since each of its bytes is as likely to be changed as any other.
pub(super) fn all(cover: &[u8]) -> Vec<Vec<u8>> {
    let texts = [
        "TITLE=T",
        "ARTIST=A",
        "ARTIST=B",
        "LYRICS=[00:01.00]la",
        "REPLAYGAIN_TRACK_GAIN=-1.5 dB",
    ];
    let named = [("Title", "T"), ("Artist", "A"), ("Year", "1997")];
    let id3 = |version: u8, flags: u8, names: [&str; 5]| {
        let contents = [
            latin("T"),
            latin("A\0B"),
            latin("1/2"),
            picture(cover),
            latin("1997-05-21"),
        ];
        let fields: Vec<_> = names.into_iter().zip(contents).collect();
        let tag = Id3 {
            version,
            flags,
            ..Id3::default()
        };
        [tag.tag(&fields), frames(4)].concat()
    };
    let old = [b"TAG", &[b'x'; 124][..], &[17]].concat();
    vec![
        id3(2, 0, ["TT2", "TP1", "TRK", "PIC", "TYE"]),
        id3(3, 0x80, ["TIT2", "TPE1", "TRCK", "APIC", "TYER"]),
        id3(4, 0, ["TIT2", "TPE1", "TPOS", "APIC", "TDRC"]),
        [frames(4), ape(&named), old].concat(),
        adts(64).repeat(8),
        made::flac_with(3 * 4096, 3, &texts),
        ogg_flac(3, &texts),
        opus_with(1, 1, &texts),
        [opus(1, 1), opus(2, 1)].concat(),
        speex(1, "TITLE=S"),
        wavpack(44_100, &named),
        musepack(44_100, &named),
        musepack_7(40, &named),
        monkeys_audio(44_100, &named),
        wav(b"RIFF", 1066, 1000, 1000),
        wav(b"RF64", u32::MAX, u32::MAX, 1000),
        wav_info(&[("INAM", "T"), ("IART", "A")]),
        matroska(
            "matroska",
            "A_AC3",
            2500.0,
            "M",
            &[("ARTIST", "A"), ("DATE", "1997")],
        ),
        matroska("webm", "A_OPUS", 2500.0, "M", &[]),
        comments::m4a(&[
            (b"\xa9nam", data(1, b"T")),
            (b"\xa9ART", data(1, b"A")),
            (b"trkn", data(0, &[0, 0, 0, 1, 0, 2, 0, 0])),
            (b"covr", data(14, cover)),
        ])
        .to_vec(),
    ]
}
