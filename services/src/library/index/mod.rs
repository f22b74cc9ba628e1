//! Every card of a machine, in memory, arranged for search and browsing.
//!
//! What a right answer is, is defined by [`Query`] and [`Browse`] in the vocabulary; here it is only
//! found faster. The index is derived: it is built from the database when the library is opened.
//!
//! A card has a *slot*, a small number. Each arrangement is made of slots: the five orders of
//! [`Sort`], the words of titles, artists and albums, the songs of each artist, album and genre,
//! and the groups that browsing lists.

mod browse;
mod filter;
mod members;
mod order;
mod search;
mod words;

use std::{collections::BTreeMap, num::NonZero, ops::Bound, sync::Arc, thread};

use members::Members;
use order::Order;
use search::Pads;
use words::Words;

use super::card::Card;
use crate::{
    Browse, Group, GroupKind, Query, Song, SongId, Sort, SortKey, identity_fold, relevance,
    search_words,
};

/// The number of a card in the index; used again when the card is dropped.
type Slot = u32;

const ORDERS: [Sort; 5] = [
    Sort::Title,
    Sort::Artist,
    Sort::Album,
    Sort::Newest,
    Sort::Year,
];
const KINDS: [GroupKind; 3] = [GroupKind::Artist, GroupKind::Album, GroupKind::Genre];

/// Which cards an answer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Those with audio on this machine: the songs of the library.
    Held,
    /// All that are known here.
    Known,
}

/// All cards, arranged.
#[derive(Debug)]
pub(super) struct Index {
    cards: Vec<Option<Entry>>,
    free: Vec<Slot>,
    by_id: BTreeMap<SongId, Slot>,
    orders: [Order; 5],
    words: Words,
    /// By identity fold: artists, albums, genres; also the empty ones, which are filters too.
    facets: [Members<Box<str>>; 3],
    /// By the keys of browsing.
    groups: [Members<SortKey>; 3],
    pads: Pads,
}

/// A card, with what is looked at for many cards at once.
#[derive(Debug)]
struct Entry {
    card: Arc<Card>,
    is_held: bool,
    id: SongId,
    duration_ms: u64,
    year: Option<u32>,
    /// The plain words of title and artist, for relevance.
    lines: [Box<str>; 2],
    facets: [u32; 3],
    groups: [Option<u32>; 3],
}

/// A card with what follows from its tags and costs something to find out.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) card: Arc<Card>,
    words: Vec<(String, u8)>,
    lines: [Box<str>; 2],
    facets: [Box<str>; 3],
    groups: [Option<SortKey>; 3],
}

impl Index {
    /// The index of these cards; each must come once.
    pub(super) fn build(cards: impl Iterator<Item = Prepared>) -> Index {
        let mut index = Index {
            cards: Vec::new(),
            free: Vec::new(),
            by_id: BTreeMap::new(),
            orders: [(); 5].map(|()| Order::default()),
            words: Words::default(),
            facets: [(); 3].map(|()| Members::default()),
            groups: [(); 3].map(|()| Members::default()),
            pads: Pads::default(),
        };
        for prepared in cards {
            let slot = index.vacant();
            index.place(slot, prepared);
        }
        // One after the other: while it is made, an order takes ten times its memory.
        index.orders = ORDERS.map(|sort| Order::of(keys(&index.cards, sort)));
        index
    }

    /// Takes a card in, in place of what was known of the song.
    pub(super) fn put(&mut self, card: Arc<Card>) {
        let id = card.song.id();
        if let Some(&slot) = self.by_id.get(&id) {
            if let Some(Some(entry)) = self.cards.get_mut(slot as usize) {
                let (old, new) = (entry.card.song.best(), card.song.best());
                if old.tags == new.tags && old.added_at == new.added_at {
                    entry.is_held = card.is_held();
                    entry.duration_ms = new.duration_ms;
                    entry.card = card;
                    return;
                }
            }
            self.remove(&id);
        }
        let slot = self.vacant();
        let song = &card.song;
        for (order, sort) in self.orders.iter_mut().zip(ORDERS) {
            let cards = &self.cards;
            order.insert(slot, &key_in(sort, song), |slot| key_of(cards, sort, slot));
        }
        self.place(slot, Prepared::of(card));
    }

    /// Forgets a song.
    pub(super) fn remove(&mut self, id: &SongId) {
        let Some(slot) = self.by_id.remove(id) else {
            return;
        };
        let Some(card) = self.card(slot).map(Arc::clone) else {
            return;
        };
        for (order, sort) in self.orders.iter_mut().zip(ORDERS) {
            let cards = &self.cards;
            let key = key_in(sort, &card.song);
            order.remove(slot, &key, |slot| key_of(cards, sort, slot));
        }
        let prepared = Prepared::of(card);
        self.words.remove(slot, &prepared.words);
        for (members, name) in self.facets.iter_mut().zip(&prepared.facets) {
            members.remove(name, slot);
        }
        for (members, key) in self.groups.iter_mut().zip(&prepared.groups) {
            if let Some(key) = key {
                members.remove(key, slot);
            }
        }
        self.cards[slot as usize] = None;
        self.free.push(slot);
    }

