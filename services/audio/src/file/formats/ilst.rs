//! What lofty leaves out when it makes tags of the atoms of MPEG-4: all values of an atom but the first, pictures
//! among them, and the tempo, which is a whole number.

use lofty::{
    file::{TaggedFile, TaggedFileExt},
    mp4::{AtomData, AtomIdent, Ilst},
    picture::Picture,
    tag::{ItemKey, ItemValue, TagItem, TagType},
};

use crate::file::limits::PICTURE_BYTES_MAX;

/// The most further pictures that are taken.
const PICTURES_MAX: usize = 4;
/// The most further values that are taken, of all atoms together.
const FURTHER_MAX: usize = 256;

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
