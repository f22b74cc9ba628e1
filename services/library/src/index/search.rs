//! Songs as [`Query::page`] defines them, without looking at every song.
//!
//! Each segment gives its first hits behind the cursor; they are merged by their keys.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{
    bits::Bits,
    doc::{Doc, Scope},
    list::Index,
    part::Part,
    question::Question,
    tiers::{FEW, Fitting},
};
use kadenza_contract::{
    Cursor, Entry, Page, Query, Song, Sort, SortKey,
    order::{INSIDE, SLIP, shuffled_head},
};

/// From so many songs on, a search is better not done on a thread that serves others.
const LONG_SONGS: u64 = 20_000;

/// A document that fits, with its rank where the search is for words by relevance.
type Hit = (u64, Doc);

impl Index {
    /// The page of entries in scope that fit.
    ///
    /// Songs that may be at several places of their album are few. On a list of an album they are looked
    /// at by the definition itself, too, and the two pages are merged as those of two machines are.
    pub(crate) fn search(&self, query: &Query, scope: Scope) -> Page<Entry> {
        let question = Question::new(query, scope);
        let page = self.search_once(&question);
        if !question.entries {
            return page;
        }
        let parts = self.parts.iter();
        let several: Vec<Song> = parts.flat_map(|part| part.several(&question)).collect();
        if several.is_empty() {
            return page;
        }
        query.merge(vec![page, query.page(several)])
    }

    /// The page on which each song is once.
    fn search_once(&self, question: &Question<'_>) -> Page<Entry> {
        let query = question.query;
        let hits: Vec<Vec<Hit>> = self.parts.iter().map(|part| part.hits(question)).collect();
        // The next hit of each segment, the first of them on top.
        let head = |part: usize, at: usize| {
            let (rank, doc) = hits[part].get(at)?;
            let key = self.parts[part].key(question, *rank, *doc);
            Some(Reverse((key, part, at)))
        };
        let mut heads: BinaryHeap<_> = (0..hits.len()).filter_map(|part| head(part, 0)).collect();
        let mut page = Page::whole(Vec::new(), None);
        let mut last = None;
        let is_slip = |key: &SortKey| query.takes_parts() && key.rank() >= SLIP;
        while let Some(Reverse((key, part, at))) = heads.pop() {
            // Another segment has something better.
            if last
                .as_ref()
                .is_some_and(|last| is_slip(&key) && !is_slip(last))
            {
                break;
            }
            if page.items.len() == query.limit.get() {
                page.next = last.map(Cursor::behind);
                break;
            }
            let (_, doc) = hits[part][at];
            page.items
                .push(Entry::of(self.parts[part].segment.song(doc)));
            last = Some(key);
            heads.extend(head(part, at + 1));
        }
        page
    }

    /// Whether the search may take more than some tens of microseconds.
    pub(crate) fn is_long(&self, query: &Query) -> bool {
        let asks_bits = query.text.is_some() || matches!(query.sort, Sort::Random(_));
        asks_bits && self.count(Scope::Known) > LONG_SONGS
    }
}

impl Part {
    fn key(&self, question: &Question<'_>, rank: u64, doc: Doc) -> SortKey {
        let placed = self.segment.placed(doc);
        let key = match (question.query.sort, question.words) {
            (Sort::Relevance, Some(_)) => placed.ranked(rank),
            (sort, _) => placed.key(sort),
        };
        self.segment.keyed(key, doc, question.entries)
    }

    /// The songs that pass the filters and may be at several places of their album.
    fn several(&self, question: &Question<'_>) -> Vec<Song> {
        let several = self.segment.several();
        if several.is_empty() {
            return Vec::new();
        }
        let Some(passed) = self.filtered(&question.names, question.scope) else {
            return Vec::new();
        };
        let docs = several.iter().filter(|doc| passed.has(**doc));
        docs.map(|doc| self.segment.song(*doc)).collect()
    }

    /// The first hits behind the cursor, in order, at most as many as the question counts.
    fn hits(&self, question: &Question<'_>) -> Vec<Hit> {
        let filtered = self.filtered(&question.names, question.scope);
        let among = filtered
            .as_ref()
            .unwrap_or_else(|| self.seen(question.scope));
        if let Some(words) = question.words {
            let mut hits = match self.with_words(question, words, among) {
                Fitting::Few(docs) => self.asked(question, docs),
                Fitting::Many(found) if question.query.sort == Sort::Relevance => {
                    self.ranked(question, found)
                }
                Fitting::Many(found) => self.ordered(question, &found.all),
            };
            // What few documents were asked may fit in worse ways, which are gone through as a whole.
            if question.query.takes_parts() {
                hits.retain(|(rank, _)| *rank < INSIDE);
                if hits.len() < question.count {
                    hits.extend(self.far(question, words, among, hits.len()));
                }
            }
            return hits;
        }
        if filtered.is_some() && among.count() <= FEW {
            return self.asked(question, among.from(0).collect());
        }
        self.ordered(question, among)
    }

    /// The hits among a few documents, by the definition itself.
    fn asked(&self, question: &Question<'_>, docs: Vec<Doc>) -> Vec<Hit> {
        let mut keyed: Vec<(SortKey, Doc)> = docs
            .into_iter()
            .filter_map(|doc| {
                let entry = Entry::of(self.segment.song(doc));
                Some((question.query.key(&entry)?, doc))
            })
            .filter(|(key, _)| question.after.is_none_or(|after| key > after))
            .collect();
        keyed.sort_unstable();
        keyed.truncate(question.count);
        let hits = keyed.into_iter().map(|(key, doc)| (key.rank(), doc));
        hits.collect()
    }

    /// The first of these documents in an order that does not ask for relevance.
    fn ordered(&self, question: &Question<'_>, wanted: &Bits) -> Vec<Hit> {
        let (segment, sort, count) = (&*self.segment, question.query.sort, question.count);
        if let Sort::Random(seed) = sort {
            return self.shuffled(question, wanted, seed);
        }
        let docs: Vec<Doc> = match segment.order(sort) {
            None => {
                let from = question
                    .after
                    .map_or(0, |key| segment.place_by_title(key, question.entries));
                wanted.from(from).take(count).collect()
            }
            Some(order) => {
                let place = |key| segment.place(order, sort, key, question.entries);
                order.first(wanted, question.after.map_or(0, place), count)
            }
        };
        docs.into_iter().map(|doc| (0, doc)).collect()
    }

    /// The first of these documents in a shuffled order: all are gone through, but only their heads
    /// of ids, which lie in a row.
    fn shuffled(&self, question: &Question<'_>, wanted: &Bits, seed: u32) -> Vec<Hit> {
        let by_id = self.segment.by_id();
        // Equal places are settled by the id; so those at the cursor's own are looked at.
        let first = question.after.map_or(0, SortKey::rank);
        let mut lowest: BinaryHeap<(SortKey, Doc)> = BinaryHeap::new();
        let mut worst = u64::MAX;
        for (head, doc) in by_id.heads().iter().zip(by_id.numbers()) {
            let place = shuffled_head(*head, seed);
            if place < first || place > worst || !wanted.has(*doc) {
                continue;
            }
            let key = self
                .segment
                .key(*doc, question.query.sort, question.entries);
            if question.after.is_some_and(|after| key <= *after) {
                continue;
            }
            lowest.push((key, *doc));
            if lowest.len() > question.count {
                lowest.pop();
                worst = lowest.peek().map_or(u64::MAX, |(key, _)| key.rank());
            }
        }
        let sorted = lowest.into_sorted_vec().into_iter();
        sorted.map(|(_, doc)| (0, doc)).collect()
    }
}
