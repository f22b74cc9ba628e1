//! Some cards, arranged once and for ever.
//!
//! The documents of a segment are numbered in the order of their titles (`Sort::Title`), so the first
//! hits in document order are the first of the answer. Everything else is columns by that number.
//! Nothing in a segment changes; a card that does is put into a newer one.

use std::thread;

use super::{
    finder::{Finder, head},
    flat::{Flat, Reader},
    groups::{Groups, each_credit, each_name},
    lines::Lines,
    order::Order,
    packed::{Packed, View},
    row::{Row, THREADS_FROM},
    words::Words,
};
use crate::card::Card;
use crate::index::bits::Bits;
use crate::index::doc::{Doc, KINDS};
use kadenza_contract::{ContentHash, SongId, Sort, SortKey, order::Placed};

/// The orders that have a column; the others follow from the numbers or the ids of documents.
const ORDERS: [Sort; 4] = [Sort::Artist, Sort::Album, Sort::Newest, Sort::Year];
/// The year of a song without one.
const NO_YEAR: u32 = 0;
/// The most cards of a segment: a posting has 29 bits for the number of a document.
pub(crate) const DOCS_MAX: usize = 1 << 28;

/// Cards, arranged.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    row: Row,
    by_id: Finder,
    /// By the hash of audio that is here.
    by_content: Finder,
    held: Bits,
    /// Of those that described the audio that is here.
    oldest_reader: u64,
    /// Those with several recordings that may be at several places of their album, rising. They are few.
    several: Vec<Doc>,
    /// In milliseconds; the highest number stands for more.
    durations: Vec<u32>,
    years: Vec<u32>,
    orders: [Order; 4],
    words: Words,
    titles: Lines,
    artists: Lines,
    groups: [Groups; 3],
    /// To whom songs belong beside their artists.
    credits: Groups,
}

impl Segment {
    /// Arranges cards; each song must come once, and there are at most [`DOCS_MAX`].
    pub(crate) fn build(cards: Row) -> Segment {
        let row = cards.by_title();
        drop(cards);
        let mut by_id: Vec<Doc> = row.docs().collect();
        by_id.sort_unstable_by_key(|doc| row.ids[*doc as usize]);
        let mut segment = Segment::default();
        {
            let Segment {
                orders,
                words,
                titles,
                artists,
                groups,
                credits,
                ..
            } = &mut segment;
            let [by_artist, by_album, newest, year] = orders;
            let (row, by_id) = (&row, &by_id);
            let mut arrange_words = || *words = row.words();
            let mut arrange_rest = || {
                *by_artist = row.order(Sort::Artist, by_id);
                *by_album = row.order(Sort::Album, by_id);
                *newest = row.order(Sort::Newest, by_id);
                *year = row.order(Sort::Year, by_id);
                *titles = Lines::of(row.docs().map(|doc| row.best(doc).title));
                *artists = Lines::of(row.docs().map(|doc| row.best(doc).credits.artists.joined));
                for (groups, kind) in groups.iter_mut().zip(KINDS) {
                    *groups = Groups::of(row.len(), false, |doc, give| {
                        each_name(kind, &row.best(doc), give);
                    });
                }
                *credits = Groups::of(row.len(), true, |doc, give| {
                    each_credit(&row.best(doc), give);
                });
            };
            if row.len() < THREADS_FROM {
                arrange_words();
                arrange_rest();
            } else {
                thread::scope(|scope| {
                    scope.spawn(arrange_words);
                    arrange_rest();
                });
            }
        }
        let id_head = |doc: Doc| head(&row.ids[doc as usize]);
        segment.by_id = Finder::of(by_id.into_iter().map(|doc| (id_head(doc), doc)));
        segment.row = row;
        segment.describe();
        segment
    }

    /// The columns that follow quickly from the cards.
    fn describe(&mut self) {
        let row = &self.row;
        self.held = Bits::none(row.len());
        self.oldest_reader = u64::MAX;
        let mut contents = Vec::new();
        for doc in row.docs() {
            let packed = Packed::new(row.packed(doc));
            let best = packed.best();
            self.durations
                .push(u32::try_from(best.duration_ms).unwrap_or(u32::MAX));
            self.years.push(best.year().unwrap_or(NO_YEAR));
            if packed.has_several() {
                self.several.push(doc);
            }
            if packed.is_held() {
                self.held.insert(doc);
                for view in packed.held() {
                    contents.push((head(view.content), doc));
                    self.oldest_reader = self.oldest_reader.min(view.reader);
                }
            }
        }
        contents.sort_unstable();
        self.by_content = Finder::of(contents.into_iter());
    }

    pub(crate) fn len(&self) -> usize {
        self.row.len()
    }

    pub(crate) fn packed(&self, doc: Doc) -> &[u8] {
        self.row.packed(doc)
    }

    pub(crate) fn id(&self, doc: Doc) -> &[u8; 32] {
        &self.row.ids[doc as usize]
    }

