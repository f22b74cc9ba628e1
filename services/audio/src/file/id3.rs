//! ID3v2 tags as a parser should see them.
//!
//! Tags come from thousands of programs. Some wrote plain sizes where the standard wants sizes of seven bits a
//! byte (iTunes in ID3v2.4); some set the sign of unsynchronisation on the tag, the frame, or both; texts in
//! UTF-16 lack a byte or their mark. The parser that follows takes each of them amiss, so a tag is written anew:
//! the same frames, without what is optional, each in order. From: id3.org's ID3v2.2.0, 2.3.0 and 2.4.0.

use std::{
    collections::HashMap,
    io::{self, Read, Seek},
};

use super::{
    bounded::Bounded,
    limits::{self, Room},
    packed::Unpacking,
    sung,
    written::{Date, number, total},
};

/// The largest frame with a picture that is kept, and the largest of another kind.
const PICTURE_BYTES_MAX: usize = limits::PICTURE_BYTES_MAX + (64 << 10);
const FRAME_BYTES_MAX: usize = 1 << 20;
/// The most bytes of a tag that are kept: a tag may have any number of pictures.
const KEPT_BYTES_MAX: usize = 24 << 20;
/// The most frames of a tag that are kept, and the most of one name: a parser compares each with all before it.
const FRAMES_MAX: usize = 1 << 12;
const FRAMES_OF_A_NAME_MAX: usize = 1 << 10;
/// The most frames that are looked at to see how their sizes are written.
const HEADS_MAX: usize = 1 << 16;

/// A frame: its name, of three letters or four, and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Id3Frame {
    name: Vec<u8>,
    content: Vec<u8>,
}

/// A tag, without what is optional in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Id3 {
    version: u8,
    pub(crate) frames: Vec<Id3Frame>,
}

/// The size of the tag that begins like this, with its head and its foot.
pub(crate) fn size(head: &[u8]) -> Option<u64> {
    let head: &[u8; 10] = head.get(..10)?.try_into().ok()?;
    let is_tag = head.starts_with(b"ID3") && head[3] != 0xff && head[4] != 0xff;
    let size = synchsafe(&head[6..10])?;
    let foot = if head[5] & 0x10 != 0 && head[3] == 4 {
        10
    } else {
        0
    };
    is_tag.then_some(10 + u64::from(size) + foot)
}

/// Reads the tag at a place. `None` if it is none, or of a version that is not known.
pub(crate) fn read<R: Read + Seek>(file: &mut Bounded<R>, at: u64) -> io::Result<Option<Id3>> {
    let head = file.piece(at, 10)?;
    let Some(size) = size(&head).filter(|_| matches!(head[3], 2..=4)) else {
        return Ok(None);
    };
    let (version, flags) = (head[3], head[5]);
    if version == 2 && flags & 0x40 != 0 {
        // Compressed in a way that was never defined.
        return Ok(None);
    }
    let end = (at + size).min(file.len());
    // Only a tag that is unsynchronised as a whole has to be in memory; a picture may be any size.
    let is_whole = flags & 0x80 != 0 && version < 4;
    let mut body = match is_whole {
        false => Body::InFile { from: at + 10, end },
        true if size > 4 * PICTURE_BYTES_MAX as u64 => return Ok(None),
        true => Body::Plain(synchronised(file.piece(at + 10, end - at - 10)?)),
    };
    let start = body.extended(file, version, flags)?;
    let mut tag = Id3 {
        version,
        frames: Vec::new(),
    };
    let is_plain = version == 4 && has_plain_sizes(file, &mut body, start)?;
    let (mut at, mut kept) = (start, 0);
    let mut counts: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut unpacking = Unpacking::at_most(KEPT_BYTES_MAX);
    let mut room = Room::for_a_tag();
    while let Some(head) = FrameHead::read(file, &mut body, at, version, is_plain)? {
        let content_at = at + head.len;
        at = content_at + head.size;
        let is_picture = matches!(&head.name[..], b"APIC" | b"PIC");
        let most = if is_picture {
            PICTURE_BYTES_MAX
        } else {
            FRAME_BYTES_MAX
        };
        if head.size == 0
            || head.size > 2 * most as u64
            || kept + head.size as usize > KEPT_BYTES_MAX
            || tag.frames.len() >= FRAMES_MAX
            || counts
                .get(&head.name)
                .is_some_and(|count| *count >= FRAMES_OF_A_NAME_MAX)
        {
            continue;
        }
        let content = body.piece(file, content_at, head.size)?;
        let content = match head.content(content, version, flags & 0x80 != 0) {
            Some(content) if head.is_packed(version) => unpacking.unpack(&content, most),
            content => content,
        };
        let content = content.filter(|content| (1..=most).contains(&content.len()));
        if let Some(mut frame) = content.and_then(|content| frame(head.name, content, version)) {
            if frame.name[0] == b'T' || frame.name.starts_with(b"IPL") {
                room.cut(&mut frame.content);
            }
            kept += frame.content.len();
            *counts.entry(frame.name.clone()).or_default() += 1;
            tag.frames.push(frame);
        }
    }
    Ok(Some(tag))
}

