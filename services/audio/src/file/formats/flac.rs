//! FLAC: where the audio begins, and where it truly ends.
//!
//! The number of samples in the head is what the encoder meant to write. A pipe cannot go back to write it, and a
//! download may end early. The last frame tells its own place in the whole. From: RFC 9639.

use std::io::{self, Read, Seek};

use symphonia::{
    core::formats::{FormatOptions, FormatReader},
    default::formats::FlacReader,
};

use super::{comments, counted::Source};
use crate::file::{
    bounded::Bounded,
    measured::{Measured, of_samples},
    spliced::{Piece, Spliced},
};

/// The last frame is looked for in so many bytes from the end, then in more: frames have some ten kilobytes, and
/// a tag with a cover may stand behind them.
const TAILS: [u64; 3] = [32 << 10, 256 << 10, 8 << 20];
const STREAM_INFO_BYTES: usize = 34;
/// The kind of the block with the tags, and the last kind that there is.
const COMMENTS: u8 = 4;
const KIND_MAX: u8 = 6;

/// The head of a file.
struct Head {
    info: Vec<u8>,
    comments: Vec<u8>,
    audio: u64,
    /// Whether its blocks are what they say.
    is_whole: bool,
    has_too_many: bool,
}

impl Head {
    /// Reads the blocks before the audio. One that lies about its size hides those behind it, and the audio is
    /// then looked for from there on.
    fn read<R: Read + Seek>(file: &mut Bounded<R>, at: u64) -> io::Result<Option<Head>> {
        let mut head = Head {
            info: file.piece(at + 8, STREAM_INFO_BYTES as u64)?,
            comments: Vec::new(),
            audio: at + 4,
            is_whole: false,
            has_too_many: false,
        };
        while let Ok([kind, size @ ..]) = <[u8; 4]>::try_from(file.piece(head.audio, 4)?) {
            let [a, b, c] = size;
            let len = u64::from(u32::from_be_bytes([0, a, b, c]));
            let end = head.audio + 4 + len;
            if kind & 0x7f > KIND_MAX || end > file.len() {
                break;
            }
            if kind & 0x7f == COMMENTS {
                head.comments = file.next(len)?;
                head.has_too_many |= comments::are_too_many(&head.comments);
            }
            head.audio = end;
            if kind & 0x80 != 0 {
                head.is_whole = true;
                break;
            }
        }
        Ok((head.info.len() == STREAM_INFO_BYTES).then_some(head))
    }

    /// The sample rate, and how many samples there should be; 0 where it was not known.
    fn stated(&self) -> (u32, u64) {
        let packed = u64::from_be_bytes(self.info[10..18].try_into().expect("it has 34 bytes"));
        ((packed >> 44) as u32, packed & 0xf_ffff_ffff)
    }
}

/// A file that has the same tags, and no other blocks and no audio: for a parser that stumbles over those. `None`
/// if there is no audio behind blocks that are broken.
pub(crate) fn bare<R: Read + Seek + Send>(
    file: &mut Bounded<R>,
    at: u64,
) -> io::Result<Option<Vec<u8>>> {
    let Some(head) = Head::read(file, at)? else {
        return Ok(None);
    };
    if !head.is_whole && last(file, &head)?.is_none() {
        return Ok(None);
    }
    let len = head.comments.len() as u32;
    let comments = (u32::from(0x80 | COMMENTS) << 24 | len).to_be_bytes();
    let bare = [b"fLaC\0\0\0\x22", &head.info[..], &comments, &head.comments].concat();
    Ok(Some(bare))
}

/// Whether there are more comments than are taken.
pub(crate) fn has_too_many<R: Read + Seek>(file: &mut Bounded<R>, at: u64) -> io::Result<bool> {
    Ok(Head::read(file, at)?.is_some_and(|head| head.has_too_many))
}

pub(crate) fn measure<R: Read + Seek + Send>(
    file: &mut Bounded<R>,
    at: u64,
) -> io::Result<Option<Measured>> {
    let Some(head) = Head::read(file, at)? else {
        return Ok(None);
    };
    let (rate, stated) = head.stated();
    let bytes = Some(file.len().saturating_sub(head.audio));
    // Without a frame nothing is known but what was meant.
    let lasts = last(file, &head)?.map(|(samples, frame)| {
        // A file that ends within a frame of where it should is whole.
        let is_whole = samples + frame >= stated && stated > 0;
        of_samples(if is_whole { stated } else { samples }, rate)
    });
    Ok(Some(Measured { lasts, bytes }))
}

/// How many samples there are up to the end of the last frame of the file, and how many it has.
fn last<R: Read + Seek + Send>(
    file: &mut Bounded<R>,
    head: &Head,
) -> io::Result<Option<(u64, u64)>> {
    for tail in TAILS {
        let from = file.len().saturating_sub(tail).max(head.audio);
        if let Some(end) = end(file, head, from)? {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// How many samples there are up to the end of the last frame behind a place, and how many it has.
fn end<R: Read + Seek + Send>(
    file: &mut Bounded<R>,
    head: &Head,
    from: u64,
) -> io::Result<Option<(u64, u64)>> {
    let mut info = head.info.clone();
    // What it states of samples and of its hash would be taken for true.
    info[13] &= 0xf0;
    info[14..].fill(0);
    let pieces = [
        Piece::Bytes([b"fLaC\x80\0\0\x22", &info[..]].concat()),
        Piece::part(from, file.len()),
    ];
    let source = Source::new(Spliced::new(file, &pieces))?;
    let Ok(mut reader) = FlacReader::try_new(source.stream(), FormatOptions::default()) else {
        return Ok(None);
    };
    let mut last = None;
    while let Ok(Some(packet)) = reader.next_packet() {
        let begin = u64::try_from(packet.pts.get()).unwrap_or(0);
        last = Some((begin + packet.dur.get(), packet.dur.get()));
    }
    Ok(last)
}
