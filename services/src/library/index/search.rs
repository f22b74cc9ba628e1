//! Songs as [`Query::page`] defines them, without looking at every song.
//!
//! Candidates come from the words and the filters. Few are sorted. Of many, only those for the page
//! are found, by walking the order of all songs from the cursor on.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::{Index, ORDERS, Scope, Slot, key_in, key_of, words};
use crate::{Page, Query, QueryText, Song, Sort, SortKey, relevance};

/// Up to so many candidates are sorted; a walk would pass by too many others. A guess: sorting so
/// many costs some 0.2 ms, as does a walk past all of 100,000 songs.
const SORTED_MAX: usize = 128;
/// From so many postings on, a search is better not done on a thread that serves others: some
/// milliseconds.
const LONG_POSTINGS: usize = 10_000;
/// How many pads are kept for the next searches.
const PADS_MAX: usize = 4;

/// What is noted of a slot during one search; all zero where nothing is.
#[derive(Debug, Clone, Copy, Default)]
struct Note {
    /// How many of the words it has: all so far, or it is out.
    words: u8,
    /// Where the word that is being looked for was found.
    here: u8,
    /// Whether it was found as a whole word.
    whole: bool,
    /// Where all words so far were found.
    fields: u8,
    /// How many words were only found as beginnings.
    partial: u8,
    /// In which round of arranging it is wanted.
    round: u16,
}

/// A note for every slot, kept clean, so that a search touches only what it finds.
#[derive(Debug, Default)]
pub(super) struct Pads(Mutex<Vec<Vec<Note>>>);

/// The hits of a query in the order of their ranks; within a rank, another order settles.
type Ranked = BTreeMap<u64, Vec<Slot>>;

impl Index {
    /// The page of songs in scope that fit.
    pub(in super::super) fn search(&self, query: &Query, scope: Scope) -> Page<Song> {
        let names = [&query.artist, &query.album, &query.genre].map(|name| name.as_deref());
        let filter = self.filter(names);
        let mut pad = self.pads.0.lock().pop().unwrap_or_default();
        pad.resize(self.cards.len(), Note::default());
        let mut touched = Vec::new();

        let sees = |slot: &Slot| {
            self.entry(*slot)
                .is_some_and(|entry| Index::sees(scope, entry) && filter.admits(entry))
        };
        let ranked: Option<Ranked> = match &query.text {
            None => self.filtered(&filter).map(|mut slots| {
                slots.retain(sees);
                Ranked::from([(0, slots)])
            }),
            Some(text) => {
                let mut slots = self.with_words(text, &mut pad, &mut touched);
                slots.retain(sees);
                Some(self.rank(slots, query, text, &pad))
            }
        };
        let keyed = match ranked {
            _ if matches!(query.sort, Sort::Random(_)) => {
                let slots = match ranked {
                    Some(ranked) => ranked.into_values().flatten().collect(),
                    None => (0..self.cards.len() as Slot).filter(sees).collect(),
                };
                self.shuffle(query, slots)
            }
            None => {
                let after = query.after.as_ref().map(|cursor| cursor.key());
                let one_more = query.limit.get() + 1;
                self.walk(order_of(query.sort), after, one_more, |slot| sees(&slot))
            }
            Some(ranked) => self.arrange(query, ranked, &mut pad, &mut touched),
        };

        for slot in touched {
            pad[slot as usize] = Note::default();
        }
        let mut pads = self.pads.0.lock();
        if pads.len() < PADS_MAX {
            pads.push(pad);
        }
        drop(pads);
        Page::of(keyed, None, query.limit)
    }

    /// Whether the search takes milliseconds rather than microseconds.
    pub(in super::super) fn is_long(&self, query: &Query) -> bool {
        let Some(text) = &query.text else {
            return false;
        };
        let mut postings = 0;
        text.required()
            .flat_map(|word| self.words.beginning(word))
            .any(|(_, more)| {
                postings += more.len();
                postings > LONG_POSTINGS
            })
    }

    /// The slots that have all the words; how is in their notes.
    fn with_words(&self, text: &QueryText, pad: &mut [Note], touched: &mut Vec<Slot>) -> Vec<Slot> {
        let mut wanted: Vec<(usize, &str)> = text
            .required()
            .map(|word| {
                let postings = self.words.beginning(word).map(|(_, more)| more.len());
                (postings.sum(), word)
            })
            .collect();
        // The rarest first: what it leaves out need not be looked at for the others.
        wanted.sort_unstable();
        let mut slots: Vec<Slot> = Vec::new();
        for (at, (_, word)) in (0u8..).zip(wanted) {
            for (found, postings) in self.words.beginning(word) {
                let whole = found.len() == word.len();
                for posting in postings {
                    let note = &mut pad[posting.slot as usize];
                    if at == 0 && note.here == 0 {
                        note.fields = u8::MAX;
                        slots.push(posting.slot);
                        touched.push(posting.slot);
                    }
                    if note.words == at {
                        note.here |= posting.fields;
                        note.whole |= whole;
                    }
                }
            }
            slots.retain(|slot| {
                let note = &mut pad[*slot as usize];
                if note.here == 0 {
                    return false;
                }
                note.words += 1;
                note.fields &= note.here;
                note.partial += u8::from(!note.whole);
                (note.here, note.whole) = (0, false);
                true
            });
        }
        slots
    }

