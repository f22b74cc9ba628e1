//! WAV and AIFF: their chunks, as a parser should see them, and how much audio there truly is.
//!
//! A pipe cannot go back to write a size: it leaves 0 or the largest one. Files of more than four gigabytes tell
//! theirs in another chunk. From: Multimedia Programming Interface and Data Specifications 1.0 (RIFF), EBU Tech 3306
//! (RF64), Audio Interchange File Format 1.3.

use std::{
    io::{self, Read, Seek},
    time::Duration,
};

use crate::file::{
    bounded::Bounded,
    frames, id3,
    limits::FIELDS_BYTES_MAX,
    measured::{Measured, of_samples},
    spliced::Piece,
};

/// A parser looks at no more of the audio.
const SHOWN_BYTES_MAX: u64 = 1 << 30;
/// The largest list of texts that is looked at.
const LIST_BYTES_MAX: u64 = 1 << 20;
/// The most chunks of a file that are looked at.
const CHUNKS_MAX: usize = 4096;

/// A chunk: its name, where its content begins, its size as it is stated, and as it truly is.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    id: [u8; 4],
    at: u64,
    stated: u64,
    len: u64,
    /// Whether its head states another size.
    is_mended: bool,
}

impl Chunk {
    fn is_audio(&self) -> bool {
        matches!(&self.id, b"data" | b"SSND")
    }
}

/// Whether numbers begin with their largest byte, as in AIFF.
fn is_big<R: Read + Seek>(file: &mut Bounded<R>, at: u64) -> io::Result<bool> {
    Ok(file.piece(at, 4)? == b"FORM")
}

fn chunks<R: Read + Seek>(file: &mut Bounded<R>, at: u64) -> io::Result<Vec<Chunk>> {
    let is_big = is_big(file, at)?;
    let mut chunks = Vec::new();
    let mut large = None;
    let mut at = at + 12;
    while chunks.len() < CHUNKS_MAX {
        let Ok(head) = <[u8; 8]>::try_from(file.piece(at, 8)?) else {
            break;
        };
        let [a, b, c, d, size @ ..] = head;
        let size = match is_big {
            true => u32::from_be_bytes(size),
            false => u32::from_le_bytes(size),
        };
        let left = file.len() - at - 8;
        let mut chunk = Chunk {
            id: [a, b, c, d],
            at: at + 8,
            stated: size.into(),
            len: left.min(size.into()),
            is_mended: u64::from(size) > left,
        };
        if &chunk.id == b"ds64" {
            let sizes = file.piece(chunk.at, 16)?;
            let size = sizes.get(8..16).and_then(|size| size.try_into().ok());
            large = size.map(u64::from_le_bytes);
        }
        if chunk.is_audio() {
            match (size, large) {
                (u32::MAX, Some(large)) => (chunk.stated, chunk.len) = (large, left.min(large)),
                // A pipe: the audio goes on to the end.
                (0 | u32::MAX, _) if !is_chunk(&file.piece(chunk.at, 4)?) => {
                    (chunk.stated, chunk.len) = (left, left);
                }
                _ => {}
            }
            chunk.is_mended |= chunk.len != u64::from(size);
        }
        chunks.push(chunk);
        at = chunk.at + chunk.len + chunk.len % 2;
    }
    Ok(chunks)
}

/// Whether a chunk follows an empty one, and not the audio of a pipe.
fn is_chunk(id: &[u8]) -> bool {
    matches!(
        id,
        b"" | b"LIST"
            | b"id3 "
            | b"ID3 "
            | b"fact"
            | b"PEAK"
            | b"cue "
            | b"bext"
            | b"JUNK"
            | b"COMM"
    )
}

/// Whether a chunk may be a list of texts.
fn is_list(chunk: &Chunk) -> bool {
    &chunk.id == b"LIST" && chunk.len <= LIST_BYTES_MAX
}

/// A list of texts with those in UTF-8 that are not: a parser leaves them out. They are taken for Latin-1, as those
/// of ID3 are, until all texts of the file tell their code page. `None` where there are none.
fn in_utf_8(list: &[u8]) -> Option<Vec<u8>> {
    let mut rest = list.strip_prefix(b"INFO")?;
    let mut written = b"INFO".to_vec();
    let mut is_other = false;
    while let Some((head, behind)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, size @ ..] = *head;
        let size = u32::from_le_bytes(size) as usize;
        let (text, behind) = behind.split_at(size.min(behind.len()));
        let text = match std::str::from_utf8(text) {
            Ok(text) => text.to_owned(),
            Err(_) => {
                is_other = true;
                text.iter().map(|byte| char::from(*byte)).collect()
            }
        };
        written.extend([a, b, c, d]);
        written.extend((text.len() as u32).to_le_bytes());
        written.extend(text.as_bytes());
        written.resize(written.len().next_multiple_of(2), 0);
        rest = behind.get(size % 2..).unwrap_or_default();
    }
    is_other.then_some(written)
}

