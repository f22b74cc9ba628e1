//! Pictures in APEv2 tags, which lofty leaves out.
//!
//! From: the APEv2 specification and the list of its keys at hydrogenaud.io.

use std::io::{self, Read, Seek};

use lofty::{
    file::{TaggedFile, TaggedFileExt},
    picture::{Picture, PictureType},
    tag::{Tag, TagType},
};

use crate::file::{
    bounded::Bounded,
    frames,
    limits::{PICTURE_BYTES_MAX, READ_BYTES_MAX},
};

/// The size of the foot, and of the head where there is one.
const FOOT_BYTES: u64 = 32;
/// The most items that are looked at.
const ITEMS_MAX: usize = 4096;
/// The most pictures that are taken.
const PICTURES_MAX: usize = 4;
/// The longest key, and the longest name of a picture.
const NAME_BYTES_MAX: u64 = 256;

/// Puts the pictures of the tag at the end of a file to its others. Nothing happens where they cannot be read.
pub(crate) fn add_pictures<R: Read + Seek>(file: &mut Bounded<R>, tagged: &mut TaggedFile) {
    file.allow(READ_BYTES_MAX);
    let Some(pictures) = pictures(file).ok().filter(|found| !found.is_empty()) else {
        return;
    };
    let tag = tagged.remove(TagType::Ape);
    let mut tag = tag.unwrap_or_else(|| Tag::new(TagType::Ape));
    for picture in pictures {
        tag.push_picture(picture);
    }
    tagged.insert_tag(tag);
}

fn pictures<R: Read + Seek>(file: &mut Bounded<R>) -> io::Result<Vec<Picture>> {
    let end = frames::before_id3v1(file)?;
    let foot_at = end.saturating_sub(FOOT_BYTES);
    let foot = file.piece(foot_at, FOOT_BYTES)?;
    let mut pictures = Vec::new();
    // The size counts the foot, and not the head.
    let Some(size) = number(&foot, 12).filter(|_| foot.starts_with(b"APETAGEX")) else {
        return Ok(pictures);
    };
    let mut at = end.saturating_sub(size);
    for _ in 0..ITEMS_MAX {
        let head = file.piece(at, 8 + NAME_BYTES_MAX)?;
        let key = head.get(8..).unwrap_or_default();
        let key_len = key.iter().position(|byte| *byte == 0);
        let (Some(len), Some(key_len)) = (number(&head, 0), key_len) else {
            break;
        };
        let value_at = at + 8 + key_len as u64 + 1;
        at = value_at + len;
        if at > foot_at || pictures.len() == PICTURES_MAX {
            break;
        }
        let key = key[..key_len].to_ascii_lowercase();
        if !key.starts_with(b"cover art (") || len > PICTURE_BYTES_MAX as u64 + NAME_BYTES_MAX {
            continue;
        }
        let value = file.piece(value_at, len)?;
        // The name of its file stands before a picture.
        if let Some(name) = value.iter().position(|byte| *byte == 0) {
            let kind = match &key[..] {
                b"cover art (front)" => PictureType::CoverFront,
                _ => PictureType::Other,
            };
            let picture = Picture::unchecked(value[name + 1..].to_vec());
            pictures.push(picture.pic_type(kind).build());
        }
    }
    Ok(pictures)
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes).into())
}
