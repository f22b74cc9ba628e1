//! What a parser does not give of the comments in Ogg. From: the Vorbis I specification, 5, and RFC 7845, 5.2.

use std::io::{Read, Seek};

use ogg_pager::Packets;

use crate::file::bounded::Bounded;

/// The most bytes of comments that are kept where there are too many: a block of FLAC has no more than 16 MiB.
const COMMENT_BYTES_MAX: usize = 15 << 20;

/// The most comments that a parser is shown: each costs it some hundred bytes.
const COMMENTS_MAX: u32 = 1 << 17;

/// The comments of a stream without those that are too large to be read, as a file of FLAC has them, without audio.
pub(crate) fn comments<R: Read + Seek>(file: &mut Bounded<R>, at: u64) -> Option<Vec<u8>> {
    let packet = packet(file, at)?;
    let mut kept = Vec::new();
    let mut count = 0u32;
    for text in texts(&packet)? {
        if kept.len() + text.len() <= COMMENT_BYTES_MAX {
            kept.extend((text.len() as u32).to_le_bytes());
            kept.extend(text);
            count += 1;
        }
    }
    let block = [&[0; 4], &count.to_le_bytes()[..], &kept].concat();
    let head = (0x8400_0000 | block.len() as u32).to_be_bytes();
    // Nobody looks at what this says of the audio, but a rate it must have.
    let info = [
        &[0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0xc4, 0x42, 0xf0][..],
        &[0; 20],
    ]
    .concat();
    Some([&b"fLaC\0\0\0\x22"[..], &info, &head, &block].concat())
}

/// The gains of a stream of Opus to the level of EBU R 128, of the track and of the album, in 1/256 of a decibel.
pub(crate) fn gains<R: Read + Seek>(file: &mut Bounded<R>, at: u64) -> [Option<i64>; 2] {
    let packet = packet(file, at).unwrap_or_default();
    let gain = |name: &[u8]| {
        texts(&packet)?.find_map(|text| {
            let (before, value) = text.split_at_checked(name.len())?;
            let value = before.eq_ignore_ascii_case(name).then_some(value)?;
            std::str::from_utf8(value).ok()?.trim().parse().ok()
        })
    };
    [gain(b"R128_TRACK_GAIN="), gain(b"R128_ALBUM_GAIN=")]
}

/// Whether a stream has more comments than are taken.
pub(crate) fn has_too_many<R: Read + Seek>(file: &mut Bounded<R>, at: u64) -> bool {
    let Some(packet) = packet(file, at) else {
        return false;
    };
    // In the mapping of FLAC, the packet is a block with its head.
    let block = packet.split_at_checked(4).filter(|(head, block)| {
        head[0] & 0x7f == 4 && head[1..] == (block.len() as u32).to_be_bytes()[1..]
    });
    are_too_many(block.map_or(&packet[..], |(_, block)| block))
}

/// Whether there are more comments than are taken, as their number is stated: a parser believes it.
pub(crate) fn are_too_many(block: &[u8]) -> bool {
    let number = |at: usize| Some(u32::from_le_bytes(block.get(at..at + 4)?.try_into().ok()?));
    let count = number(0).and_then(|vendor| number(4 + vendor as usize));
    count.is_some_and(|count| count > COMMENTS_MAX)
}

/// The packet of comments.
fn packet<R: Read + Seek>(file: &mut Bounded<R>, at: u64) -> Option<Vec<u8>> {
    file.go(at).ok()?;
    let packets = Packets::read_count(file, 2).ok()?;
    let packet = packets.get(1)?;
    let signs = [&b"OpusTags"[..], b"\x03vorbis"];
    let behind = signs.iter().find_map(|sign| packet.strip_prefix(*sign));
    Some(behind.unwrap_or(packet).to_vec())
}

/// The comments, behind the name of the program that wrote them.
fn texts(packet: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
        let len = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?);
        let (text, behind) = rest[4..].split_at_checked(usize::try_from(len).ok()?)?;
        *rest = behind;
        Some(text)
    }
    let mut rest = packet;
    take(&mut rest)?;
    let mut rest = rest.get(4..)?;
    Some(std::iter::from_fn(move || take(&mut rest)))
}