    /// The cards behind an id, in the order of ids.
    pub(super) fn after(&self, id: Option<SongId>, limit: usize) -> Vec<Arc<Card>> {
        let from = id.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_id
            .range((from, Bound::Unbounded))
            .filter_map(|(_, slot)| self.card(*slot))
            .take(limit)
            .map(Arc::clone)
            .collect()
    }

    fn vacant(&mut self) -> Slot {
        self.free.pop().unwrap_or_else(|| {
            self.cards.push(None);
            Slot::try_from(self.cards.len() - 1).expect("fewer than 2^32 songs fit into memory")
        })
    }

    /// Everything but the orders, which differ between one card and many.
    fn place(&mut self, slot: Slot, prepared: Prepared) {
        let card = prepared.card;
        let best = card.song.best();
        self.by_id.insert(card.song.id(), slot);
        self.words.insert(slot, prepared.words);
        self.cards[slot as usize] = Some(Entry {
            is_held: card.is_held(),
            id: card.song.id(),
            duration_ms: best.duration_ms,
            year: best.tags.year(),
            lines: prepared.lines,
            facets: [0, 1, 2].map(|at| self.facets[at].insert(&prepared.facets[at], slot)),
            groups: [0, 1, 2].map(|at| {
                let key = prepared.groups[at].as_ref()?;
                Some(self.groups[at].insert(key, slot))
            }),
            card,
        });
    }

    fn entry(&self, slot: Slot) -> Option<&Entry> {
        self.cards.get(slot as usize)?.as_ref()
    }

    fn card(&self, slot: Slot) -> Option<&Arc<Card>> {
        Some(&self.entry(slot)?.card)
    }

    fn sees(scope: Scope, entry: &Entry) -> bool {
        scope == Scope::Known || entry.is_held
    }
}

impl Prepared {
    /// Does the work for a card, which needs no index and may be done anywhere.
    pub(super) fn of(card: Arc<Card>) -> Prepared {
        let song = &card.song;
        let tags = song.tags();
        let genre = tags.genre().unwrap_or("");
        let texts = [tags.title(), tags.artist(), tags.album()].map(search_words);
        Prepared {
            lines: [&texts[0], &texts[1]].map(|words| relevance::line(words).into()),
            words: words::fields_of(texts),
            facets: [tags.artist(), tags.album(), genre].map(|name| identity_fold(name).into()),
            groups: [
                (tags.artist(), None),
                (tags.album(), Some(tags.artist())),
                (genre, None),
            ]
            .map(|(name, artist)| (!name.is_empty()).then(|| group_key(song, name, artist))),
            card,
        }
    }
}

/// The keys of all cards in an order, made by all processors.
fn keys(cards: &[Option<Entry>], sort: Sort) -> Vec<(SortKey, Slot)> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let share = cards.len().div_ceil(workers).max(1);
    let keys_of = |first: usize, some: &[Option<Entry>]| -> Vec<(SortKey, Slot)> {
        let numbered = (first as Slot..).zip(some);
        numbered
            .filter_map(|(slot, entry)| Some((key_in(sort, &entry.as_ref()?.card.song), slot)))
            .collect()
    };
    thread::scope(|scope| {
        let shares: Vec<_> = cards
            .chunks(share)
            .enumerate()
            .map(|(at, some)| scope.spawn(move || keys_of(at * share, some)))
            .collect();
        let done = shares.into_iter().map(thread::ScopedJoinHandle::join);
        done.flat_map(|keys| keys.expect("making keys does not panic"))
            .collect()
    })
}

/// Where a song stands in an order of all songs.
fn key_in(sort: Sort, song: &Song) -> SortKey {
    let all = Query {
        sort,
        ..Query::all()
    };
    all.key(song)
        .expect("a query without words or filters fits every song")
}

fn key_of(cards: &[Option<Entry>], sort: Sort, slot: Slot) -> SortKey {
    let entry = cards.get(slot as usize).and_then(Option::as_ref);
    let card = &entry.expect("orders hold occupied slots only").card;
    key_in(sort, &card.song)
}

/// Where the group of this name stands; its key looks at no more than name and artist.
fn group_key(song: &Song, name: &str, artist: Option<&str>) -> SortKey {
    let kind = KINDS[0];
    Browse::all(kind).key(&Group {
        name: name.to_owned(),
        artist: artist.map(str::to_owned),
        songs: 1,
        duration_ms: 0,
        year: None,
        first: song.id(),
    })
}

#[cfg(test)]
mod tests;
