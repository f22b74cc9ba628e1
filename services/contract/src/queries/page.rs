//! Pages of a long list, and the place where the next one begins.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::partial::Partial;
use crate::{ContentHash, Error, Result};

/// How many items a page has unless asked otherwise.
pub const LIMIT_DEFAULT: usize = 20;
/// The most items that a page may have.
pub const LIMIT_MAX: usize = 500;

/// The most bytes of text in a sort key; longer texts are ordered by their beginning, then by id.
const KEY_TEXT_BYTES_MAX: usize = 192;

/// How many items a page may have: 1 to [`LIMIT_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "usize", into = "usize")]
pub struct Limit(usize);

impl Limit {
    /// A page of at most `limit` items.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] outside 1 to [`LIMIT_MAX`].
    pub fn new(limit: usize) -> Result<Limit> {
        if (1..=LIMIT_MAX).contains(&limit) {
            Ok(Limit(limit))
        } else {
            Err(Error::Invalid {
                what: format!("limit must be from 1 to {LIMIT_MAX}"),
            })
        }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Limit {
        Limit(LIMIT_DEFAULT)
    }
}

impl TryFrom<usize> for Limit {
    type Error = Error;
    fn try_from(limit: usize) -> Result<Limit> {
        Limit::new(limit)
    }
}

impl From<Limit> for usize {
    fn from(limit: Limit) -> usize {
        limit.0
    }
}

/// Where an item stands in an order: by rank, then by text, then by id, then by the content hash of its
/// recording. Derived from the item and the question alone, so that every machine gives the same order,
/// and any of them can go on from where another stopped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SortKey {
    rank: u64,
    text: String,
    id: [u8; 32],
    /// All 0 on lists that have a song once: it stays where it is when it gains a better recording.
    content: [u8; 32],
}

impl SortKey {
    /// A key; the text is cut to its bound.
    #[must_use]
    pub fn new(rank: u64, mut text: String, id: [u8; 32]) -> SortKey {
        let mut end = text.len().min(KEY_TEXT_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        SortKey {
            rank,
            text,
            id,
            content: [0; 32],
        }
    }

    /// The key of one of several recordings of a song that are on the list.
    #[must_use]
    pub fn of_recording(self, content: &ContentHash) -> SortKey {
        SortKey {
            content: *content.as_bytes(),
            ..self
        }
    }

    /// The same key in another rank.
    #[must_use]
    pub fn with_rank(self, rank: u64) -> SortKey {
        SortKey { rank, ..self }
    }

    /// The rank, compared first.
    #[must_use]
    pub fn rank(&self) -> u64 {
        self.rank
    }

    /// The text, compared second.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The id, which settles the rest but for recordings of one song.
    #[must_use]
    pub fn id(&self) -> &[u8; 32] {
        &self.id
    }
}

/// The place behind an item, from where the next page goes on. Opaque outside; it fits into a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(SortKey);

impl Cursor {
    /// The place behind the item with this key.
    #[must_use]
    pub fn behind(key: SortKey) -> Cursor {
        Cursor(key)
    }

    /// The key of the last item before this place.
    #[must_use]
    pub fn key(&self) -> &SortKey {
        &self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:016x}{}{}",
            self.0.rank,
            hex::encode(self.0.id),
            hex::encode(&self.0.text)
        )?;
        if self.0.content == [0; 32] {
            return Ok(());
        }
        write!(f, ".{}", hex::encode(self.0.content))
    }
}

impl FromStr for Cursor {
    type Err = Error;
    fn from_str(text: &str) -> Result<Cursor> {
        let invalid = || Error::Invalid {
            what: "the cursor is not one that was handed out here".into(),
        };
        let (place, content) = match text.split_once('.') {
            Some((place, content)) => (place, Some(content)),
            None => (text, None),
        };
        let bytes = hex::decode(place).map_err(|_| invalid())?;
        let (rank, rest) = bytes.split_first_chunk::<8>().ok_or_else(invalid)?;
        let (id, text) = rest.split_first_chunk::<32>().ok_or_else(invalid)?;
        if text.len() > KEY_TEXT_BYTES_MAX {
            return Err(invalid());
        }
        let text = String::from_utf8(text.to_vec()).map_err(|_| invalid())?;
        let key = SortKey::new(u64::from_be_bytes(*rank), text, *id);
        let Some(content) = content else {
            return Ok(Cursor(key));
        };
        let content = content.parse().map_err(|_| invalid())?;
        Ok(Cursor(key.of_recording(&content)))
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cursor, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A page of a longer list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// Where the next page begins; none if this is the last.
    pub next: Option<Cursor>,
    /// Who did not answer, where the page may lack something for that; none where it lacks nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
}

impl<T> Page<T> {
    /// A page that lacks nothing.
    pub fn whole(items: Vec<T>, next: Option<Cursor>) -> Page<T> {
        Page {
            items,
            next,
            partial: None,
        }
    }

