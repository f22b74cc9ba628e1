//! How many entries there may be, and of whom: so no writer uses up the room of the others.

use std::collections::BTreeMap;

use crate::{
    directory::{Directory, Merged, Refused},
    entry::{Change, Entry},
    ids::WriterId,
    signatures::{Signatures, Vouching},
};

/// How many tokens an account may have, with those that were revoked and have not ended.
const TOKEN_SLOTS_MAX: usize = 4096;
/// How many entries there may be in all: some 100 MB. What is said of accounts that are there comes on top, at
/// most five entries for each.
const ENTRIES_MAX: usize = 200_000;
/// How many of them may be of one member. 10,000 people who sign in at one machine have fewer.
const ENTRIES_OF_MEMBER_MAX: usize = 100_000;
/// How many may be of all those together who are no members that this machine knows: anybody can name himself
/// as any number of writers. Members that left are among them.
const ENTRIES_OF_STRANGERS_MAX: usize = 25_000;

/// The room that is left for some entries which come together.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    kept: &'a Directory,
    /// Those of them for which there was room.
    batch: Directory,
    /// None where everybody who signs is a member.
    vouching: Option<&'a dyn Vouching>,
    strangers: usize,
}

/// What may be taken of some entries, and what may not.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// Those to be kept: of two about the same, the one that wins.
    pub(crate) taken: Vec<Entry>,
    /// Why others were refused, by their writers.
    pub(crate) refused: BTreeMap<(WriterId, String), usize>,
}

impl<'a> Room<'a> {
    pub(crate) fn new(kept: &'a Directory, vouching: Option<&'a dyn Vouching>) -> Room<'a> {
        let mut room = Room {
            kept,
            batch: Directory::default(),
            vouching,
            strangers: 0,
        };
        let counts = kept.counts().by();
        let strangers = counts.filter(|(writer, _)| room.is_stranger(*writer));
        room.strangers = strangers.map(|(_, count)| count).sum();
        room
    }

    /// Chooses among entries that another node gives.
    pub(crate) fn gather(
        mut self,
        entries: Vec<Entry>,
        now_ms: u64,
        signatures: &dyn Signatures,
    ) -> Gathered {
        let mut refused = BTreeMap::new();
        for entry in entries {
            let writer = entry.stamp.writer;
            if let Err(why) = self.take(entry, now_ms, signatures) {
                *refused.entry((writer, why.to_string())).or_default() += 1;
            }
        }
        let taken = self.batch.entries().cloned().collect();
        Gathered { taken, refused }
    }

    fn take(
        &mut self,
        entry: Entry,
        now_ms: u64,
        signatures: &dyn Signatures,
    ) -> Result<(), Refused> {
        // To check a signature costs more than to see that nothing is new.
        let is_known = self.kept.decide(&entry)? == Merged::Known
            || self.batch.decide(&entry)? == Merged::Known;
        if is_known {
            return Ok(());
        }
        let is_added = self.is_added(&entry);
        if is_added && !self.has_room(&entry) {
            return Err(Refused::Full);
        }
        if !signatures.hold(&entry) {
            return Err(Refused::Unsigned);
        }
        let is_stranger = self.is_stranger(entry.stamp.writer);
        self.batch.merge(entry, now_ms)?;
        self.strangers += usize::from(is_added && is_stranger);
        Ok(())
    }

    /// Takes an entry in that is written here.
    pub(crate) fn write(&mut self, entry: &Entry) -> Result<Merged, Refused> {
        if self.is_added(entry) && !self.has_room(entry) {
            return Err(Refused::Full);
        }
        match self.kept.decide(entry)? {
            Merged::Known => Ok(Merged::Known),
            Merged::New => self.batch.restore(entry.clone()),
        }
    }

    fn is_stranger(&self, writer: WriterId) -> bool {
        self.vouching
            .is_some_and(|vouching| !vouching.vouches(writer))
    }

    /// Whether an entry takes no other one's place.
    fn is_added(&self, entry: &Entry) -> bool {
        !self.kept.has(entry) && !self.batch.has(entry)
    }

    fn has_room(&self, entry: &Entry) -> bool {
        let id = entry.account;
        match entry.change {
            Change::Token(_) | Change::TokenGone { .. }
                if self.kept.entries_of(id) + self.batch.entries_of(id) >= TOKEN_SLOTS_MAX =>
            {
                return false;
            }
            Change::Token(_) | Change::TokenGone { .. } => {}
            // These make room.
            Change::Deleted | Change::TokensEnded if self.kept.entries_of(id) > 0 => return true,
            // Of an account that is there, each can be said once: so it can always be disabled, or get another
            // password.
            _ if self.kept.account(id).is_some() => return true,
            _ => {}
        }
        let (kept, batch) = (self.kept.counts(), self.batch.counts());
        let writer = entry.stamp.writer;
        let has_budget = match self.is_stranger(writer) {
            true => self.strangers < ENTRIES_OF_STRANGERS_MAX,
            false => kept.of(writer) + batch.of(writer) < ENTRIES_OF_MEMBER_MAX,
        };
        has_budget && kept.all() + batch.all() < ENTRIES_MAX
    }
}

#[cfg(test)]
mod tests;