/// Whether the chunks with texts are longer than is taken.
pub(crate) fn has_too_many<R: Read + Seek>(file: &mut Bounded<R>, at: u64) -> io::Result<bool> {
    let mut bytes = 0;
    for chunk in chunks(file, at)? {
        let is_text = match &chunk.id {
            b"LIST" => file.piece(chunk.at, 4)? == *b"INFO",
            id => matches!(id, b"NAME" | b"AUTH" | b"(c) " | b"ANNO" | b"COMT"),
        };
        bytes += if is_text { chunk.len } else { 0 };
    }
    Ok(bytes > FIELDS_BYTES_MAX)
}

/// The file with its true sizes, as plain WAV or AIFF, and with its tags as a parser takes them. `None` where a parser
/// can take it as it is.
pub(crate) fn pieces<R: Read + Seek>(
    file: &mut Bounded<R>,
    at: u64,
) -> io::Result<Option<Vec<Piece>>> {
    let is_big = is_big(file, at)?;
    let chunks = chunks(file, at)?;
    let head = file.piece(at, 12)?;
    let is_tag = |chunk: &Chunk| matches!(&chunk.id, b"id3 " | b"ID3 ");
    let mut lists = Vec::new();
    for chunk in chunks.iter().filter(|chunk| is_list(chunk)) {
        let list = file.piece(chunk.at, chunk.len)?;
        lists.extend(in_utf_8(&list).map(|list| (chunk.at, list)));
    }
    let is_odd = |chunk: &Chunk| chunk.is_mended || is_tag(chunk);
    let sizes = file.piece(at + 4, 4)?;
    let samples = match is_big {
        true => None,
        false => samples(file, &chunks)?,
    };
    // A parser refuses other codecs than plain samples without a chunk that counts them, and samples of less than
    // a byte.
    let is_counted =
        samples.as_ref().is_none_or(Samples::is_plain) || stated_samples(file, &chunks)?.is_some();
    let is_of_bytes = samples.is_none_or(|samples| samples.bits % 8 == 0);
    let is_plain = is_counted
        && is_of_bytes
        && matches!(head.get(..4), Some(b"RIFF" | b"FORM"))
        && !chunks.iter().any(is_odd)
        && lists.is_empty()
        && sizes != [0xff; 4]
        && sizes != [0; 4];
    if is_plain {
        return Ok(None);
    }
    let number = |number: u64| match is_big {
        true => (number as u32).to_be_bytes(),
        false => (number as u32).to_le_bytes(),
    };
    let mut pieces = Vec::new();
    let mut whole = 4;
    if !is_counted {
        // How many there are is measured later.
        let fact = [&b"fact"[..], &number(4), &number(1)].concat();
        whole += fact.len() as u64;
        pieces.push(Piece::Bytes(fact));
    }
    for chunk in chunks.iter().filter(|chunk| &chunk.id != b"ds64") {
        let tag = match is_tag(chunk) {
            true => id3::read(file, chunk.at)?.map(|tag| tag.bytes()),
            false => None,
        };
        let list = lists.iter().find(|(at, _)| *at == chunk.at);
        let mut mended = tag.or_else(|| list.map(|(_, list)| list.clone()));
        if &chunk.id == b"fmt " && !is_of_bytes {
            let mut format = file.piece(chunk.at, chunk.len.min(FORMAT_BYTES_MAX))?;
            format[BITS_AT..BITS_AT + 2].copy_from_slice(&UNPACKED_BITS.to_le_bytes());
            mended = Some(format);
        }
        let content = match mended {
            Some(bytes) => Piece::Bytes(bytes),
            None => {
                let len = chunk.len.min(SHOWN_BYTES_MAX);
                Piece::part(chunk.at, chunk.at + len)
            }
        };
        let len = content.len();
        let padding = vec![0; (len % 2) as usize];
        whole += 8 + len + len % 2;
        let head = [&chunk.id[..], &number(len)].concat();
        pieces.extend([Piece::Bytes(head), content, Piece::Bytes(padding)]);
    }
    let kind = if is_big { b"FORM" } else { b"RIFF" };
    let head = [
        kind,
        &number(whole)[..],
        head.get(8..12).unwrap_or_default(),
    ]
    .concat();
    pieces.insert(0, Piece::Bytes(head));
    Ok(Some(pieces))
}

/// The longest head of a codec that is looked at, and where in it the bits of a sample stand.
const FORMAT_BYTES_MAX: u64 = 1 << 10;
const BITS_AT: usize = 14;
/// What samples of less than a byte are unpacked to, by the usual codecs.
const UNPACKED_BITS: u16 = 16;

/// What a WAV says of its samples.
struct Samples {
    kind: u16,
    rate: u32,
    bytes_per_second: u32,
    /// Of a sample of all channels, or of a block.
    bytes_per_frame: u16,
    bits: u16,
    /// What the codec says of its blocks: how many samples there are in one.
    samples_per_block: Option<u16>,
}

