//! What lofty leaves out when it makes tags of the atoms of MPEG-4: all values of an atom but the first, and
//! the tempo, which is a whole number.

use lofty::{
    file::{TaggedFile, TaggedFileExt},
    mp4::{AtomData, AtomIdent, Ilst},
    tag::{ItemKey, ItemValue, TagItem, TagType},
};

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

/// Puts them behind the others.
pub(crate) fn add(tagged: &mut TaggedFile, items: Vec<TagItem>) {
    if let Some(tag) = tagged.tag_mut(TagType::Mp4Ilst) {
        for item in items {
            tag.push(item);
        }
    }
}
