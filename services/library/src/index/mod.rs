//! Every card of a machine, in memory, arranged for search and browsing.
//!
//! What a right answer is, is defined by [`Query`](kadenza_contract::Query) and [`Browse`](kadenza_contract::Browse) in the
//! vocabulary; here it is only found faster.
//!
//! An [`Index`] is a list of [segments](segment), which never change, and of what still counts of
//! each. New cards become a new segment; a card that changes or goes is forgotten where it was. In the
//! background small segments are [merged](merge) into large ones. Taking a change in makes a new list,
//! so a search under way is never disturbed and never waits.

mod bits;
mod browse;
mod finder;
mod flat;
mod groups;
mod lines;
mod merge;
mod order;
mod packed;
mod part;
mod question;
mod row;
mod saved;
mod search;
mod segment;
mod tiers;
mod words;

use std::{cmp::Reverse, collections::BinaryHeap};

use part::Part;
use segment::{DOCS_MAX, Segment};

use super::card::Card;
use kadenza_contract::{ContentHash, GroupKind, SongId};

pub(super) use merge::Merge;
pub(super) use row::Row;
pub(super) use saved::{Moment, Saved};

/// The number of a card in a segment.
type Doc = u32;

/// In the order of the filters.
const KINDS: [GroupKind; 3] = [GroupKind::Artist, GroupKind::Album, GroupKind::Genre];

/// Which cards an answer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Those with audio on this machine: the songs of the library.
    Held,
    /// All that are known here.
    Known,
}

/// All cards, arranged, at one moment.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The largest first, since most songs are there.
    parts: Vec<Part>,
    counts: [u64; 2],
    /// The number of the last change that is in it.
    change: u64,
}

impl Index {
    /// The index of these cards, as they are after this change; each song must come once.
    pub(super) fn build(cards: Row, change: u64) -> Index {
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

    fn of(mut parts: Vec<Part>, change: u64) -> Index {
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
    pub(super) fn with(&self, cards: Row, forgotten: &[SongId], change: u64) -> Index {
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
    pub(super) fn change(&self) -> u64 {
        self.change
    }

    /// How many cards are in scope.
    pub(super) fn count(&self, scope: Scope) -> u64 {
        match scope {
            Scope::Known => self.counts[0],
            Scope::Held => self.counts[1],
        }
    }

    /// In how many segments the cards are.
    pub(super) fn segments(&self) -> usize {
        self.parts.len()
    }

    /// What is known of a song.
    pub(super) fn card(&self, id: &SongId) -> Option<Card> {
        let (at, doc) = self.find(id)?;
        Some(self.parts[at].segment.card(doc))
    }

    /// The songs that have this audio here, and its size in bytes.
    pub(super) fn holders(&self, content: &ContentHash) -> impl Iterator<Item = (SongId, u64)> {
        self.parts.iter().flat_map(|part| {
            let holders = part.holders(content);
            holders.map(|(doc, size)| (SongId::from_bytes(*part.segment.id(doc)), size))
        })
    }

    /// The cards behind an id, in the order of ids.
    pub(super) fn after(&self, id: Option<SongId>, limit: usize) -> Vec<Card> {
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

    fn find(&self, id: &SongId) -> Option<(usize, Doc)> {
        let mut parts = self.parts.iter().enumerate();
        parts.find_map(|(at, part)| Some((at, part.find(id)?)))
    }
}

#[cfg(test)]
mod tests;