    /// The page of at most `limit` of the items that stand behind `after`. The items may come in
    /// any order; two with the same key are one, and the first of them is kept.
    pub fn of(
        items: impl IntoIterator<Item = (SortKey, T)>,
        after: Option<&Cursor>,
        limit: Limit,
    ) -> Page<T> {
        let mut keyed: Vec<(SortKey, T)> = items
            .into_iter()
            .filter(|(key, _)| after.is_none_or(|after| key > after.key()))
            .collect();
        keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
        keyed.dedup_by(|(later, _), (first, _)| later == first);
        let more = keyed.len() > limit.get();
        keyed.truncate(limit.get());
        let next = keyed
            .last()
            .filter(|_| more)
            .map(|(key, _)| Cursor::behind(key.clone()));
        Page::whole(keyed.into_iter().map(|(_, item)| item).collect(), next)
    }

    /// The page that the pages of several machines make together, each being the answer to the
    /// same question from the same place on.
    ///
    /// What stands behind the end of a page that has a next one is left for later, since that
    /// machine has not said yet what it has there. `unite` makes one of two items with equal keys.
    ///
    /// It is partial if one of them is. Whether the machines that were asked are enough is for the asker to say.
    pub fn merge(
        pages: impl IntoIterator<Item = Page<T>>,
        limit: Limit,
        key: impl Fn(&T) -> Option<SortKey>,
        unite: impl Fn(&mut T, T),
    ) -> Page<T> {
        let mut items: BTreeMap<SortKey, T> = BTreeMap::new();
        let mut end: Option<SortKey> = None;
        let mut partial: Option<Partial> = None;
        for page in pages {
            partial = Partial::of_both(partial, page.partial);
            if let Some(Cursor(last)) = page.next {
                end = Some(end.map_or(last.clone(), |end| end.min(last)));
            }
            for item in page.items {
                let Some(key) = key(&item) else { continue };
                match items.entry(key) {
                    Entry::Occupied(mut known) => unite(known.get_mut(), item),
                    Entry::Vacant(place) => {
                        place.insert(item);
                    }
                }
            }
        }
        if let Some(end) = &end {
            items.retain(|key, _| key <= end);
        }
        let more = end.is_some() || items.len() > limit.get();
        let next = more
            .then(|| items.keys().take(limit.get()).last().cloned().or(end))
            .flatten();
        Page {
            items: items.into_values().take(limit.get()).collect(),
            next: next.map(Cursor::behind),
            partial,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_survives_its_text(rank: u64, text in "\\PC{0,300}", id: [u8; 32], content in prop::option::of(any::<[u8; 32]>())) {
            let key = SortKey::new(rank, text, id);
            let cursor = Cursor::behind(match content {
                Some(content) => key.of_recording(&ContentHash::from_bytes(content)),
                None => key,
            });
            let written = cursor.to_string();
            prop_assert!(written.len() <= 2 * (8 + 32 + KEY_TEXT_BYTES_MAX + 32) + 1);
            prop_assert_eq!(written.parse::<Cursor>().unwrap(), cursor);
        }

        #[test]
        fn no_text_breaks_the_parser(text in "\\PC{0,200}|[0-9a-f]{0,600}") {
            let _ = text.parse::<Cursor>();
        }

        #[test]
        fn pages_in_a_row_give_every_item_once(ranks in proptest::collection::btree_set(0u64..1000, 0..60), limit in 1usize..9) {
            let item = |rank: &u64| (SortKey::new(*rank, String::new(), [0; 32]), *rank);
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = Page::of(ranks.iter().rev().map(item), after.as_ref(), Limit::new(limit).unwrap());
                prop_assert!(page.items.len() <= limit);
                seen.extend(page.items);
                after = page.next;
                if after.is_none() { break }
            }
            prop_assert_eq!(seen, ranks.into_iter().collect::<Vec<_>>());
        }
    }
}