    /// Sorts hits by their rank, if the query asks for that.
    fn rank(&self, slots: Vec<Slot>, query: &Query, text: &QueryText, pad: &[Note]) -> Ranked {
        if query.sort != Sort::Relevance {
            return Ranked::from([(0, slots)]);
        }
        let typed = text.words().join(" ");
        let mut ranked = Ranked::new();
        for slot in slots {
            let Some(entry) = self.entry(slot) else {
                continue;
            };
            let note = pad[slot as usize];
            let found = relevance::Found {
                in_title: note.fields & words::TITLE != 0,
                in_artist: note.fields & words::ARTIST != 0,
                in_album: note.fields & words::ALBUM != 0,
                partial: u64::from(note.partial),
            };
            let [title, artist] = &entry.lines;
            let rank = relevance::rank_found(&typed, title, artist, &found);
            ranked.entry(rank).or_default().push(slot);
        }
        ranked
    }

    /// The first hits behind the cursor, one more than the page takes.
    fn arrange(
        &self,
        query: &Query,
        ranked: Ranked,
        pad: &mut [Note],
        touched: &mut Vec<Slot>,
    ) -> Vec<(SortKey, Song)> {
        let by_rank = query.sort == Sort::Relevance && query.text.is_some();
        let order = order_of(query.sort);
        let mut page: Vec<(SortKey, Song)> = Vec::new();
        for (round, (rank, slots)) in (1u16..).zip(ranked) {
            let missing = (query.limit.get() + 1).saturating_sub(page.len());
            if missing == 0 {
                break;
            }
            let after = match query.after.as_ref().map(|cursor| cursor.key()) {
                Some(key) if by_rank => match rank.cmp(&key.rank()) {
                    std::cmp::Ordering::Less => continue,
                    std::cmp::Ordering::Equal => {
                        Some(SortKey::new(0, key.text().to_owned(), *key.id()))
                    }
                    std::cmp::Ordering::Greater => None,
                },
                after => after.cloned(),
            };
            let mut found = if slots.len() <= SORTED_MAX {
                let mut found: Vec<(SortKey, &Song)> = slots
                    .into_iter()
                    .filter_map(|slot| Some(&self.card(slot)?.song))
                    .map(|song| (key_in(ORDERS[order], song), song))
                    .filter(|(key, _)| after.as_ref().is_none_or(|after| key > after))
                    .collect();
                found.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
                found.truncate(missing);
                let cloned = found.into_iter().map(|(key, song)| (key, song.clone()));
                cloned.collect()
            } else {
                for &slot in &slots {
                    pad[slot as usize].round = round;
                }
                if query.text.is_none() {
                    touched.extend(&slots);
                }
                let wanted = |slot: Slot| pad[slot as usize].round == round;
                self.walk(order, after.as_ref(), missing, wanted)
            };
            if by_rank {
                for (key, _) in &mut found {
                    *key = SortKey::new(rank, key.text().to_owned(), *key.id());
                }
            }
            page.append(&mut found);
        }
        page
    }

    /// The first of these songs behind the cursor in a shuffled order, one more than the page takes.
    fn shuffle(&self, query: &Query, slots: Vec<Slot>) -> Vec<(SortKey, Song)> {
        let after = query.after.as_ref().map(|cursor| cursor.key());
        let mut keyed: Vec<(SortKey, &Song)> = slots
            .into_iter()
            .filter_map(|slot| Some(&self.card(slot)?.song))
            .map(|song| (key_in(query.sort, song), song))
            .filter(|(key, _)| after.is_none_or(|after| key > after))
            .collect();
        keyed.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        keyed.truncate(query.limit.get() + 1);
        let keyed = keyed.into_iter();
        keyed.map(|(key, song)| (key, song.clone())).collect()
    }

    /// The first songs behind a key in an order of all songs that are wanted.
    fn walk(
        &self,
        order: usize,
        after: Option<&SortKey>,
        count: usize,
        wanted: impl Fn(Slot) -> bool,
    ) -> Vec<(SortKey, Song)> {
        let sort = ORDERS[order];
        self.orders[order]
            .after(after, |slot| key_of(&self.cards, sort, slot))
            .filter(|slot| wanted(*slot))
            .filter_map(|slot| Some(&self.card(slot)?.song))
            .map(|song| (key_in(sort, song), song.clone()))
            .take(count)
            .collect()
    }
}

/// Which of the orders settles among hits of the same rank.
fn order_of(sort: Sort) -> usize {
    match sort {
        Sort::Relevance | Sort::Title | Sort::Random(_) => 0,
        Sort::Artist => 1,
        Sort::Album => 2,
        Sort::Newest => 3,
        Sort::Year => 4,
    }
}