    pub(crate) fn best(&self, doc: Doc) -> View<'_> {
        self.row.best(doc)
    }

    pub(crate) fn placed(&self, doc: Doc) -> Placed<'_> {
        self.row.placed(doc)
    }

    pub(crate) fn card(&self, doc: Doc) -> Card {
        Packed::new(self.packed(doc)).card(SongId::from_bytes(*self.id(doc)))
    }

    pub(crate) fn song(&self, doc: Doc) -> kadenza_contract::Song {
        Packed::new(self.packed(doc)).song(SongId::from_bytes(*self.id(doc)))
    }

    /// The document of a song.
    pub(crate) fn find(&self, id: &SongId) -> Option<Doc> {
        let mut alike = self.by_id.find(head(id.as_bytes()));
        alike.find(|doc| self.id(*doc) == id.as_bytes())
    }

    /// The documents that have a recording whose audio is here, with its size.
    pub(crate) fn holders(&self, content: &[u8; 32]) -> impl Iterator<Item = (Doc, u64)> {
        let alike = self.by_content.find(head(content));
        alike.filter_map(move |doc| {
            let mut held = Packed::new(self.packed(doc)).held();
            let held = held.find(|view| view.content == content)?;
            Some((doc, held.size))
        })
    }

    /// The documents behind an id, in the order of ids.
    pub(crate) fn after(&self, id: Option<&[u8; 32]>) -> impl Iterator<Item = Doc> {
        let from = id.map_or(0, |id| {
            let from = self.by_id.place(head(id));
            let alike = &self.by_id.numbers()[from..];
            from + alike.partition_point(|doc| self.id(*doc) <= id)
        });
        self.by_id.numbers()[from..].iter().copied()
    }

    /// Those with audio here.
    pub(crate) fn held(&self) -> &Bits {
        &self.held
    }

    /// Those that may be at several places of their album.
    pub(crate) fn several(&self) -> &[Doc] {
        &self.several
    }

    /// The oldest reader of those that described audio that is here.
    pub(crate) fn oldest_reader(&self) -> u64 {
        self.oldest_reader
    }

    pub(crate) fn by_id(&self) -> &Finder {
        &self.by_id
    }

    pub(crate) fn duration_ms(&self, doc: Doc) -> u64 {
        match self.durations[doc as usize] {
            u32::MAX => self.best(doc).duration_ms,
            short => u64::from(short),
        }
    }

    pub(crate) fn year(&self, doc: Doc) -> Option<u32> {
        Some(self.years[doc as usize]).filter(|year| *year != NO_YEAR)
    }

    pub(crate) fn words(&self) -> &Words {
        &self.words
    }

    pub(crate) fn titles(&self) -> &Lines {
        &self.titles
    }

    pub(crate) fn artists(&self) -> &Lines {
        &self.artists
    }

    /// The groups of a kind, by its place among [`KINDS`].
    pub(crate) fn groups(&self, kind: usize) -> &Groups {
        &self.groups[kind]
    }

    /// To whom songs belong beside their artists, with the same numbers of documents.
    pub(crate) fn credits(&self) -> &Groups {
        &self.credits
    }

    /// Whether any recording of a song has artwork.
    pub(crate) fn has_artwork(&self, doc: Doc) -> bool {
        Packed::new(self.packed(doc)).has_artwork()
    }

    /// The column of an order; `None` for those that have none.
    pub(crate) fn order(&self, sort: Sort) -> Option<&Order> {
        let at = ORDERS.iter().position(|order| *order == sort)?;
        Some(&self.orders[at])
    }

    /// The key of a document in an order, on a list that has entries or one that has songs once.
    pub(crate) fn key(&self, doc: Doc, sort: Sort, entries: bool) -> SortKey {
        self.keyed(self.placed(doc).key(sort), doc, entries)
    }

    /// A key of a document as it ends on such a list.
    pub(crate) fn keyed(&self, key: SortKey, doc: Doc, entries: bool) -> SortKey {
        if entries {
            key.of_recording(&ContentHash::from_bytes(*self.best(doc).content))
        } else {
            key
        }
    }

    /// How many documents stand before a key in the order of titles, or at it.
    pub(crate) fn place_by_title(&self, key: &SortKey, entries: bool) -> Doc {
        let (mut low, mut high) = (0, self.len() as Doc);
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle, Sort::Title, entries) <= *key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The same in an order that has a column.
    pub(crate) fn place(&self, order: &Order, sort: Sort, key: &SortKey, entries: bool) -> usize {
        let docs = order.docs();
        docs.partition_point(|doc| self.key(*doc, sort, entries) <= *key)
    }

    pub(crate) fn save(&self, into: &mut Flat<'_>) -> std::io::Result<()> {
        into.bytes(&self.row.bytes)?;
        into.u64s(&self.row.ends)?;
        into.bytes(self.row.ids.as_flattened())?;
        self.by_id.save(into)?;
        self.words.save(into)?;
        for order in &self.orders {
            order.save(into)?;
        }
        self.titles.save(into)?;
        self.artists.save(into)?;
        for groups in &self.groups {
            groups.save(into)?;
        }
        self.credits.save(into)
    }

    /// Reads what was saved; `None` if it ends too early. That it is what was written is for the
    /// caller to know.
    pub(crate) fn load(from: &mut Reader<'_>) -> Option<Segment> {
        let row = Row {
            bytes: from.bytes()?,
            ends: from.u64s()?,
            ids: from.hashes()?,
        };
        let by_id = Finder::load(from)?;
        let words = Words::load(from, row.len())?;
        let mut order = || Order::load(from);
        let orders = [order()?, order()?, order()?, order()?];
        let (titles, artists) = (Lines::load(from)?, Lines::load(from)?);
        let mut groups = || Groups::load(from);
        let all = [groups()?, groups()?, groups()?];
        let credits = groups()?;
        let mut segment = Segment {
            row,
            by_id,
            words,
            orders,
            titles,
            artists,
            groups: all,
            credits,
            ..Segment::default()
        };
        segment.describe();
        Some(segment)
    }
}
