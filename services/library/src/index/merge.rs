//! Small segments become large ones, so that a search asks few.
//!
//! Segments are in tiers by size, each tier eight times the one below; eight of a tier become one of the
//! next (a log-structured merge; O'Neil and others, "The log-structured merge-tree", 1996). So every
//! card is arranged anew once a tier, and a million cards are in some thirty segments at most.

use std::sync::Arc;

use super::{
    doc::Scope,
    list::Index,
    part::Part,
    segment::{DOCS_MAX, Row, Segment},
};
use kadenza_contract::SongId;

/// How many segments of a tier become one, and how much larger each tier is.
const FAN: usize = 8;

/// Segments that are to become one.
#[derive(Debug)]
pub(crate) struct Merge {
    /// As they were when this was planned.
    parts: Vec<Part>,
}

/// The segments of a merge, and the one that they became.
#[derive(Debug)]
pub(crate) struct Merged {
    parts: Vec<Part>,
    into: Part,
}

fn tier(part: &Part) -> u32 {
    (part.segment.len() as u64).max(1).ilog2() / FAN.ilog2()
}

impl Index {
    /// The segments that should become one now, the smallest first; `busy` ones are left alone.
    pub(crate) fn due(&self, busy: Option<&Merge>) -> Option<Merge> {
        let is_busy =
            |part: &&Part| !busy.is_some_and(|busy| busy.parts.iter().any(|b| b.is(part)));
        let mut free: Vec<&Part> = self.parts.iter().filter(is_busy).collect();
        free.sort_by_key(|part| part.segment.len());
        // One that is mostly forgotten is arranged anew alone.
        let sparse = |part: &&&Part| part.count(Scope::Known) * 2 < part.segment.len() as u64;
        if let Some(part) = free.iter().find(sparse) {
            return Some(Merge {
                parts: vec![Part::clone(part)],
            });
        }
        let tiers = free.chunk_by(|a, b| tier(a) == tier(b));
        let mut full = tiers.filter(|parts| {
            let docs: usize = parts.iter().map(|part| part.segment.len()).sum();
            parts.len() >= FAN && docs <= DOCS_MAX
        });
        full.next().map(|parts| Merge {
            parts: parts.iter().copied().cloned().collect(),
        })
    }

    /// The index with the segments of a merge replaced by what became of them.
    pub(crate) fn merged(&self, merged: Merged) -> Index {
        let Merged {
            parts: before,
            mut into,
        } = merged;
        let mut parts = self.parts.clone();
        parts.retain(|part| !before.iter().any(|planned| planned.is(part)));
        // Cards that were forgotten during the merge; of a segment that is not there any more, all.
        let mut forgotten = Vec::new();
        for planned in &before {
            let mut gone = planned.seen(Scope::Known).clone();
            if let Some(now) = self.parts.iter().find(|part| part.is(planned)) {
                gone.drop_all(now.seen(Scope::Known));
            }
            let ids = gone.from(0).map(|doc| planned.segment.id(doc));
            forgotten.extend(ids.filter_map(|id| into.find(&SongId::from_bytes(*id))));
        }
        if !forgotten.is_empty() {
            into.forget(&forgotten);
        }
        if into.count(Scope::Known) > 0 {
            parts.push(into);
        }
        Index::of(parts, self.change)
    }
}

impl Merge {
    /// Of all segments, due or not.
    #[cfg(test)]
    pub(crate) fn of_all(index: &Index) -> Merge {
        let parts = index.parts.clone();
        Merge { parts }
    }

    /// How many documents are to be arranged.
    pub(crate) fn docs(&self) -> u64 {
        self.parts.iter().map(|part| part.count(Scope::Known)).sum()
    }

    /// Arranges them anew. This takes some microseconds a card.
    pub(crate) fn run(&self) -> Merged {
        let mut row = Row::default();
        for part in &self.parts {
            let segment = &part.segment;
            for doc in part.seen(Scope::Known).from(0) {
                row.push_packed(segment.id(doc), segment.packed(doc));
            }
        }
        Merged {
            into: Part::new(Segment::build(row)),
            parts: self.parts.clone(),
        }
    }
}

impl Part {
    /// Whether it is the same segment, whatever counts of it.
    fn is(&self, other: &Part) -> bool {
        Arc::ptr_eq(&self.segment, &other.segment)
    }
}
