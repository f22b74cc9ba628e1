//! Which kind of file it is, by its first bytes.

use std::io::{Read, Seek};

use kadenza_contract::Result;

use super::{
    bounded::Bounded,
    frames::{self, Frame},
    id3::{self, Id3},
    refusal::{ACCEPTED, refused, unreadable},
};

/// What a file is, and where it begins behind the ID3v2 tags that stand before it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) at: u64,
    pub(super) tags: Vec<Id3>,
}

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Frames(Frame),
    Flac,
    Ogg,
    /// RIFF WAVE, or its form for large files.
    Riff,
    Aiff,
    Mp4,
    WavPack,
    Musepack,
    MonkeysAudio,
    Matroska,
}

/// What is recognised, and not taken: where its sign stands, the sign, and its name.
const NOT_TAKEN: [(usize, &[u8], &str); 19] = [
    (
        0,
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
        "Windows Media Audio",
    ),
    (0, b"\x0b\x77", "AC-3"),
    (0, b"DSD ", "DSF"),
    (0, b"FRM8", "DSDIFF"),
    (0, b"TTA1", "True Audio"),
    (0, b"TTA2", "True Audio"),
    (0, b"tBaK", "TAK"),
    (0, b"OFR ", "OptimFROG"),
    (0, b"caff", "Core Audio Format"),
    (0, b"#!AMR", "AMR"),
    (0, b".ra\xfd", "RealAudio"),
    (0, b".RMF", "RealMedia"),
    (0, b"\x7f\xfe\x80\x01", "DTS"),
    (0, b".snd", "Sun audio"),
    (0, b"ADIF", "AAC in ADIF"),
    (0, b"MThd", "MIDI"),
    (8, b"AVI ", "AVI video"),
    (8, b"RMID", "MIDI"),
    (8, b"8SVX", "8SVX"),
];

/// Looks at the first bytes.
pub(super) fn find<R: Read + Seek>(file: &mut Bounded<R>) -> Result<Found> {
    let mut found = Found {
        kind: Kind::Flac,
        at: 0,
        tags: Vec::new(),
    };
    let head = loop {
        let head = file.piece(found.at, 16).map_err(unreadable)?;
        match id3::size(&head) {
            // A tag that claims more than there is hides nothing: what it covers is looked through.
            Some(size) if found.at + size < file.len() => {
                let tag = id3::read(file, found.at).map_err(unreadable)?;
                found.tags.extend(tag);
                found.at += size;
            }
            Some(_) => {
                found.at += 10;
                break Vec::new();
            }
            None if head.starts_with(&[0, 0]) && head.get(4..8) != Some(b"ftyp") => {
                let zeros = zeros(file, found.at).map_err(unreadable)?;
                if zeros < 4 {
                    break head;
                }
                found.at += zeros;
            }
            None => break head,
        }
    };
    let has = |at: usize, sign: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(sign));
    let is_atom = [&b"ftyp"[..], b"moov", b"mdat", b"wide", b"skip", b"pnot"]
        .iter()
        .any(|atom| has(4, atom));
    found.kind = if has(0, b"fLaC") {
        Kind::Flac
    } else if has(0, b"OggS") {
        Kind::Ogg
    } else if ["RIFF", "RF64", "BW64"]
        .iter()
        .any(|id| has(0, id.as_bytes()))
        && has(8, b"WAVE")
    {
        Kind::Riff
    } else if has(0, b"FORM") && (has(8, b"AIFF") || has(8, b"AIFC")) {
        Kind::Aiff
    } else if is_atom {
        Kind::Mp4
    } else if has(0, b"wvpk") {
        Kind::WavPack
    } else if has(0, b"MPCK") || has(0, b"MP+") {
        Kind::Musepack
    } else if has(0, b"MAC ") {
        Kind::MonkeysAudio
    } else if has(0, b"\x1a\x45\xdf\xa3") {
        Kind::Matroska
    } else {
        if let Some((_, _, name)) = NOT_TAKEN.iter().find(|(at, sign, _)| has(*at, sign)) {
            return Err(refused(format!("{name} is not taken: {ACCEPTED} accepted")));
        }
        // Something else that holds pieces may hold what looks like frames.
        let holds = [&b"RIFF"[..], b"RF64", b"FORM", b"PK\x03\x04", b"%PDF"];
        let frame = match holds.iter().any(|sign| has(0, sign)) {
            true => None,
            false => frames::first(file, found.at).map_err(unreadable)?,
        };
        let (at, frame) = frame
            .ok_or_else(|| refused(format!("the format is not known; {ACCEPTED} accepted")))?;
        found.at = at;
        Kind::Frames(frame)
    };
    Ok(found)
}

/// How many bytes are zero from here on.
fn zeros<R: Read + Seek>(file: &mut Bounded<R>, from: u64) -> std::io::Result<u64> {
    let mut zeros = 0;
    loop {
        let piece = file.piece(from + zeros, 16 << 10)?;
        match piece.iter().position(|byte| *byte != 0) {
            Some(at) => return Ok(zeros + at as u64),
            None if piece.is_empty() || zeros > frames::JUNK_BYTES_MAX => return Ok(zeros),
            None => zeros += piece.len() as u64,
        }
    }
}
