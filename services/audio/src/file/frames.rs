//! Frames of MPEG audio and of AAC in ADTS: where they begin, and how many there are.
//!
//! From: ISO 11172-3 and 13818-3 (MPEG audio), the unofficial MPEG 2.5, ISO 13818-7 (ADTS). Whether eleven
//! bits are the beginning of a frame is known only from the frame after it.

use std::{
    io::{self, Read, Seek},
    time::Duration,
};

use super::{bounded::Bounded, id3};

/// Ticks of a second: a whole number of them lasts one sample at any rate that there is.
const TICKS: u64 = 705_600_000;

/// So many frames in a row are no accident.
const IN_A_ROW: usize = 4;
/// The farthest from the end of the tags that the first frame is looked for.
pub(crate) const JUNK_BYTES_MAX: u64 = 1 << 20;

/// What a stream of frames is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// MPEG audio, layer I to III.
    Mpeg,
    /// AAC in ADTS.
    Adts,
}

/// What the head of a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) stream: Stream,
    /// With its head, in bytes.
    pub(crate) len: u64,
    pub(crate) samples: u64,
    pub(crate) sample_rate: u32,
    /// What no frame of one stream differs in.
    kind: u32,
}

impl Frame {
    /// Reads the head of a frame, of seven bytes.
    pub(crate) fn parse(head: &[u8]) -> Option<Frame> {
        let word = u32::from_be_bytes(head.get(..4)?.try_into().ok()?);
        if word >> 21 != 0x7ff {
            return None;
        }
        match (word >> 17) & 3 {
            0 => Frame::adts(head.get(..7)?.try_into().ok()?, word),
            layer => Frame::mpeg(word, layer),
        }
    }