impl Samples {
    fn parse(content: &[u8]) -> Option<Samples> {
        let short = |at: usize| {
            Some(u16::from_le_bytes(
                content.get(at..at + 2)?.try_into().ok()?,
            ))
        };
        let long = |at: usize| {
            Some(u32::from_le_bytes(
                content.get(at..at + 4)?.try_into().ok()?,
            ))
        };
        let kind = match short(0)? {
            0xfffe => short(24)?,
            kind => kind,
        };
        Some(Samples {
            kind,
            rate: long(4)?,
            bytes_per_second: long(8)?,
            bytes_per_frame: short(12)?,
            bits: short(BITS_AT)?,
            samples_per_block: short(18),
        })
    }

    fn is_plain(&self) -> bool {
        matches!(self.kind, 1 | 3)
    }

    /// Whether it is MPEG audio, whose frames are counted as those of any file.
    fn is_mpeg(&self) -> bool {
        matches!(self.kind, 0x50 | 0x55)
    }

    /// How many samples so many bytes are; `None` where that is not known.
    fn of_bytes(&self, bytes: u64) -> Option<u64> {
        let frames = bytes.checked_div(self.bytes_per_frame.into())?;
        match self.kind {
            1 | 3 => Some(frames),
            // ADPCM of Microsoft and of IMA.
            2 | 0x11 => Some(frames * u64::from(self.samples_per_block?)),
            _ => None,
        }
    }

    /// `stated` is how many samples a chunk says there are.
    fn last(&self, bytes: u64, stated: Option<u64>) -> Option<Duration> {
        let samples = self.of_bytes(bytes).map(|counted| {
            // The last block is not always full.
            let block = self.samples_per_block.filter(|_| !self.is_plain());
            let is_right = |stated: &u64| {
                *stated <= counted && counted - stated < u64::from(block.unwrap_or(0))
            };
            stated.filter(is_right).unwrap_or(counted)
        });
        match samples.filter(|samples| *samples > 0 && self.rate > 0) {
            Some(samples) => Some(of_samples(samples, self.rate)),
            None => (self.bytes_per_second > 0).then(|| of_samples(bytes, self.bytes_per_second)),
        }
    }
}

/// What the head of a WAV says of its samples.
fn samples<R: Read + Seek>(file: &mut Bounded<R>, chunks: &[Chunk]) -> io::Result<Option<Samples>> {
    let format = chunks.iter().find(|chunk| &chunk.id == b"fmt ");
    let format = match format {
        Some(format) => file.piece(format.at, format.len.min(FORMAT_BYTES_MAX))?,
        None => return Ok(None),
    };
    Ok(Samples::parse(&format))
}

/// How many samples a chunk says there are, if it says it.
fn stated_samples<R: Read + Seek>(
    file: &mut Bounded<R>,
    chunks: &[Chunk],
) -> io::Result<Option<u64>> {
    let Some(fact) = chunks.iter().find(|chunk| &chunk.id == b"fact") else {
        return Ok(None);
    };
    let stated = file.piece(fact.at, fact.len.min(4))?.try_into();
    let stated = stated.map_or(0, u32::from_le_bytes);
    Ok(Some(u64::from(stated)).filter(|stated| *stated > 0))
}

/// `read` is what a parser found.
pub(crate) fn measure<R: Read + Seek>(
    file: &mut Bounded<R>,
    at: u64,
    read: Duration,
) -> io::Result<Option<Measured>> {
    let chunks = chunks(file, at)?;
    let Some(audio) = chunks.iter().find(|chunk| chunk.is_audio()) else {
        return Ok(None);
    };
    let bytes = Some(audio.len);
    let is_cut = audio.len < audio.stated;
    if is_big(file, at)? {
        // What is there of what should be.
        let stated = audio.stated.max(1) as f64;
        let lasts = read.mul_f64(audio.len as f64 / stated);
        return Ok(is_cut.then_some(Measured {
            lasts: Some(lasts),
            bytes,
        }));
    }
    let Some(samples) = samples(file, &chunks)? else {
        return Ok(None);
    };
    if samples.is_mpeg() {
        let (lasts, bytes) = frames::count(file, audio.at, audio.at + audio.len)?;
        if bytes > 0 {
            return Ok(Some(Measured {
                lasts: Some(lasts),
                bytes: Some(bytes),
            }));
        }
    }
    // Other codecs tell in a chunk how many samples there are, and the parser has read that.
    if samples.of_bytes(audio.len).is_none() && !is_cut && !read.is_zero() {
        return Ok(None);
    }
    let stated = stated_samples(file, &chunks)?;
    Ok(Some(Measured {
        lasts: samples.last(audio.len, stated),
        bytes,
    }))
}
