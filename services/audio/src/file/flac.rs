//! FLAC: where the audio begins, and where it truly ends.
//!
//! The number of samples in the head is what the encoder meant to write. A pipe cannot go back to write it, and a
//! download may end early. The last frame tells its own place in the whole. From: RFC 9639.

use std::io::{self, Read, Seek};

use symphonia::{
    core::formats::{FormatOptions, FormatReader},
    default::formats::FlacReader,
};

use super::{
    bounded::Bounded,
    counted::Source,
    measure::{Measured, of_samples},
    spliced::{Piece, Spliced},
};

/// The last frame is looked for in so many bytes from the end, then in so many: frames have some ten kilobytes, and
/// a tag with a cover may stand behind them.
const TAILS: [u64; 2] = [128 << 10, 8 << 20];
const STREAM_INFO_BYTES: usize = 34;

/// The head of a file.
struct Head {
    info: Vec<u8>,
    audio: u64,
}

impl Head {
    fn read<R: Read + Seek>(file: &mut Bounded<R>, at: u64) -> io::Result<Option<Head>> {
        let mut head = Head {
            info: Vec::new(),
            audio: at + 4,
        };
        loop {
            let block = file.piece(head.audio, 4)?;
            let Ok([kind, size @ ..]) = <[u8; 4]>::try_from(block) else {
                return Ok(None);
            };
            if kind & 0x7f == 0 && head.info.is_empty() {
                head.info = file.next(STREAM_INFO_BYTES as u64)?;
            }
            head.audio += 4 + u64::from(u32::from_be_bytes([0, size[0], size[1], size[2]]));
            if kind & 0x80 != 0 {
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

pub(super) fn measure<R: Read + Seek + Send>(
    file: &mut Bounded<R>,
    at: u64,
) -> io::Result<Option<Measured>> {
    let Some(head) = Head::read(file, at)? else {
        return Ok(None);
    };
    let (rate, stated) = head.stated();
    let bytes = Some(file.len().saturating_sub(head.audio));
    for tail in TAILS {
        let from = file.len().saturating_sub(tail).max(head.audio);
        if let Some((samples, frame)) = end(file, &head, from)? {
            // A file that ends within a frame of where it should is whole.
            let is_whole = samples + frame >= stated && stated > 0;
            let samples = if is_whole { stated } else { samples };
            return Ok(Some(Measured {
                lasts: Some(of_samples(samples, rate)),
                bytes,
            }));
        }
    }
    // Without a frame nothing is known but what was meant.
    Ok(Some(Measured { lasts: None, bytes }))
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
