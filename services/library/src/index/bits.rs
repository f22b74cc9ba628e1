//! Sets of documents, one bit each: the tool of every question that has many answers.
//!
//! A million documents are 125 KB, which fits into a processor's second cache; to intersect two such
//! sets takes some microseconds.

use super::doc::Doc;

/// A set of numbers below a bound.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// The empty set of numbers below `len`.
    pub(crate) fn none(len: usize) -> Bits {
        Bits {
            words: vec![0; len.div_ceil(64)],
        }
    }

    /// The set of all numbers below `len`.
    pub(crate) fn all(len: usize) -> Bits {
        let mut words = vec![u64::MAX; len.div_ceil(64)];
        if let (Some(last), 1..) = (words.last_mut(), len % 64) {
            *last = (1 << (len % 64)) - 1;
        }
        Bits { words }
    }

    /// The set that these words are; 64 numbers each.
    pub(crate) fn of(words: Vec<u64>) -> Bits {
        Bits { words }
    }

    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    pub(crate) fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    pub(crate) fn insert(&mut self, doc: Doc) {
        self.words[doc as usize / 64] |= 1 << (doc % 64);
    }

    pub(crate) fn remove(&mut self, doc: Doc) {
        self.words[doc as usize / 64] &= !(1 << (doc % 64));
    }

    pub(crate) fn has(&self, doc: Doc) -> bool {
        self.words[doc as usize / 64] >> (doc % 64) & 1 == 1
    }

    pub(crate) fn count(&self) -> usize {
        let ones = self.words.iter().map(|word| word.count_ones() as usize);
        ones.sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Keeps what is in the other set too.
    pub(crate) fn keep(&mut self, other: &Bits) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    /// Adds what is in the other set, which may be the empty set of no numbers.
    pub(crate) fn add(&mut self, other: &Bits) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// Takes out what is in the other set.
    pub(crate) fn drop_all(&mut self, other: &Bits) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    /// The numbers from one on, rising.
    pub(crate) fn from(&self, first: Doc) -> impl Iterator<Item = Doc> {
        let mut at = first as usize / 64;
        let mut word = match self.words.get(at) {
            Some(word) => word & (u64::MAX << (first % 64)),
            None => 0,
        };
        std::iter::from_fn(move || {
            while word == 0 {
                at += 1;
                word = *self.words.get(at)?;
            }
            let doc = at as Doc * 64 + word.trailing_zeros();
            word &= word - 1;
            Some(doc)
        })
    }
}
