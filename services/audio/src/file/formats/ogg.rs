//! Ogg: which codec it holds, and how long its streams last, one after another.
//!
//! A page tells how many samples there are up to its end, in its own stream. Streams may be chained: radio is
//! recorded so, and files are joined so. From: RFC 3533, RFC 7845 (Opus), the Ogg mappings of Vorbis, Speex and FLAC.

use std::{
    io::{self, Read, Seek},
    time::Duration,
};

use kadenza_contract::{Format, Result};
use ogg_pager::{Packets, PageHeader};

use crate::file::{
    bounded::Bounded,
    measured::{Measured, of_samples},
    refusal::{ACCEPTED, refused, unreadable},
};

/// A stream whose first page is beyond this many seconds began before the file did.
const LATE_S: u64 = 30;

/// A stream: its codec and what it counts in.
#[derive(Debug, Clone, Copy)]
struct Stream {
    serial: u32,
    format: Format,
    rate: u32,
    /// Samples at its beginning that are not heard.
    skipped: u64,
    first: Option<u64>,
    last: u64,
}

impl Stream {
    /// Reads the first packet.
    fn parse(serial: u32, packet: &[u8]) -> Option<Stream> {
        let number = |at: usize| Some(u32::from_le_bytes(packet.get(at..at + 4)?.try_into().ok()?));
        let (format, rate, skipped) = if packet.starts_with(b"\x01vorbis") {
            (Format::OggVorbis, number(12)?, 0)
        } else if packet.starts_with(b"OpusHead") {
            let skipped = u16::from_le_bytes([*packet.get(10)?, *packet.get(11)?]);
            (Format::Opus, 48_000, skipped.into())
        } else if packet.starts_with(b"Speex   ") {
            (Format::Speex, number(36)?, 0)
        } else if packet.starts_with(b"\x7fFLAC") {
            let rate = u32::from_be_bytes(packet.get(27..31)?.try_into().ok()?) >> 12;
            (Format::OggFlac, rate, 0)
        } else {
            return None;
        };
        (rate > 0).then_some(Stream {
            serial,
            format,
            rate,
            skipped,
            first: None,
            last: 0,
        })
    }

    fn lasts(&self) -> Duration {
        let first = self
            .first
            .filter(|first| *first > LATE_S * u64::from(self.rate));
        let before = first.unwrap_or(0).max(self.skipped);
        of_samples(self.last.saturating_sub(before), self.rate)
    }
}

/// The codec of the first stream with audio.
pub(crate) fn format<R: Read + Seek>(file: &mut Bounded<R>, at: u64) -> Result<Format> {
    file.go(at).map_err(unreadable)?;
    while let Ok(page) = PageHeader::read(file) {
        let content = page.content_size() as u64;
        let next = file.at() + content;
        let packet = file.next(content.min(64)).map_err(unreadable)?;
        if packet.starts_with(b"\x80theora") || packet.starts_with(b"\x01video") {
            return Err(refused(format!("video is not taken: {ACCEPTED} accepted")));
        }
        if let Some(stream) = Stream::parse(0, &packet) {
            return Ok(stream.format);
        }
        if page.header_type_flag() & 2 == 0 {
            break;
        }
        file.go(next).map_err(unreadable)?;
    }
    Err(refused(format!(
        "the codec in Ogg is not known; {ACCEPTED} accepted"
    )))
}

/// The head of FLAC in Ogg, as a file of FLAC has it, without audio.
pub(crate) fn flac_head<R: Read + Seek>(file: &mut Bounded<R>, at: u64) -> Option<Vec<u8>> {
    file.go(at).ok()?;
    let first = Packets::read_count(file, 1).ok()?;
    let more = first.get(0)?.get(7..9)?;
    let more = u16::from_be_bytes([more[0], more[1]]).clamp(1, 64);
    file.go(at).ok()?;
    let packets = Packets::read_count(file, 1 + more as isize).ok()?;
    let mut blocks: Vec<Vec<u8>> = packets.iter().map(<[u8]>::to_vec).collect();
    // Behind the sign and the version of the mapping stands what begins a file of FLAC.
    blocks[0] = blocks[0].get(13..)?.to_vec();
    let last = blocks.len() - 1;
    for (n, block) in blocks.iter_mut().enumerate() {
        let kind = block.first_mut()?;
        *kind = *kind & 0x7f | if n == last { 0x80 } else { 0 };
    }
    Some([b"fLaC".to_vec(), blocks.concat()].concat())
}

pub(crate) fn measure<R: Read + Seek>(
    file: &mut Bounded<R>,
    at: u64,
) -> io::Result<Option<Measured>> {
    let mut lasts = Duration::ZERO;
    // The streams that sound together.
    let mut streams: Vec<Stream> = Vec::new();
    let mut is_begun = false;
    let mut bytes = 0;
    let longest = |streams: &[Stream]| streams.iter().map(Stream::lasts).max().unwrap_or_default();
    file.go(at)?;
    while file.at() < file.len() {
        let begin = file.at();
        let Ok(page) = PageHeader::read(file) else {
            match next_page(file, begin + 1)? {
                Some(next) => file.go(next)?,
                None => break,
            }
            continue;
        };
        let content = page.content_size() as u64;
        let next = file.at() + content;
        if page.header_type_flag() & 2 != 0 {
            if is_begun {
                lasts += longest(&streams);
                streams.clear();
                is_begun = false;
            }
            let packet = file.next(content.min(64))?;
            streams.extend(Stream::parse(page.stream_serial, &packet));
        } else if next <= file.len() {
            is_begun = true;
            bytes += content;
            let of = |stream: &&mut Stream| stream.serial == page.stream_serial;
            // Positions are signed. A page on which no packet ends tells -1, heads of streams tell 0, and the
            // first page of audio may tell that some of its samples lie before the beginning.
            if let Some(stream) = streams.iter_mut().find(of)
                && let Ok(position @ 1..) = u64::try_from(page.abgp.cast_signed())
            {
                stream.first.get_or_insert(position);
                stream.last = stream.last.max(position);
            }
        }
        file.go(next)?;
    }
    lasts += longest(&streams);
    Ok(Some(Measured {
        lasts: Some(lasts).filter(|lasts| !lasts.is_zero()),
        bytes: Some(bytes),
    }))
}

/// The next place from here on that looks like the beginning of a page.
fn next_page<R: Read + Seek>(file: &mut Bounded<R>, from: u64) -> io::Result<Option<u64>> {
    const STEP: u64 = 64 << 10;
    let mut at = from;
    while at < file.len() {
        let piece = file.piece(at, STEP + 4)?;
        if let Some(found) = piece.windows(5).position(|five| five == b"OggS\0") {
            return Ok(Some(at + found as u64));
        }
        at += STEP;
    }
    Ok(None)
}
