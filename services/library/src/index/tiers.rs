//! The hits of a search for words, best first, as [`kadenza_contract::order`] ranks them.
//!
//! Every class of hits is an intersection of bits: the documents with all words in the title, those
//! whose title begins with what was typed, and so on. Within a class, those with more whole words come
//! first; how many each has is counted for 64 documents at a time, in the columns of a binary number
//! (bit-sliced addition). Within that, the documents are in the order of the answer. So the work ends
//! with the page.

use super::{bits::Bits, doc::Doc, part::Part, question::Question, segment::Fields};
use kadenza_contract::{
    Sort,
    order::{CLASS, INSIDE, SLIP, Wanted},
};

/// Up to so many documents are asked one by one: a few microseconds each, less than classes take.
pub(crate) const FEW: usize = 48;
/// Up to so many documents of a class are sorted by their counts; of more, each count is looked for.
const SORTED_MAX: usize = 1024;

/// The documents that have all the words.
pub(crate) enum Fitting {
    /// So few that they are looked at themselves; some may not fit.
    Few(Vec<Doc>),
    Many(WordHits),
}

/// Where the words were found.
pub(crate) struct WordHits {
    /// All words, anywhere.
    pub(crate) all: Bits,
    /// All words in the title, in the artist, in the album.
    within: [Bits; 3],
    whole: Counts,
    words: u64,
}

impl Part {
    /// The documents among these with all the words.
    pub(crate) fn with_words(
        &self,
        question: &Question<'_>,
        words: &[Wanted],
        among: &Bits,
    ) -> Fitting {
        let dictionary = self.segment.words();
        let ranked = question.query.sort == Sort::Relevance;
        let mut weighed: Vec<(usize, &Wanted)> = words
            .iter()
            .map(|word| (dictionary.weight(word), word))
            .collect();
        // The rarest first: it may leave so few that the others need not be looked for.
        weighed.sort_by_key(|(weight, _)| *weight);
        match weighed.first() {
            None => return Fitting::Few(Vec::new()),
            Some((weight, word)) if *weight <= FEW => {
                let mut docs: Vec<Doc> = dictionary.docs(word).collect();
                docs.sort_unstable();
                docs.dedup();
                docs.retain(|doc| among.has(*doc));
                return Fitting::Few(docs);
            }
            Some(_) => {}
        }
        let mut found = WordHits {
            all: among.clone(),
            within: [(); 3].map(|()| among.clone()),
            whole: Counts::default(),
            words: words.len() as u64,
        };
        for (_, word) in weighed {
            let fields = dictionary.having(word);
            found.all.keep(&any(&fields, self.segment.len()));
            if found.all.count() <= FEW {
                return Fitting::Few(found.all.from(0).collect());
            }
            if ranked {
                for (within, field) in found.within.iter_mut().zip(&*fields) {
                    within.keep(field);
                }
                if let Some(whole) = dictionary.whole(word) {
                    found.whole.add(whole);
                }
            }
        }
        Fitting::Many(found)
    }

    /// The first of them behind the cursor, with their ranks.
    pub(crate) fn ranked(&self, question: &Question<'_>, found: WordHits) -> Vec<(u64, Doc)> {
        let segment = &*self.segment;
        let [in_title, in_artist, in_album] = &found.within;
        let (same, begun) = segment
            .titles()
            .typed(&question.typed, |doc| segment.best(doc).title);
        let (same, begun) = (self.these(same), self.these(begun));
        let (by_artist, _) = segment.artists().typed(&question.typed, |doc| {
            segment.best(doc).credits.artists.joined
        });
        let by_artist = self.these(by_artist);
        let classes: [&[&Bits]; 7] = [
            &[in_title, &same],
            &[in_title, &begun],
            &[in_artist, &by_artist],
            &[in_title],
            &[in_artist],
            &[in_album],
            &[],
        ];
        let mut page = Page::new(self, question);
        let mut left = found.all;
        for (class, conditions) in (0..).zip(classes) {
            let mut here = left.clone();
            for condition in conditions {
                here.keep(condition);
            }
            left.drop_all(&here);
            page.take(class * CLASS, &here, &found.whole, found.words);
            if page.is_full() {
                break;
            }
        }
        page.hits
    }

