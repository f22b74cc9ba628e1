//! The routing table: which nodes are known, by distance, and which of them are alive.
//!
//! Kademlia, section 2.2, with these differences, each learned from networks that broke:
//! - an entry lives apart from its connections: it is good or suspect, and gone only once dead
//!   ([`Entry`]); only good ones are handed out;
//! - buckets that are not full drop their dead too;
//! - a node that was only told of is no entry until it answers;
//! - a known node's address changes only once the old address has fallen silent, and a forged
//!   address that does not answer harms nobody but itself.
//!
//! What is to be done from time to time is in `maintenance`.

use super::{
    bucket::Bucket,
    candidates::Candidates,
    entry::{Entry, Failure, PROBE_MS, Verdict},
    past::Past,
    timers::Timers,
};
use crate::{
    contact::Contact,
    key::{Distance, Key, nearness},
};

/// A suspect that sends requests is probed, but not more often than this.
const HEARD_PAUSE_MS: u64 = 1_000;

/// The nodes that one node knows.
#[derive(Debug)]
pub struct RoutingTable {
    pub(super) own: Key,
    pub(super) k: usize,
    /// By the number of leading bits shared with `own`; as many as there ever were entries for.
    pub(super) buckets: Vec<Bucket>,
    pub(super) candidates: Candidates,
    pub(super) past: Past,
    pub(super) timers: Timers,
    good: usize,
    generation: u64,
}

/// The effects of an answer on the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The change.
    pub change: TableChange,
    /// Whom to ping because of it; tell the table how that went.
    pub ping: Option<Contact>,
}

/// The change of the table by a node that answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableChange {
    /// It is a new entry.
    Inserted,
    /// It was an entry, and is now the one of its bucket that answered last.
    Updated,
    /// It waits for a place.
    Waits,
    /// The node is known at another address that has not fallen silent.
    Refused,
    /// It is this node itself.
    Own,
}

impl TableChange {
    fn and_ping(self, ping: Option<Contact>) -> Heard {
        Heard { change: self, ping }
    }
}

impl RoutingTable {
    /// An empty table of the node `own`, with `k` places a bucket (usually [`K`](crate::K)).
    ///
    /// # Panics
    /// If `k` is 0.
    #[must_use]
    pub fn new(own: Key, k: usize) -> RoutingTable {
        assert!(k > 0, "a bucket has at least one place");
        RoutingTable {
            own,
            k,
            buckets: Vec::new(),
            candidates: Candidates::default(),
            past: Past::default(),
            timers: Timers::default(),
            good: 0,
            generation: 0,
        }
    }

    /// The node whose table this is.
    #[must_use]
    pub fn own(&self) -> &Key {
        &self.own
    }

