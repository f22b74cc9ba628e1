//! What the library knows, in memory: every card by its id, the index over them, and which audio
//! is here.
//!
//! Reading it never waits for the disk. Only the [writer](super::writer) changes it, after the same
//! change is in the database.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::RwLock;

use super::{
    card::Card,
    index::{Index, Prepared},
};
use crate::{ContentHash, SongId};

/// How many parts the cards are in, so that one that changes does not hold up all readers.
const SHARDS: usize = 16;

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
pub(super) struct Held {
    /// Its size in bytes.
    pub(super) size: u64,
    /// The songs of which it is a recording; never empty.
    pub(super) songs: Vec<SongId>,
}

/// A change that is in the database already.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Cards as they are now; `None` where there is none any more.
    pub(super) cards: HashMap<SongId, Option<Arc<Card>>>,
    /// Audio as it is now; `None` where it is not here any more.
    pub(super) audio: HashMap<ContentHash, Option<Held>>,
}

/// Everything that is known.
#[derive(Debug)]
pub(super) struct Catalogue {
    cards: [RwLock<HashMap<SongId, Arc<Card>>>; SHARDS],
    audio: RwLock<HashMap<ContentHash, Held>>,
    index: RwLock<Index>,
    songs: AtomicU64,
    known: AtomicU64,
    bytes: AtomicU64,
    generation: AtomicU64,
}

impl Catalogue {
    /// The catalogue of these cards, and of audio of these sizes.
    pub(super) fn build(
        cards: impl Iterator<Item = Prepared>,
        sizes: &HashMap<ContentHash, u64>,
    ) -> Catalogue {
        let mut shards = [(); SHARDS].map(|()| HashMap::new());
        let mut audio: HashMap<ContentHash, Held> = HashMap::new();
        let (mut songs, mut known) = (0, 0);
        let index = Index::build(cards.inspect(|prepared| {
            let card = &prepared.card;
            let id = card.song.id();
            known += 1;
            songs += u64::from(card.is_held());
            for content in &card.held {
                let held = audio.entry(*content).or_insert_with(|| Held {
                    size: sizes.get(content).copied().unwrap_or(0),
                    songs: Vec::new(),
                });
                held.songs.push(id);
            }
            shards[shard(&id)].insert(id, Arc::clone(card));
        }));
        let bytes = audio.values().map(|held| held.size).sum();
        Catalogue {
            cards: shards.map(RwLock::new),
            audio: RwLock::new(audio),
            index: RwLock::new(index),
            songs: AtomicU64::new(songs),
            known: AtomicU64::new(known),
            bytes: AtomicU64::new(bytes),
            generation: AtomicU64::new(0),
        }
    }

    /// What is known of a song.
    pub(super) fn card(&self, id: &SongId) -> Option<Arc<Card>> {
        self.cards[shard(id)].read().get(id).map(Arc::clone)
    }

    /// What is known of audio that is here.
    pub(super) fn held(&self, content: &ContentHash) -> Option<Held> {
        self.audio.read().get(content).cloned()
    }

    /// Whether audio is here.
    pub(super) fn holds(&self, content: &ContentHash) -> bool {
        self.audio.read().contains_key(content)
    }

    /// Asks the index.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&Index) -> T) -> T {
        question(&self.index.read())
    }

    /// How much there is.
    pub(super) fn counts(&self) -> Counts {
        Counts {
            songs: self.songs.load(Ordering::Relaxed),
            cards: self.known.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// A number that is another one after every change.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Takes changes in. Only one caller at a time, which is the writer.
    pub(super) fn apply(&self, changes: Changes) {
        if changes.cards.is_empty() && changes.audio.is_empty() {
            return;
        }
        for (content, now) in changes.audio {
            let mut audio = self.audio.write();
            let size = now.as_ref().map_or(0, |held| held.size);
            let before = match now {
                Some(held) => audio.insert(content, held),
                None => audio.remove(&content),
            };
            self.bytes.fetch_add(size, Ordering::Relaxed);
            self.bytes
                .fetch_sub(before.map_or(0, |held| held.size), Ordering::Relaxed);
        }
        for (id, now) in changes.cards {
            let held = now.as_ref().is_some_and(|card| card.is_held());
            let known = now.is_some();
            {
                // One at a time, so that a long import does not keep searches waiting.
                let mut index = self.index.write();
                match &now {
                    Some(card) => index.put(Arc::clone(card)),
                    None => index.remove(&id),
                }
            }
            let mut shard = self.cards[shard(&id)].write();
            let before = match now {
                Some(card) => shard.insert(id, card),
                None => shard.remove(&id),
            };
            let was_held = before.as_ref().is_some_and(|card| card.is_held());
            step(&self.songs, was_held, held);
            step(&self.known, before.is_some(), known);
        }
        self.generation.fetch_add(1, Ordering::Release);
    }
}

fn step(count: &AtomicU64, before: bool, now: bool) {
    match (before, now) {
        (false, true) => count.fetch_add(1, Ordering::Relaxed),
        (true, false) => count.fetch_sub(1, Ordering::Relaxed),
        _ => 0,
    };
}

/// Ids are hashes, so any of their bytes spreads them evenly.
fn shard(id: &SongId) -> usize {
    id.as_bytes()[0] as usize % SHARDS
}