impl Id3 {
    /// The tag, written anew.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes_of(&self.frames)
    }

    /// A tag of the same version with other frames.
    pub(crate) fn bytes_of(&self, frames: &[Id3Frame]) -> Vec<u8> {
        let mut body = Vec::new();
        for Id3Frame { name, content } in frames {
            body.extend(name);
            let len = content.len() as u32;
            match self.version {
                2 => body.extend(&len.to_be_bytes()[1..]),
                3 => body.extend(len.to_be_bytes()),
                _ => body.extend(seven_bits(len)),
            }
            if self.version > 2 {
                body.extend([0, 0]);
            }
            body.extend(content);
        }
        let mut tag = [b"ID3", &[self.version, 0, 0][..]].concat();
        tag.extend(seven_bits(body.len() as u32));
        tag.extend(body);
        tag
    }
}

fn seven_bits(number: u32) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (number >> shift) as u8 & 0x7f)
}

/// A number of seven bits a byte; `None` where a byte has the eighth.
fn synchsafe(bytes: &[u8]) -> Option<u32> {
    let number = bytes
        .iter()
        .fold(0, |all, byte| all << 7 | u32::from(*byte));
    bytes.iter().all(|byte| *byte < 0x80).then_some(number)
}

/// Takes out the zeros that unsynchronisation puts behind 0xff. Where an 0xff stands that it would not have
/// left, the sign of it is wrong, and the bytes stay.
fn synchronised(bytes: Vec<u8>) -> Vec<u8> {
    let was_done = bytes.windows(2).all(|two| two[0] != 0xff || two[1] < 0xe0);
    if !was_done {
        return bytes;
    }
    let mut last = 0;
    let kept = bytes.into_iter().filter(|byte| {
        let is_stuffed = last == 0xff && *byte == 0;
        last = *byte;
        !is_stuffed
    });
    kept.collect()
}

/// What lies between the head of a tag and its end.
enum Body {
    InFile { from: u64, end: u64 },
    Plain(Vec<u8>),
}

impl Body {
    fn len(&self) -> u64 {
        match self {
            Body::InFile { from, end } => end.saturating_sub(*from),
            Body::Plain(bytes) => bytes.len() as u64,
        }
    }

    fn piece<R: Read + Seek>(
        &mut self,
        file: &mut Bounded<R>,
        at: u64,
        len: u64,
    ) -> io::Result<Vec<u8>> {
        let len = len.min(self.len().saturating_sub(at));
        match self {
            Body::InFile { from, .. } => file.piece(*from + at, len),
            Body::Plain(bytes) => {
                let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes[at..at + len as usize].to_vec())
            }
        }
    }

    /// The size of the extended head, which says nothing that is needed.
    fn extended<R: Read + Seek>(
        &mut self,
        file: &mut Bounded<R>,
        version: u8,
        flags: u8,
    ) -> io::Result<u64> {
        if version == 2 || flags & 0x40 == 0 {
            return Ok(0);
        }
        let size = self.piece(file, 0, 4)?;
        // A frame begins with letters: then there is no extended head, whatever the flag says.
        if size.len() < 4 || size[0].is_ascii_uppercase() {
            return Ok(0);
        }
        Ok(match version {
            3 => 4 + u64::from(u32::from_be_bytes([size[0], size[1], size[2], size[3]])),
            _ => u64::from(synchsafe(&size).unwrap_or(0)),
        })
    }
}

