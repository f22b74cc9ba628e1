//! The signs of audio at the beginning of a file, for a build without the library, which knows more of them.

use std::io::{Read, Seek, SeekFrom};

use kadenza_contract::{Error, Result};

/// Where a sign stands, and the sign.
const SIGNS: [(usize, &[u8]); 20] = [
    (0, b"fLaC"),
    (0, b"OggS"),
    (8, b"WAVE"),
    (8, b"AIFF"),
    (8, b"AIFC"),
    (4, b"ftyp"),
    (4, b"moov"),
    (4, b"mdat"),
    (4, b"wide"),
    (4, b"skip"),
    (4, b"pnot"),
    (0, b"wvpk"),
    (0, b"MPCK"),
    (0, b"MP+"),
    (0, b"MAC "),
    (0, b"\x1a\x45\xdf\xa3"),
    // Not taken today; a server says so by the name of the format.
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    (0, b"DSD "),
    (0, b"TTA1"),
    (0, b"tBaK"),
];
/// Tags and padding before the audio are passed over up to here.
const BEFORE_BYTES_MAX: u64 = 64 << 20;

/// Makes sure that a file begins with a sign or a frame, behind ID3v2 tags and zeros.
///
/// # Errors
///
/// [`Error::NotAudio`].
pub(super) fn recognise(mut file: impl Read + Seek) -> Result<()> {
    let refused = |what: String| Error::NotAudio { what };
    let mut at = 0;
    while at < BEFORE_BYTES_MAX {
        let mut head = Vec::new();
        let read = file
            .seek(SeekFrom::Start(at))
            .and_then(|_| file.by_ref().take(16).read_to_end(&mut head));
        read.map_err(|error| refused(format!("it cannot be read: {error}")))?;
        let has = |(at, sign): &(usize, &[u8])| {
            head.get(*at..).is_some_and(|rest| rest.starts_with(sign))
        };
        if SIGNS.iter().any(has) || is_frame(&head) {
            return Ok(());
        }
        match (tag_bytes(&head), head.iter().position(|byte| *byte != 0)) {
            (Some(tag), _) => at += tag,
            (None, Some(0)) => break,
            (None, Some(zeros)) => at += zeros as u64,
            (None, None) if head.is_empty() => break,
            (None, None) => at += head.len() as u64,
        }
    }
    Err(refused("its format is not known".to_owned()))
}

/// Whether it is the head of a frame of MPEG audio, or of AAC in ADTS.
fn is_frame(head: &[u8]) -> bool {
    let Some(&[first, second, third, _]) = head.first_chunk() else {
        return false;
    };
    let is_adts = second & 0xf6 == 0xf0 && third >> 2 & 15 < 13;
    let is_mpeg = second & 0xe0 == 0xe0
        && second & 0x06 != 0
        && second & 0x18 != 0x08
        && !matches!(third >> 4, 0 | 15)
        && third & 0x0c != 0x0c;
    first == 0xff && (is_adts || is_mpeg)
}

/// The size of the ID3v2 tag that begins like this.
fn tag_bytes(head: &[u8]) -> Option<u64> {
    let head: &[u8; 10] = head.strip_prefix(b"ID3").and(head.first_chunk())?;
    let size = head[6..].iter().try_fold(0, |size, byte| {
        (*byte < 0x80).then_some(size << 7 | u64::from(*byte))
    })?;
    Some(10 + size)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn music_has_a_sign_and_secrets_have_none() {
        let is_audio = |bytes: &[u8]| recognise(Cursor::new(bytes)).is_ok();
        let tagged = [
            &b"ID3\x04\0\0\0\0\0\x03abc"[..],
            b"\0\0\0\0\xff\xfb\x90\x64",
        ]
        .concat();
        for audio in [
            &b"fLaC\0\0\0\x22"[..],
            b"RIFF\x24\0\0\0WAVEfmt ",
            b"\0\0\0\x20ftypM4A ",
            b"\xff\xf1\x50\x80\x2e\x7f\xfc",
            &tagged,
        ] {
            assert!(is_audio(audio), "{audio:?}");
        }
        for other in [
            &b""[..],
            b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
            b"\x30\x82\x04\xa4\x02\x01\0\x02",
            b"SQLite format 3\0",
            b"\x7fELF\x02\x01\x01\0",
            b"ID3\x04\0\0\0\0\0\x03abc-----BEGIN",
            b"\xff\xfe-\0-\0-\0",
            &[0; 100],
        ] {
            assert!(!is_audio(other), "{other:?}");
        }
    }
}