    fn mpeg(word: u32, layer: u32) -> Option<Frame> {
        const RATES: [[u32; 15]; 5] = [
            [
                0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
            ],
            [
                0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
            ],
            [
                0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
            ],
            [
                0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256,
            ],
            [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        ];
        let (version, rate) = ((word >> 19) & 3, (word >> 10) & 3);
        let (is_first, bits) = (version == 3, ((word >> 12) & 15) as usize);
        if version == 1 || rate == 3 {
            return None;
        }
        let table = match (is_first, layer) {
            (true, 3) => 0,
            (true, 2) => 1,
            (true, _) => 2,
            (false, 3) => 3,
            (false, _) => 4,
        };
        // A free rate (0) is not told, and nobody uses it.
        let kilobits = *RATES[table].get(bits)?;
        let sample_rate = [44_100, 48_000, 32_000][rate as usize]
            >> match version {
                3 => 0,
                2 => 1,
                _ => 2,
            };
        let samples = match (layer, is_first) {
            (3, _) => 384,
            (2, _) | (_, true) => 1152,
            (_, false) => 576,
        };
        // Layer I counts in slots of four bytes.
        let slot = if layer == 3 { 4 } else { 1 };
        let slots = samples / 8 / slot * u64::from(kilobits) * 1000 / u64::from(sample_rate);
        let padding = u64::from((word >> 9) & 1);
        (kilobits > 0).then_some(Frame {
            stream: Stream::Mpeg,
            len: (slots + padding) * slot,
            samples,
            sample_rate,
            kind: word & 0xfffe_0c00,
        })
    }

    fn adts(head: [u8; 7], word: u32) -> Option<Frame> {
        const RATES: [u32; 13] = [
            96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
            8_000, 7_350,
        ];
        if word >> 20 != 0xfff {
            return None;
        }
        let sample_rate = *RATES.get(((word >> 10) & 15) as usize)?;
        let len = u64::from(u32::from_be_bytes([0, head[3], head[4], head[5]]) >> 5 & 0x1fff);
        let blocks = u64::from(head[6] & 3) + 1;
        (len > 7).then_some(Frame {
            stream: Stream::Adts,
            len,
            samples: blocks * 1024,
            sample_rate,
            kind: word & 0xfffe_fc00,
        })
    }

    /// Whether another frame may stand in the same stream.
    fn fits(&self, other: &Frame) -> bool {
        (self.stream, self.kind) == (other.stream, other.kind)
    }
}

/// The first frame at or behind a place, if it lies within [`JUNK_BYTES_MAX`], and where.
pub(crate) fn first<R: Read + Seek>(
    file: &mut Bounded<R>,
    from: u64,
) -> io::Result<Option<(u64, Frame)>> {
    const STEP: u64 = 16 << 10;
    let mut at = from;
    while at < file.len() && at - from <= JUNK_BYTES_MAX {
        let piece = file.piece(at, STEP + 6)?;
        for begin in 0..piece.len().min(STEP as usize) {
            if piece[begin] == 0xff
                && let Some(frame) = Frame::parse(&piece[begin..])
                && is_in_a_row(file, at + begin as u64, &frame)?
            {
                return Ok(Some((at + begin as u64, frame)));
            }
        }
        at += STEP;
    }
    Ok(None)
}

/// How long the frames from one place to another last, and how many bytes they have.
///
/// Where they break off, they go on behind a tag, or wherever the next ones are in a row: files are joined, and
/// downloads have holes.
pub(crate) fn count<R: Read + Seek>(
    file: &mut Bounded<R>,
    from: u64,
    to: u64,
) -> io::Result<(Duration, u64)> {
    let (mut at, mut bytes, mut ticks) = (from, 0, 0);
    let mut last: Option<Frame> = None;
    let mut ahead = Ahead::new();
    while at < to {
        let frame = Frame::parse(ahead.head(file, at)?);
        let frame = frame.filter(|frame| last.is_none_or(|last| last.fits(frame)));
        if frame.is_some_and(|frame| at + frame.len > to) {
            break;
        }
        match frame {
            // What tells the length of the frames behind it is no audio.
            Some(frame) if last.is_none() && stated(file, at, &frame)?.is_some() => {
                at += frame.len;
                last = Some(frame);
            }
            Some(frame) => {
                ticks += frame.samples * (TICKS / u64::from(frame.sample_rate));
                (at, bytes) = (at + frame.len, bytes + frame.len);
                last = Some(frame);
            }
            None => {
                let head = file.piece(at, 32)?;
                let tag = id3::size(&head).or_else(|| ape_size(&head));
                at += tag.unwrap_or(0);
                // Where nothing was passed over, the same place would be found for ever.
                let is_stuck = |next| next == at && tag.is_none() && last.is_none();
                match first(file, at)? {
                    Some((next, _)) if next < to && !is_stuck(next) => at = next,
                    _ => break,
                }
                last = None;
            }
        }
    }
    Ok((Duration::from_millis(ticks / (TICKS / 1000)), bytes))
}

/// What was read ahead: a call of the reader for each frame would cost more than the frame.
struct Ahead {
    bytes: Vec<u8>,
    from: u64,
    /// How many of the bytes are there.
    len: usize,
}

impl Ahead {
    /// Large enough that calls of the system do not count, and small enough for the caches of a processor.
    const BYTES: usize = 64 << 10;

    fn new() -> Ahead {
        Ahead {
            bytes: vec![0; Ahead::BYTES],
            from: 0,
            len: 0,
        }
    }

