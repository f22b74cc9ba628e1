//! All cards of the library in memory: the index over them, which also tells which audio is here.
//!
//! Reading it never waits for the disk, nor for a change under way: whoever asks gets the index of a
//! moment. Only the [writer](crate::writer) changes it, after the same change is in the database; beside
//! it one thread at a time merges segments.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use parking_lot::{Mutex, RwLock};

use crate::{
    card::Card,
    following::{CardChange, CardsOfAMoment, Followers, Following},
    index::{Index, Merge, Row, Scope},
};
use kadenza_contract::{ContentHash, SongId};

/// Merges of up to so many cards are done at once: they take a few milliseconds.
const MERGED_AT_ONCE_MAX: u64 = 2048;
/// With so many segments, the writer merges before it goes on, so that searches do not suffer from an
/// import that is faster than the merging beside it.
const SEGMENTS_MAX: usize = 64;

/// How much a library holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Songs with audio on this machine.
    pub songs: u64,
    /// Cards: songs that are known here, with or without audio.
    pub cards: u64,
    /// Bytes of audio on this machine.
    pub bytes: u64,
}

/// Audio that is on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeldAudio {
    /// Its size in bytes.
    pub(crate) size: u64,
    /// The songs of which it is a recording; never empty.
    pub(crate) songs: Vec<SongId>,
}

/// A change that is in the database already.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Cards as they are now; `None` where there is none any more.
    pub(crate) cards: HashMap<SongId, Option<Arc<Card>>>,
    /// Audio as it is now; `None` where it is not here any more.
    pub(crate) audio: HashMap<ContentHash, Option<HeldAudio>>,
    /// Audio that was found damaged, and what was found; `None` where it is whole again or gone.
    pub(crate) damaged: HashMap<ContentHash, Option<String>>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.cards.is_empty() && self.audio.is_empty() && self.damaged.is_empty()
    }
}

/// Everything that is known.
#[derive(Debug)]
pub(crate) struct Catalogue {
    index: RwLock<Arc<Index>>,
    /// HeldAudio while a new index takes the place of the old one: by the writer and by whoever merges.
    changing: Mutex<()>,
    /// The merge that a thread carries out now.
    merging: Mutex<Option<Arc<Merge>>>,
    bytes: AtomicU64,
    /// Audio that belongs here and is not whole: it does not count as held.
    damaged: RwLock<HashMap<ContentHash, String>>,
    /// Whether the directory of the audio went away: then nothing counts as held.
    is_away: AtomicBool,
    generation: AtomicU64,
    followers: Followers,
    /// Held while changes are taken in and told.
    applying: Mutex<()>,
    is_complete: AtomicBool,
    is_closing: AtomicBool,
}

impl Catalogue {
    /// The catalogue of an index, of so many bytes of audio, some of it damaged.
    pub(crate) fn new(
        index: Index,
        bytes: u64,
        damaged: HashMap<ContentHash, String>,
    ) -> Catalogue {
        Catalogue {
            index: RwLock::new(Arc::new(index)),
            changing: Mutex::new(()),
            merging: Mutex::new(None),
            bytes: AtomicU64::new(bytes),
            damaged: RwLock::new(damaged),
            is_away: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            followers: Followers::default(),
            applying: Mutex::new(()),
            is_complete: AtomicBool::new(true),
            is_closing: AtomicBool::new(false),
        }
    }

    /// The index as it is now.
    pub(crate) fn index(&self) -> Arc<Index> {
        Arc::clone(&self.index.read())
    }

    /// The card of a song, with all audio that belongs here, damaged or not.
    pub(crate) fn card(&self, id: &SongId) -> Option<Arc<Card>> {
        self.index().card(id).map(Arc::new)
    }

    /// The size and the songs of audio that is here.
    pub(crate) fn held(&self, content: &ContentHash) -> Option<HeldAudio> {
        let (songs, sizes): (Vec<SongId>, Vec<u64>) = self.index().holders(content).unzip();
        let size = *sizes.first()?;
        Some(HeldAudio { size, songs })
    }

    /// Whether audio belongs here, damaged or not.
    pub(crate) fn owns(&self, content: &ContentHash) -> bool {
        self.index().holders(content).next().is_some()
    }

    /// Whether audio is here, and not known to be damaged.
    pub(crate) fn holds(&self, content: &ContentHash) -> bool {
        self.is_whole(content) && self.owns(content)
    }

    /// Whether audio that belongs here counts as held.
    pub(crate) fn is_whole(&self, content: &ContentHash) -> bool {
        !self.is_away.load(Ordering::Acquire) && !self.damaged.read().contains_key(content)
    }

    /// Whether audio was found damaged.
    pub(crate) fn is_damaged(&self, content: &ContentHash) -> bool {
        self.damaged.read().contains_key(content)
    }

    /// A card that tells damaged audio from audio that counts as held.
    pub(crate) fn whole(&self, card: Card) -> Card {
        told_apart(card, |of| self.is_whole(of))
    }

    /// Audio that belongs here and is damaged.
    pub(crate) fn damaged(&self) -> Vec<ContentHash> {
        self.damaged.read().keys().copied().collect()
    }

