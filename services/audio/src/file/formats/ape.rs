//! Pictures in APEv2 tags, which lofty leaves out, and whether there is more in them than it should see.
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
    limits::{FIELDS_BYTES_MAX, PICTURE_BYTES_MAX, READ_BYTES_MAX, VALUES_MAX},
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

/// Whether the tag at the end of a file has more values than are taken, or longer ones.
pub(crate) fn has_too_many<R: Read + Seek>(file: &mut Bounded<R>) -> io::Result<bool> {
    let (count, items) = items(file)?;
    if count > ITEMS_MAX {
        return Ok(true);
    }
    let fields = || items.iter().filter(|item| !item.is_picture());
    if fields().map(|item| item.len).sum::<u64>() > FIELDS_BYTES_MAX {
        return Ok(true);
    }
    let mut values = 0;
    for item in fields() {
        let value = file.piece(item.at, item.len)?;
        values += 1 + value.iter().filter(|byte| **byte == 0).count();
    }
    Ok(values > VALUES_MAX)
}

fn pictures<R: Read + Seek>(file: &mut Bounded<R>) -> io::Result<Vec<Picture>> {
    let mut pictures = Vec::new();
    let (_, items) = items(file)?;
    let most = PICTURE_BYTES_MAX as u64 + NAME_BYTES_MAX;
    let found = items
        .iter()
        .filter(|item| item.is_picture() && item.len <= most);
    for item in found {
        if pictures.len() == PICTURES_MAX {
            break;
        }
        let value = file.piece(item.at, item.len)?;
        // The name of its file stands before a picture.
        if let Some(name) = value.iter().position(|byte| *byte == 0) {
            let kind = match &item.key[..] {
                b"cover art (front)" => PictureType::CoverFront,
                _ => PictureType::Other,
            };
            let picture = Picture::unchecked(value[name + 1..].to_vec());
            pictures.push(picture.pic_type(kind).build());
        }
    }
    Ok(pictures)
}

/// An item: its key in small letters, and where its value is.
struct Item {
    key: Vec<u8>,
    at: u64,
    len: u64,
}

impl Item {
    fn is_picture(&self) -> bool {
        self.key.starts_with(b"cover art (")
    }
}

/// How many items the tag at the end of a file states, and those that are looked at.
fn items<R: Read + Seek>(file: &mut Bounded<R>) -> io::Result<(usize, Vec<Item>)> {
    let end = frames::before_id3v1(file)?;
    let foot_at = end.saturating_sub(FOOT_BYTES);
    let foot = file.piece(foot_at, FOOT_BYTES)?;
    let mut items = Vec::new();
    let is_foot = foot.starts_with(b"APETAGEX");
    // The size counts the foot, and not the head.
    let (Some(size), Some(count), true) = (number(&foot, 12), number(&foot, 16), is_foot) else {
        return Ok((0, items));
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
        if at > foot_at {
            break;
        }
        items.push(Item {
            key: key[..key_len].to_ascii_lowercase(),
            at: value_at,
            len,
        });
    }
    Ok((count as usize, items))
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes).into())
}