    /// The head of a frame at a place: seven bytes, fewer only at the end.
    fn head<R: Read + Seek>(&mut self, file: &mut Bounded<R>, at: u64) -> io::Result<&[u8]> {
        const HEAD: usize = 7;
        let within = |ahead: &Ahead| {
            let begin = usize::try_from(at.checked_sub(ahead.from)?).ok()?;
            Some(begin..begin + HEAD).filter(|head| head.end <= ahead.len)
        };
        let head = match within(self) {
            Some(head) => head,
            None => {
                self.len = file.fill(at, &mut self.bytes)?;
                self.from = at;
                0..self.len.min(HEAD)
            }
        };
        Ok(&self.bytes[head])
    }
}

/// The size of the APEv2 tag that begins like this.
fn ape_size(head: &[u8]) -> Option<u64> {
    let size = head.strip_prefix(b"APETAGEX")?.get(4..8)?;
    let size = u32::from_le_bytes(size.try_into().ok()?);
    Some(32 + u64::from(size))
}

/// Where the tag of ID3v1 begins at the end of a file, or the file ends.
pub(crate) fn before_id3v1<R: Read + Seek>(file: &mut Bounded<R>) -> io::Result<u64> {
    let end = file.len();
    let is_there = file.piece(end.saturating_sub(128), 3)? == b"TAG";
    Ok(if is_there {
        end.saturating_sub(128)
    } else {
        end
    })
}

/// Where the frames of a file end at the latest: before the tags at its end.
pub(crate) fn end<R: Read + Seek>(file: &mut Bounded<R>) -> io::Result<u64> {
    let end = before_id3v1(file)?;
    let foot = file.piece(end.saturating_sub(32), 32)?;
    let ape = ape_size(&foot).filter(|_| foot.len() == 32);
    Ok(ape.map_or(end, |size| end.saturating_sub(size)))
}

/// What the first frame of a file states of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stated {
    /// How many frames follow.
    pub(crate) frames: u64,
    /// How many bytes they have.
    pub(crate) bytes: Option<u64>,
}

/// Reads the head of Xing (which LAME calls Info where the bit rate is constant) or of Fraunhofer (VBRI).
pub(crate) fn stated<R: Read + Seek>(
    file: &mut Bounded<R>,
    at: u64,
    frame: &Frame,
) -> io::Result<Option<Stated>> {
    if frame.stream != Stream::Mpeg {
        return Ok(None);
    }
    let piece = file.piece(at, frame.len.min(64))?;
    let number = |at: usize| Some(u32::from_be_bytes(piece.get(at..at + 4)?.try_into().ok()?));
    let stated = || {
        let is_xing = |at: &usize| {
            let id = piece.get(*at..*at + 4);
            id == Some(b"Xing") || id == Some(b"Info")
        };
        // Behind what tells how the channels are coded, of 9 to 32 bytes, and perhaps a checksum.
        let xing = [13, 15, 21, 23, 36, 38].into_iter().find(is_xing);
        if let Some(at) = xing {
            let flags = number(at + 4)?;
            let bytes_at = at + 8 + if flags & 1 != 0 { 4 } else { 0 };
            return Some(Stated {
                frames: number(at + 8)
                    .filter(|_| flags & 1 != 0)
                    .unwrap_or(0)
                    .into(),
                bytes: number(bytes_at).filter(|_| flags & 2 != 0).map(u64::from),
            });
        }
        (piece.get(36..40)? == b"VBRI").then_some(Stated {
            frames: number(50)?.into(),
            bytes: number(46).map(u64::from),
        })
    };
    Ok(stated())
}

/// Whether frames follow one another from here on, up to the end of the file if it is near.
fn is_in_a_row<R: Read + Seek>(
    file: &mut Bounded<R>,
    from: u64,
    first: &Frame,
) -> io::Result<bool> {
    let mut at = from + first.len;
    for n in 1..IN_A_ROW {
        let head = file.piece(at, 7)?;
        match Frame::parse(&head) {
            Some(frame) if first.fits(&frame) => at += frame.len,
            // A short file ends, or its tags begin.
            _ => {
                return Ok(
                    n > 1 && (head.len() < 7 || is_tag(&head)) || from == 0 && head.is_empty()
                );
            }
        }
    }
    Ok(true)
}

fn is_tag(head: &[u8]) -> bool {
    [&b"TAG"[..], b"APETAG", b"ID3", b"LYRICS"]
        .iter()
        .any(|magic| head.starts_with(magic))
}
