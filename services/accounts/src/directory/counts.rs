//! How many entries a directory has, and of whom.

use std::collections::BTreeMap;

use crate::{entry::Entry, ids::WriterId};

/// How many entries there are, and of whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    all: usize,
    by: BTreeMap<WriterId, usize>,
}

impl Counts {
    pub(crate) fn add(&mut self, entry: &Entry) {
        self.all += 1;
        *self.by.entry(entry.stamp.writer).or_default() += 1;
    }

    pub(crate) fn remove(&mut self, entry: &Entry) {
        self.all -= 1;
        if let Some(count) = self.by.get_mut(&entry.stamp.writer) {
            *count -= 1;
            if *count == 0 {
                self.by.remove(&entry.stamp.writer);
            }
        }
    }

    pub(crate) fn of(&self, writer: WriterId) -> usize {
        self.by.get(&writer).copied().unwrap_or_default()
    }

    pub(crate) fn all(&self) -> usize {
        self.all
    }
    /// The writers, each with its number of entries.
    pub(crate) fn by(&self) -> impl Iterator<Item = (WriterId, usize)> {
        self.by.iter().map(|(writer, count)| (*writer, *count))
    }
}
