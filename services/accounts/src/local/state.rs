//! What is in memory of the accounts.

use crate::{
    clock::Clock,
    directory::{Directory, Refused},
    entry::Entry,
};

#[derive(Debug)]
pub(super) struct State {
    pub(super) directory: Directory,
    pub(super) clock: Clock,
    /// Goes up with each change.
    pub(super) generation: u64,
}

impl State {
    pub(super) fn restore(&mut self, entry: Entry) -> Result<(), Refused> {
        self.clock.saw(entry.stamp);
        self.generation += 1;
        self.directory.restore(entry).map(|_| ())
    }
}