struct FrameHead {
    name: Vec<u8>,
    /// Of the head.
    len: u64,
    /// Of the content.
    size: u64,
    flags: u8,
}

impl FrameHead {
    /// The head of the frame at a place. `None` where no more follow.
    fn read<R: Read + Seek>(
        file: &mut Bounded<R>,
        body: &mut Body,
        at: u64,
        version: u8,
        is_plain: bool,
    ) -> io::Result<Option<FrameHead>> {
        let (name, len) = if version == 2 { (3, 6) } else { (4, 10) };
        let head = body.piece(file, at, len as u64)?;
        let is_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        // Some programs write names of three letters into a tag of four.
        let is_short = |name: &[u8]| name.len() == 4 && matches!(name[3], 0 | b' ');
        if head.len() < len
            || !(head[..name].iter().all(is_name)
                || is_short(&head[..name]) && head[..3].iter().all(is_name))
        {
            return Ok(None);
        }
        let size = match version {
            2 => u32::from_be_bytes([0, head[3], head[4], head[5]]),
            4 if !is_plain => match synchsafe(&head[4..8]) {
                Some(size) => size,
                None => return Ok(None),
            },
            _ => u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
        };
        let is_within = at + (len as u64) + u64::from(size) <= body.len();
        Ok(is_within.then(|| FrameHead {
            name: head[..name].to_vec(),
            len: len as u64,
            size: size.into(),
            flags: head.get(9).copied().unwrap_or(0),
        }))
    }

    /// Whether the content is compressed.
    fn is_packed(&self, version: u8) -> bool {
        let sign = match version {
            2 => 0,
            3 => 0x80,
            _ => 0x08,
        };
        self.flags & sign != 0
    }

    /// The content without what the flags put before it. `None` if it is encrypted.
    fn content(
        &self,
        mut content: Vec<u8>,
        version: u8,
        is_unsynchronised: bool,
    ) -> Option<Vec<u8>> {
        // What is packed has its length before it in version 2.3, and a sign of its own for that in 2.4.
        let (encrypted, group, length, stuffed) = match version {
            2 => return Some(content),
            3 => (0x40, 0x20, 0x80, 0),
            _ => (0x04, 0x40, 0x01, 0x02),
        };
        if self.flags & encrypted != 0 {
            return None;
        }
        let before =
            usize::from(self.flags & group != 0) + 4 * usize::from(self.flags & length != 0);
        if content.len() < before {
            return None;
        }
        content.drain(..before);
        let is_stuffed = self.flags & stuffed != 0 || version == 4 && is_unsynchronised;
        Some(match is_stuffed {
            true => synchronised(content),
            false => content,
        })
    }
}

/// Whether the frames of a tag of version 2.4 have plain sizes: read so, they reach the padding or the end,
/// and read as they should be, they do not.
fn has_plain_sizes<R: Read + Seek>(
    file: &mut Bounded<R>,
    body: &mut Body,
    start: u64,
) -> io::Result<bool> {
    let mut walk = |is_plain| -> io::Result<(bool, usize)> {
        let (mut at, mut frames) = (start, 0);
        while let Some(head) = FrameHead::read(file, body, at, 4, is_plain)? {
            at += head.len + head.size;
            frames += 1;
            if frames > HEADS_MAX {
                break;
            }
        }
        let rest = body.piece(file, at, 4)?;
        Ok((rest.iter().all(|byte| *byte == 0), frames))
    };
    let (is_right, frames) = walk(false)?;
    if is_right {
        return Ok(false);
    }
    let (is_plain, plain) = walk(true)?;
    Ok(is_plain || plain > frames)
}

/// A frame as a parser takes it; `None` for one that says nothing.
fn frame(name: Vec<u8>, content: Vec<u8>, version: u8) -> Option<Id3Frame> {
    let text = match &name[..] {
        b"SYLT" => Some(&b"USLT"[..]),
        b"SLT" => Some(&b"ULT"[..]),
        _ => None,
    };
    Some(match text {
        Some(text) => Id3Frame {
            name: text.to_vec(),
            content: sung::as_text(content)?,
        },
        None => Id3Frame {
            content: legible(&name, content, version),
            name,
        },
    })
}

