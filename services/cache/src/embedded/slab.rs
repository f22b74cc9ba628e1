//! Entries by small numbers that stay the same as long as an entry is there.

use std::ops::{Index, IndexMut};

use bytes::Bytes;
use rand::RngExt;

/// The number of an entry; used again when it is gone.
pub(super) type Slot = u32;

/// No entry.
pub(super) const NONE: Slot = Slot::MAX;

/// Something that is remembered, with what the policies note of it.
///
/// The fields that a hit looks at stand together and begin a line of the processor's cache: reading memory is
/// what a call takes its time for.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Entry {
    pub(super) key: Box<[u8]>,
    pub(super) value: Bytes,
    /// The notes of the policy on its use.
    pub(super) mark: u64,
    pub(super) hash: u64,
    /// When it is not valid any more, in milliseconds.
    pub(super) expires: Option<u64>,
    pub(super) weight: usize,
    /// Its neighbours in the queue that it is in, and which that is.
    pub(super) links: [Slot; 2],
    /// Where it stands in the lists of all entries and of those that expire.
    places: [u32; 2],
    pub(super) queue: u8,
}

impl Entry {
    pub(super) fn new(
        hash: u64,
        key: &[u8],
        value: Bytes,
        weight: usize,
        expires: Option<u64>,
    ) -> Entry {
        Entry {
            hash,
            key: key.into(),
            value,
            weight,
            expires,
            mark: 0,
            links: [NONE; 2],
            queue: 0,
            places: [NONE; 2],
        }
    }
}

/// Entries, and dense lists of them from which a sample is taken in constant time.
#[derive(Debug)]
pub(super) struct Slab {
    entries: Vec<Option<Entry>>,
    free: Vec<Slot>,
    /// All, and those that expire; empty where nobody takes samples. Keeping them means to touch an
    /// entry at random with every one that leaves.
    lists: [Vec<Slot>; 2],
    is_sampled: bool,
}

/// Which entries are sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Among {
    All = 0,
    Expiring = 1,
}

impl Slab {
    /// No entries; whether samples are taken of them must be said before there are any.
    pub(super) fn new(is_sampled: bool) -> Slab {
        Slab {
            entries: Vec::new(),
            free: Vec::new(),
            lists: [Vec::new(), Vec::new()],
            is_sampled,
        }
    }

    /// Takes an entry in.
    pub(super) fn insert(&mut self, entry: Entry) -> Slot {
        let expires = entry.expires.is_some();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            Slot::try_from(self.entries.len() - 1).expect("fewer than 2^32 entries fit into memory")
        });
        self.entries[slot as usize] = Some(entry);
        if self.is_sampled {
            self.enlist(Among::All, slot);
            if expires {
                self.enlist(Among::Expiring, slot);
            }
        }
        slot
    }

    /// Takes an entry out, which must be there.
    pub(super) fn remove(&mut self, slot: Slot) -> Entry {
        for among in [Among::All, Among::Expiring] {
            self.delist(among, slot);
        }
        self.free.push(slot);
        let entry = self.entries[slot as usize].take();
        entry.expect("only slots of entries are handed around")
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// All that are there.
    pub(super) fn slots(&self) -> Vec<Slot> {
        let there = |slot: &Slot| self.entries[*slot as usize].is_some();
        (0..self.entries.len() as Slot).filter(there).collect()
    }

    /// A random one.
    pub(super) fn random(&self, among: Among, dice: &mut impl RngExt) -> Option<Slot> {
        let list = &self.lists[among as usize];
        (!list.is_empty()).then(|| list[dice.random_range(0..list.len())])
    }

    /// So many random ones, some of them perhaps twice; all, where there are no more.
    pub(super) fn sample(
        &self,
        among: Among,
        count: usize,
        dice: &mut impl RngExt,
    ) -> impl Iterator<Item = Slot> {
        let list = &self.lists[among as usize];
        let few = list.len() <= count;
        (0..count.min(list.len())).map(move |at| {
            list[if few {
                at
            } else {
                dice.random_range(0..list.len())
            }]
        })
    }

    fn enlist(&mut self, among: Among, slot: Slot) {
        let list = &mut self.lists[among as usize];
        let place = list.len() as u32;
        list.push(slot);
        self[slot].places[among as usize] = place;
    }

    fn delist(&mut self, among: Among, slot: Slot) {
        let place = self[slot].places[among as usize];
        if place == NONE {
            return;
        }
        let list = &mut self.lists[among as usize];
        list.swap_remove(place as usize);
        if let Some(&moved) = list.get(place as usize) {
            self[moved].places[among as usize] = place;
        }
    }
}

impl Index<Slot> for Slab {
    type Output = Entry;
    fn index(&self, slot: Slot) -> &Entry {
        let entry = self.entries[slot as usize].as_ref();
        entry.expect("only slots of entries are handed around")
    }
}

impl IndexMut<Slot> for Slab {
    fn index_mut(&mut self, slot: Slot) -> &mut Entry {
        let entry = self.entries[slot as usize].as_mut();
        entry.expect("only slots of entries are handed around")
    }
}
