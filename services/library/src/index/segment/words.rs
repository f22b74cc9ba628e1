//! The words of all songs of a segment, in order, and for each the documents that have it.
//!
//! A search asks for all words with a beginning. Their documents are put together into bits, a posting
//! at a time; what would take long that way is kept as bits from the start: the most common words, and
//! the beginnings of one to three letters that many postings share.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use super::flat::{Flat, Reader};
use crate::index::bits::Bits;
use crate::index::doc::Doc;
use kadenza_contract::order::{FIELDS, Field, Wanted, is_slip, is_whole};
use memchr::memmem;

/// The low bits of a posting, one for each field: title, artist, album, all else.
const FIELD_BITS: u32 = FIELDS as u32;
/// The field of all else. Few words are in it, so its bits are made only where there are any.
const OTHER: usize = FIELDS - 1;

/// From so many postings in a document on, a word or a beginning is kept as bits: then three sets of
/// bits take as much memory as the postings, and no word takes long to put together.
const DENSE: usize = 16;
/// The fewest postings for which bits are kept; fewer take microseconds.
const DENSE_MIN: usize = 1024;
/// The longest beginning for which bits are kept, in letters. Longer ones have few postings beside
/// those of common words.
const BEGINNING_MAX: usize = 3;

/// Where words are: in the title, in the artist, in the album, in all else; the last may be the empty set
/// of no numbers.
pub(crate) type Fields = [Bits; FIELDS];

/// Words and their postings.
#[derive(Debug, Default)]
pub(crate) struct Words {
    docs: usize,
    letters: Vec<u8>,
    /// Where each word ends in `letters`.
    ends: Vec<u32>,
    /// Where the postings of each word end.
    last: Vec<u64>,
    /// Document and fields of each posting, rising within a word.
    postings: Vec<u32>,
    common: HashMap<u32, Fields>,
    beginnings: HashMap<Box<str>, Fields>,
}

/// Gathers the words of documents in their order.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    numbers: HashMap<Box<str>, u32>,
    /// Number of the word, then the posting, by document.
    found: Vec<(u32, u32)>,
}

impl Gathered {
    /// Takes the words of a document in.
    pub(crate) fn take(&mut self, doc: Doc, texts: &[Field; FIELDS]) {
        let from = self.found.len();
        for (field, words) in texts.iter().enumerate() {
            for word in words {
                let next = self.numbers.len() as u32;
                let number = match self.numbers.get(word.as_str()) {
                    Some(number) => *number,
                    None => {
                        self.numbers.insert(word.as_str().into(), next);
                        next
                    }
                };
                let here = &mut self.found[from..];
                match here.iter_mut().find(|(known, _)| *known == number) {
                    Some((_, posting)) => *posting |= 1 << field,
                    None => self.found.push((number, doc << FIELD_BITS | 1 << field)),
                }
            }
        }
    }

    /// The words of `docs` documents.
    pub(crate) fn finish(self, docs: usize) -> Words {
        let mut sorted: Vec<(Box<str>, u32)> = self.numbers.into_iter().collect();
        sorted.sort_unstable();
        let mut place = vec![0; sorted.len()];
        let mut words = Words {
            docs,
            ..Words::default()
        };
        for (at, (word, number)) in sorted.iter().enumerate() {
            place[*number as usize] = at;
            words.letters.extend(word.as_bytes());
            words.ends.push(words.letters.len() as u32);
        }
        let mut next = vec![0u64; sorted.len()];
        for (number, _) in &self.found {
            next[place[*number as usize]] += 1;
        }
        let mut before = 0;
        for count in &mut next {
            before += std::mem::replace(count, before);
        }
        words.postings = vec![0; self.found.len()];
        for (number, posting) in self.found {
            let at = &mut next[place[number as usize]];
            words.postings[*at as usize] = posting;
            *at += 1;
        }
        // Each now stands where the next word begins.
        words.last = next;
        words.prepare();
        words
    }
}

impl Words {
    /// How many postings what is wanted has.
    pub(crate) fn weight(&self, wanted: &Wanted) -> usize {
        let ranges = self.ranges(wanted);
        ranges
            .map(|(_, range)| self.postings_of_all(range).len())
            .sum()
    }