    /// Whether the directory of the audio went away.
    pub(crate) fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Acquire)
    }

    /// Notes whether the directory of the audio went away. Says whether that is new.
    pub(crate) fn went_away(&self, is_away: bool) -> bool {
        let _applying = self.applying.lock();
        let is_new = self.is_away.swap(is_away, Ordering::AcqRel) != is_away;
        if is_new {
            self.followers.outrun();
            self.generation.fetch_add(1, Ordering::Release);
        }
        is_new
    }

    /// How much there is.
    pub(crate) fn counts(&self) -> Counts {
        let index = self.index();
        Counts {
            songs: index.count(Scope::Held),
            cards: index.count(Scope::Known),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// A number that is another one after every change.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Takes changes in. Only one caller at a time, which is the writer. What it calls for in merging
    /// is done here if it is little, or else by a thread that is started here.
    ///
    /// `number` is the database's number of the change.
    pub(crate) fn apply(self: &Arc<Self>, changes: &Changes, number: u64) {
        if changes.is_empty() {
            return;
        }
        self.take_in(changes, number);
        self.merge();
    }

    fn take_in(&self, changes: &Changes, number: u64) {
        let _applying = self.applying.lock();
        let told = self.cards_that_change(changes);
        for (content, now) in &changes.audio {
            let before = self.held(content).map_or(0, |held| held.size);
            let after = now.as_ref().map_or(0, |held| held.size);
            let bytes = self.bytes.load(Ordering::Relaxed);
            // A stranger's card may be wrong about a size.
            let bytes = bytes.saturating_sub(before) + after;
            self.bytes.store(bytes, Ordering::Relaxed);
        }
        let (mut row, mut forgotten) = (Row::default(), Vec::new());
        for (id, card) in &changes.cards {
            match card {
                Some(card) => row.push(card),
                None => forgotten.push(*id),
            }
        }
        {
            let mut damaged = self.damaged.write();
            for (content, now) in &changes.damaged {
                match now {
                    Some(why) => damaged.insert(*content, why.clone()),
                    None => damaged.remove(content),
                };
            }
        }
        self.change(|index| index.with(row, &forgotten, number));
        self.generation.fetch_add(1, Ordering::Release);
        let told = told.into_iter().map(|(id, before)| CardChange {
            before,
            after: self.whole_card(&id),
        });
        let told: Vec<CardChange> = told.collect();
        if !told.is_empty() {
            self.followers.tell(told);
        }
    }

    /// The cards that followers are told of, as they are before these changes.
    fn cards_that_change(&self, changes: &Changes) -> BTreeMap<SongId, Option<Card>> {
        if !self.followers.are_there() {
            return BTreeMap::new();
        }
        let index = self.index();
        let holders = changes.damaged.keys();
        let holders = holders.flat_map(|content| index.holders(content).map(|(id, _)| id));
        let ids = changes.cards.keys().copied().chain(holders);
        ids.map(|id| (id, self.whole_card(&id))).collect()
    }

    fn whole_card(&self, id: &SongId) -> Option<Card> {
        self.index().card(id).map(|card| self.whole(card))
    }

    /// The cards as they are now, and all changes from now on.
    pub(crate) fn follow(&self) -> Following {
        let _applying = self.applying.lock();
        let cards = Snapshot {
            index: self.index(),
            damaged: self.damaged.read().keys().copied().collect(),
            is_away: self.is_away(),
        };
        Following {
            cards: Arc::new(cards),
            changes: self.followers.join(),
        }
    }

    /// Notes that the database may have a change that is not here: what is known is not to be saved.
    pub(crate) fn fell_behind(&self) {
        self.is_complete.store(false, Ordering::Release);
    }

    /// Whether every change of the database is here.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    /// Begins no more merges.
    pub(crate) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
    }

    fn change(&self, now: impl FnOnce(&Index) -> Index) {
        let _changing = self.changing.lock();
        let now = Arc::new(now(&self.index()));
        *self.index.write() = now;
    }

    fn merge(self: &Arc<Self>) {
        loop {
            let index = self.index();
            let mut merging = self.merging.lock();
            let Some(due) = index.due(merging.as_deref()) else {
                return;
            };
            if due.docs() <= MERGED_AT_ONCE_MAX || index.segments() >= SEGMENTS_MAX {
                drop(merging);
                self.carry_out(&due);
                continue;
            }
            if merging.is_some() {
                return;
            }
            let due = Arc::new(due);
            *merging = Some(Arc::clone(&due));
            drop(merging);
            let catalogue = Arc::clone(self);
            let work = move || catalogue.merge_beside(due);
            if let Err(error) = thread::Builder::new().name("merging".into()).spawn(work) {
                // The next change tries again.
                tracing::warn!(%error, "no thread for merging the search index");
                *self.merging.lock() = None;
            }
            return;
        }
    }

    fn merge_beside(self: Arc<Self>, first: Arc<Merge>) {
        let mut due = Some(first);
        while let Some(merge) = due {
            self.carry_out(&merge);
            let mut merging = self.merging.lock();
            let is_closing = self.is_closing.load(Ordering::Acquire);
            due = self.index().due(None).filter(|_| !is_closing).map(Arc::new);
            *merging = due.clone();
        }
    }

    fn carry_out(&self, merge: &Merge) {
        let merged = merge.run();
        self.change(|index| index.merged(merged));
    }
}

/// A card that tells damaged audio from audio that counts as held.
fn told_apart(mut card: Card, is_whole: impl Fn(&ContentHash) -> bool) -> Card {
    let held = std::mem::take(&mut card.held);
    let (held, damaged) = held.into_iter().partition(is_whole);
    Card {
        held,
        damaged,
        ..card
    }
}

/// The catalogue as it was at one moment.
#[derive(Debug)]
struct Snapshot {
    index: Arc<Index>,
    damaged: HashSet<ContentHash>,
    is_away: bool,
}

impl CardsOfAMoment for Snapshot {
    fn after(&self, id: Option<SongId>, limit: usize) -> Vec<Card> {
        let is_whole = |of: &ContentHash| !self.is_away && !self.damaged.contains(of);
        let cards = self.index.after(id, limit).into_iter();
        cards.map(|card| told_apart(card, is_whole)).collect()
    }
}