/// The content of a text frame with what its encoding lacks.
fn legible(name: &[u8], content: Vec<u8>, version: u8) -> Vec<u8> {
    let is_text = name[0] == b'T' && !name.starts_with(b"TXX");
    if !is_text {
        return content;
    }
    let content = encoded(content, version);
    match standard(name, &content) {
        Some(text) => [b"\0", text.as_bytes()].concat(),
        None => content,
    }
}

/// A number or a date as the standard writes it, since a parser takes no other. `None` for other texts, and for
/// those that cannot be read.
fn standard(name: &[u8], content: &[u8]) -> Option<String> {
    let text = || plain(content).filter(|text| !text.contains('\0'));
    // Behind an end of the text, some programs leave what stood there before.
    let first =
        || plain(content).map(|text| text.split('\0').next().unwrap_or_default().to_owned());
    match name {
        // A year: month and day have frames of their own.
        b"TYER" | b"TORY" | b"TYE" | b"TOR" => Some(Date::parse(&first()?)?.year.to_string()),
        b"TDRC" | b"TDRL" | b"TDOR" => {
            let text = first()?;
            let is_standard = |c: char| c.is_ascii_digit() || matches!(c, '-' | 'T' | ':');
            let has_time = text.len() > 10 && text.chars().all(is_standard);
            let date = Date::parse(&text).filter(|_| !has_time);
            date.map(Date::iso)
        }
        b"TRCK" | b"TPOS" | b"TRK" | b"TPA" => {
            let text = text()?;
            let is_standard = |c: char| c.is_ascii_digit() || c == '/';
            let number = number(&text).filter(|_| !text.chars().all(is_standard))?;
            Some(match total(&text) {
                Some(total) => format!("{number}/{total}"),
                None => number.to_string(),
            })
        }
        _ => None,
    }
}

/// The text of a frame whose encoding is complete.
fn plain(content: &[u8]) -> Option<String> {
    let text: String = match content {
        [1, _, _, units @ ..] => {
            let units = units.chunks_exact(2);
            let units = units.map(|two| u16::from_le_bytes([two[0], two[1]]));
            char::decode_utf16(units)
                .map(Result::unwrap_or_default)
                .collect()
        }
        [_, text @ ..] => text.iter().map(|byte| char::from(*byte)).collect(),
        [] => return None,
    };
    Some(text.trim_matches('\0').to_owned())
}

/// A text whose encoding is complete.
fn encoded(mut content: Vec<u8>, version: u8) -> Vec<u8> {
    match content[0] {
        0 => content,
        3 if version > 2 && std::str::from_utf8(&content[1..]).is_ok() => content,
        1 | 2 => utf_16(&content),
        3 => {
            content[0] = 0;
            content
        }
        // The encoding is missing.
        _ => [&[0], &content[..]].concat(),
    }
}

/// A text of UTF-16 with one mark, at its beginning, and no half a character anywhere.
fn utf_16(content: &[u8]) -> Vec<u8> {
    let (text, mut is_big) = (&content[1..], content[0] == 2);
    // Without a mark, the zeros tell: nearly every text has a letter of ASCII.
    if content[0] == 1 && !matches!(text, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        let zeros = |odd| {
            text.iter()
                .skip(odd)
                .step_by(2)
                .filter(|byte| **byte == 0)
                .count()
        };
        is_big = zeros(0) > zeros(1);
    }
    let mut units = Vec::new();
    for two in text.chunks_exact(2) {
        let unit = |is_big| match is_big {
            true => u16::from_be_bytes([two[0], two[1]]),
            false => u16::from_le_bytes([two[0], two[1]]),
        };
        match unit(is_big) {
            0xfeff => {}
            0xfffe => is_big = !is_big,
            unit => units.push(unit),
        }
    }
    // The text ends in the middle of a character whose other byte would have been zero.
    if let (false, [last]) = (is_big, text.chunks_exact(2).remainder()) {
        units.push(u16::from(*last));
    }
    let whole = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    let whole: String = whole.collect();
    let units = whole.encode_utf16().flat_map(u16::to_le_bytes);
    [1, 0xff, 0xfe].into_iter().chain(units).collect()
}
