//! All cards of the library in memory: the index over them, which also tells which audio is here.
//!
//! Reading it never waits for the disk, nor for a change under way: whoever asks gets the index of a
//! moment. Only the [writer](crate::writer) changes it, after the same change is in the database; beside
//! it one thread at a time merges segments.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use parking_lot::{Mutex, RwLock};

use crate::{
    card::Card,
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
    generation: AtomicU64,
    is_complete: AtomicBool,
    is_closing: AtomicBool,
}

impl Catalogue {
    /// The catalogue of an index, and of so many bytes of audio.
    pub(crate) fn new(index: Index, bytes: u64) -> Catalogue {
        Catalogue {
            index: RwLock::new(Arc::new(index)),
            changing: Mutex::new(()),
            merging: Mutex::new(None),
            bytes: AtomicU64::new(bytes),
            generation: AtomicU64::new(0),
            is_complete: AtomicBool::new(true),
            is_closing: AtomicBool::new(false),
        }
    }

    /// The index as it is now.
    pub(crate) fn index(&self) -> Arc<Index> {
        Arc::clone(&self.index.read())
    }

    /// The card of a song.
    pub(crate) fn card(&self, id: &SongId) -> Option<Arc<Card>> {
        self.index().card(id).map(Arc::new)
    }

    /// The size and the songs of audio that is here.
    pub(crate) fn held(&self, content: &ContentHash) -> Option<HeldAudio> {
        let (songs, sizes): (Vec<SongId>, Vec<u64>) = self.index().holders(content).unzip();
        let size = *sizes.first()?;
        Some(HeldAudio { size, songs })
    }

    /// Whether audio is here.
    pub(crate) fn holds(&self, content: &ContentHash) -> bool {
        self.index().holders(content).next().is_some()
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
        if changes.cards.is_empty() && changes.audio.is_empty() {
            return;
        }
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
        self.change(|index| index.with(row, &forgotten, number));
        self.generation.fetch_add(1, Ordering::Release);
        self.merge();
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
