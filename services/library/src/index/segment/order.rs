//! The documents of a segment in another order than that of their titles.

use std::ops::Range;

use super::flat::{Flat, Reader};
use crate::index::bits::Bits;
use crate::index::doc::Doc;

/// Documents in an order, and the place of each.
#[derive(Debug, Default)]
pub(crate) struct Order {
    docs: Vec<Doc>,
    places: Vec<u32>,
}

impl Order {
    pub(crate) fn of(docs: Vec<Doc>) -> Order {
        let mut places = vec![0; docs.len()];
        for (place, doc) in (0..).zip(&docs) {
            places[*doc as usize] = place;
        }
        Order { docs, places }
    }

    pub(crate) fn docs(&self) -> &[Doc] {
        &self.docs
    }

    /// The first `count` of these documents from a place on.
    pub(crate) fn first(&self, wanted: &Bits, from: usize, count: usize) -> Vec<Doc> {
        let many = wanted.count() as u64;
        // Either the order is walked, past documents that are not wanted, or the wanted ones are gone
        // through for their places: what touches fewer.
        if many * many > count as u64 * self.docs.len() as u64 {
            let walk = self.docs[from..].iter().copied();
            return walk.filter(|doc| wanted.has(*doc)).take(count).collect();
        }
        let places = wanted.from(0).map(|doc| self.places[doc as usize]);
        let mut places: Vec<u32> = places.filter(|place| *place as usize >= from).collect();
        if places.len() > count {
            places.select_nth_unstable(count);
            places.truncate(count);
        }
        places.sort_unstable();
        let docs = places.iter().map(|place| self.docs[*place as usize]);
        docs.collect()
    }

    pub(crate) fn save(&self, into: &mut Flat<'_>) -> std::io::Result<()> {
        into.u32s(&self.docs)
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Option<Order> {
        Some(Order::of(from.u32s()?))
    }
}

/// Texts to be sorted, in one piece of memory.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    letters: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    pub(crate) fn push(&mut self, text: &str) {
        self.letters.extend(text.as_bytes());
        self.ends.push(self.letters.len());
    }

    pub(crate) fn append(&mut self, more: &Texts) {
        let before = self.letters.len();
        self.letters.extend(&more.letters);
        self.ends.extend(more.ends.iter().map(|end| before + end));
    }

    fn range(&self, at: usize) -> Range<usize> {
        at.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[at]
    }

    /// The numbers of the texts in their order; equal ones by number.
    pub(crate) fn order(&self) -> Vec<u32> {
        let text = |at: u32| &self.letters[self.range(at as usize)];
        let mut begun: Vec<(u64, u32)> = (0..self.ends.len() as u32)
            .map(|at| (beginning(text(at)), at))
            .collect();
        // Not the unstable sort: this one makes use of pieces that are in order already.
        begun.sort_by(|(a, at), (b, other)| {
            a.cmp(b)
                .then_with(|| text(*at).cmp(text(*other)))
                .then_with(|| at.cmp(other))
        });
        begun.into_iter().map(|(_, at)| at).collect()
    }
}

/// A number that never falls while texts rise: their first eight bytes.
fn beginning(text: &[u8]) -> u64 {
    let mut first = [0; 8];
    let len = text.len().min(8);
    first[..len].copy_from_slice(&text[..len]);
    u64::from_be_bytes(first)
}
