//! A segment, and which of its documents still count.

use std::sync::{Arc, OnceLock};

use super::{
    bits::Bits,
    doc::{Doc, Scope},
    segment::Segment,
    totals::Total,
};
use kadenza_contract::{ContentHash, SongId};

/// A segment as it is now. A document leaves it when its song is forgotten or is in a newer one.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) segment: Arc<Segment>,
    known: Arc<Bits>,
    /// Those of them with audio here.
    held: Arc<Bits>,
    counts: [u64; 2],
    /// The totals of its genres in either scope, once they were asked for: genres are few and large.
    pub(crate) genres: Arc<[OnceLock<Vec<Total>>; 2]>,
}

impl Part {
    /// A segment all of whose documents count.
    pub(crate) fn new(segment: Segment) -> Part {
        let known = Bits::all(segment.len());
        Part::of(Arc::new(segment), known)
    }

    /// A segment of which these documents count.
    pub(crate) fn of(segment: Arc<Segment>, known: Bits) -> Part {
        let mut held = segment.held().clone();
        held.keep(&known);
        Part {
            counts: [known.count() as u64, held.count() as u64],
            genres: Arc::default(),
            known: Arc::new(known),
            held: Arc::new(held),
            segment,
        }
    }

    /// The documents in scope.
    pub(crate) fn seen(&self, scope: Scope) -> &Bits {
        match scope {
            Scope::Known => &self.known,
            Scope::Held => &self.held,
        }
    }

    /// How many documents are in scope.
    pub(crate) fn count(&self, scope: Scope) -> u64 {
        match scope {
            Scope::Known => self.counts[0],
            Scope::Held => self.counts[1],
        }
    }

    /// The document of a song.
    pub(crate) fn find(&self, id: &SongId) -> Option<Doc> {
        self.segment.find(id).filter(|doc| self.known.has(*doc))
    }

    /// The documents with this audio, and its size.
    pub(crate) fn holders(&self, content: &ContentHash) -> impl Iterator<Item = (Doc, u64)> {
        let holders = self.segment.holders(content.as_bytes());
        holders.filter(|(doc, _)| self.known.has(*doc))
    }

    /// The documents that count, behind an id and in the order of ids.
    pub(crate) fn after(&self, id: Option<&SongId>) -> impl Iterator<Item = Doc> {
        let docs = self.segment.after(id.map(SongId::as_bytes));
        docs.filter(|doc| self.known.has(*doc))
    }

    /// Documents that do not count any more.
    pub(crate) fn forget(&mut self, docs: &[Doc]) {
        let known = Arc::make_mut(&mut self.known);
        for doc in docs {
            known.remove(*doc);
        }
        let mut held = Bits::clone(&self.held);
        held.keep(known);
        *self = Part {
            counts: [known.count() as u64, held.count() as u64],
            genres: Arc::default(),
            known: Arc::clone(&self.known),
            held: Arc::new(held),
            segment: Arc::clone(&self.segment),
        };
    }
}
