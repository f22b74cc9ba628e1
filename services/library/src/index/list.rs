//! The list of segments that a search reads. A change makes a new list.

use std::{cmp::Reverse, collections::BinaryHeap};

use kadenza_contract::{ContentHash, SongId};

use super::{
    doc::{Doc, Scope},
    part::Part,
    segment::{DOCS_MAX, Row, Segment},
};
use crate::card::Card;

/// All cards, arranged, at one moment.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The largest first, since most songs are there.
    pub(crate) parts: Vec<Part>,
    counts: [u64; 2],
    /// The number of the last change that is in it.
    pub(crate) change: u64,
}

impl Index {
    /// The index of these cards, as they are after this change; each song must come once.
    pub(crate) fn build(cards: Row, change: u64) -> Index {
        let mut parts = Vec::new();
        if cards.len() > 0 {
            assert!(
                cards.len() <= DOCS_MAX,
                "so many cards do not fit into memory"
            );
            parts.push(Part::new(Segment::build(cards)));
        }
        Index::of(parts, change)
    }

    /// The index of these segments, as they are after this change.
    pub(crate) fn of(mut parts: Vec<Part>, change: u64) -> Index {
        parts.sort_by_key(|part| Reverse(part.segment.len()));
        let counts = [Scope::Known, Scope::Held]
            .map(|scope| parts.iter().map(|part| part.count(scope)).sum());
        Index {
            parts,
            counts,
            change,
        }
    }

    /// The index after a change: with cards as they are now, and without songs that are forgotten.
    pub(crate) fn with(&self, cards: Row, forgotten: &[SongId], change: u64) -> Index {
        let mut gone = vec![Vec::new(); self.parts.len()];
        for id in cards.ids().chain(forgotten.iter().copied()) {
            if let Some((at, doc)) = self.find(&id) {
                gone[at].push(doc);
            }
        }
        let mut parts = self.parts.clone();
        for (part, gone) in parts.iter_mut().zip(gone) {
            if !gone.is_empty() {
                part.forget(&gone);
            }
        }
        parts.retain(|part| part.count(Scope::Known) > 0);
        if cards.len() > 0 {
            parts.push(Part::new(Segment::build(cards)));
        }
        Index::of(parts, change)
    }

    /// The number of the last change that is in it.
    pub(crate) fn change(&self) -> u64 {
        self.change
    }

    /// How many cards are in scope.
    pub(crate) fn count(&self, scope: Scope) -> u64 {
        match scope {
            Scope::Known => self.counts[0],
            Scope::Held => self.counts[1],
        }
    }

    /// Whether an earlier reader than this one described any audio that is here.
    pub(crate) fn has_older_than(&self, reader: u32) -> bool {
        let mut oldest = self.parts.iter().map(|part| part.segment.oldest_reader());
        oldest.any(|oldest| oldest < u64::from(reader))
    }

    /// In how many segments the cards are.
    pub(crate) fn segments(&self) -> usize {
        self.parts.len()
    }

    /// The card of a song.
    pub(crate) fn card(&self, id: &SongId) -> Option<Card> {
        let (at, doc) = self.find(id)?;
        Some(self.parts[at].segment.card(doc))
    }

    /// The songs that have this audio here, and its size in bytes.
    pub(crate) fn holders(&self, content: &ContentHash) -> impl Iterator<Item = (SongId, u64)> {
        self.parts.iter().flat_map(|part| {
            let holders = part.holders(content);
            holders.map(|(doc, size)| (SongId::from_bytes(*part.segment.id(doc)), size))
        })
    }

    /// The cards behind an id, in the order of ids.
    pub(crate) fn after(&self, id: Option<SongId>, limit: usize) -> Vec<Card> {
        let mut walks: Vec<_> = self
            .parts
            .iter()
            .map(|part| part.after(id.as_ref()))
            .collect();
        let mut heads = BinaryHeap::new();
        let mut cards = Vec::new();
        let mut next = (0..walks.len()).collect::<Vec<_>>();
        while cards.len() < limit {
            for at in next.drain(..) {
                let head = walks[at].next();
                heads.extend(head.map(|doc| Reverse((self.parts[at].segment.id(doc), at, doc))));
            }
            let Some(Reverse((_, at, doc))) = heads.pop() else {
                break;
            };
            cards.push(self.parts[at].segment.card(doc));
            next.push(at);
        }
        cards
    }

    /// The segment and the document of a song.
    pub(crate) fn find(&self, id: &SongId) -> Option<(usize, Doc)> {
        let mut parts = self.parts.iter().enumerate();
        parts.find_map(|(at, part)| Some((at, part.find(id)?)))
    }
}