    /// How many good entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.good
    }

    /// Whether there is no good entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.good == 0
    }

    /// A number that changes whenever the good entries or their addresses do.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether there is a good entry of this id.
    #[must_use]
    pub fn contains(&self, id: &Key) -> bool {
        self.get(id).is_some_and(Entry::is_good)
    }

    /// The entry of this id, good or suspect.
    #[must_use]
    pub fn get(&self, id: &Key) -> Option<&Entry> {
        self.buckets.get(self.depth(id)?)?.get(id)
    }

    /// All entries, good and suspect: bucket by bucket from the farthest, and within a bucket the
    /// one that answered least recently first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.buckets.iter().flat_map(|bucket| bucket.entries())
    }

    /// The good entries closest to `target`, the closest first: at most `n`, none of `exclude`.
    #[must_use]
    pub fn closest(&self, target: &Key, n: usize, exclude: &[Key]) -> Vec<Contact> {
        let mut found = Vec::with_capacity(n.min(self.good));
        let mut bucket = Vec::with_capacity(self.k);
        for depth in self.nearest_buckets(target) {
            let good = self.buckets[depth]
                .entries()
                .iter()
                .filter(|entry| entry.is_good() && !exclude.contains(entry.id()));
            bucket.clear();
            bucket.extend(good.map(|entry| (nearness(target, entry.id()), entry)));
            bucket.sort_unstable_by(|(a, one), (b, other)| {
                let equal = || target.distance(one.id()).cmp(&target.distance(other.id()));
                a.cmp(b).then_with(equal)
            });
            found.extend(
                bucket
                    .iter()
                    .take(n - found.len())
                    .map(|(_, entry)| entry.contact()),
            );
            if found.len() == n {
                break;
            }
        }
        found
    }

    /// The buckets in the order of their distance from `target`: every node of one is closer than
    /// every node of the next.
    ///
    /// Nodes in the bucket at a depth differ from this node in the bit there, and nodes in deeper
    /// buckets do not. So where the target differs in that bit too, the bucket is closer than all
    /// deeper ones, and where it does not, farther.
    fn nearest_buckets(&self, target: &Key) -> impl Iterator<Item = usize> {
        let (own, target) = (*self.own.as_bytes(), *target.as_bytes());
        let differs =
            move |depth: &usize| (own[depth / 8] ^ target[depth / 8]) & (0x80 >> (depth % 8)) != 0;
        let depths = 0..self.buckets.len();
        let nearer = depths.clone().filter(differs);
        nearer.chain(depths.rev().filter(move |depth| !differs(depth)))
    }

    /// The suspects closest to `target`, those that died a short while ago among them: what a
    /// [`Lookup`](crate::Lookup) should ask only when nobody else answers. At most `n`.
    #[must_use]
    pub fn doubtful(&self, now_ms: u64, target: &Key, n: usize) -> Vec<Contact> {
        let suspects = self.entries().filter(|entry| !entry.is_good());
        let suspects = suspects.map(Entry::contact);
        closest(target, n, suspects.chain(self.past.doubtful(now_ms)))
    }

    /// This node answered a request at this address. It becomes or stays a good entry, if there is
    /// a place for it. The only way to become one.
    pub fn answered(&mut self, now_ms: u64, contact: Contact) -> Heard {
        let Some(depth) = self.depth(&contact.id) else {
            return TableChange::Own.and_ping(None);
        };
        while self.buckets.len() <= depth {
            self.buckets.push(Bucket::new(now_ms));
        }
        let bucket = &mut self.buckets[depth];

        if let Some(entry) = bucket.get_mut(&contact.id) {
            let was_good = entry.is_good();
            if was_good && entry.contact() != contact {
                return TableChange::Refused.and_ping(entry.challenge(now_ms, PROBE_MS));
            }
            *entry = Entry::new(now_ms, contact);
            bucket.touch(&contact.id);
            self.good += usize::from(!was_good);
            self.generation += u64::from(!was_good);
            return TableChange::Updated.and_ping(None);
        }
        self.past.remove(&contact.id);
        self.candidates.remove(&contact.id);
        if !bucket.has_room(self.k) {
            bucket.spare(contact, self.k);
            return TableChange::Waits.and_ping(bucket.challenge(now_ms));
        }
        bucket.insert(Entry::new(now_ms, contact));
        self.good += 1;
        self.generation += 1;
        self.timers.grew(self.good);
        TableChange::Inserted.and_ping(None)
    }

    /// A request came that says it is from this node, and names this address as its listener. Gives
    /// whom to ping because of it.
    ///
    /// A request shows neither that ours reach the node nor, without a proof, which node sent it; so it
    /// makes nobody an entry, and no suspect good. But unlike hearsay it is reason to try a node
    /// that died a moment ago, or an old address when the node names a new one.
    pub fn heard_from(&mut self, now_ms: u64, contact: Contact) -> Option<Contact> {
        let depth = self.depth(&contact.id)?;
        if let Some(bucket) = self.buckets.get_mut(depth) {
            let room = bucket.has_room(self.k);
            match bucket.get_mut(&contact.id) {
                Some(entry) => match (entry.is_good(), entry.contact() == contact) {
                    (true, true) => return None,
                    (true, false) => return entry.challenge(now_ms, PROBE_MS),
                    (false, true) => return entry.challenge(now_ms, HEARD_PAUSE_MS),
                    (false, false) => {}
                },
                None if !room => return None,
                None => {}
            }
        }
        self.candidates.ping(now_ms, contact).then_some(contact)
    }

    /// A third party told of this node. Gives whether it is worth a ping, which then must be sent:
    /// there is a place for it, it was not pinged for a while, and it is not known to be dead. It
    /// is no entry, and never handed out, until it answers.
    pub fn heard_of(&mut self, now_ms: u64, contact: Contact) -> bool {
        let Some(depth) = self.depth(&contact.id) else {
            return false;
        };
        if let Some(bucket) = self.buckets.get_mut(depth) {
            let room = bucket.has_room(self.k);
            match bucket.get_mut(&contact.id) {
                Some(entry) if entry.is_good() => return false,
                Some(entry) if entry.contact() == contact => {
                    return entry.challenge(now_ms, PROBE_MS).is_some();
                }
                Some(_) => {}
                None if !room => return false,
                None => {}
            }
        }
        !self.past.doubts(now_ms, &contact) && self.candidates.ping(now_ms, contact)
    }

    /// The soft deadline of a request to this node at this address passed. Two in a row make it a
    /// suspect; a node that is no entry is not believed to be up for a while unless it answers.
    pub fn late(&mut self, now_ms: u64, contact: &Contact) {
        match self.entry_at(contact).map(|entry| entry.late(now_ms)) {
            Some(true) => self.lost_a_good_one(),
            Some(false) => {}
            None => self.past.failed(now_ms, *contact),
        }
    }

    /// A request to this node at this address failed. Once makes it a suspect; a suspect dies of
    /// three refused connections or four silences in all.
    pub fn failed(&mut self, now_ms: u64, contact: &Contact, failure: Failure) {
        let k = self.k;
        match self
            .entry_at(contact)
            .map(|entry| entry.failed(now_ms, failure))
        {
            Some(Verdict::Unchanged) => {}
            Some(Verdict::Suspect) => self.lost_a_good_one(),
            Some(Verdict::Dead) => {
                self.bucket_mut(&contact.id)
                    .and_then(|bucket| bucket.remove(&contact.id, k));
                self.past.died(now_ms, *contact);
            }
            None => {
                self.past.failed(now_ms, *contact);
                if let Some(bucket) = self.bucket_mut(&contact.id) {
                    bucket.drop_spare(contact);
                }
            }
        }
    }

    /// Forgets a node that said goodbye; gives whether it was an entry.
    pub fn remove(&mut self, now_ms: u64, id: &Key) -> bool {
        self.candidates.remove(id);
        let k = self.k;
        let Some(entry) = self.bucket_mut(id).and_then(|bucket| bucket.remove(id, k)) else {
            return false;
        };
        self.past.died(now_ms, entry.contact());
        if entry.is_good() {
            self.lost_a_good_one();
        }
        true
    }

    /// Takes nodes back that were known in an earlier run: as nodes to ping (see
    /// [`due`](Self::due)), not as entries. At most 256 are taken.
    pub fn restore(&mut self, contacts: impl IntoIterator<Item = Contact>) {
        for contact in contacts {
            if contact.id != self.own && self.get(&contact.id).is_none() {
                self.candidates.queue(contact);
            }
        }
    }

    fn lost_a_good_one(&mut self) {
        self.good -= 1;
        self.generation += 1;
    }

    /// How many leading bits an id shares with this node's; none for this node itself.
    pub(super) fn depth(&self, id: &Key) -> Option<usize> {
        Some(Key::BITS - 1 - self.own.distance(id).bucket()?)
    }

    /// The entry of a node at an address.
    fn entry_at(&mut self, contact: &Contact) -> Option<&mut Entry> {
        let entry = self.bucket_mut(&contact.id)?.get_mut(&contact.id);
        entry.filter(|entry| entry.contact() == *contact)
    }

    fn bucket_mut(&mut self, id: &Key) -> Option<&mut Bucket> {
        let depth = self.depth(id)?;
        self.buckets.get_mut(depth)
    }
}

/// The `n` of `contacts` closest to `target`, the closest first.
fn closest(target: &Key, n: usize, contacts: impl Iterator<Item = Contact>) -> Vec<Contact> {
    let mut found: Vec<(Distance, Contact)> = contacts
        .map(|contact| (target.distance(&contact.id), contact))
        .collect();
    if n < found.len() {
        found.select_nth_unstable_by_key(n, |(distance, _)| *distance);
        found.truncate(n);
    }
    found.sort_unstable_by_key(|(distance, _)| *distance);
    found.into_iter().map(|(_, contact)| contact).collect()
}

#[cfg(test)]
mod tests;
