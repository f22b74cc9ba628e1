//! MPEG-4: whether it is in fragments, or ends before its audio does, and then how much there is.
//!
//! The head of a fragmented file tells no length, and that of a file cut short tells what is not there.
//! From: ISO 14496-12.

use std::{
    io::{self, Read, Seek},
    time::Duration,
};

use symphonia::{core::formats::FormatOptions, default::formats::IsoMp4Reader};

use super::counted::{self, Source};
use crate::file::{
    bounded::Bounded,
    measured::Measured,
    spliced::{Piece, Spliced},
};

/// The most boxes on the outermost level that are looked at.
const BOXES_MAX: usize = 1 << 16;

/// The fewest bits a second that audio has; the most thorough codecs of speech need a thousand.
const BIT_RATE_MIN: u128 = 400;

/// Whether a file has fragments, or boxes that end behind its end.
fn is_unsure<R: Read + Seek>(file: &mut Bounded<R>, from: u64) -> io::Result<bool> {
    let (mut at, mut has_audio) = (from, false);
    for _ in 0..BOXES_MAX {
        let head = file.piece(at, 16)?;
        let Some((size, kind)) = head.get(..8).map(|head| head.split_at(4)) else {
            return Ok(!has_audio);
        };
        has_audio |= kind == b"mdat";
        if kind == b"moof" {
            return Ok(true);
        }
        let size = match u32::from_be_bytes(size.try_into().expect("it has four bytes")) {
            0 => return Ok(!has_audio),
            1 => match head.get(8..16) {
                Some(size) => u64::from_be_bytes(size.try_into().expect("it has eight bytes")),
                None => return Ok(true),
            },
            size => size.into(),
        };
        if size < 8 {
            return Ok(false);
        }
        at = at.saturating_add(size);
        if at > file.len() {
            return Ok(kind == b"mdat" || !has_audio);
        }
    }
    Ok(true)
}

/// `read` is what a parser found.
pub(crate) fn measure<R: Read + Seek + Send>(
    file: &mut Bounded<R>,
    at: u64,
    read: Duration,
) -> io::Result<Option<Measured>> {
    // Nothing has so few bits.
    let is_empty = u128::from(file.len()) * 8 * 1000 < read.as_millis() * BIT_RATE_MIN;
    if !read.is_zero() && !is_empty && !is_unsure(file, at)? {
        return Ok(None);
    }
    let pieces = [Piece::part(at, file.len())];
    let source = Source::new(Spliced::new(file, &pieces))?;
    let reader = IsoMp4Reader::try_new(source.stream(), FormatOptions::default());
    let counted = reader
        .ok()
        .and_then(|mut reader| counted::count(&mut reader));
    Ok(Some(Measured {
        lasts: counted.map(|(lasts, _)| lasts),
        bytes: counted.map(|(_, bytes)| bytes),
    }))
}
