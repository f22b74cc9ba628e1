//! The words of all songs, and for each the songs that have it.

use std::{collections::BTreeMap, ops::Bound};

use super::Slot;

pub(super) const TITLE: u8 = 1;
pub(super) const ARTIST: u8 = 2;
pub(super) const ALBUM: u8 = 4;

/// That a song has a word, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Posting {
    pub(super) slot: Slot,
    /// [`TITLE`], [`ARTIST`], [`ALBUM`] or several.
    pub(super) fields: u8,
}

/// Words in order, so that those with the same beginning lie together.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// Postings in the order of their slots.
    words: BTreeMap<Box<str>, Vec<Posting>>,
}

impl Words {
    /// Adds a song with its words.
    pub(super) fn insert(&mut self, slot: Slot, words: Vec<(String, u8)>) {
        for (word, fields) in words {
            let postings = self.words.entry(word.into()).or_default();
            if let Err(at) = postings.binary_search_by_key(&slot, |posting| posting.slot) {
                postings.insert(at, Posting { slot, fields });
            }
        }
    }

    /// Takes a song out, which has these words.
    pub(super) fn remove(&mut self, slot: Slot, words: &[(String, u8)]) {
        for (word, _) in words {
            if let Some(postings) = self.words.get_mut(word.as_str()) {
                if let Ok(at) = postings.binary_search_by_key(&slot, |posting| posting.slot) {
                    postings.remove(at);
                }
                if postings.is_empty() {
                    self.words.remove(word.as_str());
                }
            }
        }
    }

    /// The words that begin so, with their postings.
    pub(super) fn beginning<'a>(
        &'a self,
        with: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a [Posting])> {
        self.words
            .range::<str, _>((Bound::Included(with), Bound::Unbounded))
            .take_while(move |(word, _)| word.starts_with(with))
            .map(|(word, postings)| (&**word, postings.as_slice()))
    }
}

/// The different words of title, artist and album, and where they are.
pub(super) fn fields_of(texts: [Vec<String>; 3]) -> Vec<(String, u8)> {
    let mut fields: Vec<(String, u8)> = Vec::new();
    for (words, field) in texts.into_iter().zip([TITLE, ARTIST, ALBUM]) {
        for word in words {
            match fields.iter_mut().find(|(known, _)| *known == word) {
                Some((_, fields)) => *fields |= field,
                None => fields.push((word, field)),
            }
        }
    }
    fields
}