    /// The first hits, at most so many, that have words only inside of others; or, if there are none and
    /// nothing better is known, with slips.
    pub(crate) fn far(
        &self,
        question: &Question<'_>,
        words: &[Wanted],
        among: &Bits,
        have: usize,
    ) -> Vec<(u64, Doc)> {
        let dictionary = self.segment.words();
        let mut whole = Counts::default();
        let (mut near, mut inside) = (among.clone(), among.clone());
        let mut wide: Vec<Bits> = Vec::new();
        for word in words {
            let mut found = any(&dictionary.having(word), self.segment.len());
            near.keep(&found);
            found.add(&dictionary.inside(word));
            inside.keep(&found);
            wide.push(found);
            if let Some(docs) = dictionary.whole(word) {
                whole.add(docs);
            }
        }
        inside.drop_all(&near);
        let count = words.len() as u64;
        let mut page = Page::new(self, question);
        page.count -= have;
        page.take(INSIDE, &inside, &whole, count);
        if have == 0 && page.hits.is_empty() && question.query.takes_slips() {
            let mut slips = among.clone();
            for (word, mut found) in words.iter().zip(wide) {
                found.add(&dictionary.slips(word));
                slips.keep(&found);
            }
            for better in [near, inside] {
                slips.drop_all(&better);
            }
            page.take(SLIP, &slips, &whole, count);
        }
        page.hits
    }

    fn these(&self, docs: &[Doc]) -> Bits {
        let mut bits = Bits::none(self.segment.len());
        for doc in docs {
            bits.insert(*doc);
        }
        bits
    }
}

/// The documents that have a word in any field.
fn any(fields: &Fields, docs: usize) -> Bits {
    let mut any = Bits::none(docs);
    for field in fields {
        any.add(field);
    }
    any
}

/// A page that fills up.
struct Page {
    hits: Vec<(u64, Doc)>,
    count: usize,
    /// The rank of the cursor, and the first document behind it in that rank.
    after: Option<(u64, Doc)>,
}

impl Page {
    fn new(part: &Part, question: &Question<'_>) -> Page {
        Page {
            hits: Vec::new(),
            count: question.count,
            after: question.after.map(|key| {
                let place = key.clone().with_rank(0);
                let doc = part.segment.place_by_title(&place, question.entries);
                (key.rank(), doc)
            }),
        }
    }

    fn is_full(&self) -> bool {
        self.hits.len() >= self.count
    }

    /// Where in a rank the page goes on; `None` where all of it is before the cursor.
    fn from(&self, rank: u64) -> Option<Doc> {
        match self.after {
            Some((last, _)) if rank < last => None,
            Some((last, doc)) if rank == last => Some(doc),
            _ => Some(0),
        }
    }

    /// Takes the documents of a class, those with the most whole words first.
    fn take(&mut self, class: u64, here: &Bits, whole: &Counts, words: u64) {
        if self.from(class + words).is_none() {
            return;
        }
        let many = here.count();
        if many == 0 {
            return;
        }
        if many <= SORTED_MAX {
            let ranked = here.from(0).map(|doc| (class + words - whole.of(doc), doc));
            let mut ranked: Vec<(u64, Doc)> = ranked
                .filter(|(rank, doc)| self.from(*rank).is_some_and(|from| *doc >= from))
                .collect();
            ranked.sort_unstable();
            ranked.truncate(self.count - self.hits.len());
            self.hits.append(&mut ranked);
            return;
        }
        for partial in 0..=words {
            let rank = class + partial;
            let Some(from) = self.from(rank) else {
                continue;
            };
            let missing = self.count - self.hits.len();
            let docs = whole.with(here, words - partial, from);
            self.hits.extend(docs.take(missing).map(|doc| (rank, doc)));
            if self.is_full() {
                return;
            }
        }
    }
}

/// A small number for each document: bit `n` of it is in the `n`th set.
#[derive(Debug, Default)]
struct Counts {
    binary: Vec<Bits>,
}

impl Counts {
    /// One more for each of these.
    fn add(&mut self, mut carry: Bits) {
        for digit in &mut self.binary {
            for (digit, carry) in digit.words_mut().iter_mut().zip(carry.words_mut()) {
                (*digit, *carry) = (*digit ^ *carry, *digit & *carry);
            }
            if carry.is_empty() {
                return;
            }
        }
        self.binary.push(carry);
    }

    fn of(&self, doc: Doc) -> u64 {
        let digits = (0..).zip(&self.binary);
        digits
            .map(|(at, digit)| u64::from(digit.has(doc)) << at)
            .sum()
    }

    /// Those of a set whose number is this one, from a document on.
    fn with<'a>(&'a self, set: &'a Bits, number: u64, from: Doc) -> impl Iterator<Item = Doc> + 'a {
        let is_too_high = number >> self.binary.len() != 0;
        let blocks = (from as usize / 64..set.words().len()).filter(move |_| !is_too_high);
        blocks.flat_map(move |at| {
            let mut block = set.words()[at];
            for (digit, bits) in self.binary.iter().enumerate() {
                let bits = bits.words()[at];
                block &= if number >> digit & 1 == 1 {
                    bits
                } else {
                    !bits
                };
            }
            if at == from as usize / 64 {
                block &= u64::MAX << (from % 64);
            }
            std::iter::from_fn(move || {
                let bit = (block != 0).then(|| block.trailing_zeros())?;
                block &= block - 1;
                Some(at as Doc * 64 + bit)
            })
        })
    }
}
