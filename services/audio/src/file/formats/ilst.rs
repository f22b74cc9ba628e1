//! What lofty leaves out when it makes tags of the atoms of MPEG-4: all values of an atom but the first, pictures
//! among them, and the tempo, which is a whole number. And whether there is more than lofty should see.

use std::io::{self, Read, Seek};

use lofty::{
    file::{TaggedFile, TaggedFileExt},
    mp4::{AtomData, AtomIdent, Ilst},
    picture::Picture,
    tag::{ItemKey, ItemValue, TagItem, TagType},
};

use crate::file::{
    bounded::Bounded,
    limits::{FIELDS_BYTES_MAX, PICTURE_BYTES_MAX, VALUES_MAX},
};

/// The most further pictures that are taken.
const PICTURES_MAX: usize = 4;
/// The most further values that are taken, of all atoms together.
const FURTHER_MAX: usize = 256;

/// The most boxes of one that are looked at.
const BOXES_MAX: usize = VALUES_MAX;

/// Whether there are more atoms than are taken, or longer ones. From: ISO 14496-12 and Apple's QuickTime File Format.
pub(crate) fn has_too_many<R: Read + Seek>(file: &mut Bounded<R>, at: u64) -> io::Result<bool> {
    let mut boxes = vec![(at, file.len())];
    for name in [b"moov", b"udta", b"meta", b"ilst"] {
        let mut inner = Vec::new();
        for (from, to) in boxes {
            let of_name = children(file, from, to)?.into_iter();
            for child in of_name.filter(|child| child.name == *name) {
                // Most programs write a version and flags first, and some do not.
                let is_full = name == b"meta" && file.piece(child.from, 4)? == [0; 4];
                inner.push((child.from + if is_full { 4 } else { 0 }, child.to));
            }
        }
        boxes = inner;
    }
    for (from, to) in boxes {
        let atoms = children(file, from, to)?;
        let mut bytes = 0;
        for atom in &atoms {
            if atom.name != *b"covr" {
                bytes += atom.to - atom.from;
            } else if children(file, atom.from, atom.to)?.len() > 4 * PICTURES_MAX {
                return Ok(true);
            }
        }
        if atoms.len() >= BOXES_MAX || bytes > FIELDS_BYTES_MAX {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A box: its name, and where its content is.
struct Child {
    name: [u8; 4],
    from: u64,
    to: u64,
}

/// The boxes in one, as many as are looked at.
fn children<R: Read + Seek>(file: &mut Bounded<R>, from: u64, to: u64) -> io::Result<Vec<Child>> {
    let (mut children, mut at) = (Vec::new(), from);
    while at + 8 <= to && children.len() < BOXES_MAX {
        let Ok([a, b, c, d, name @ ..]) = <[u8; 8]>::try_from(file.piece(at, 8)?) else {
            break;
        };
        let (head, size) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (8, to - at),
            1 => match <[u8; 8]>::try_from(file.piece(at + 8, 8)?) {
                Ok(size) => (16, u64::from_be_bytes(size)),
                Err(_) => break,
            },
            size => (8, size.into()),
        };
        let end = at.saturating_add(size).min(to);
        if size < head {
            break;
        }
        children.push(Child {
            name,
            from: at + head,
            to: end.max(at + head),
        });
        at = end;
    }
    Ok(children)
}

/// The further values.
pub(crate) fn further(atoms: Option<&Ilst>) -> Vec<TagItem> {
    let atoms = atoms.into_iter().flatten();
    let items = atoms.flat_map(|atom| {
        let name = match atom.ident() {
            AtomIdent::Fourcc(name) => name.iter().map(|byte| char::from(*byte)).collect(),
            AtomIdent::Freeform { mean, name } => format!("----:{mean}:{name}"),
        };
        let key = ItemKey::from_key(TagType::Mp4Ilst, &name);
        atom.data().enumerate().filter_map(move |(at, data)| {
            let text = match data {
                AtomData::UTF8(text) | AtomData::UTF16(text) if at > 0 => text.clone(),
                AtomData::SignedInteger(number) if key == Some(ItemKey::IntegerBpm) => {
                    number.to_string()
                }
                _ => return None,
            };
            Some(TagItem::new(key?, ItemValue::Text(text)))
        })
    });
    items.take(FURTHER_MAX).collect()
}

/// The further pictures: the first may be too large to count.
pub(crate) fn further_pictures(atoms: Option<&Ilst>) -> Vec<Picture> {
    let data = atoms
        .into_iter()
        .flatten()
        .flat_map(|atom| atom.data().skip(1));
    let pictures = data.filter_map(|data| match data {
        AtomData::Picture(picture) if picture.data().len() <= PICTURE_BYTES_MAX => Some(picture),
        _ => None,
    });
    pictures.take(PICTURES_MAX).cloned().collect()
}

/// Puts them behind the others.
pub(crate) fn add(tagged: &mut TaggedFile, items: Vec<TagItem>, pictures: Vec<Picture>) {
    if let Some(tag) = tagged.tag_mut(TagType::Mp4Ilst) {
        for picture in pictures {
            tag.push_picture(picture);
        }
        for item in items {
            tag.push(item);
        }
    }
}
