//! Cards one after the other, packed; what a segment is made of.

use std::{ops::Range, thread};

use super::{
    order::{Order, Texts},
    packed::{Packed, View, pack},
    words::{Gathered, Words},
};
use crate::card::Card;
use crate::index::doc::Doc;
use kadenza_contract::{
    SongId, Sort,
    order::{Placed, fields},
};

/// From so many cards on, they are arranged by several threads.
pub(crate) const THREADS_FROM: usize = 4096;

/// Cards in a row, packed.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ends: Vec<u64>,
    pub(crate) ids: Vec<[u8; 32]>,
}

impl Row {
    pub(crate) fn push(&mut self, card: &Card) {
        pack(card, &mut self.bytes);
        self.end(*card.song.id().as_bytes());
    }

    /// Adds a card that is packed already.
    pub(crate) fn push_packed(&mut self, id: &[u8; 32], packed: &[u8]) {
        self.bytes.extend(packed);
        self.end(*id);
    }

    pub(crate) fn append(&mut self, mut more: Row) {
        let before = self.bytes.len() as u64;
        self.bytes.append(&mut more.bytes);
        self.ends.extend(more.ends.iter().map(|end| before + end));
        self.ids.append(&mut more.ids);
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = SongId> {
        self.ids.iter().copied().map(SongId::from_bytes)
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    fn end(&mut self, id: [u8; 32]) {
        self.ends.push(self.bytes.len() as u64);
        self.ids.push(id);
    }

    pub(crate) fn packed(&self, doc: Doc) -> &[u8] {
        let at = doc as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start as usize..self.ends[at] as usize]
    }

    pub(crate) fn best(&self, doc: Doc) -> View<'_> {
        Packed::new(self.packed(doc)).best()
    }

    pub(crate) fn placed(&self, doc: Doc) -> Placed<'_> {
        self.best(doc).placed(&self.ids[doc as usize])
    }

    pub(crate) fn docs(&self) -> Range<Doc> {
        0..self.len() as Doc
    }

    /// The same cards in the order of their titles, then of their ids.
    pub(crate) fn by_title(&self) -> Row {
        // Equal keys stay in the order of their numbers, which is made that of their ids.
        let mut by_id: Vec<Doc> = self.docs().collect();
        by_id.sort_unstable_by_key(|doc| self.ids[*doc as usize]);
        let keys = self.keys(&by_id, Sort::Title);
        let mut row = Row::default();
        row.bytes.reserve_exact(self.bytes.len());
        row.ends.reserve_exact(self.len());
        row.ids.reserve_exact(self.len());
        for at in keys.order() {
            let doc = by_id[at as usize];
            row.push_packed(&self.ids[doc as usize], self.packed(doc));
        }
        row
    }

    /// The texts by which these documents are sorted.
    fn keys(&self, docs: &[Doc], sort: Sort) -> Texts {
        let keys_of = |docs: &[Doc]| {
            let mut keys = Texts::default();
            for doc in docs {
                keys.push(self.placed(*doc).key(sort).text());
            }
            keys
        };
        if docs.len() < THREADS_FROM {
            return keys_of(docs);
        }
        let (first, second) = docs.split_at(docs.len() / 2);
        thread::scope(|scope| {
            let second = scope.spawn(|| keys_of(second));
            let mut keys = keys_of(first);
            keys.append(&second.join().expect("making keys does not panic"));
            keys
        })
    }

    /// The documents in an order, those with equal keys by their ids.
    pub(crate) fn order(&self, sort: Sort, by_id: &[Doc]) -> Order {
        Order::of(match sort {
            Sort::Newest | Sort::Year => {
                let ranks = self.docs().map(|doc| (self.placed(doc).rank(sort), doc));
                let mut ranked: Vec<(u64, Doc)> = ranks.collect();
                ranked.sort_unstable();
                ranked.into_iter().map(|(_, doc)| doc).collect()
            }
            _ => {
                let order = self.keys(by_id, sort).order().into_iter();
                order.map(|at| by_id[at as usize]).collect()
            }
        })
    }

    pub(crate) fn words(&self) -> Words {
        let mut gathered = Gathered::default();
        for doc in self.docs() {
            gathered.take(doc, &fields(&self.best(doc).tags()));
        }
        gathered.finish(self.len())
    }
}