    /// The documents with what is wanted, in no order, some of them more than once.
    pub(crate) fn docs(&self, wanted: &Wanted) -> impl Iterator<Item = Doc> {
        let found = self
            .ranges(wanted)
            .map(|(_, range)| self.postings_of_all(range));
        found.flat_map(|found| {
            self.postings[found]
                .iter()
                .map(|posting| posting >> FIELD_BITS)
        })
    }

    /// The documents with what is wanted, by field.
    pub(crate) fn having(&self, wanted: &Wanted) -> Cow<'_, Fields> {
        let mut all: Option<Cow<'_, Fields>> = None;
        for (spelling, range) in self.ranges(wanted) {
            if range.is_empty() {
                continue;
            }
            let fields = match self.beginnings.get(spelling) {
                Some(kept) => Cow::Borrowed(kept),
                None => self.fields(range),
            };
            match &mut all {
                None => all = Some(fields),
                Some(all) => self.add(all.to_mut(), &fields),
            }
        }
        all.unwrap_or_else(|| Cow::Owned(self.nowhere()))
    }

    /// The documents with what is wanted as a whole word, in any field; `None` if there are none.
    pub(crate) fn whole(&self, wanted: &Wanted) -> Option<Bits> {
        let mut found: Option<Bits> = None;
        for spelling in wanted.spellings() {
            let at = self.partition(|other| other < spelling.as_bytes());
            if at == self.ends.len() || self.word(at) != spelling.as_bytes() {
                continue;
            }
            let fields = self.fields(at..at + 1);
            let any = found.get_or_insert_with(|| Bits::none(self.docs));
            for field in &*fields {
                any.add(field);
            }
        }
        found
    }

    /// The documents with what is wanted as a part of a word, which is not its beginning always.
    pub(crate) fn inside(&self, wanted: &Wanted) -> Bits {
        let mut found = Bits::none(self.docs);
        for part in wanted.parts() {
            let mut from = 0;
            while let Some(at) = memmem::find(&self.letters[from..], part.as_bytes()) {
                let start = from + at;
                let word = self.ends.partition_point(|end| *end as usize <= start);
                let end = self.ends[word] as usize;
                if start + part.len() <= end && !is_whole(self.text(word)) {
                    self.insert(word, &mut found);
                    from = end;
                } else {
                    from = start + 1;
                }
            }
        }
        found
    }

    /// The documents with what is wanted, but for a slip.
    pub(crate) fn slips(&self, wanted: &Wanted) -> Bits {
        let mut found = Bits::none(self.docs);
        for typed in wanted.mistypable() {
            for word in 0..self.ends.len() {
                let letters = self.word(word);
                // A letter more or less is four bytes at most; only few words need to be read as text.
                let other = typed.as_bytes();
                if letters.len().abs_diff(other.len()) <= 4
                    && (letters.first() == other.first() || letters.last() == other.last())
                    && is_slip(typed, self.text(word))
                    && !is_whole(self.text(word))
                {
                    self.insert(word, &mut found);
                }
            }
        }
        found
    }

    fn insert(&self, word: usize, into: &mut Bits) {
        for posting in &self.postings[self.postings_of(word)] {
            into.insert(posting >> FIELD_BITS);
        }
    }

    fn text(&self, word: usize) -> &str {
        std::str::from_utf8(self.word(word)).expect("words are text")
    }

    /// The words that begin with a spelling of what is wanted, each once.
    fn ranges<'w>(&self, wanted: &'w Wanted) -> impl Iterator<Item = (&'w str, Range<usize>)> {
        let spellings = wanted.spellings();
        let is_implied = |spelling: &&'w String| {
            let mut others = spellings.iter();
            others.any(|other| other.len() < spelling.len() && spelling.starts_with(&**other))
        };
        let needed = spellings
            .iter()
            .filter(move |spelling| !is_implied(spelling));
        needed.map(|spelling| (spelling.as_str(), self.range(spelling)))
    }

    fn nowhere(&self) -> Fields {
        let docs = |field| if field == OTHER { 0 } else { self.docs };
        std::array::from_fn(|field| Bits::none(docs(field)))
    }

    fn add(&self, to: &mut Fields, more: &Fields) {
        for (field, more) in to.iter_mut().zip(more) {
            if field.words().len() < more.words().len() {
                *field = more.clone();
            } else {
                field.add(more);
            }
        }
    }

    fn fields(&self, range: Range<usize>) -> Cow<'_, Fields> {
        if range.len() == 1
            && let Some(common) = self.common.get(&(range.start as u32))
        {
            return Cow::Borrowed(common);
        }
        let mut fields = self.nowhere();
        for at in range {
            match self.common.get(&(at as u32)) {
                Some(common) => self.add(&mut fields, common),
                None => self.spread(at, &mut fields),
            }
        }
        Cow::Owned(fields)
    }

    fn spread(&self, word: usize, fields: &mut Fields) {
        let postings = &self.postings[self.postings_of(word)];
        let is_other = |posting: &u32| posting >> OTHER & 1 == 1;
        if fields[OTHER].words().is_empty() && postings.iter().any(is_other) {
            fields[OTHER] = Bits::none(self.docs);
        }
        let [title, artist, album, other] = fields.each_mut().map(Bits::words_mut);
        for posting in postings {
            let doc = posting >> FIELD_BITS;
            let (at, bit) = ((doc / 64) as usize, doc % 64);
            title[at] |= u64::from(posting & 1) << bit;
            artist[at] |= u64::from(posting >> 1 & 1) << bit;
            album[at] |= u64::from(posting >> 2 & 1) << bit;
            if is_other(posting) {
                other[at] |= 1 << bit;
            }
        }
    }

    /// Makes the bits that are kept.
    fn prepare(&mut self) {
        let dense = (self.docs / DENSE).max(DENSE_MIN);
        for at in 0..self.ends.len() {
            if self.postings_of(at).len() >= dense {
                let mut fields = self.nowhere();
                self.spread(at, &mut fields);
                self.common.insert(at as u32, fields);
            }
        }
        for letters in 1..=BEGINNING_MAX {
            let mut from = 0;
            while from < self.ends.len() {
                let word = self.text(from);
                let end = word
                    .char_indices()
                    .nth(letters - 1)
                    .map(|(at, c)| at + c.len_utf8());
                let Some(end) = end else {
                    from += 1;
                    continue;
                };
                let beginning: Box<str> = word[..end].into();
                let range = self.range(&beginning);
                let rare = range
                    .clone()
                    .filter(|at| !self.common.contains_key(&(*at as u32)));
                let weight: usize = rare.map(|at| self.postings_of(at).len()).sum();
                from = range.end;
                if weight >= dense {
                    let fields = self.fields(range).into_owned();
                    self.beginnings.insert(beginning, fields);
                }
            }
        }
    }

    fn range(&self, beginning: &str) -> Range<usize> {
        let beginning = beginning.as_bytes();
        let from = self.partition(|word| word < beginning);
        let to = self.partition(|word| word < beginning || word.starts_with(beginning));
        from..to
    }

    fn partition(&self, is_before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = (low + high) / 2;
            if is_before(self.word(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn word(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.letters[start as usize..self.ends[at] as usize]
    }

    fn start(&self, word: usize) -> u64 {
        word.checked_sub(1).map_or(0, |before| self.last[before])
    }

    fn postings_of_all(&self, words: Range<usize>) -> Range<usize> {
        self.start(words.start) as usize..self.start(words.end) as usize
    }

    fn postings_of(&self, word: usize) -> Range<usize> {
        self.start(word) as usize..self.last[word] as usize
    }

    pub(crate) fn save(&self, into: &mut Flat<'_>) -> std::io::Result<()> {
        into.bytes(&self.letters)?;
        into.u32s(&self.ends)?;
        into.u64s(&self.last)?;
        into.u32s(&self.postings)
    }

    pub(crate) fn load(from: &mut Reader<'_>, docs: usize) -> Option<Words> {
        let mut words = Words {
            docs,
            letters: from.bytes()?,
            ends: from.u32s()?,
            last: from.u64s()?,
            postings: from.u32s()?,
            ..Words::default()
        };
        words.prepare();
        Some(words)
    }
}
